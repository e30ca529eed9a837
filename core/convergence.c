#include "core/convergence.h"

#include <stdlib.h>

#include "core/rules.h"

void convergence_init(struct convergence *convergence)
{
    *convergence = (struct convergence){.promoted = STATE_NONE, .packed = STATE_NONE};
}

void convergence_release(struct convergence *convergence)
{
    free(convergence->additions);
    free(convergence->removals);
    free(convergence->kept);
    convergence_init(convergence);
}

static int reserve(struct convergence *convergence, int32_t count)
{
    if (count <= convergence->capacity)
        return 0;
    size_t n = 2 * (size_t)count;
    struct addition *additions = realloc(convergence->additions, n * sizeof *additions);
    if (additions)
        convergence->additions = additions;
    int32_t *removals = realloc(convergence->removals, n * sizeof *removals);
    if (removals)
        convergence->removals = removals;
    int32_t *kept = realloc(convergence->kept, n * sizeof *kept);
    if (kept)
        convergence->kept = kept;
    if (!additions || !removals || !kept)
        return ALLOT_ENOMEM;
    convergence->capacity = 2 * count;
    return 0;
}

/* One item, and what is decided on. */
struct deciding {
    struct convergence *convergence;
    const struct state *state;
    const struct load_counts *counts;
    int32_t item;
    int32_t begin, end; /* current assignments */
    struct desired desired;
    int32_t replication;
    bool as_reference; /* to the letter, where better could be done */
    bool frozen;       /* one of the assignments is */
};

static int32_t slot_of(const struct deciding *deciding, int32_t assignment)
{
    return deciding->state->assignments[assignment]->parts.slot;
}

/* Splits current and desired assignments, both in order of member, into additions, removals and
 * kept ones. Members that aren't registered are never desired. */
static void split(struct deciding *deciding)
{
    struct convergence *convergence = deciding->convergence;
    const struct state *state = deciding->state;
    const struct desired desired = deciding->desired;
    int32_t d = 0;
    for (int32_t a = deciding->begin; a < deciding->end; a++) {
        int32_t member = state->assignment_member[a];
        if (state->frozen[a]) {
            deciding->frozen = true;
            continue;
        }
        while (member != STATE_NONE && d < desired.count && desired.members[d] < member)
            convergence->additions[convergence->addition_count++] =
                (struct addition){desired.members[d++], 0};
        if (member != STATE_NONE && d < desired.count && desired.members[d] == member) {
            convergence->kept[convergence->kept_count++] = a;
            d++;
        } else {
            convergence->removals[convergence->removal_count++] = a;
        }
    }
    while (d < desired.count)
        convergence->additions[convergence->addition_count++] =
            (struct addition){desired.members[d++], 0};
}

/* Keeps what is on members that are there, and adds no more than is missing beside that. */
static void constrain_to_repairs(struct deciding *deciding)
{
    struct convergence *convergence = deciding->convergence;
    int32_t removals = 0;
    int32_t missing = moves_missing(deciding->state, deciding->item);
    for (int32_t i = 0; i < convergence->removal_count; i++) {
        int32_t leaving = convergence->removals[i];
        if (deciding->state->assignment_member[leaving] == STATE_NONE)
            convergence->removals[removals++] = leaving;
        else
            convergence->kept[convergence->kept_count++] = leaving;
    }
    convergence->removal_count = removals;
    if (convergence->addition_count > missing)
        convergence->addition_count = missing;
}

static bool has_room(const struct deciding *deciding, int32_t member)
{
    return deciding->counts->total[member] < deciding->state->effective_limit[member];
}

/* Of an item that has nothing yet, the first addition becomes the primary. By the order of members
 * all of these would gather in the first zone; so it is the one with the fewest primaries for its
 * size, of those that have room. The reference takes them as they come. */
static void choose_first(struct deciding *deciding)
{
    const struct state *state = deciding->state;
    const int32_t *primaries = deciding->counts->primary;
    struct addition *additions = deciding->convergence->additions;
    int32_t best = STATE_NONE;
    for (int32_t i = 0; i < deciding->convergence->addition_count; i++) {
        int32_t member = additions[i].member;
        if (has_room(deciding, member) &&
            (best == STATE_NONE || state_load_ratio(state, member, primaries) <
                                       state_load_ratio(state, additions[best].member, primaries)))
            best = i;
    }
    if (best == STATE_NONE)
        return;
    struct addition first = additions[best];
    for (int32_t i = best; i > 0; i--)
        additions[i] = additions[i - 1];
    additions[0] = first;
}

/* Numbers the additions from one past the highest slot there is. Where numbers run out there are
 * none to add, until packing has brought the highest one down. */
static void number_additions(struct deciding *deciding)
{
    struct convergence *convergence = deciding->convergence;
    int64_t next_slot = 0;
    for (int32_t a = deciding->begin; a < deciding->end; a++)
        if (slot_of(deciding, a) >= next_slot)
            next_slot = (int64_t)slot_of(deciding, a) + 1;
    if (next_slot == 0 && !deciding->as_reference)
        choose_first(deciding);
    int64_t left = (int64_t)INT32_MAX + 1 - next_slot;
    if (convergence->addition_count > left)
        convergence->addition_count = (int32_t)left;
    for (int32_t i = 0; i < convergence->addition_count; i++)
        convergence->additions[i].slot = (int32_t)(next_slot + i);
}

static float total_load(const struct deciding *deciding, int32_t assignment)
{
    return state_load_ratio(deciding->state, deciding->state->assignment_member[assignment],
                            deciding->counts->total);
}

static float primary_load(const struct deciding *deciding, int32_t assignment)
{
    return state_load_ratio(deciding->state, deciding->state->assignment_member[assignment],
                            deciding->counts->primary);
}

/* What is left of members that are gone goes first: it is of no use to anybody, and may be in the
 * way of a primary. For the reference, a member that has given up all of its slots comes before
 * these. Then, the most loaded. NaN compares false, so it stays where it is. */
static bool goes_before(const struct deciding *deciding, int32_t a, int32_t b)
{
    const int32_t *member = deciding->state->assignment_member;
    bool a_is_gone = member[a] == STATE_NONE;
    bool b_is_gone = member[b] == STATE_NONE;
    if (!deciding->as_reference && a_is_gone != b_is_gone)
        return a_is_gone;
    return total_load(deciding, a) > total_load(deciding, b);
}

static void order_removals(struct deciding *deciding)
{
    int32_t *removals = deciding->convergence->removals;
    for (int32_t i = 1; i < deciding->convergence->removal_count; i++) {
        int32_t moving = removals[i];
        int32_t at = i;
        for (; at > 0 && goes_before(deciding, moving, removals[at - 1]); at--)
            removals[at] = removals[at - 1];
        removals[at] = moving;
    }
}

/* Removes no more than leaves as many consistent assignments as the item wants; keeps the rest. */
static void constrain_removals(struct deciding *deciding)
{
    struct convergence *convergence = deciding->convergence;
    const bool *consistent = deciding->state->consistent;
    int32_t count = 0;
    for (int32_t a = deciding->begin; a < deciding->end; a++)
        count += consistent[a];

    order_removals(deciding);
    int32_t allowed = 0;
    for (; allowed < convergence->removal_count && count >= deciding->replication; allowed++) {
        if (!consistent[convergence->removals[allowed]])
            continue;
        if (count == deciding->replication)
            break;
        count--;
    }
    for (int32_t i = allowed; i < convergence->removal_count; i++)
        convergence->kept[convergence->kept_count++] = convergence->removals[i];
    convergence->removal_count = allowed;
}

static void move_to_front(int32_t *array, int32_t from)
{
    int32_t moving = array[from];
    for (; from > 0; from--)
        array[from] = array[from - 1];
    array[0] = moving;
}

/* Whether @leaving has the key that @assignment would have in slot @slot: a member may hold two
 * slots of an item, though it should not. No store takes a transaction that deletes and puts the
 * same key, so what would move there waits for the next round. */
static bool leaves_slot(const struct deciding *deciding, int32_t leaving, int32_t assignment,
                        int32_t slot)
{
    const struct entry *const *assignments = deciding->state->assignments;
    return slot_of(deciding, leaving) == slot &&
           keys_compare_assignments(&assignments[leaving]->parts,
                                    &assignments[assignment]->parts) == 0;
}

static bool is_desired(const struct deciding *deciding, int32_t assignment)
{
    return desired_has(deciding->desired, deciding->state->assignment_member[assignment]);
}

/* Whether @a is the better primary: consistent rather than not; one that stays, of which the
 * reference doesn't know, rather than one that is to go, too; on a member with fewer primaries. */
static bool is_better_primary(const struct deciding *deciding, int32_t a, int32_t b)
{
    const bool *consistent = deciding->state->consistent;
    if (consistent[a] != consistent[b])
        return consistent[a];
    if (!deciding->as_reference && is_desired(deciding, a) != is_desired(deciding, b))
        return is_desired(deciding, a);
    return primary_load(deciding, a) < primary_load(deciding, b);
}

/* Orders what is kept by slot, and chooses a primary if none is. */
static void constrain_order(struct deciding *deciding)
{
    struct convergence *convergence = deciding->convergence;
    int32_t *kept = convergence->kept;
    for (int32_t i = 1; i < convergence->kept_count; i++) {
        int32_t moving = kept[i];
        int32_t at = i;
        for (; at > 0 && slot_of(deciding, moving) < slot_of(deciding, kept[at - 1]); at--)
            kept[at] = kept[at - 1];
        kept[at] = moving;
    }
    if (convergence->kept_count == 0 || deciding->frozen || slot_of(deciding, kept[0]) == 0)
        return;
    int32_t best = 0;
    for (int32_t i = 1; i < convergence->kept_count; i++)
        if (is_better_primary(deciding, kept[i], kept[best]))
            best = i;
    move_to_front(kept, best);
    for (int32_t i = 0; i < convergence->removal_count; i++)
        if (leaves_slot(deciding, convergence->removals[i], kept[0], 0))
            return;
    convergence->promoted = kept[0];
}

/* Drops additions to members that are full. Their slots stay unused. */
static void constrain_additions(struct deciding *deciding)
{
    struct convergence *convergence = deciding->convergence;
    int32_t count = 0;
    for (int32_t i = 0; i < convergence->addition_count; i++) {
        struct addition addition = convergence->additions[i];
        if (has_room(deciding, addition.member))
            convergence->additions[count++] = addition;
    }
    convergence->addition_count = count;
}

/* Once nothing else is to do, closes the first hole in the numbers of the slots. */
static void choose_packing(struct deciding *deciding)
{
    struct convergence *convergence = deciding->convergence;
    if (convergence->addition_count || convergence->removal_count || deciding->frozen)
        return;
    for (int32_t i = 1; i < convergence->kept_count; i++) {
        if (slot_of(deciding, convergence->kept[i]) == i)
            continue;
        if (convergence->promoted != STATE_NONE &&
            leaves_slot(deciding, convergence->promoted, convergence->kept[i], i))
            return;
        convergence->packed = convergence->kept[i];
        convergence->packed_slot = i;
        return;
    }
}

bool convergence_is_settled(const struct state *state, const struct solution *solution,
                            int32_t item)
{
    struct desired desired = solution_desired(solution, item);
    int32_t begin = state->assignment_begin[item];
    bool settled = state->packed[item] && state->assignment_end[item] - begin == desired.count;
    for (int32_t i = 0; settled && i < desired.count; i++)
        settled =
            state->assignment_member[begin + i] == desired.members[i] && !state->frozen[begin + i];
    return settled;
}

int convergence_decide(struct convergence *convergence, const struct state *state,
                       const struct solution *solution, const struct load_counts *counts,
                       int32_t item)
{
    struct deciding deciding = {
        .convergence = convergence,
        .state = state,
        .counts = counts,
        .item = item,
        .begin = state->assignment_begin[item],
        .end = state->assignment_end[item],
        .desired = solution_desired(solution, item),
        .replication = state->replication[item],
        .as_reference = solution->solver == SOLVER_REFERENCE,
    };
    int error = reserve(convergence, deciding.end - deciding.begin + deciding.desired.count);
    if (error)
        return error;
    convergence->addition_count = convergence->removal_count = convergence->kept_count = 0;
    convergence->promoted = convergence->packed = STATE_NONE;

    split(&deciding);
    if (convergence->repairs_only)
        constrain_to_repairs(&deciding);
    number_additions(&deciding);
    constrain_removals(&deciding);
    constrain_order(&deciding);
    constrain_additions(&deciding);
    choose_packing(&deciding);
    return 0;
}

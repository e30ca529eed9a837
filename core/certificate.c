#include "core/certificate.h"

#include <stdlib.h>

#include "core/solution.h"

const char *const certificate_fault_texts[] = {
    "valid",
    "there is no certificate",
    "its numbers don't fit",
    "an item has more replicas than it wants",
    "the members of an item are not distinct, or not in order",
    "a member has more than its limit",
    "the prices don't keep the levels apart",
    "the load of a member could change for better",
    "another item should have a replica of this one",
    "a replica should be elsewhere",
    "an item could have one more replica",
    "a member of the cut has room",
    NULL,
};

/* A product of slots. */
__extension__ typedef unsigned __int128 wide;

/* More than any potential, and far enough from the end to add to. */
static const int64_t UNBOUNDED = INT64_MAX / 4;

int certificate_create(int32_t members, struct certificate **ret)
{
    struct certificate *certificate = calloc(1, sizeof *certificate);
    if (!certificate)
        return ALLOT_ENOMEM;
    certificate->potential = calloc((size_t)members + 1, sizeof *certificate->potential);
    certificate->cut = calloc((size_t)members + 1, sizeof *certificate->cut);
    if (!certificate->potential || !certificate->cut) {
        certificate_destroy(certificate);
        return ALLOT_ENOMEM;
    }
    *ret = certificate;
    return 0;
}

void certificate_destroy(struct certificate *certificate)
{
    if (!certificate)
        return;
    free(certificate->potential);
    free(certificate->cut);
    free(certificate);
}

/* --- checking --- */

struct rank {
    int64_t potential;
    int32_t zone;
    int32_t member;
};

struct check {
    const struct state *state;
    const struct solution *solution;
    const struct certificate *certificate;
    struct certificate_verdict *verdict;
    int32_t *load;       /* by member */
    int32_t *holder;     /* by member: the last item that was seen to have it, and … */
    int32_t *current;    /* … to be assigned to it now */
    struct rank *ranks;  /* the members that can take anything, by zone and falling potential */
    int32_t *zone_ranks; /* zones + 1: where those of each zone begin */
    int32_t *count;      /* by zone, of the item that is looked at: its replicas there, and … */
    int64_t *held;       /* … the least potential that its members there allow */
    int32_t rank_count;
    int32_t outside; /* members that can take anything and are not in the cut */
    int64_t assigned;
};

static void *array(size_t count, size_t size, int *error)
{
    void *memory = calloc(count + 1, size);
    if (!memory)
        *error = ALLOT_ENOMEM;
    return memory;
}

static int check_init(struct check *check)
{
    int error = 0;
    size_t members = (size_t)check->state->member_count;
    size_t zones = (size_t)check->state->zone_count;
    check->load = array(members, sizeof *check->load, &error);
    check->holder = array(members, sizeof *check->holder, &error);
    check->current = array(members, sizeof *check->current, &error);
    check->ranks = array(members, sizeof *check->ranks, &error);
    check->zone_ranks = array(zones + 1, sizeof *check->zone_ranks, &error);
    check->count = array(zones, sizeof *check->count, &error);
    check->held = array(zones, sizeof *check->held, &error);
    return error;
}

static void check_release(struct check *check)
{
    free(check->load);
    free(check->holder);
    free(check->current);
    free(check->ranks);
    free(check->zone_ranks);
    free(check->count);
    free(check->held);
}

static bool refute(struct check *check, enum certificate_fault fault, int32_t item, int32_t member)
{
    *check->verdict = (struct certificate_verdict){fault, item, member};
    return false;
}

/* --- that it is a solution --- */

static bool check_counts(struct check *check)
{
    const struct state *state = check->state;
    const struct solution *solution = check->solution;
    if (!solution_fits(solution, state) ||
        solution->unattainable != state->item_slots - solution->assigned)
        return refute(check, CERTIFICATE_COUNTS, STATE_NONE, STATE_NONE);
    return true;
}

static bool check_item_members(struct check *check, int32_t item)
{
    const struct state *state = check->state;
    struct desired desired = solution_desired(check->solution, item);
    if (desired.count < 0)
        return refute(check, CERTIFICATE_COUNTS, item, STATE_NONE);
    if (desired.count > state->replication[item])
        return refute(check, CERTIFICATE_REPLICATION, item, STATE_NONE);
    check->assigned += desired.count;
    for (int32_t d = 0; d < desired.count; d++) {
        int32_t member = desired.members[d];
        if (member < 0 || member >= state->member_count ||
            (d > 0 && member <= desired.members[d - 1]))
            return refute(check, CERTIFICATE_MEMBERS, item, STATE_NONE);
        if (++check->load[member] > state->effective_limit[member])
            return refute(check, CERTIFICATE_LIMIT, item, member);
    }
    return true;
}

static bool check_feasible(struct check *check)
{
    bool valid = check_counts(check);
    for (int32_t item = 0; valid && item < check->state->item_count; item++)
        valid = check_item_members(check, item);
    if (valid && check->assigned != check->solution->assigned)
        valid = refute(check, CERTIFICATE_COUNTS, STATE_NONE, STATE_NONE);
    return valid;
}

/* --- that it is of least cost --- */

/* A simple cycle passes a member at most once, by two arcs, so it gains or loses at most two of
 * level 4 there; and the sink at most once, so at most two of level 3. */
static bool check_prices(struct check *check)
{
    const struct certificate *certificate = check->certificate;
    int64_t least = 2 * (int64_t)check->state->member_count;
    int64_t overflow = certificate->overflow_price;
    if (overflow <= least || overflow > UNBOUNDED / 8 ||
        certificate->zone_price <= 2 * overflow + least || certificate->zone_price > UNBOUNDED / 8)
        return refute(check, CERTIFICATE_PRICES, STATE_NONE, STATE_NONE);
    return true;
}

/* The load bound, as docs/solver.md has it; in floating point it would be rounded. */
static int64_t load_bound(const struct state *state, int32_t member)
{
    int64_t limit = state->effective_limit[member];
    if (state->item_slots > state->member_slots || limit == 0)
        return limit;
    wide tolerated = (wide)limit * (uint64_t)state->item_slots;
    tolerated *= 100 + (unsigned)state->balance_tolerance;
    wide bound = tolerated / 100 / (uint64_t)state->member_slots;
    if (bound * 100 * (uint64_t)state->member_slots != tolerated)
        bound++;
    return bound < (uint64_t)limit ? (int64_t)bound : limit;
}

/* The arcs between a member and the sink. */
static bool check_member(struct check *check, int32_t member)
{
    const struct certificate *certificate = check->certificate;
    int64_t potential = certificate->potential[member];
    int64_t bound = load_bound(check->state, member);
    int64_t load = check->load[member];
    int64_t rise = certificate->sink_potential - potential;
    int64_t price = certificate->overflow_price;
    bool in_range = potential >= 0 && potential <= UNBOUNDED / 4;
    bool takes_more = load < check->state->effective_limit[member];
    if (!in_range || (load < bound && rise > 0) || (takes_more && rise > price) ||
        (load > bound && rise < price) || (load > 0 && rise < 0))
        return refute(check, CERTIFICATE_SINK, STATE_NONE, member);
    return true;
}

static int compare_ranks(const void *a, const void *b)
{
    const struct rank *left = a;
    const struct rank *right = b;
    if (left->zone != right->zone)
        return left->zone < right->zone ? -1 : 1;
    if (left->potential != right->potential)
        return left->potential > right->potential ? -1 : 1;
    return (left->member > right->member) - (left->member < right->member);
}

static void rank_members(struct check *check)
{
    const struct state *state = check->state;
    for (int32_t m = 0; m < state->member_count; m++) {
        check->holder[m] = check->current[m] = STATE_NONE;
        if (state->effective_limit[m] == 0)
            continue;
        check->ranks[check->rank_count++] =
            (struct rank){check->certificate->potential[m], state->member_zone[m], m};
        check->outside += !check->certificate->cut[m];
        check->zone_ranks[state->member_zone[m] + 1]++;
    }
    for (int32_t zone = 0; zone < state->zone_count; zone++)
        check->zone_ranks[zone + 1] += check->zone_ranks[zone];
    qsort(check->ranks, (size_t)check->rank_count, sizeof *check->ranks, compare_ranks);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Counts the item's replicas by zone, and what its members say on the potentials there. */
static void look_at_members(struct check *check, int32_t item)
{
    const struct state *state = check->state;
    struct desired desired = solution_desired(check->solution, item);
    for (int32_t zone = 0; zone < state->zone_count; zone++) {
        check->count[zone] = 0;
        check->held[zone] = UNBOUNDED;
    }
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        if (state->assignment_member[a] != STATE_NONE)
            check->current[state->assignment_member[a]] = item;
    for (int32_t d = 0; d < desired.count; d++) {
        int32_t member = desired.members[d];
        int32_t zone = state->member_zone[member];
        int64_t cost = check->current[member] == item ? 0 : 1;
        check->holder[member] = item;
        check->count[zone]++;
        check->held[zone] = least(check->held[zone], check->certificate->potential[member] - cost);
    }
}

/* What one more replica in the zone would cost, if the item has @count there. */
static int64_t zone_cost(const struct check *check, int32_t item, int32_t count)
{
    int32_t replication = check->state->replication[item];
    bool bounded = check->state->zone_count >= 2 && replication >= 2;
    return bounded && count >= replication - 1 ? check->certificate->zone_price : 0;
}

/* The arcs from the zone-item, of this potential, to members that don't have the item. */
static bool check_zone_item(struct check *check, int32_t item, int32_t zone, int64_t potential)
{
    const struct state *state = check->state;
    for (int32_t i = check->zone_ranks[zone]; i < check->zone_ranks[zone + 1]; i++) {
        const struct rank *rank = &check->ranks[i];
        if (potential + 1 >= rank->potential)
            break;
        if (check->holder[rank->member] != item)
            return refute(check, CERTIFICATE_MOVE, item, rank->member);
    }
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        int32_t member = state->assignment_member[a];
        if (member == STATE_NONE || state->effective_limit[member] == 0 ||
            state->member_zone[member] != zone || check->holder[member] == item)
            continue;
        if (potential < check->certificate->potential[member])
            return refute(check, CERTIFICATE_MOVE, item, member);
    }
    return true;
}

static bool check_item(struct check *check, int32_t item)
{
    const struct state *state = check->state;
    int32_t placed = solution_desired(check->solution, item).count;
    int32_t zones = state->zone_count;
    look_at_members(check, item);
    int64_t potential = placed < state->replication[item] ? 0 : UNBOUNDED;
    for (int32_t zone = 0; zone < zones; zone++)
        if (check->count[zone] > 0)
            potential = least(potential,
                              check->held[zone] - zone_cost(check, item, check->count[zone] - 1));
    if (placed > 0 && potential < 0)
        return refute(check, CERTIFICATE_SOURCE, item, STATE_NONE);
    bool valid = true;
    for (int32_t zone = 0; valid && zone < zones; zone++) {
        int32_t count = check->count[zone];
        int64_t entered = count < state->replication[item]
                              ? potential + zone_cost(check, item, count)
                              : UNBOUNDED;
        valid = check_zone_item(check, item, zone, least(check->held[zone], entered));
    }
    return valid;
}

/* --- that nothing more can be assigned --- */

/* An item of the cut has a replica on every member outside. */
static bool check_cut_item(struct check *check, int32_t item)
{
    const struct state *state = check->state;
    struct desired desired = solution_desired(check->solution, item);
    const bool *cut = check->certificate->cut;
    int32_t outside = 0;
    bool in_cut = desired.count < state->replication[item];
    for (int32_t d = 0; d < desired.count; d++) {
        in_cut = in_cut || cut[desired.members[d]];
        outside += !cut[desired.members[d]];
    }
    if (in_cut && outside < check->outside)
        return refute(check, CERTIFICATE_CUT_ITEM, item, STATE_NONE);
    return true;
}

static bool check_optimal(struct check *check)
{
    const struct state *state = check->state;
    bool valid = check_prices(check);
    for (int32_t m = 0; valid && m < state->member_count; m++) {
        if (state->effective_limit[m] == 0)
            continue;
        valid = check_member(check, m);
        if (valid && check->certificate->cut[m] && check->load[m] < state->effective_limit[m])
            valid = refute(check, CERTIFICATE_CUT_MEMBER, STATE_NONE, m);
    }
    if (valid)
        rank_members(check);
    for (int32_t item = 0; valid && item < state->item_count; item++)
        valid = check_cut_item(check, item) && check_item(check, item);
    return valid;
}

int certificate_check(const struct state *state, const struct solution *solution,
                      struct certificate_verdict *ret)
{
    struct certificate_verdict verdict = {CERTIFICATE_VALID, STATE_NONE, STATE_NONE};
    struct check check = {.state = state,
                          .solution = solution,
                          .certificate = solution->certificate,
                          .verdict = &verdict};
    int error = check_init(&check);
    if (!error && check_feasible(&check)) {
        if (check.certificate)
            check_optimal(&check);
        else
            refute(&check, CERTIFICATE_MISSING, STATE_NONE, STATE_NONE);
    }
    check_release(&check);
    if (!error)
        *ret = verdict;
    return error;
}

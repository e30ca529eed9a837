#include "core/explain.h"

#include <stdlib.h>

const char *const explain_member_names[] = {"holds",      "leaves",      "arrives",
                                            "limit_zero", "draining",    "full",
                                            "not_needed", "passed_over", NULL};
const char *const explain_replica_names[] = {"frozen",        "kept",       "member_gone",
                                             "member_drains", "over_limit", "displaced",
                                             "surplus",       "moves",      NULL};
const char *const explain_wait_names[] = {"nothing", "next_pass", "consistency", "slot", "capacity",
                                          "paused",  "throttled", "turn",        NULL};

/* --- what can come to pass --- */

/* Whether the assignment, which isn't desired, stays whatever is done: with all replicas that the
 * item has, and with all that it is to get, it has not as many beside this one as it wants. */
static bool lacks_room(const struct state *state, const struct solution *solution,
                       int32_t assignment)
{
    int32_t item = state->assignment_item[assignment];
    struct desired desired = solution_desired(solution, item);
    int32_t others = desired.count;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        others += a != assignment && state_is_held(state, a) &&
                  !desired_has(desired, state->assignment_member[a]);
    return others < state->replication[item];
}

static void add_leaving(const struct state *state, const struct solution *solution, int32_t item,
                        int32_t *leaving)
{
    struct desired desired = solution_desired(solution, item);
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        int32_t member = state->assignment_member[a];
        if (member != STATE_NONE && !state->frozen[a] && !desired_has(desired, member))
            leaving[member] += !lacks_room(state, solution, a);
    }
}

/* --- the item --- */

static bool is_desired(const struct explanation *explanation, int32_t member)
{
    return desired_has(explanation->desired, member);
}

static bool has_replica(const struct explanation *explanation, int32_t member)
{
    const struct state *state = explanation->state;
    int32_t item = explanation->item;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        if (state->assignment_member[a] == member)
            return true;
    return false;
}

/* What the item lacks, it is to get from members that it isn't on, or not at all. */
static void count_missing(struct explanation *explanation)
{
    int32_t arrivals = 0;
    for (int32_t d = 0; d < explanation->desired.count; d++)
        arrivals += !has_replica(explanation, explanation->desired.members[d]);
    explanation->missing = moves_missing(explanation->state, explanation->item);
    if (explanation->missing > arrivals)
        explanation->unplaced = explanation->missing - arrivals;
}

static int decide(struct explanation *explanation)
{
    const struct state *state = explanation->state;
    const struct load_counts counts = {state->total_count, state->primary_count};
    return convergence_decide(&explanation->decided, state, explanation->solution, &counts,
                              explanation->item);
}

/* Whether the next pass removes it. */
static bool is_removed(const struct explanation *explanation, int32_t assignment)
{
    const struct convergence *decided = &explanation->decided;
    for (int32_t i = 0; i < decided->removal_count; i++)
        if (decided->removals[i] == assignment)
            return true;
    return false;
}

static void count_replicas(struct explanation *explanation)
{
    const struct state *state = explanation->state;
    int32_t item = explanation->item;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        explanation->held += state_is_held(state, a);
        explanation->consistent += state->consistent[a];
        explanation->staying += state->consistent[a] && !is_removed(explanation, a);
    }
}

int explanation_make(const struct state *state, const struct solution *solution,
                     const struct allocator_rules *rules, int32_t item, struct explanation *ret)
{
    *ret =
        (struct explanation){.state = state, .solution = solution, .rules = *rules, .item = item};
    ret->desired_load = calloc((size_t)state->member_count + 1, sizeof *ret->desired_load);
    ret->leaving = calloc((size_t)state->member_count + 1, sizeof *ret->leaving);
    int error =
        ret->desired_load && ret->leaving ? move_counts_make(state, &ret->moves) : ALLOT_ENOMEM;
    if (error)
        return error;
    ret->desired = solution_desired(solution, item);
    solution_add_load(solution, 0, state->item_count, ret->desired_load);
    for (int32_t i = 0; i < state->item_count; i++)
        add_leaving(state, solution, i, ret->leaving);
    ret->unattainable = state->replication[item] - ret->desired.count;
    count_missing(ret);
    error = decide(ret);
    if (!error)
        count_replicas(ret);
    if (!error && ret->unattainable > 0)
        error = explain_cut_find(state, solution, item, &ret->cut);
    return error;
}

void explanation_release(struct explanation *explanation)
{
    free(explanation->desired_load);
    free(explanation->leaving);
    move_counts_release(&explanation->moves);
    convergence_release(&explanation->decided);
    explain_cut_release(&explanation->cut);
    *explanation = (struct explanation){.item = STATE_NONE};
}

enum explain_member explain_member(const struct explanation *explanation, int32_t member)
{
    const struct state *state = explanation->state;
    bool desired = is_desired(explanation, member);
    if (has_replica(explanation, member))
        return desired ? EXPLAIN_HOLDS : EXPLAIN_LEAVES;
    if (desired)
        return EXPLAIN_ARRIVES;
    if (state->item_limit[member] == 0)
        return EXPLAIN_LIMIT_ZERO;
    if (state->effective_limit[member] == 0)
        return EXPLAIN_DRAINING;
    if (explanation->desired_load[member] >= state->effective_limit[member])
        return EXPLAIN_FULL;
    return explanation->unattainable > 0 ? EXPLAIN_PASSED_OVER : EXPLAIN_NOT_NEEDED;
}

/* Whether the solution gives the item a member that it doesn't have yet, or that hasn't got all of
 * it: what then goes, goes for that. */
static bool is_replaced(const struct explanation *explanation)
{
    const struct state *state = explanation->state;
    int32_t item = explanation->item;
    for (int32_t d = 0; d < explanation->desired.count; d++)
        if (!has_replica(explanation, explanation->desired.members[d]))
            return true;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        if (!state->consistent[a] && state->assignment_member[a] != STATE_NONE &&
            is_desired(explanation, state->assignment_member[a]))
            return true;
    return false;
}

enum explain_replica explain_replica(const struct explanation *explanation, int32_t assignment)
{
    const struct state *state = explanation->state;
    int32_t member = state->assignment_member[assignment];
    if (state->frozen[assignment])
        return EXPLAIN_FROZEN;
    if (member == STATE_NONE)
        return EXPLAIN_MEMBER_GONE;
    if (is_desired(explanation, member))
        return EXPLAIN_KEPT;
    if (state->members[member]->member.exiting)
        return EXPLAIN_MEMBER_DRAINS;
    if (state->total_count[member] > state->effective_limit[member])
        return EXPLAIN_OVER_LIMIT;
    if (explanation->unattainable > 0 && explanation->held <= state->replication[explanation->item])
        return EXPLAIN_DISPLACED;
    return is_replaced(explanation) ? EXPLAIN_MOVES : EXPLAIN_SURPLUS;
}

enum explain_wait explain_replica_wait(const struct explanation *explanation, int32_t assignment)
{
    const struct state *state = explanation->state;
    enum explain_replica why = explain_replica(explanation, assignment);
    if (why == EXPLAIN_KEPT || why == EXPLAIN_FROZEN)
        return EXPLAIN_NOTHING;
    bool paused = explanation->rules.pause == ALLOCATOR_PAUSES ||
                  (explanation->rules.pause == ALLOCATOR_REPAIRS && why != EXPLAIN_MEMBER_GONE);
    if (is_removed(explanation, assignment))
        return paused ? EXPLAIN_PAUSED : EXPLAIN_NEXT_PASS;
    return lacks_room(state, explanation->solution, assignment) ? EXPLAIN_CAPACITY
                                                                : EXPLAIN_CONSISTENCY;
}

static bool is_full(const struct state *state, int32_t member)
{
    return state->total_count[member] >= state->effective_limit[member];
}

/* Whether the replica that @member is to get is beyond those that the item lacks: these are made up
 * for first, in the order of the members. */
static bool is_move(const struct explanation *explanation, int32_t member)
{
    const struct state *state = explanation->state;
    const int32_t *members = explanation->desired.members;
    int32_t before = 0;
    for (int32_t d = 0; d < explanation->desired.count; d++)
        before += members[d] < member && !has_replica(explanation, members[d]) &&
                  !is_full(state, members[d]);
    return before >= moves_missing(state, explanation->item);
}

enum move_limit explain_limit_reached(const struct explanation *explanation, int32_t member)
{
    if (moves_at_once(explanation->state, explanation->item))
        return MOVE_LIMIT_NONE;
    return move_limits_reached(&explanation->rules.limits, &explanation->moves, explanation->state,
                               member);
}

enum explain_wait explain_arrival_wait(const struct explanation *explanation, int32_t member)
{
    const struct state *state = explanation->state;
    const struct allocator_rules *rules = &explanation->rules;
    bool move = is_move(explanation, member);
    int32_t staying = state->total_count[member] - explanation->leaving[member];
    if (staying >= state->effective_limit[member])
        return EXPLAIN_CAPACITY;
    if (is_full(state, member))
        return EXPLAIN_SLOT;
    if (rules->pause == ALLOCATOR_PAUSES || (rules->pause == ALLOCATOR_REPAIRS && move))
        return EXPLAIN_PAUSED;
    if (move && (rules->limits.per_minute == 0 ||
                 explain_limit_reached(explanation, member) != MOVE_LIMIT_NONE))
        return EXPLAIN_THROTTLED;
    return move && rules->limits.per_minute > 0 ? EXPLAIN_TURN : EXPLAIN_NEXT_PASS;
}

enum explain_wait explain_missing_wait(const struct explanation *explanation)
{
    int32_t waiting[EXPLAIN_WAIT_COUNT] = {0};
    int32_t missing = explanation->missing - explanation->unplaced;
    if (missing == 0)
        return EXPLAIN_NOTHING;
    if (explanation->rules.pause == ALLOCATOR_PAUSES)
        return EXPLAIN_PAUSED;
    for (int32_t d = 0; d < explanation->desired.count; d++)
        if (!has_replica(explanation, explanation->desired.members[d]))
            waiting[explain_arrival_wait(explanation, explanation->desired.members[d])]++;
    if (waiting[EXPLAIN_NEXT_PASS] >= missing)
        return EXPLAIN_NEXT_PASS;
    return waiting[EXPLAIN_NEXT_PASS] + waiting[EXPLAIN_SLOT] >= missing ? EXPLAIN_SLOT
                                                                         : EXPLAIN_CAPACITY;
}

#include "core/levels.h"

#include <stdlib.h>

/* Slots are summed in 64 bits, so their product with a limit needs more. */
__extension__ typedef __int128 wide;

/* So many percent of what the member would hold if all were loaded in proportion to their limits.
 */
static int32_t share_of(const struct state *state, int32_t member, int32_t percent)
{
    int32_t limit = state->effective_limit[member];
    if (state->item_slots > state->member_slots || state->member_slots == 0)
        return limit;
    wide slots = (wide)state->member_slots * 100;
    wide share = ((wide)limit * state->item_slots * percent + slots - 1) / slots;
    return share < limit ? (int32_t)share : limit;
}

int32_t levels_fair_share(const struct state *state, int32_t member)
{
    return share_of(state, member, 100);
}

int32_t levels_load_bound(const struct state *state, int32_t member)
{
    return share_of(state, member, 100 + state->balance_tolerance);
}

int32_t levels_zone_bound(const struct state *state, int32_t replication)
{
    if (state->zone_count < 2 || replication < 2)
        return replication;
    return replication - 1;
}

/* An item's members are in order of their zones. */
static int64_t zone_excess(const struct state *state, const struct solution *solution, int32_t item)
{
    int32_t bound = levels_zone_bound(state, state->replication[item]);
    int64_t excess = 0;
    int32_t count = 0;
    struct desired desired = solution_desired(solution, item);
    for (int32_t d = 0; d < desired.count; d++) {
        int32_t zone = state->member_zone[desired.members[d]];
        bool same = d > 0 && zone == state->member_zone[desired.members[d - 1]];
        count = same ? count + 1 : 1;
        excess += count > bound;
    }
    return excess;
}

static int64_t overflow(const struct state *state, const struct solution *solution, int32_t *load)
{
    int64_t overflow = 0;
    solution_add_load(solution, 0, solution->item_count, load);
    for (int32_t m = 0; m < state->member_count; m++) {
        int32_t bound = levels_load_bound(state, m);
        overflow += load[m] > bound ? load[m] - bound : 0;
    }
    return overflow;
}

int levels_measure(const struct state *state, const struct solution *solution, struct levels *ret)
{
    int32_t *load = calloc((size_t)state->member_count + 1, sizeof *load);
    if (!load)
        return ALLOT_ENOMEM;
    *ret = (struct levels){.assigned = solution->assigned,
                           .overflow = overflow(state, solution, load),
                           .kept = solution_changes(solution, state).unchanged};
    for (int32_t item = 0; item < state->item_count; item++)
        ret->zone_excess += zone_excess(state, solution, item);
    free(load);
    return 0;
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int levels_compare(const struct levels *a, const struct levels *b)
{
    int result = order(a->assigned, b->assigned);
    if (result == 0)
        result = order(b->zone_excess, a->zone_excess);
    if (result == 0)
        result = order(b->overflow, a->overflow);
    return result ? result : order(a->kept, b->kept);
}

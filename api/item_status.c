#include "api/item_status.h"

const char *const item_state_names[] = {"healthy", "converging", "under_replicated", "unassigned",
                                        NULL};

const struct solution *snapshot_solution(const struct snapshot *snapshot)
{
    const struct solution *solution = snapshot->solution;
    return solution_fits(solution, snapshot->state) ? solution : NULL;
}

struct item_status item_status(const struct snapshot *snapshot, int32_t item)
{
    const struct state *state = snapshot->state;
    const struct solution *solution = snapshot_solution(snapshot);
    struct item_status status = {.desired = -1, .primary = STATE_NONE};
    int32_t held = 0;
    for (int32_t i = state->assignment_begin[item]; i < state->assignment_end[item]; i++) {
        status.assigned++;
        held += state_is_held(state, i);
        status.consistent += state->consistent[i];
        if (state->assignments[i]->parts.slot == 0)
            status.primary = i;
    }
    if (solution)
        status.desired = solution_desired(solution, item).count;
    int32_t wanted = state->replication[item];
    if (held == 0 && wanted > 0)
        status.state = ITEM_UNASSIGNED;
    else if (held < wanted)
        status.state = ITEM_UNDER_REPLICATED;
    else if (status.assigned == wanted && status.consistent == wanted)
        status.state = ITEM_HEALTHY;
    else
        status.state = ITEM_CONVERGING;
    return status;
}

/* How an item fares: derived from a snapshot. */
#ifndef ALLOT_API_ITEM_STATUS_H
#define ALLOT_API_ITEM_STATUS_H

#include "core/snapshot.h"

/* In this order, the first that holds:
 *   UNASSIGNED        replicas are wanted, there is none
 *   UNDER_REPLICATED  there are fewer than are wanted
 *   HEALTHY           there are as many as are wanted, all of them consistent
 *   CONVERGING        otherwise: the allocator has something to remove, or members to report
 * What a member that is gone has left is no replica (state_is_held), though it is an assignment.
 * It goes by the assignments alone, so that every server says the same: what is desired is up to
 * the one that leads. */
enum item_state {
    ITEM_HEALTHY,
    ITEM_CONVERGING,
    ITEM_UNDER_REPLICATED,
    ITEM_UNASSIGNED,
    ITEM_STATE_COUNT
};
extern const char *const item_state_names[]; /* ends with NULL */

struct item_status {
    int32_t assigned;
    int32_t consistent;
    int32_t desired; /* how many members the solution gives it; -1: not solved yet */
    int32_t primary; /* index of the assignment in slot 0, or STATE_NONE */
    enum item_state state;
};

/* Of item number @item. Cost: its assignments. */
struct item_status item_status(const struct snapshot *snapshot, int32_t item);

/* The snapshot's solution if it is one of its state, else NULL. */
const struct solution *snapshot_solution(const struct snapshot *snapshot);

#endif

/* Why replicas can't be assigned: the minimum cut of a solved state. Pure. */
#ifndef ALLOT_CORE_EXPLAIN_CUT_H
#define ALLOT_CORE_EXPLAIN_CUT_H

#include "core/solver.h"

/* Why an item that lacks replicas can't have them: the minimum cut that the solved network has on
 * its side. To give it more, something else would have to make room, for which something else would
 * have to; these items and members are all that can be come by in that way, and none of them has
 * room. All that these items can have are @slots, which are taken, and one replica of each on each
 * of the @sharing members: so no solution gives them more. */
struct explain_cut {
    int32_t *items; /* on the item's side of the cut, itself first */
    int32_t item_count;
    int64_t wanted;       /* replicas, by these */
    int32_t full_count;   /* members that these could use, if they were not full */
    int64_t slots;        /* of those members, for the items that were solved at once */
    int32_t sharing;      /* members that have a replica of each of these items already */
    int64_t unattainable; /* wanted - slots - sharing * item_count */
    bool *full;           /* by member of the state */
    /* False: this is no cut, as one of the members has room. It is not the cluster that lacks it:
     * the reference's solver gives slots to items in the order of their IDs, and in equal shares to
     * groups of them, and has missed it. Never so with the optimal one. */
    bool is_tight;
    int32_t with_room; /* then a member that has; else STATE_NONE */
};

/* Finds it for item number @item, to which @solution, which fits @state, gives fewer replicas than
 * it wants. Released by explain_cut_release, also after an error: ALLOT_ENOMEM. Cost: the desired
 * assignments of the items that were solved at once, and for each item of the cut the members. */
int explain_cut_find(const struct state *state, const struct solution *solution, int32_t item,
                     struct explain_cut *ret);
void explain_cut_release(struct explain_cut *cut); /* also of a zeroed one */

#endif

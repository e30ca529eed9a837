/* Converges one item: what is to be done about its assignments, given the desired ones.
 *
 * A decision only; pass.h turns it into a transaction. Source: allocation.md, section 7. */
#ifndef ALLOT_CORE_CONVERGENCE_H
#define ALLOT_CORE_CONVERGENCE_H

#include "core/solver.h"

/* The members' counts as the decisions of a pass so far will leave them. By member; working copies
 * of state.total_count and state.primary_count. */
struct load_counts {
    int32_t *total;
    int32_t *primary;
};

struct addition {
    int32_t member;
    int32_t slot;
};

/* What to do about an item, in this order: the additions, the removals, then the promotion, then
 * the packing. Assignments are indices of the state. */
struct convergence {
    /* Set by the caller: replicas that are missing are added, and what members that are gone have
     * left is removed, but nothing that is where it may be moves elsewhere. */
    bool repairs_only;
    struct addition *additions;
    int32_t addition_count;
    int32_t *removals;
    int32_t removal_count;
    int32_t *kept; /* what is left of the current assignments, by slot, the primary first */
    int32_t kept_count;
    int32_t promoted; /* this one (kept[0]) is to move to slot 0; or STATE_NONE */
    int32_t packed;   /* this one is to move to packed_slot; or STATE_NONE */
    int32_t packed_slot;
    int32_t capacity; /* of each array */
};

void convergence_init(struct convergence *convergence);
void convergence_release(struct convergence *convergence);

/* Whether nothing is to be done about item number @item, as can be seen without looking at its
 * assignments' entries: they are packed, and on just the members that they shall be on. @solution
 * fits @state. Mostly all items are so. */
bool convergence_is_settled(const struct state *state, const struct solution *solution,
                            int32_t item);

/* Decides about item number @item of @state, replacing what @convergence held. @solution
 * fits it. Assignments that are frozen are left alone, and then so is the
 * order of the item's others. Only error: ALLOT_ENOMEM (arrays grow to the most that one item has
 * needed). */
int convergence_decide(struct convergence *convergence, const struct state *state,
                       const struct solution *solution, const struct load_counts *counts,
                       int32_t item);

#endif

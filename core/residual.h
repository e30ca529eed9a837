/* What could change in a placement, and what that would cost: the arcs that are left in the optimal
 * solver's network, seen from an item.
 *
 * An item's replica can come from the source, if the item lacks one, or from a member that has it.
 * It can go to any taker that hasn't got the item. The costs are those of certificate.h. */
#ifndef ALLOT_CORE_RESIDUAL_H
#define ALLOT_CORE_RESIDUAL_H

#include "core/placement.h"

struct residual {
    struct placement *placement; /* borrowed */
    int64_t overflow_price;
    int64_t zone_price;

    /* Of the item that was looked at last. */
    int64_t *cost;  /* by zone: of coming there */
    int32_t *count; /* by zone: replicas */
    int64_t *seen;  /* by member: the look that last saw the item there */
    int64_t look;
};

/* @placement is borrowed until the release. ALLOT_ENOMEM; ALLOT_ELIMIT (more members than costs can
 * be told apart for). */
int residual_init(struct residual *residual, struct placement *placement);
void residual_release(struct residual *residual); /* also of a zeroed one */

/* Looks at what it would cost to bring a replica of @item from @slot, one of its own, or from the
 * source (STATE_NONE), to each zone. Linear in the item's replicas and the zones. */
void residual_look(struct residual *residual, int32_t item, int32_t slot);

/* Whether the item that was looked at is on @member. */
static inline bool residual_has(const struct residual *residual, int32_t member)
{
    return residual->seen[member] == residual->look;
}

/* What one more replica on @member costs at its arc to the sink; RESIDUAL_FULL if it is full. */
enum { RESIDUAL_FULL = -1 };
int64_t residual_member_cost(const struct residual *residual, int32_t member);

#endif

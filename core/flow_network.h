/* The flow network of a chunk of items: who may hold what, presented to max_flow in order of
 * preference (allocation.md, section 5).
 *
 *     source --> item --> zone-item --> member --> sink
 *
 * One node for each item of the chunk, for each (item, zone), and for each member. An item first
 * keeps the zones that it is in, then spreads evenly over all, then takes any, over two zones at
 * least; and falls back to one zone only rather than lose a replica. Within a zone it keeps its
 * members first. A member resists more than its fair share until pressure shows that there is no
 * other way. */
#ifndef ALLOT_CORE_FLOW_NETWORK_H
#define ALLOT_CORE_FLOW_NETWORK_H

#include "core/max_flow.h"
#include "core/state.h"

struct flow_network {
    const struct state *state; /* borrowed */
    int32_t item_begin;        /* the chunk's items are item_begin <= i < item_begin + item_count */
    int32_t item_count;
    int32_t first_zone_item; /* node of (item_begin, zone 0); item-major */
    int32_t first_member;    /* node of member 0 */
    int64_t item_slots;      /* of the chunk */

    /* All private from here on; memory is used again from chunk to chunk. */
    int32_t *source_capacity;   /* by item of the chunk */
    int32_t *item_zone_begin;   /* item_count + 1: where the item's current zones begin in … */
    int32_t *current_zone;      /* … nodes of zone-items that have current assignments, and … */
    int32_t *current_capacity;  /* … what to keep there */
    int32_t *zone_member_begin; /* zone-items + 1: where its current members begin in … */
    int32_t *current_member;    /* … nodes of members */
    int32_t *limit;             /* by member: its share of the chunk, and … */
    int32_t *fair_share;        /* … that again, scaled to the cluster's load */
    int32_t item_capacity;
    int32_t assignment_capacity;
};

/* Begins with no chunk. @state is borrowed until the release. ALLOT_ENOMEM. */
int flow_network_init(struct flow_network *network, const struct state *state);
void flow_network_release(struct flow_network *network); /* also of a zeroed one */

/* Turns to the chunk of @count items from @begin on. Errors: ALLOT_ENOMEM; ALLOT_ELIMIT (more nodes
 * than can be numbered). Linear in the chunk's items, zone-items and assignments, and the members.
 */
int flow_network_set_chunk(struct flow_network *network, int32_t begin, int32_t count);

/* The chunk as max_flow sees it; borrows @network. */
struct max_flow_network flow_network_view(const struct flow_network *network);

/* How many replicas @member of @state takes at most of a chunk whose items want @chunk_slots. */
int32_t flow_network_limit(const struct state *state, int32_t member, int64_t chunk_slots);

/* Reads item number @item (of the state) off a solved @flow: writes its members, ascending, into
 * @ret_members, which has room for min(replication, members), and returns how many. */
int32_t flow_network_members(const struct flow_network *network, const struct max_flow *flow,
                             int32_t item, int32_t *ret_members);

#endif

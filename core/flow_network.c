#include "core/flow_network.h"

#include <stdlib.h>

enum {
    FIRST_ITEM = 2,
    /* Initial heights: the distance to the sink. */
    ITEM_HEIGHT = 3,
    ZONE_ITEM_HEIGHT = 2,
    MEMBER_HEIGHT = 1,
    /* Pages of an item, and of a zone-item. */
    PAGE_CURRENT = 0,
    PAGE_EVEN = 1,
    PAGE_ANY = 2,
};

/* Slots are summed in 64 bits, so their product with a count needs more. */
__extension__ typedef __int128 wide;

/* @count, scaled by @numerator / @denominator and rounded up, but never more than @count. */
static int32_t scale(int32_t count, int64_t numerator, int64_t denominator)
{
    if (numerator > denominator)
        return count;
    return (int32_t)(((wide)count * numerator + denominator - 1) / denominator);
}

static int32_t greater(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

int flow_network_init(struct flow_network *network, const struct state *state)
{
    size_t members = (size_t)state->member_count + 1;
    *network = (struct flow_network){.state = state};
    network->limit = calloc(members, sizeof *network->limit);
    network->fair_share = calloc(members, sizeof *network->fair_share);
    if (network->limit && network->fair_share)
        return 0;
    flow_network_release(network);
    return ALLOT_ENOMEM;
}

void flow_network_release(struct flow_network *network)
{
    free(network->source_capacity);
    free(network->item_zone_begin);
    free(network->current_zone);
    free(network->current_capacity);
    free(network->zone_member_begin);
    free(network->current_member);
    free(network->limit);
    free(network->fair_share);
    *network = (struct flow_network){0};
}

/* Room for one element more than @count: where lists begin, the last one's end is needed too. */
static int reserve(int32_t **array, size_t count)
{
    int32_t *grown = realloc(*array, (count + 1) * sizeof **array);
    if (!grown)
        return ALLOT_ENOMEM;
    *array = grown;
    return 0;
}

static int reserve_items(struct flow_network *network, int32_t count)
{
    if (count <= network->item_capacity && network->zone_member_begin)
        return 0;
    size_t items = (size_t)count;
    size_t zone_items = items * (size_t)network->state->zone_count;
    int error = reserve(&network->source_capacity, items);
    if (!error)
        error = reserve(&network->item_zone_begin, items);
    if (!error)
        error = reserve(&network->zone_member_begin, zone_items);
    if (!error)
        network->item_capacity = count;
    return error;
}

static int reserve_assignments(struct flow_network *network, int32_t count)
{
    if (count <= network->assignment_capacity && network->current_member)
        return 0;
    size_t assignments = (size_t)count;
    int error = reserve(&network->current_zone, assignments);
    if (!error)
        error = reserve(&network->current_capacity, assignments);
    if (!error)
        error = reserve(&network->current_member, assignments);
    if (!error)
        network->assignment_capacity = count;
    return error;
}

/* The source has as much for each item as it wants, until what the members can hold is used up. */
static void set_source(struct flow_network *network)
{
    const struct state *state = network->state;
    int64_t left = state->member_slots;
    network->item_slots = 0;
    for (int32_t i = 0; i < network->item_count; i++) {
        int32_t replication = state->replication[network->item_begin + i];
        int32_t capacity = replication < left ? replication : (int32_t)left;
        network->source_capacity[i] = capacity;
        network->item_slots += replication;
        left -= capacity;
    }
}

/* Lists the zones and members of the current assignments. Those of an item are in order of zone,
 * then of member, so that each zone's are together. */
static void set_current(struct flow_network *network)
{
    const struct state *state = network->state;
    int32_t zones = 0;
    int32_t members = 0;
    int32_t zone_item = 0; /* of the chunk */
    for (int32_t i = 0; i < network->item_count; i++) {
        int32_t item = network->item_begin + i;
        int32_t keep = greater(state->replication[item] - 1, 1);
        int32_t a = state->assignment_begin[item];
        int32_t end = state->assignment_end[item];
        network->item_zone_begin[i] = zones;
        for (int32_t zone = 0; zone < state->zone_count; zone++, zone_item++) {
            int32_t count = 0;
            int32_t last = STATE_NONE;
            network->zone_member_begin[zone_item] = members;
            for (; a < end && state->assignment_zone[a] <= zone; a++) {
                int32_t member = state->assignment_member[a];
                if (state->assignment_zone[a] == STATE_NONE)
                    continue;
                count++;
                if (member != STATE_NONE && member != last)
                    network->current_member[members++] = network->first_member + member;
                last = member; /* which may be listed twice, in two slots, but is one member */
            }
            if (count == 0)
                continue;
            network->current_zone[zones] = network->first_zone_item + zone_item;
            network->current_capacity[zones++] = count < keep ? count : keep;
        }
    }
    network->item_zone_begin[network->item_count] = zones;
    network->zone_member_begin[zone_item] = members;
}

int32_t flow_network_limit(const struct state *state, int32_t member, int64_t chunk_slots)
{
    return scale(state->effective_limit[member], chunk_slots, state->item_slots);
}

static void set_members(struct flow_network *network)
{
    const struct state *state = network->state;
    if (state->item_slots == 0)
        return; /* nothing will flow, and there is nothing to share by */
    for (int32_t m = 0; m < state->member_count; m++) {
        int32_t limit = flow_network_limit(state, m, network->item_slots);
        network->limit[m] = limit;
        network->fair_share[m] = scale(limit, state->item_slots, state->member_slots);
    }
}

int flow_network_set_chunk(struct flow_network *network, int32_t begin, int32_t count)
{
    const struct state *state = network->state;
    int64_t nodes =
        FIRST_ITEM + (int64_t)count * (1 + (int64_t)state->zone_count) + state->member_count;
    if (nodes > INT32_MAX / 2)
        return ALLOT_ELIMIT;
    int32_t assignments =
        count ? state->assignment_end[begin + count - 1] - state->assignment_begin[begin] : 0;
    int error = reserve_items(network, count);
    if (!error)
        error = reserve_assignments(network, assignments);
    if (error)
        return error;
    network->item_begin = begin;
    network->item_count = count;
    network->first_zone_item = FIRST_ITEM + count;
    network->first_member = network->first_zone_item + count * state->zone_count;
    set_source(network);
    set_current(network);
    set_members(network);
    return 0;
}

/* --- the view of max_flow --- */

static int32_t initial_height(const void *context, int32_t node)
{
    const struct flow_network *network = context;
    if (network->state->member_count == 0)
        return 0; /* nothing flows, and a lone item would stand as high as there are nodes */
    return node < network->first_zone_item ? ITEM_HEIGHT
           : node < network->first_member  ? ZONE_ITEM_HEIGHT
                                           : MEMBER_HEIGHT;
}

static void source_arcs(const struct flow_network *network, struct max_flow_page *ret)
{
    *ret = (struct max_flow_page){.first = FIRST_ITEM,
                                  .capacities = network->source_capacity,
                                  .count = network->item_count,
                                  .next = MAX_FLOW_NO_PAGE};
}

static void item_arcs(const struct flow_network *network, const struct max_flow *flow, int32_t node,
                      int32_t page, struct max_flow_page *ret)
{
    int32_t i = node - FIRST_ITEM;
    int32_t zones = network->state->zone_count;
    int32_t replication = network->state->replication[network->item_begin + i];
    *ret = (struct max_flow_page){.first = network->first_zone_item + i * zones, .count = zones};

    bool last_resort =
        max_flow_relative_height(flow, node) == 1; /* about to go back to the source */
    if (zones == 1 || last_resort) {
        ret->capacity = replication;
        ret->next = MAX_FLOW_NO_PAGE;
    } else if (page == PAGE_CURRENT) {
        int32_t begin = network->item_zone_begin[i];
        ret->to = network->current_zone + begin;
        ret->capacities = network->current_capacity + begin;
        ret->count = network->item_zone_begin[i + 1] - begin;
        ret->push_front = true;
        ret->next = PAGE_EVEN;
    } else if (page == PAGE_EVEN) {
        ret->capacity = scale(replication, 1, zones);
        ret->next = PAGE_ANY;
    } else {
        ret->capacity = greater(replication - 1, 1);
        ret->next = MAX_FLOW_NO_PAGE;
    }
}

static void zone_item_arcs(const struct flow_network *network, int32_t node, int32_t page,
                           struct max_flow_page *ret)
{
    int32_t zone_item = node - network->first_zone_item;
    *ret = (struct max_flow_page){.capacity = 1};
    if (page == PAGE_CURRENT) {
        int32_t begin = network->zone_member_begin[zone_item];
        ret->to = network->current_member + begin;
        ret->count = network->zone_member_begin[zone_item + 1] - begin;
        ret->push_front = true;
        ret->next = PAGE_ANY;
    } else {
        const struct state *state = network->state;
        int32_t zone = zone_item % state->zone_count;
        ret->first = network->first_member + state->zone_member_begin[zone];
        ret->count = state->zone_member_end[zone] - state->zone_member_begin[zone];
        ret->next = MAX_FLOW_NO_PAGE;
    }
}

static void member_arcs(const struct flow_network *network, const struct max_flow *flow,
                        int32_t node, struct max_flow_page *ret)
{
    int32_t member = node - network->first_member;
    bool calm = max_flow_relative_height(flow, node) < -1;
    *ret = (struct max_flow_page){.first = MAX_FLOW_SINK,
                                  .capacity =
                                      calm ? network->fair_share[member] : network->limit[member],
                                  .count = 1,
                                  .next = MAX_FLOW_NO_PAGE};
}

static void arcs(const void *context, const struct max_flow *flow, int32_t node, int32_t page,
                 struct max_flow_page *ret)
{
    const struct flow_network *network = context;
    if (node >= network->first_member)
        member_arcs(network, flow, node, ret);
    else if (node >= network->first_zone_item)
        zone_item_arcs(network, node, page, ret);
    else if (node >= FIRST_ITEM)
        item_arcs(network, flow, node, page, ret);
    else
        source_arcs(network, ret);
}

struct max_flow_network flow_network_view(const struct flow_network *network)
{
    return (struct max_flow_network){
        .context = network,
        .node_count = network->first_member + network->state->member_count,
        .initial_height = initial_height,
        .arcs = arcs,
    };
}

/* --- the answer --- */

int32_t flow_network_members(const struct flow_network *network, const struct max_flow *flow,
                             int32_t item, int32_t *ret_members)
{
    int32_t zones = network->state->zone_count;
    int32_t node = network->first_zone_item + (item - network->item_begin) * zones;
    int32_t count = 0;
    for (int32_t zone = 0; zone < zones; zone++, node++) {
        int32_t cursor = 0;
        int32_t to;
        int32_t rate;
        while (max_flow_next(flow, node, &cursor, &to, &rate)) {
            int32_t member = to - network->first_member;
            int32_t at = count++;
            for (; at > 0 && ret_members[at - 1] > member; at--)
                ret_members[at] = ret_members[at - 1];
            ret_members[at] = member;
        }
    }
    return count;
}

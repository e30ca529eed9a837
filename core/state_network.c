/* What the solver's network is made of: what members can hold, and where; what those that are
 * leaving give up; and the hash of all that. */
#include <stdlib.h>

#include "core/network_hash.h"
#include "core/state_observe.h"

/* --- members --- */

/* Members are in order of zone; a zone counts once one of its members can hold anything. */
static void describe_zones(struct state *state)
{
    for (int32_t begin = 0, end; begin < state->member_count; begin = end) {
        struct span zone = state->members[begin]->parts.zone;
        int64_t slots = 0;
        for (end = begin; end < state->member_count; end++) {
            if (!span_equal(state->members[end]->parts.zone, zone))
                break;
            slots += state->item_limit[end];
        }
        int32_t index = slots > 0 ? state->zone_count++ : STATE_NONE;
        for (int32_t member = begin; member < end; member++)
            state->member_zone[member] = index;
        if (index == STATE_NONE)
            continue;
        state->zones[index] = zone;
        state->zone_member_begin[index] = begin;
        state->zone_member_end[index] = end;
    }
}

struct leaving {
    const struct entry *entry;
    int32_t member;
};

static int by_age(const void *a, const void *b)
{
    const struct entry *left = ((const struct leaving *)a)->entry;
    const struct entry *right = ((const struct leaving *)b)->entry;
    if (left->create_revision != right->create_revision)
        return left->create_revision < right->create_revision ? -1 : 1;
    return span_compare(left->key, right->key);
}

static int list_exiting(struct state *state)
{
    int error = 0;
    struct leaving *leaving = state_array((size_t)state->member_count, sizeof *leaving, &error);
    if (error)
        return error;
    for (int32_t member = 0; member < state->member_count; member++)
        if (state->members[member]->member.exiting)
            leaving[state->exiting_count++] = (struct leaving){state->members[member], member};
    qsort(leaving, (size_t)state->exiting_count, sizeof *leaving, by_age);
    for (int32_t i = 0; i < state->exiting_count; i++)
        state->exiting[i] = leaving[i].member;
    free(leaving);
    return 0;
}

int state_allocate_members(struct state *state)
{
    int error = 0;
    size_t count = (size_t)state->member_count;
    state->item_limit = state_array(count, sizeof *state->item_limit, &error);
    state->shed_capacity = state_array(count, sizeof *state->shed_capacity, &error);
    state->effective_limit = state_array(count, sizeof *state->effective_limit, &error);
    state->member_zone = state_array(count, sizeof *state->member_zone, &error);
    state->total_count = state_array(count, sizeof *state->total_count, &error);
    state->primary_count = state_array(count, sizeof *state->primary_count, &error);
    state->exiting = state_array(count, sizeof *state->exiting, &error);
    state->zones = state_array(count, sizeof *state->zones, &error);
    state->zone_member_begin = state_array(count, sizeof *state->zone_member_begin, &error);
    state->zone_member_end = state_array(count, sizeof *state->zone_member_end, &error);
    return error;
}

int state_describe_members(struct state *state)
{
    int error = state_allocate_members(state);
    if (error)
        return error;
    for (int32_t member = 0; member < state->member_count; member++) {
        const struct entry *entry = state->members[member];
        state->item_limit[member] = entry->member.item_limit;
        state->zone_slots += entry->member.item_limit;
        state->member_fingerprint +=
            network_fingerprint(NETWORK_MEMBER, entry->key, entry->member.item_limit);
    }
    describe_zones(state);
    return list_exiting(state);
}

/* --- the whole --- */

uint64_t state_item_fingerprint(const struct entry *item)
{
    return network_fingerprint(NETWORK_ITEM, item->key, item->item.replication);
}

/* How many of the exiting members may shed: enough must be left for the most replicated item. */
static int64_t most_shedding(const struct state *state)
{
    int32_t replication = 0;
    for (int32_t item = 0; item < state->item_count; item++)
        if (state->replication[item] > replication)
            replication = state->replication[item];
    return (int64_t)state->member_count - replication;
}

/* Exiting members, oldest first, give up what the cluster can spare. */
static void shed(struct state *state)
{
    state->member_slots = state->zone_slots;
    int64_t excess = state->member_slots - state->item_slots;
    int64_t left = most_shedding(state);
    for (; state->shedding_count < state->exiting_count && excess > 0 && left > 0; left--) {
        int32_t member = state->exiting[state->shedding_count++];
        int32_t limit = state->item_limit[member];
        int32_t amount = limit < excess ? limit : (int32_t)excess;
        state->shed_capacity[member] = amount;
        excess -= amount;
        state->member_slots -= amount;
        state->fingerprint +=
            network_fingerprint(NETWORK_SHED, state->members[member]->key, amount);
    }
    for (int32_t member = 0; member < state->member_count; member++)
        state->effective_limit[member] = state->item_limit[member] - state->shed_capacity[member];
}

void state_describe_network(struct state *state)
{
    state->item_slots = 0;
    for (int32_t item = 0; item < state->item_count; item++)
        state->item_slots += state->replication[item];
    state->fingerprint = state->member_fingerprint + state->item_fingerprint;
    shed(state);
}

uint64_t state_network_hash(const struct state *state)
{
    uint64_t crc = 0;
    for (int32_t member = 0; member < state->member_count; member++)
        crc = network_crc_add(crc, state->members[member]->key, state->item_limit[member]);
    for (int32_t item = 0; item < state->item_count; item++)
        crc = network_crc_add(crc, state->items[item]->key, state->replication[item]);
    for (int32_t i = 0; i < state->shedding_count; i++) {
        int32_t member = state->exiting[i];
        crc = network_crc_add(crc, state->members[member]->key, state->shed_capacity[member]);
    }
    return crc;
}

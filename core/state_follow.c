/* The members and items of a state that is made from a former one, and the whole of it. */
#include "core/state_follow.h"

#include <stdlib.h>

static bool is_unchanged(const struct state_kind *kind, int32_t number)
{
    int32_t was = kind->was[number];
    return was != STATE_NONE && kind->former[was] == kind->present[number];
}

/* --- members and items side by side --- */

/* Both are in key order. False if one of the present is invalid. */
static bool match(struct state_kind *kind, struct keyspace_cursor cursor)
{
    int32_t former = 0;
    int32_t unchanged = 0;
    kind->stays = kind->count == kind->former_count;
    for (int32_t i = 0; i < kind->count; i++) {
        const struct entry *entry = keyspace_next(&cursor);
        int order = 1;
        kind->present[i] = entry;
        kind->was[i] = STATE_NONE;
        if (former < kind->former_count && kind->former[former] == entry) {
            unchanged++;
            order = 0;
        } else if (!entry->valid) {
            return false;
        }
        while (order > 0 && former < kind->former_count &&
               (order = span_compare(entry->key, kind->former[former]->key)) > 0)
            kind->now[former++] = STATE_NONE;
        if (order == 0) {
            kind->was[i] = former;
            kind->now[former++] = i;
        } else {
            kind->grew = true;
        }
        kind->stays = kind->stays && kind->was[i] == i;
    }
    while (former < kind->former_count)
        kind->now[former++] = STATE_NONE;
    kind->is_same = unchanged == kind->count && unchanged == kind->former_count;
    return true;
}

static int find_kind(struct state_kind *kind, const struct keyspace *keyspace, state_prefix *prefix,
                     const struct entry *const *former, int32_t former_count, bool *valid)
{
    struct state_range range;
    int error = state_find_kind(keyspace, prefix, &range);
    if (error)
        return error;
    if (range.count > INT32_MAX / 2)
        return ALLOT_ELIMIT;
    *kind = (struct state_kind){
        .former = former, .former_count = former_count, .count = (int32_t)range.count};
    kind->present = state_array_unset(range.count, sizeof *kind->present, &error);
    kind->was = state_array_unset(range.count, sizeof *kind->was, &error);
    kind->now = state_array_unset((size_t)former_count, sizeof *kind->now, &error);
    if (!error)
        *valid = match(kind, range.cursor);
    return error;
}

static void release_kind(struct state_kind *kind)
{
    if (!kind->is_taken)
        free(kind->present);
    free(kind->was);
    free(kind->now);
}

/* --- what follows from them --- */

static void copy_members(struct state *state, const struct state *former)
{
    STATE_COPY(state, former, item_limit, member_count);
    STATE_COPY(state, former, member_zone, member_count);
    state->exiting_count = former->exiting_count;
    STATE_COPY(state, former, exiting, exiting_count);
    state->member_fingerprint = former->member_fingerprint;
    state->zone_slots = former->zone_slots;
    state->zone_count = former->zone_count;
    STATE_COPY(state, former, zones, zone_count);
    STATE_COPY(state, former, zone_member_begin, zone_count);
    STATE_COPY(state, former, zone_member_end, zone_count);
}

/* Takes over the list of members. The counts are brought up to date later. */
static int follow_members(struct state_following *following)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    struct state_kind *members = &following->members;
    state->members = members->present;
    state->member_count = members->count;
    members->is_taken = true;
    int error = members->is_same ? state_allocate_members(state) : state_describe_members(state);
    if (error)
        return error;
    if (members->is_same)
        copy_members(state, former);
    for (int32_t member = 0; member < state->member_count; member++) {
        int32_t was = members->was[member];
        if (was != STATE_NONE) {
            state->total_count[member] = former->total_count[was];
            state->primary_count[member] = former->primary_count[was];
        }
    }
    return 0;
}

static void follow_replications(struct state_following *following)
{
    struct state *state = following->state;
    for (int32_t item = 0; item < state->item_count; item++) {
        following->changed[item] = !is_unchanged(&following->items, item);
        state->replication[item] = following->changed[item]
                                       ? state->items[item]->item.replication
                                       : following->former->replication[following->items.was[item]];
    }
}

/* Of what was and isn't any more, and of what is and wasn't, as that alone changes the sum. */
static void follow_fingerprint(struct state_following *following)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    const struct state_kind *items = &following->items;
    state->item_fingerprint = former->item_fingerprint;
    for (int32_t was = 0; was < former->item_count; was++) {
        int32_t item = items->now[was];
        if (item == STATE_NONE || following->changed[item])
            state->item_fingerprint -= network_fingerprint(NETWORK_ITEM, former->items[was]->key,
                                                           former->replication[was]);
    }
    for (int32_t item = 0; item < state->item_count; item++)
        if (following->changed[item])
            state->item_fingerprint += network_fingerprint(NETWORK_ITEM, state->items[item]->key,
                                                           state->replication[item]);
}

/* Takes over the list of items. */
static int follow_items(struct state_following *following)
{
    struct state *state = following->state;
    state->items = following->items.present;
    state->item_count = following->items.count;
    following->items.is_taken = true;
    int error = state_allocate_items(state, (size_t)state->item_count);
    following->changed = state_array((size_t)state->item_count, sizeof(bool), &error);
    if (error)
        return error;
    follow_replications(following);
    follow_fingerprint(following);
    return 0;
}

/* --- the whole --- */

/* Finds members and items; false: some are invalid. */
static int find_kinds(struct state_following *following, bool *ret)
{
    const struct state *former = following->former;
    const struct keyspace *keyspace = following->state->keyspace;
    bool members_valid = false;
    bool items_valid = false;
    int error = find_kind(&following->members, keyspace, keys_members_prefix, former->members,
                          former->member_count, &members_valid);
    if (!error && members_valid)
        error = find_kind(&following->items, keyspace, keys_items_prefix, former->items,
                          former->item_count, &items_valid);
    *ret = items_valid;
    return error;
}

static int follow(struct state_following *following, const struct state_config *config)
{
    struct state *state = following->state;
    int error = follow_members(following);
    if (!error)
        error = follow_items(following);
    if (!error)
        error = state_follow_assignments(following, config->gone_members_are_inconsistent);
    if (error)
        return error;
    state_describe_network(state);
    return state_observe_process(state, config);
}

int state_follow_former(struct state *state, const struct state_config *config,
                        const struct state *former, bool *ret)
{
    struct state_following following = {.state = state, .former = former};
    int error = find_kinds(&following, ret);
    if (!error && *ret)
        error = follow(&following, config);
    release_kind(&following.members);
    release_kind(&following.items);
    free(following.changed);
    return error;
}

/* The members and items of a state that is made from a former one, and the whole of it. */
#include "core/state_follow.h"

#include <stdlib.h>

#include "core/keyspace_difference.h"

int32_t state_follow_find(const struct entry *const *entries, int32_t count, int32_t from,
                          struct span key)
{
    int32_t low = from;
    int32_t high = low;
    for (int32_t step = 1; high < count && span_compare(entries[high]->key, key) < 0; step *= 2) {
        low = high + 1;
        high = count - high > step ? high + step : count;
    }
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (span_compare(entries[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- members and items side by side --- */

/* Takes over the former's from number *@next up to @end: all of them are there. */
static void match_run(struct state_kind *kind, int32_t *next, int32_t end)
{
    int32_t count = end - *next;
    if (count <= 0)
        return;
    memcpy(kind->present + kind->count, kind->former + *next,
           (size_t)count * sizeof *kind->present);
    for (int32_t i = 0; i < count; i++)
        kind->was[kind->count + i] = *next + i;
    for (int32_t i = 0; i < count; i++)
        kind->now[*next + i] = kind->count + i;
    kind->count += count;
    *next = end;
}

/* Both are in key order; what was deleted and made anew is another. False if one of the present,
 * which are @count, is invalid. */
static bool match(struct state_kind *kind, enum key_kind wanted, int32_t count,
                  struct keyspace_difference difference)
{
    int32_t next = 0; /* of the former's */
    kind->is_same = kind->stays = true;
    while (keyspace_next_difference(&difference)) {
        const struct entry *before = difference.before;
        const struct entry *after = difference.after;
        if ((after ? after : before)->parts.kind != wanted)
            continue;
        if (after && !after->valid)
            return false;
        bool was_there = before && before->valid;
        bool remains = was_there && after && after->create_revision == before->create_revision;
        match_run(kind, &next,
                  state_follow_find(kind->former, kind->former_count, next,
                                    (after ? after : before)->key));
        if (after)
            kind->was[kind->count] = remains ? next : STATE_NONE;
        if (was_there)
            kind->now[next++] = remains ? kind->count : STATE_NONE;
        if (after)
            kind->present[kind->count++] = after;
        kind->grew |= after && !remains;
        kind->stays &= remains;
        kind->is_same = false;
    }
    match_run(kind, &next, kind->former_count);
    return kind->count == count; /* else one has been invalid all along */
}

static int find_kind(struct state_following *following, struct state_kind *kind,
                     enum key_kind wanted, state_prefix *prefix, bool *valid)
{
    const struct keyspace *former = following->former->keyspace;
    const struct keyspace *keyspace = following->state->keyspace;
    struct state_range range;
    int error = state_find_kind(keyspace, prefix, &range);
    if (error)
        return error;
    if (range.count > INT32_MAX / 2)
        return ALLOT_ELIMIT;
    kind->present = state_array_unset(range.count, sizeof *kind->present, &error);
    kind->was = state_array_unset(range.count, sizeof *kind->was, &error);
    kind->now = state_array_unset((size_t)kind->former_count, sizeof *kind->now, &error);
    if (!error)
        *valid = match(kind, wanted, (int32_t)range.count, keyspace_compare(former, keyspace));
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

static void copy_replications(struct state_following *following)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    if (following->items.stays) {
        STATE_COPY(state, former, replication, item_count);
        return;
    }
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t was = following->items.was[item];
        if (was != STATE_NONE)
            state->replication[item] = former->replication[was];
    }
}

/* The fingerprint is a sum: only what came, went or has another value changes it. */
static void change_items(struct state_following *following)
{
    struct state *state = following->state;
    struct keyspace_difference difference =
        keyspace_compare(following->former->keyspace, state->keyspace);
    while (keyspace_next_difference(&difference)) {
        const struct entry *before = difference.before;
        const struct entry *after = difference.after;
        if ((after ? after : before)->parts.kind != KEY_ITEM)
            continue;
        if (before && before->valid)
            state->item_fingerprint -= state_item_fingerprint(before);
        if (!after)
            continue;
        int32_t item = state_find_item(state, after->parts.item);
        state->item_fingerprint += state_item_fingerprint(after);
        state->replication[item] = after->item.replication;
        following->changed[item] = true;
    }
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
    state->item_fingerprint = following->former->item_fingerprint;
    copy_replications(following);
    change_items(following);
    return 0;
}

/* --- the whole --- */

/* Finds members and items; false: some are invalid. */
static int find_kinds(struct state_following *following, bool *ret)
{
    const struct state *former = following->former;
    bool members_valid = false;
    bool items_valid = false;
    following->members =
        (struct state_kind){.former = former->members, .former_count = former->member_count};
    following->items =
        (struct state_kind){.former = former->items, .former_count = former->item_count};
    int error =
        find_kind(following, &following->members, KEY_MEMBER, keys_members_prefix, &members_valid);
    if (!error && members_valid)
        error = find_kind(following, &following->items, KEY_ITEM, keys_items_prefix, &items_valid);
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
        error = state_follow_assignments(following);
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

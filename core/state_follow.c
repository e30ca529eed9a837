/* The state of a keyspace, made from a former one whose items and members are the same entries: all
 * that follows from those is copied, and so is what the former knew of each assignment that is the
 * same entry. Entries are told to be the same by their addresses: both states hold theirs. */
#include <stdlib.h>
#include <string.h>

#include "core/state_observe.h"

struct following {
    struct state *state;
    const struct state *former;
    int32_t was;   /* the first of the former's assignments that isn't accounted for */
    bool *changed; /* items whose assignments aren't those that they were */
};

/* Whether the keys of a kind are exactly @entries. */
static int is_same(const struct keyspace *keyspace, state_prefix *prefix,
                   const struct entry *const *entries, int32_t count, bool *same)
{
    struct state_range range;
    int error = state_find_kind(keyspace, prefix, &range);
    if (error)
        return error;
    *same = *same && range.count == (size_t)count;
    for (int32_t i = 0; *same && i < count; i++)
        *same = keyspace_next(&range.cursor) == entries[i];
    return 0;
}

int state_may_follow(const struct keyspace *keyspace, const struct state *former, bool *ret)
{
    bool same = true;
    /* The former's keyspace, too: it may have had invalid ones besides. */
    const struct keyspace *keyspaces[] = {former->keyspace, keyspace};
    int error = 0;
    for (int i = 0; same && !error && i < 2; i++) {
        error = is_same(keyspaces[i], keys_members_prefix, former->members, former->member_count,
                        &same);
        if (!error)
            error =
                is_same(keyspaces[i], keys_items_prefix, former->items, former->item_count, &same);
    }
    *ret = same;
    return error;
}

static void *copy(const void *from, int32_t count, size_t size, int *error)
{
    void *memory = state_array((size_t)count, size, error);
    if (memory && count)
        memcpy(memory, from, (size_t)count * size);
    return memory;
}

#define COPY(field, count) \
    (state->field = copy(former->field, former->count, sizeof *state->field, &error))

/* What follows from the members, and the counts, which are brought up to date later. */
static int copy_members(struct state *state, const struct state *former)
{
    int error = 0;
    state->member_count = former->member_count;
    COPY(members, member_count);
    COPY(item_limit, member_count);
    COPY(shed_capacity, member_count);
    COPY(effective_limit, member_count);
    COPY(member_zone, member_count);
    COPY(total_count, member_count);
    COPY(primary_count, member_count);
    state->zone_count = former->zone_count;
    COPY(zones, zone_count);
    COPY(zone_member_begin, zone_count);
    COPY(zone_member_end, zone_count);
    return error;
}

static int copy_items(struct state *state, const struct state *former)
{
    int error = 0;
    state->item_count = former->item_count;
    COPY(items, item_count);
    COPY(replication, item_count);
    state->assignment_begin =
        state_array((size_t)former->item_count, sizeof *state->assignment_begin, &error);
    state->assignment_end =
        state_array((size_t)former->item_count, sizeof *state->assignment_end, &error);
    state->zone_slots = former->zone_slots;
    state->item_slots = former->item_slots;
    state->member_slots = former->member_slots;
    state->network_hash = former->network_hash;
    return error;
}

/* --- assignments --- */

/* Takes the former's next assignment for one that is there no more. */
static void lose(struct following *following)
{
    const struct state *former = following->former;
    int32_t was = following->was++;
    int32_t item = former->assignment_item[was];
    if (item == STATE_NONE)
        return;
    following->changed[item] = true;
    state_count_assignment(following->state, former->assignment_member[was],
                           former->assignments[was], -1);
}

/* Takes assignment @a for the former's next. */
static void keep(struct following *following, int32_t a)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    int32_t was = following->was++;
    state->assignment_item[a] = former->assignment_item[was];
    state->assignment_member[a] = former->assignment_member[was];
    state->assignment_zone[a] = former->assignment_zone[was];
}

static void gain(struct following *following, int32_t a)
{
    struct state *state = following->state;
    const struct entry *entry = state->assignments[a];
    int32_t item = state_find_item(state, entry->parts.item);
    int32_t member = state_find_member(state, entry->parts.zone, entry->parts.suffix);
    state->assignment_item[a] = item;
    state->assignment_member[a] = member;
    state->assignment_zone[a] = member == STATE_NONE ? state_find_zone(state, entry->parts.zone)
                                                     : state->member_zone[member];
    if (item == STATE_NONE)
        return;
    following->changed[item] = true;
    state_count_assignment(state, member, entry, 1);
}

/* Whether the former's next assignment is @entry: most are, so that is asked before anything that
 * would have to look at it. */
static bool is_next(const struct following *following, const struct entry *entry)
{
    const struct state *former = following->former;
    return following->was < former->assignment_count &&
           former->assignments[following->was] == entry;
}

/* Passes the former's assignments that come before @entry, or stood where it stands. */
static void pass_by(struct following *following, const struct entry *entry)
{
    const struct state *former = following->former;
    while (following->was < former->assignment_count && !is_next(following, entry) &&
           span_compare(former->assignments[following->was]->key, entry->key) <= 0)
        lose(following);
}

/* Both states' assignments are in key order. */
static void follow_assignments(struct following *following, struct state_range range)
{
    struct state *state = following->state;
    for (size_t i = 0; i < range.count; i++) {
        const struct entry *entry = keyspace_next(&range.cursor);
        if (!is_next(following, entry)) {
            if (entry->parts.slot < 0)
                continue; /* the key itself is malformed: nobody's assignment */
            pass_by(following, entry);
        }
        int32_t a = state->assignment_count++;
        state->assignments[a] = entry;
        if (is_next(following, entry))
            keep(following, a);
        else
            gain(following, a);
    }
    while (following->was < following->former->assignment_count)
        lose(following);
}

/* The range of each item's assignments. Those of items that don't exist lie in between. */
static void find_ranges(struct state *state)
{
    int32_t a = 0;
    for (int32_t item = 0; item < state->item_count; item++) {
        struct span id = state->items[item]->parts.item;
        while (a < state->assignment_count && state->assignment_item[a] == STATE_NONE &&
               span_compare(state->assignments[a]->parts.item, id) < 0)
            a++;
        state->assignment_begin[item] = a;
        while (a < state->assignment_count && state->assignment_item[a] == item)
            a++;
        state->assignment_end[item] = a;
    }
}

static int follow_consistency(const struct following *following, bool gone_members_are_inconsistent)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    int error = 0;
    for (int32_t item = 0; !error && item < state->item_count; item++) {
        int32_t begin = state->assignment_begin[item];
        if (following->changed[item])
            error = state_observe_consistency(state, item, gone_members_are_inconsistent);
        else
            memcpy(state->consistent + begin, former->consistent + former->assignment_begin[item],
                   (size_t)(state->assignment_end[item] - begin) * sizeof *state->consistent);
    }
    return error;
}

int state_follow_former(struct state *state, const struct state_config *config,
                        const struct state *former)
{
    struct state_range range = {.count = 0};
    int error = copy_members(state, former);
    if (!error)
        error = copy_items(state, former);
    if (!error)
        error = state_find_kind(state->keyspace, keys_assignments_prefix, &range);
    if (!error)
        error = state_allocate_assignments(state, range.count);
    if (error)
        return error;
    struct following following = {.state = state, .former = former};
    following.changed = state_array((size_t)state->item_count, sizeof(bool), &error);
    if (error)
        return error;
    follow_assignments(&following, range);
    find_ranges(state);
    error = follow_consistency(&following, config->gone_members_are_inconsistent);
    free(following.changed);
    return error ? error : state_observe_process(state, config);
}

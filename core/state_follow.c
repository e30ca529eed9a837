/* The state of a keyspace, made from a former one: what is the same entry is known already, and is
 * copied; only what came, went, or has another value is looked at. Entries are told to be the same
 * by their addresses: both states hold theirs. */
#include <stdlib.h>
#include <string.h>

#include "core/state_observe.h"

/* The present members or items beside the former's. */
struct kind {
    const struct entry *const *former;
    int32_t former_count;
    const struct entry **present;
    int32_t count;
    int32_t *now;  /* the number now of each of the former's, or STATE_NONE */
    int32_t *was;  /* the former's number of each of the present, or STATE_NONE */
    bool is_same;  /* nothing has changed at all */
    bool stays;    /* each has the number that it had */
    bool grew;     /* some came */
    bool is_taken; /* `present` is the state's */
};

struct following {
    struct state *state;
    const struct state *former;
    struct kind members;
    struct kind items;
    int32_t next;  /* the first of the former's assignments that isn't accounted for */
    bool *changed; /* items whose value or assignments aren't those that they were */
};

static bool is_unchanged(const struct kind *kind, int32_t number)
{
    int32_t was = kind->was[number];
    return was != STATE_NONE && kind->former[was] == kind->present[number];
}

/* --- members and items side by side --- */

/* Both are in key order. False if one of the present is invalid. */
static bool match(struct kind *kind, struct keyspace_cursor cursor)
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

static int find_kind(struct kind *kind, const struct keyspace *keyspace, state_prefix *prefix,
                     const struct entry *const *former, int32_t former_count, bool *valid)
{
    struct state_range range;
    int error = state_find_kind(keyspace, prefix, &range);
    if (error)
        return error;
    if (range.count > INT32_MAX / 2)
        return ALLOT_ELIMIT;
    *kind = (struct kind){
        .former = former, .former_count = former_count, .count = (int32_t)range.count};
    kind->present = state_array(range.count, sizeof *kind->present, &error);
    kind->was = state_array(range.count, sizeof *kind->was, &error);
    kind->now = state_array((size_t)former_count, sizeof *kind->now, &error);
    if (!error)
        *valid = match(kind, range.cursor);
    return error;
}

static void release_kind(struct kind *kind)
{
    if (!kind->is_taken)
        free(kind->present);
    free(kind->was);
    free(kind->now);
}

/* --- what follows from them --- */

#define COPY(field, count) \
    memcpy(state->field, former->field, (size_t)former->count * sizeof *state->field)

static void copy_members(struct state *state, const struct state *former)
{
    COPY(item_limit, member_count);
    COPY(member_zone, member_count);
    state->exiting_count = former->exiting_count;
    COPY(exiting, exiting_count);
    state->member_run = former->member_run;
    state->zone_slots = former->zone_slots;
    state->zone_count = former->zone_count;
    COPY(zones, zone_count);
    COPY(zone_member_begin, zone_count);
    COPY(zone_member_end, zone_count);
}

/* Takes over the list of members. The counts are brought up to date later. */
static int follow_members(struct following *following)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    struct kind *members = &following->members;
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

/* Looks at a run of items. Whether it is what it was, in the same place. */
static bool follow_run(struct following *following, int32_t first)
{
    struct state *state = following->state;
    int32_t end = state_run_end(first, state->item_count);
    bool is_same = end == state_run_end(first, following->former->item_count);
    for (int32_t item = first; item < end; item++) {
        int32_t was = following->items.was[item];
        if (is_unchanged(&following->items, item)) {
            state->replication[item] = following->former->replication[was];
        } else {
            state->replication[item] = state->items[item]->item.replication;
            following->changed[item] = true;
        }
        is_same = is_same && was == item && !following->changed[item];
    }
    return is_same;
}

/* Takes over the list of items. */
static int follow_items(struct following *following)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    state->items = following->items.present;
    state->item_count = following->items.count;
    following->items.is_taken = true;
    int error = state_allocate_items(state, (size_t)state->item_count);
    following->changed = state_array((size_t)state->item_count, sizeof(bool), &error);
    if (error)
        return error;
    for (int32_t first = 0; first < state->item_count; first += NETWORK_RUN) {
        int32_t run = first / NETWORK_RUN;
        if (follow_run(following, first))
            state->item_runs[run] = former->item_runs[run];
        else
            state_hash_run(state, first,
                           first < former->item_count ? &former->item_runs[run] : NULL);
    }
    return 0;
}

/* --- assignments --- */

static int32_t number_now(const struct kind *kind, int32_t was)
{
    return was == STATE_NONE ? STATE_NONE : kind->now[was];
}

/* Takes the former's next assignment for one that is there no more. */
static void lose(struct following *following)
{
    const struct state *former = following->former;
    int32_t was = following->next++;
    if (former->assignment_item[was] == STATE_NONE)
        return;
    int32_t item = number_now(&following->items, former->assignment_item[was]);
    int32_t member = number_now(&following->members, former->assignment_member[was]);
    state_count_assignment(following->state, member, former->assignments[was], -1);
    if (item != STATE_NONE)
        following->changed[item] = true;
}

static void set_assignment(struct state *state, int32_t a, int32_t item, int32_t member)
{
    state->assignment_item[a] = item;
    state->assignment_member[a] = member;
    state->assignment_zone[a] = member == STATE_NONE
                                    ? state_find_zone(state, state->assignments[a]->parts.zone)
                                    : state->member_zone[member];
}

/* Takes assignment @a for the former's next. */
static void keep(struct following *following, int32_t a)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    const struct entry *entry = state->assignments[a];
    int32_t was = following->next++;
    int32_t item_was = former->assignment_item[was];
    int32_t member_was = former->assignment_member[was];
    int32_t item = number_now(&following->items, item_was);
    int32_t member = number_now(&following->members, member_was);
    bool was_counted = item_was != STATE_NONE && member != STATE_NONE;
    if (item_was == STATE_NONE && following->items.grew)
        item = state_find_item(state, entry->parts.item);
    if (member_was == STATE_NONE && following->members.grew)
        member = state_find_member(state, entry->parts.zone, entry->parts.suffix);
    set_assignment(state, a, item, member);
    bool is_counted = item != STATE_NONE && member != STATE_NONE;
    if (was_counted != is_counted)
        state_count_assignment(state, member, entry, is_counted ? 1 : -1);
    if (item != STATE_NONE && (member == STATE_NONE) != (member_was == STATE_NONE))
        following->changed[item] = true;
}

static void gain(struct following *following, int32_t a)
{
    struct state *state = following->state;
    const struct entry *entry = state->assignments[a];
    int32_t item = state_find_item(state, entry->parts.item);
    int32_t member = state_find_member(state, entry->parts.zone, entry->parts.suffix);
    set_assignment(state, a, item, member);
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
    return following->next < former->assignment_count &&
           former->assignments[following->next] == entry;
}

/* Passes the former's assignments that come before @entry, or stood where it stands. */
static void pass_by(struct following *following, const struct entry *entry)
{
    const struct state *former = following->former;
    while (following->next < former->assignment_count && !is_next(following, entry) &&
           span_compare(former->assignments[following->next]->key, entry->key) <= 0)
        lose(following);
}

/* Whether nothing has changed in what is known of assignments. */
static bool are_same(const struct following *following, struct state_range range)
{
    const struct state *former = following->former;
    if (!following->members.is_same || !following->items.stays ||
        range.count != (size_t)former->assignment_count)
        return false;
    for (int32_t a = 0; a < former->assignment_count; a++)
        if (keyspace_next(&range.cursor) != former->assignments[a])
            return false;
    return true;
}

static void copy_assignments(struct state *state, const struct state *former)
{
    state->assignment_count = former->assignment_count;
    COPY(assignments, assignment_count);
    COPY(assignment_item, assignment_count);
    COPY(assignment_member, assignment_count);
    COPY(assignment_zone, assignment_count);
    COPY(consistent, assignment_count);
    COPY(assignment_begin, item_count);
    COPY(assignment_end, item_count);
    COPY(packed, item_count);
}

/* Both states' assignments are in key order. */
static void merge_assignments(struct following *following, struct state_range range)
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
    while (following->next < following->former->assignment_count)
        lose(following);
}

/* The range of each item's assignments. Those of items that don't exist lie in between. */
static void find_ranges(struct state *state)
{
    int32_t a = 0;
    for (int32_t item = 0; item < state->item_count; item++) {
        while (a < state->assignment_count && state->assignment_item[a] == STATE_NONE &&
               span_compare(state->assignments[a]->parts.item, state->items[item]->parts.item) < 0)
            a++;
        state->assignment_begin[item] = a;
        while (a < state->assignment_count && state->assignment_item[a] == item)
            a++;
        state->assignment_end[item] = a;
    }
}

/* What is known of an item's assignments together: of items that haven't changed. */
static void copy_replicas(const struct following *following)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t begin = state->assignment_begin[item];
        int32_t count = state->assignment_end[item] - begin;
        int32_t was = following->items.was[item];
        if (following->changed[item])
            continue;
        state->packed[item] = former->packed[was];
        if (count > 0)
            memcpy(state->consistent + begin, former->consistent + former->assignment_begin[was],
                   (size_t)count * sizeof *state->consistent);
    }
}

static int follow_assignments(struct following *following, bool gone_members_are_inconsistent)
{
    struct state *state = following->state;
    struct state_range range;
    int error = state_find_kind(state->keyspace, keys_assignments_prefix, &range);
    if (!error)
        error = state_allocate_assignments(state, range.count);
    if (error)
        return error;
    if (are_same(following, range)) {
        copy_assignments(state, following->former);
    } else {
        merge_assignments(following, range);
        find_ranges(state);
        copy_replicas(following);
    }
    for (int32_t item = 0; !error && item < state->item_count; item++)
        if (following->changed[item])
            error = state_observe_replicas(state, item, gone_members_are_inconsistent);
    return error;
}

/* --- the whole --- */

/* Finds members and items; false: some are invalid. */
static int find_kinds(struct following *following, bool *ret)
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

static int follow(struct following *following, const struct state_config *config)
{
    struct state *state = following->state;
    int error = follow_members(following);
    if (!error)
        error = follow_items(following);
    if (!error)
        error = follow_assignments(following, config->gone_members_are_inconsistent);
    if (error)
        return error;
    state_describe_network(state);
    return state_observe_process(state, config);
}

int state_follow_former(struct state *state, const struct state_config *config,
                        const struct state *former, bool *ret)
{
    struct following following = {.state = state, .former = former};
    int error = find_kinds(&following, ret);
    if (!error && *ret)
        error = follow(&following, config);
    release_kind(&following.members);
    release_kind(&following.items);
    free(following.changed);
    return error;
}

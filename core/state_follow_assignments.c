/* The assignments of a state that is made from a former one. */
#include "core/state_follow.h"

#include "core/keyspace_difference.h"

/* --- one by one --- */

/* Takes the former's next assignment for one that is there no more. */
static void lose(struct state_following *following)
{
    const struct state *former = following->former;
    int32_t was = following->next++;
    if (former->assignment_item[was] == STATE_NONE)
        return;
    int32_t item = state_number_now(&following->items, former->assignment_item[was]);
    int32_t member = state_number_now(&following->members, former->assignment_member[was]);
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

/* Takes assignment @a for the former's number @was. */
static void keep(struct state_following *following, int32_t a, int32_t was)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    const struct entry *entry = state->assignments[a];
    int32_t item_was = former->assignment_item[was];
    int32_t member_was = former->assignment_member[was];
    int32_t item = state_number_now(&following->items, item_was);
    int32_t same_member = state_number_now(&following->members, member_was);
    int32_t member = same_member;
    bool was_counted = item_was != STATE_NONE && member != STATE_NONE;
    if (item == STATE_NONE && following->items.grew)
        item = state_find_item(state, entry->parts.item);
    if (member == STATE_NONE && following->members.grew)
        member = state_find_member(state, entry->parts.zone, entry->parts.suffix);
    set_assignment(state, a, item, member);
    bool is_counted = item != STATE_NONE && member != STATE_NONE;
    if (was_counted != is_counted)
        state_count_assignment(state, member, entry, is_counted ? 1 : -1);
    bool is_of_same = member == same_member && (member != STATE_NONE || member_was == STATE_NONE);
    if (item != STATE_NONE && !is_of_same)
        following->changed[item] = true;
}

#define COPY_RUN(field) \
    memcpy(state->field + a, former->field + was, (size_t)count * sizeof *state->field)

/* Takes over the former's next @count assignments, of which all are there. Most are of the same
 * member and of an item that is there, and need only be copied. */
static void keep_run(struct state_following *following, int32_t count)
{
    struct state *state = following->state;
    const struct state *former = following->former;
    bool same_members = following->members.is_same;
    int32_t a = state->assignment_count;
    int32_t was = following->next;
    if (count == 0)
        return;
    COPY_RUN(assignments);
    COPY_RUN(assignment_item);
    COPY_RUN(assignment_member);
    COPY_RUN(assignment_zone);
    state->assignment_count += count;
    following->next += count;
    if (same_members && following->items.stays)
        return;
    for (int32_t i = 0; i < count; i++) {
        int32_t item = state_number_now(&following->items, former->assignment_item[was + i]);
        if (same_members && item != STATE_NONE)
            state->assignment_item[a + i] = item;
        else
            keep(following, a + i, was + i);
    }
}

/* Takes over an assignment that was not there, or was another. */
static void gain(struct state_following *following, const struct entry *entry)
{
    struct state *state = following->state;
    int32_t a = state->assignment_count++;
    state->assignments[a] = entry;
    int32_t item = state_find_item(state, entry->parts.item);
    int32_t member = state_find_member(state, entry->parts.zone, entry->parts.suffix);
    set_assignment(state, a, item, member);
    if (item == STATE_NONE)
        return;
    following->changed[item] = true;
    state_count_assignment(state, member, entry, 1);
}

/* Both states' assignments are in key order. Whether all are the same. */
static bool merge_assignments(struct state_following *following)
{
    const struct state *former = following->former;
    struct keyspace_difference difference =
        keyspace_compare(former->keyspace, following->state->keyspace);
    bool same = true;
    while (keyspace_next_difference(&difference)) {
        const struct entry *entry = difference.after ? difference.after : difference.before;
        if (entry->parts.kind != KEY_ASSIGNMENT || entry->parts.slot < 0)
            continue; /* of a malformed key: nobody's assignment */
        same = false;
        keep_run(following, state_follow_find(former->assignments, former->assignment_count,
                                              following->next, entry->key) -
                                following->next);
        if (difference.before)
            lose(following);
        if (difference.after)
            gain(following, difference.after);
    }
    keep_run(following, former->assignment_count - following->next);
    return same;
}

/* What is known of items' assignments, where nothing has changed in those. */
static void copy_ranges(struct state *state, const struct state *former)
{
    STATE_COPY(state, former, assignment_begin, item_count);
    STATE_COPY(state, former, assignment_end, item_count);
    STATE_COPY(state, former, packed, item_count);
    STATE_COPY(state, former, consistent, assignment_count);
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
static void copy_replicas(const struct state_following *following)
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

int state_follow_assignments(struct state_following *following)
{
    struct state *state = following->state;
    struct state_range range;
    int error = state_find_kind(state->keyspace, keys_assignments_prefix, &range);
    if (!error)
        error = state_allocate_assignments(state, range.count);
    if (error)
        return error;
    bool same = merge_assignments(following);
    if (same && following->members.is_same && following->items.stays) {
        copy_ranges(state, following->former);
    } else {
        find_ranges(state);
        copy_replicas(following);
    }
    for (int32_t item = 0; !error && item < state->item_count; item++)
        if (following->changed[item])
            error = state_observe_replicas(state, item);
    return error;
}

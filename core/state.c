#include "core/state.h"

#include <float.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/state_observe.h"

/* The state, and what only its making and unmaking need. */
struct counted_state {
    struct state state;
    atomic_int references;
};

struct state *state_create(const struct state_config *config, struct keyspace *keyspace)
{
    struct counted_state *counted = calloc(1, sizeof *counted);
    if (!counted)
        return NULL;
    atomic_init(&counted->references, 1);
    counted->state.keyspace = keyspace_ref(keyspace);
    counted->state.revision = keyspace_revision(keyspace);
    counted->state.balance_tolerance = config->balance_tolerance;
    counted->state.gone_members_are_inconsistent = config->gone_members_are_inconsistent;
    return &counted->state;
}

int state_follow(const struct state_config *config, const struct state *former,
                 struct keyspace *keyspace, struct state **ret)
{
    struct state *state = state_create(config, keyspace);
    if (!state)
        return ALLOT_ENOMEM;
    bool followed = false;
    int error = former ? state_follow_former(state, config, former, &followed) : 0;
    if (!error && !followed)
        error = state_observe_keyspace(state, config);
    if (!error)
        error = state_note_changes(state, former);
    if (error)
        state_unref(state);
    else
        *ret = state;
    return error;
}

int state_observe(const struct state_config *config, struct keyspace *keyspace, struct state **ret)
{
    return state_follow(config, NULL, keyspace, ret);
}

struct state *state_ref(struct state *state)
{
    atomic_fetch_add(&((struct counted_state *)state)->references, 1);
    return state;
}

void state_unref(struct state *state)
{
    if (!state || atomic_fetch_sub(&((struct counted_state *)state)->references, 1) != 1)
        return;
    free(state->members);
    free(state->item_limit);
    free(state->shed_capacity);
    free(state->effective_limit);
    free(state->member_zone);
    free(state->total_count);
    free(state->primary_count);
    free(state->changed_revision);
    free(state->exiting);
    free(state->zones);
    free(state->zone_member_begin);
    free(state->zone_member_end);
    free(state->items);
    free(state->replication);
    free(state->assignment_begin);
    free(state->assignment_end);
    free(state->packed);
    free(state->assignments);
    free(state->assignment_item);
    free(state->assignment_member);
    free(state->assignment_zone);
    free(state->consistent);
    free(state->frozen);
    free(state->local_items);
    keyspace_unref(state->keyspace);
    free(state);
}

/* --- questions --- */

bool state_is_leader(const struct state *state)
{
    return state->own && state->own == state->leader;
}

bool state_should_exit(const struct state *state)
{
    return state->local_member != STATE_NONE &&
           state->members[state->local_member]->member.exiting && state->local_item_count == 0;
}

int32_t state_find_zone(const struct state *state, struct span zone)
{
    int32_t low = 0;
    int32_t high = state->zone_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = span_compare(state->zones[middle], zone);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return STATE_NONE;
}

/* The place of @wanted among @count entries in key order, by @compare of their parts. */
static int32_t find_entry(const struct entry *const *entries, int32_t count,
                          const struct key_parts *wanted,
                          int (*compare)(const struct key_parts *, const struct key_parts *))
{
    int32_t low = 0;
    int32_t high = count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = compare(&entries[middle]->parts, wanted);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return STATE_NONE;
}

static int compare_items(const struct key_parts *a, const struct key_parts *b)
{
    return span_compare(a->item, b->item);
}

int32_t state_find_item(const struct state *state, struct span item)
{
    struct key_parts wanted = {.item = item};
    return find_entry(state->items, state->item_count, &wanted, compare_items);
}

int32_t state_find_member(const struct state *state, struct span zone, struct span suffix)
{
    struct key_parts wanted = {.zone = zone, .suffix = suffix};
    return find_entry(state->members, state->member_count, &wanted, keys_compare_members);
}

int32_t state_find_assignment(const struct state *state, int32_t item, struct span zone,
                              struct span suffix)
{
    struct key_parts wanted = {.zone = zone, .suffix = suffix};
    int32_t begin = state->assignment_begin[item];
    int32_t found = find_entry(state->assignments + begin, state->assignment_end[item] - begin,
                               &wanted, keys_compare_members);
    return found == STATE_NONE ? STATE_NONE : begin + found;
}

/* The first assignment whose item comes after @item; or, if @at_least, is @item or comes after. */
static int32_t find_bound(const struct state *state, struct span item, bool at_least)
{
    int32_t low = 0;
    int32_t high = state->assignment_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = span_compare(state->assignments[middle]->parts.item, item);
        if (order < 0 || (order == 0 && !at_least))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void state_find_item_assignments(const struct state *state, struct span item, int32_t *ret_begin,
                                 int32_t *ret_end)
{
    *ret_begin = find_bound(state, item, true);
    *ret_end = find_bound(state, item, false);
}

float state_load_ratio(const struct state *state, int32_t member, const int32_t *counts)
{
    if (member == STATE_NONE)
        return FLT_MAX;
    return (float)counts[member] / (float)state->effective_limit[member];
}

/* Both in one revision are a snapshot's: nobody reports for a member in the transaction that
 * registers it. */
struct span state_report(const struct state *state, int32_t assignment)
{
    const struct entry *entry = state->assignments[assignment];
    int32_t member = state->assignment_member[assignment];
    bool is_void = state->gone_members_are_inconsistent && member != STATE_NONE &&
                   entry->mod_revision < state->members[member]->create_revision;
    return is_void ? SPAN("") : entry->value;
}

bool state_is_held(const struct state *state, int32_t assignment)
{
    return state->assignment_member[assignment] != STATE_NONE || state->frozen[assignment];
}

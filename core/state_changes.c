/* When the assignments of each member last changed: found by what differs between two keyspaces. */
#include "core/keyspace_difference.h"
#include "core/state_observe.h"

static int compare_members(const struct entry *a, const struct entry *b)
{
    return a == b ? 0 : keys_compare_members(&a->parts, &b->parts);
}

/* Who was there keeps its revision: not another of that name, to whom nothing that was said counts.
 */
static void carry_over(struct state *state, const struct state *former)
{
    int32_t m = 0;
    for (int32_t f = 0; f < former->member_count; f++) {
        int order = 1;
        while (m < state->member_count &&
               (order = compare_members(state->members[m], former->members[f])) < 0)
            m++;
        if (order == 0 && state->members[m]->create_revision == former->members[f]->create_revision)
            state->changed_revision[m] = former->changed_revision[f];
    }
}

/* Assignments that came, went, or have another value. */
static void touch_members(struct state *state, const struct state *former)
{
    struct keyspace_difference difference = keyspace_compare(former->keyspace, state->keyspace);
    while (keyspace_next_difference(&difference)) {
        const struct entry *entry = difference.after ? difference.after : difference.before;
        if (entry->parts.kind != KEY_ASSIGNMENT || entry->parts.slot < 0)
            continue; /* of a malformed key: nobody's assignment */
        int32_t member = state_find_member(state, entry->parts.zone, entry->parts.suffix);
        if (member != STATE_NONE)
            state->changed_revision[member] = state->revision;
    }
}

int state_note_changes(struct state *state, const struct state *former)
{
    int error = 0;
    state->changed_revision =
        state_array((size_t)state->member_count, sizeof *state->changed_revision, &error);
    if (error)
        return error;
    for (int32_t member = 0; member < state->member_count; member++)
        state->changed_revision[member] = state->revision;
    if (!former)
        return 0;
    carry_over(state, former);
    touch_members(state, former);
    return 0;
}

/* When the assignments of each member last changed: found by laying two states side by side. */
#include <stdlib.h>

#include "core/state_observe.h"

static int compare_members(const struct entry *a, const struct entry *b)
{
    return a == b ? 0 : keys_compare_members(&a->parts, &b->parts);
}

/* For each member of @former its number in @state, or STATE_NONE; who was there keeps its revision.
 */
static void carry_over(struct state *state, const struct state *former, int32_t *number)
{
    int32_t m = 0;
    for (int32_t f = 0; f < former->member_count; f++) {
        int order = 1;
        while (m < state->member_count &&
               (order = compare_members(state->members[m], former->members[f])) < 0)
            m++;
        number[f] = order == 0 ? m : STATE_NONE;
        if (order == 0)
            state->changed_revision[m] = former->changed_revision[f];
    }
}

static void touch(struct state *state, int32_t member)
{
    if (member != STATE_NONE)
        state->changed_revision[member] = state->revision;
}

/* Both states' assignments are in key order; what is the same entry has not changed. */
static void compare_assignments(struct state *state, const struct state *former,
                                const int32_t *number)
{
    int32_t f = 0;
    int32_t a = 0;
    while (a < state->assignment_count || f < former->assignment_count) {
        bool both = a < state->assignment_count && f < former->assignment_count;
        if (both && state->assignments[a] == former->assignments[f]) {
            a++;
            f++;
            continue;
        }
        bool first =
            f == former->assignment_count ||
            (both && span_compare(state->assignments[a]->key, former->assignments[f]->key) < 0);
        if (first) {
            touch(state, state->assignment_member[a++]);
        } else {
            int32_t member = former->assignment_member[f++];
            touch(state, member == STATE_NONE ? STATE_NONE : number[member]);
        }
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
    int32_t *number = state_array((size_t)former->member_count, sizeof *number, &error);
    if (error)
        return error;
    carry_over(state, former, number);
    compare_assignments(state, former, number);
    free(number);
    return 0;
}

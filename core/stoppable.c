#include "core/stoppable.h"

#include <stdlib.h>

struct choosing {
    const struct state *state;
    int32_t least;
    int32_t *consistent; /* by item: replicas that are left */
    /* By member: where its assignments begin in member_assignment. */
    int32_t *member_begin;
    int32_t *member_assignment;
};

/* Whether the assignment is one that its item would miss. */
static bool counts(const struct state *state, int32_t assignment)
{
    int32_t item = state->assignment_item[assignment];
    return item != STATE_NONE && state->consistent[assignment] && state->replication[item] > 0;
}

/* Turns the assignments' members into the members' assignments. */
static int index_assignments(struct choosing *choosing)
{
    const struct state *state = choosing->state;
    int32_t members = state->member_count;
    int32_t *next = calloc((size_t)members + 1, sizeof *next);
    if (!next)
        return ALLOT_ENOMEM;
    for (int32_t a = 0; a < state->assignment_count; a++)
        if (counts(state, a) && state->assignment_member[a] != STATE_NONE)
            choosing->member_begin[state->assignment_member[a] + 1]++;
    for (int32_t m = 0; m < members; m++) {
        choosing->member_begin[m + 1] += choosing->member_begin[m];
        next[m] = choosing->member_begin[m];
    }
    for (int32_t a = 0; a < state->assignment_count; a++) {
        if (!counts(state, a))
            continue;
        choosing->consistent[state->assignment_item[a]]++;
        if (state->assignment_member[a] != STATE_NONE)
            choosing->member_assignment[next[state->assignment_member[a]]++] = a;
    }
    free(next);
    return 0;
}

static int choosing_init(struct choosing *choosing, const struct state *state, int32_t least)
{
    *choosing = (struct choosing){.state = state, .least = least};
    choosing->consistent = calloc((size_t)state->item_count + 1, sizeof(int32_t));
    choosing->member_begin = calloc((size_t)state->member_count + 2, sizeof(int32_t));
    choosing->member_assignment = calloc((size_t)state->assignment_count + 1, sizeof(int32_t));
    if (!choosing->consistent || !choosing->member_begin || !choosing->member_assignment)
        return ALLOT_ENOMEM;
    return index_assignments(choosing);
}

static void choosing_release(struct choosing *choosing)
{
    free(choosing->consistent);
    free(choosing->member_begin);
    free(choosing->member_assignment);
}

/* Takes @member's replicas away from their items, or gives them back. */
static void take(struct choosing *choosing, int32_t member, int32_t change)
{
    const struct state *state = choosing->state;
    for (int32_t i = choosing->member_begin[member]; i < choosing->member_begin[member + 1]; i++)
        choosing->consistent[state->assignment_item[choosing->member_assignment[i]]] += change;
}

static struct stoppable_verdict judge(struct choosing *choosing, int32_t member)
{
    const struct state *state = choosing->state;
    struct stoppable_verdict verdict = {.item = STATE_NONE};
    take(choosing, member, -1);
    for (int32_t i = choosing->member_begin[member]; i < choosing->member_begin[member + 1]; i++) {
        int32_t item = state->assignment_item[choosing->member_assignment[i]];
        if (choosing->consistent[item] >= choosing->least)
            continue;
        if (verdict.blocking_items++ == 0) {
            verdict.item = item;
            verdict.kept = choosing->consistent[item];
        }
    }
    verdict.may_stop = verdict.blocking_items == 0;
    if (!verdict.may_stop)
        take(choosing, member, 1);
    return verdict;
}

int stoppable_choose(const struct state *state, const int32_t *members, int32_t count,
                     int32_t least, struct stoppable_verdict *ret)
{
    struct choosing choosing;
    int error = choosing_init(&choosing, state, least);
    for (int32_t i = 0; !error && i < count; i++)
        ret[i] = judge(&choosing, members[i]);
    choosing_release(&choosing);
    return error;
}

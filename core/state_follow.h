/* Private to state_follow*.c: a state that is being made from a former one.
 *
 * What is the same entry is known already, and is copied; only what came, went, or has another
 * value is looked at. Entries are told to be the same by their addresses: both states hold theirs.
 */
#ifndef ALLOT_CORE_STATE_FOLLOW_H
#define ALLOT_CORE_STATE_FOLLOW_H

#include <string.h>

#include "core/state_observe.h"

/* The present members or items beside the former's. */
struct state_kind {
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

struct state_following {
    struct state *state;
    const struct state *former;
    struct state_kind members;
    struct state_kind items;
    int32_t next;  /* the first of the former's assignments that isn't accounted for */
    bool *changed; /* items whose value or assignments aren't those that they were */
};

/* The first of @count entries in key order, from number @from on, that doesn't come before @key, or
 * @count. The nearer it is, the less that costs. */
int32_t state_follow_find(const struct entry *const *entries, int32_t count, int32_t from,
                          struct span key);

/* The number now of what had the number @was, which may be STATE_NONE. */
static inline int32_t state_number_now(const struct state_kind *kind, int32_t was)
{
    return was == STATE_NONE ? STATE_NONE : kind->now[was];
}

/* Copies the first @count elements, as both states have them; `count` is a field's name. */
#define STATE_COPY(state, former, field, count) \
    memcpy((state)->field, (former)->field, (size_t)(former)->count * sizeof *(state)->field)

/* Fills in all that is known of assignments; members and items are there. Errors: as
 * state_observe's. */
int state_follow_assignments(struct state_following *following);

#endif

/* Brings a placement up to date with a newer state, so that it need not be made anew.
 *
 * What was routed since it was made is put back: then it has just what placement_init would give
 * it, current assignments as far as they cost nothing. What is missing can be routed as in a new
 * one, and comes out the same. */
#ifndef ALLOT_CORE_PLACEMENT_FOLLOW_H
#define ALLOT_CORE_PLACEMENT_FOLLOW_H

#include "core/placement.h"

enum { PLACEMENT_MOST_SHIFTS = 8 };

/* How items were numbered in the state before: those that have come and gone. */
struct placement_shifts {
    int32_t come[PLACEMENT_MOST_SHIFTS]; /* their numbers now, in order */
    int32_t come_count;
    int32_t gone[PLACEMENT_MOST_SHIFTS]; /* their numbers before, in order */
    int32_t gone_count;
};

/* Turns @placement to @state (borrowed as by placement_init), if that follows from the placement's
 * state through few changes of items, assignments and the members' values: *ret_follows tells, and
 * if not, the placement is as it was. Then the notes are of all items that may differ from what
 * they were, and the open ones of what is missing. On ALLOT_ENOMEM and ALLOT_ELIMIT the placement
 * is only good for being released. Cost: what has changed; the members; and if items have come or
 * gone, numbering the others anew. */
int placement_follow(struct placement *placement, const struct state *state,
                     struct placement_shifts *ret_shifts, bool *ret_follows);

/* The solution of a @placement that has followed, to @former's state with @shifts, and was routed
 * since: what @former has, but for the items of the notes. ALLOT_ENOMEM. Cost: these, and the
 * blocks of @former. */
int placement_follow_solution(struct placement *placement, const struct solution *former,
                              const struct placement_shifts *shifts, struct solution **ret);

/* Forgets the notes of items that have just their current assignments. */
void placement_forget(struct placement *placement);

#endif

/* Which members can stop now, at once, without an item being left with too few consistent replicas.
 * Pure. */
#ifndef ALLOT_CORE_STOPPABLE_H
#define ALLOT_CORE_STOPPABLE_H

#include "core/state.h"

struct stoppable_verdict {
    bool may_stop;
    int32_t blocking_items; /* that would be left with too few; of the first one: */
    int32_t item;           /* STATE_NONE if none */
    int32_t kept;           /* consistent replicas that it would keep */
};

/* Goes through @members (numbers, each once) in their order. One may stop if, along with those
 * before it that may, every item that it has a consistent replica of keeps @least consistent ones.
 * So the answer can't be extended by another of the members. Items that want no replica don't
 * count. @ret has room for @count. ALLOT_ENOMEM. Cost: all assignments. */
int stoppable_choose(const struct state *state, const int32_t *members, int32_t count,
                     int32_t least, struct stoppable_verdict *ret);

#endif

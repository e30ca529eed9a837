/* What a solution is worth: the levels that solutions are compared by, each only among those that
 * are equal in all before it. Source: docs/solver.md. */
#ifndef ALLOT_CORE_LEVELS_H
#define ALLOT_CORE_LEVELS_H

#include "core/solution.h"

struct levels {
    int64_t assigned;    /* replicas: as many as possible */
    int64_t zone_excess; /* replicas beyond what an item should have in one zone: least */
    int64_t overflow;    /* replicas beyond their members' load bounds: least */
    int64_t kept;        /* current assignments that stay: most */
};

/* ALLOT_ENOMEM. Cost: all current and desired assignments. */
int levels_measure(const struct state *state, const struct solution *solution, struct levels *ret);

/* < 0, 0, > 0 as @a is worse than, equal to or better than @b. */
int levels_compare(const struct levels *a, const struct levels *b);

/* What @member would hold if all were loaded in proportion to their limits: rounded up, and never
 * more than its effective limit. */
int32_t levels_fair_share(const struct state *state, int32_t member);

/* How many replicas @member may hold before some of them are overflow: its fair share, and the
 * state's balance tolerance beyond; likewise, but rounded only once. */
int32_t levels_load_bound(const struct state *state, int32_t member);

/* How many replicas an item that wants @replication should have in one zone at most: one less, so
 * that it is in two at least, if there are two. */
int32_t levels_zone_bound(const struct state *state, int32_t replication);

#endif

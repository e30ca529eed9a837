/* Routes missing replicas along shortest paths, as many as one search has found.
 *
 * Members are laid out in lines, those of a zone that have the same key in one; a step leads from a
 * member to one of the line whose key is just what the step costs more. As each step leads on, no
 * path comes back, and a member from which there is no way on can be left out for good: so all
 * paths together cost little more than one search. Whatever is routed so, the potentials stay
 * right. Source: Dinic, "Algorithm for solution of a problem of maximum flow in networks with power
 * estimation", 1970, on the arcs of reduced cost 0.
 *
 * Here ties are decided (docs/solver.md). */
#ifndef ALLOT_CORE_ROUTES_H
#define ALLOT_CORE_ROUTES_H

#include "core/distances.h"

/* Members of one zone and one key. */
struct routes_line {
    int64_t key;
    int32_t begin; /* in standing */
    int32_t end;
};

/* A step of a path: a replica of @item leaves the member that the step before has led to. */
struct routes_step {
    int32_t item;
    int32_t slot;   /* of the replica; STATE_NONE: from the source */
    int32_t member; /* that it leaves */
};

struct routes {
    struct distances *distances; /* borrowed */

    /* All private. */
    struct routes_line *lines; /* by zone, then key */
    int32_t *zone_lines;       /* zones + 1: where those of each zone begin */
    int32_t *standing;         /* members, in their lines; the one to be preferred first */
    int32_t *line_of;   /* by member: its line, or STATE_NONE: no way leads over it (any more) */
    int32_t *next_slot; /* by member: of its replicas, the first that may yet lead on */
    struct routes_step *path;
    int32_t *round;            /* items that are still to be tried */
    struct standing_key *keys; /* to sort them by */
    int64_t routed;            /* replicas */
};

/* @distances is borrowed until the release. ALLOT_ENOMEM. */
int routes_init(struct routes *routes, struct distances *distances);
void routes_release(struct routes *routes); /* also of a zeroed one */

/* Places replicas of the open items until there is no way left of those that the last search has
 * found, closes the items that then have all, and returns how many it has placed: at least one.
 * Items with fewer replicas come first, then those of lower number. */
int64_t routes_run(struct routes *routes);

#endif

/* What a reader sees: the state as of one revision, and the desired assignments for it. Immutable,
 * reference-counted; published after every applied change. */
#ifndef ALLOT_CORE_SNAPSHOT_H
#define ALLOT_CORE_SNAPSHOT_H

#include "core/solver.h"

struct snapshot {
    struct state *state;
    struct solution *solution; /* which fits the state; NULL: not solved yet */
};

/* Takes a reference on each. ALLOT_ENOMEM leaves @ret untouched. */
int snapshot_create(struct state *state, struct solution *solution, struct snapshot **ret);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */
/* Whether others hold references beside the caller's: false stays so, if nobody can take one from
 * the caller. */
bool snapshot_is_shared(const struct snapshot *snapshot);

#endif

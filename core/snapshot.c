#include "core/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>

struct counted_snapshot {
    struct snapshot snapshot;
    atomic_int references;
};

int snapshot_create(struct state *state, struct solution *solution, struct snapshot **ret)
{
    struct counted_snapshot *counted = malloc(sizeof *counted);
    if (!counted)
        return ALLOT_ENOMEM;
    atomic_init(&counted->references, 1);
    counted->snapshot.state = state_ref(state);
    counted->snapshot.solution = solution ? solution_ref(solution) : NULL;
    *ret = &counted->snapshot;
    return 0;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add(&((struct counted_snapshot *)snapshot)->references, 1);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&((struct counted_snapshot *)snapshot)->references, 1) != 1)
        return;
    state_unref(snapshot->state);
    solution_unref(snapshot->solution);
    free(snapshot);
}

bool snapshot_is_shared(const struct snapshot *snapshot)
{
    return atomic_load(&((const struct counted_snapshot *)snapshot)->references) > 1;
}

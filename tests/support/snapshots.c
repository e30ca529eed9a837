#include "tests/support/snapshots.h"

#include <stdio.h>
#include <stdlib.h>

static void require(int error, const char *what)
{
    if (error < 0) {
        (void)fprintf(stderr, "snapshots: %s: error %d\n", what, error);
        abort();
    }
}

struct snapshot *snapshot_of_nothing(int64_t revision)
{
    const struct keyspace_config config = {.root = SPAN("/allot")};
    const struct state_config state_config = {.candidates = SPAN("/allot/schedulers/")};
    struct keyspace *empty = NULL;
    struct keyspace_loader *loader = NULL;
    struct keyspace *keyspace = NULL;
    struct state *state = NULL;
    struct snapshot *snapshot = NULL;
    require(keyspace_create(&config, &empty), "keyspace_create");
    require(keyspace_loader_create(empty, &loader), "keyspace_loader_create");
    require(keyspace_loader_finish(loader, 1, revision, &keyspace), "keyspace_loader_finish");
    require(state_observe(&state_config, keyspace, &state), "state_observe");
    require(snapshot_create(state, NULL, &snapshot), "snapshot_create");
    keyspace_loader_destroy(loader);
    keyspace_unref(empty);
    keyspace_unref(keyspace);
    state_unref(state);
    return snapshot;
}

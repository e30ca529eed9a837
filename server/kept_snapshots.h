/* Snapshots that lists go on from: each page of a list must come from the same snapshot as the
 * first, so that one is kept alive for a while, along with a bounded number of others. Any thread.
 */
#ifndef ALLOT_SERVER_KEPT_SNAPSHOTS_H
#define ALLOT_SERVER_KEPT_SNAPSHOTS_H

#include <pthread.h>

#include "core/snapshot.h"

enum {
    KEPT_SNAPSHOTS_MAX = 16,
    KEPT_SNAPSHOTS_MS = 60000, /* since it was last kept or found */
};

struct kept_snapshots {
    pthread_mutex_t mutex;
    struct {
        struct snapshot *snapshot; /* NULL: free */
        int64_t used_ms;
    } places[KEPT_SNAPSHOTS_MAX];
};

int kept_snapshots_init(struct kept_snapshots *kept); /* ALLOT_ENOMEM */
void kept_snapshots_release(struct kept_snapshots *kept);

/* Keeps a reference on @snapshot, as of now (@now_ms, monotonic). When all places are taken, the
 * one that was used longest ago goes. */
void kept_snapshots_keep(struct kept_snapshots *kept, struct snapshot *snapshot, int64_t now_ms);

/* A new reference on the kept snapshot of @revision, or NULL. */
struct snapshot *kept_snapshots_find(struct kept_snapshots *kept, int64_t revision, int64_t now_ms);

#endif

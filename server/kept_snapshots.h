/* Snapshots that lists go on from: each page of a list must come from the same revision as the
 * first, so that one is kept alive for a while, along with a bounded number of others. Any thread.
 */
#ifndef ALLOT_SERVER_KEPT_SNAPSHOTS_H
#define ALLOT_SERVER_KEPT_SNAPSHOTS_H

#include <pthread.h>

#include "core/snapshot.h"
#include "server/timers.h"

enum {
    KEPT_SNAPSHOTS_MAX = 16,
    KEPT_SNAPSHOTS_MS = 60000, /* the usual lifetime */
};

struct kept_snapshots {
    int64_t lifetime_ms;   /* since it was last kept or found */
    struct timers *timers; /* of its own: to release a snapshot can take a while */
    pthread_mutex_t mutex; /* protects what follows */
    struct timer sweep;
    bool sweeps; /* the timer is set, or its function runs and will see to it */
    struct {
        struct snapshot *snapshot; /* NULL: free */
        int64_t used_ms;
    } places[KEPT_SNAPSHOTS_MAX];
};

/* @kept must stay where it is. ALLOT_ENOMEM; ALLOT_EIO: no thread. */
int kept_snapshots_init(struct kept_snapshots *kept, int64_t lifetime_ms);
void kept_snapshots_release(struct kept_snapshots *kept);

/* Keeps a reference on @snapshot, as of now (@now_ms, monotonic), and lets go of it when its
 * lifetime is over. In place of one of the same revision that has no solution, if this one has.
 * When all places are taken, the one that was used longest ago goes. */
void kept_snapshots_keep(struct kept_snapshots *kept, struct snapshot *snapshot, int64_t now_ms);

/* A new reference on the kept snapshot of @revision, or NULL. */
struct snapshot *kept_snapshots_find(struct kept_snapshots *kept, int64_t revision, int64_t now_ms);

/* Lets go of those whose lifetime is over. Returns in how many milliseconds the next one's is; 0:
 * there is none. This happens by itself, too. */
int64_t kept_snapshots_sweep(struct kept_snapshots *kept, int64_t now_ms);

#endif

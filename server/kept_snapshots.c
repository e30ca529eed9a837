#include "server/kept_snapshots.h"

int kept_snapshots_init(struct kept_snapshots *kept)
{
    *kept = (struct kept_snapshots){.places = {{0}}};
    return pthread_mutex_init(&kept->mutex, NULL) == 0 ? 0 : ALLOT_ENOMEM;
}

void kept_snapshots_release(struct kept_snapshots *kept)
{
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++)
        snapshot_unref(kept->places[i].snapshot);
    pthread_mutex_destroy(&kept->mutex);
}

/* The place of the snapshot of @revision, or -1. Lets go of what is too old. */
static int find(struct kept_snapshots *kept, int64_t revision, int64_t now_ms)
{
    int found = -1;
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++) {
        struct snapshot *snapshot = kept->places[i].snapshot;
        if (!snapshot)
            continue;
        if (snapshot->state->revision == revision) {
            found = i;
        } else if (now_ms - kept->places[i].used_ms > KEPT_SNAPSHOTS_MS) {
            snapshot_unref(snapshot);
            kept->places[i].snapshot = NULL;
        }
    }
    return found;
}

/* A free place, or the one that was used longest ago. */
static int choose_place(const struct kept_snapshots *kept)
{
    int oldest = 0;
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++) {
        if (!kept->places[i].snapshot)
            return i;
        if (kept->places[i].used_ms < kept->places[oldest].used_ms)
            oldest = i;
    }
    return oldest;
}

void kept_snapshots_keep(struct kept_snapshots *kept, struct snapshot *snapshot, int64_t now_ms)
{
    pthread_mutex_lock(&kept->mutex);
    int place = find(kept, snapshot->state->revision, now_ms);
    if (place < 0) {
        place = choose_place(kept);
        snapshot_unref(kept->places[place].snapshot);
        kept->places[place].snapshot = snapshot_ref(snapshot);
    }
    kept->places[place].used_ms = now_ms;
    pthread_mutex_unlock(&kept->mutex);
}

struct snapshot *kept_snapshots_find(struct kept_snapshots *kept, int64_t revision, int64_t now_ms)
{
    struct snapshot *snapshot = NULL;
    pthread_mutex_lock(&kept->mutex);
    int place = find(kept, revision, now_ms);
    if (place >= 0) {
        snapshot = snapshot_ref(kept->places[place].snapshot);
        kept->places[place].used_ms = now_ms;
    }
    pthread_mutex_unlock(&kept->mutex);
    return snapshot;
}

#include "server/kept_snapshots.h"

#include "server/clock.h"

/* --- letting go --- */

/* As kept_snapshots_sweep, with the mutex held; those to be released, which takes longer than
 * anybody should wait for the mutex, are put into @old and counted. */
static int64_t sweep(struct kept_snapshots *kept, int64_t now_ms,
                     struct snapshot *old[KEPT_SNAPSHOTS_MAX], int *ret_count)
{
    int64_t next_ms = 0;
    *ret_count = 0;
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++) {
        if (!kept->places[i].snapshot)
            continue;
        int64_t left_ms = kept->places[i].used_ms + kept->lifetime_ms - now_ms;
        if (left_ms <= 0) {
            old[(*ret_count)++] = kept->places[i].snapshot;
            kept->places[i].snapshot = NULL;
        } else if (next_ms == 0 || left_ms < next_ms) {
            next_ms = left_ms;
        }
    }
    return next_ms;
}

static void release_all(struct snapshot *const *snapshots, int count)
{
    for (int i = 0; i < count; i++)
        snapshot_unref(snapshots[i]);
}

int64_t kept_snapshots_sweep(struct kept_snapshots *kept, int64_t now_ms)
{
    struct snapshot *old[KEPT_SNAPSHOTS_MAX];
    int count;
    (void)pthread_mutex_lock(&kept->mutex);
    int64_t next_ms = sweep(kept, now_ms, old, &count);
    (void)pthread_mutex_unlock(&kept->mutex);
    release_all(old, count);
    return next_ms;
}

static void on_time(void *context)
{
    struct kept_snapshots *kept = context;
    struct snapshot *old[KEPT_SNAPSHOTS_MAX];
    int count;
    (void)pthread_mutex_lock(&kept->mutex);
    int64_t next_ms = sweep(kept, clock_monotonic_ms(), old, &count);
    kept->sweeps = next_ms > 0;
    if (kept->sweeps)
        timer_set(kept->timers, &kept->sweep, next_ms);
    (void)pthread_mutex_unlock(&kept->mutex);
    release_all(old, count);
}

/* --- life --- */

int kept_snapshots_init(struct kept_snapshots *kept, int64_t lifetime_ms)
{
    *kept = (struct kept_snapshots){.lifetime_ms = lifetime_ms};
    timer_init(&kept->sweep, on_time, kept);
    if (pthread_mutex_init(&kept->mutex, NULL) != 0)
        return ALLOT_ENOMEM;
    int error = timers_create(&kept->timers);
    if (error)
        (void)pthread_mutex_destroy(&kept->mutex);
    return error;
}

void kept_snapshots_release(struct kept_snapshots *kept)
{
    timers_destroy(kept->timers);
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++)
        snapshot_unref(kept->places[i].snapshot);
    (void)pthread_mutex_destroy(&kept->mutex);
}

/* --- keeping --- */

/* The place of the snapshot of @revision, or -1. */
static int find(const struct kept_snapshots *kept, int64_t revision)
{
    for (int i = 0; i < KEPT_SNAPSHOTS_MAX; i++) {
        const struct snapshot *snapshot = kept->places[i].snapshot;
        if (snapshot && snapshot->state->revision == revision)
            return i;
    }
    return -1;
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
    struct snapshot *former = NULL;
    (void)pthread_mutex_lock(&kept->mutex);
    int place = find(kept, snapshot->state->revision);
    bool stays = place >= 0 && (kept->places[place].snapshot->solution || !snapshot->solution);
    if (!stays) {
        place = place < 0 ? choose_place(kept) : place;
        former = kept->places[place].snapshot;
        kept->places[place].snapshot = snapshot_ref(snapshot);
    }
    kept->places[place].used_ms = now_ms;
    if (!kept->sweeps) {
        kept->sweeps = true;
        timer_set(kept->timers, &kept->sweep, kept->lifetime_ms);
    }
    (void)pthread_mutex_unlock(&kept->mutex);
    snapshot_unref(former);
}

struct snapshot *kept_snapshots_find(struct kept_snapshots *kept, int64_t revision, int64_t now_ms)
{
    struct snapshot *snapshot = NULL;
    (void)pthread_mutex_lock(&kept->mutex);
    int place = find(kept, revision);
    if (place >= 0) {
        snapshot = snapshot_ref(kept->places[place].snapshot);
        kept->places[place].used_ms = now_ms;
    }
    (void)pthread_mutex_unlock(&kept->mutex);
    return snapshot;
}

#include "server/watch_hub.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/error.h"
#include "server/clock.h"
#include "server/timers.h"
#include "server/watch_changes.h"

enum { TICK_MS = 500 };

struct watcher {
    struct watch_hub *hub;
    const struct watch_stream *stream;
    struct watch_sleep sleep;
    int64_t position; /* it has been told of everything up to here */
    int64_t sent_ms;  /* its own while it is awake */
    int generation;   /* of the hub's, in which it began */
    bool sleeping;
    bool dismissed;
    struct watcher *previous;
    struct watcher *next;
};

struct watch_hub {
    struct watch_hub_config config;
    struct timers *timers;
    struct timer tick;
    pthread_mutex_t mutex; /* protects what follows */
    bool stopping;
    bool broken;      /* what happens is not known, until the mirror ... */
    int64_t begin_at; /* ... has come at least to here */
    int generation;   /* rises with each such time */
    int64_t visible;  /* changes up to here are told; nobody is told yet of those after it */
    struct watch_changes changes;
    int watcher_count;
    struct watcher *watchers;
};

/* --- changes --- */

/* From here on nobody knows what happens, until the mirror has come to @revision at least. */
static void break_off(struct watch_hub *hub, int64_t revision)
{
    watch_changes_clear(&hub->changes);
    hub->broken = true;
    hub->begin_at = revision;
    hub->generation++;
}

static void hear_revision(struct watch_hub *hub, const struct store_event *events, size_t count)
{
    struct watch_change *change;
    int error = watch_change_create(hub->config.root, events, count, &change);
    (void)pthread_mutex_lock(&hub->mutex);
    if (!error && change)
        error = watch_changes_append(&hub->changes, change);
    if (error)
        break_off(hub, events[0].kv.mod_revision);
    (void)pthread_mutex_unlock(&hub->mutex);
}

void watch_hub_hear(struct watch_hub *hub, const struct store_watch_response *response)
{
    size_t begin = 0;
    for (size_t i = 1; i <= response->event_count; i++) {
        if (i < response->event_count &&
            response->events[i].kv.mod_revision == response->events[begin].kv.mod_revision)
            continue;
        hear_revision(hub, &response->events[begin], i - begin);
        begin = i;
    }
}

/* --- waking --- */

static void wake(struct watcher *watcher)
{
    if (!watcher->sleeping)
        return;
    watcher->sleeping = false;
    watcher->sleep.wake(watcher->sleep.context);
}

static void wake_all(struct watch_hub *hub)
{
    for (struct watcher *watcher = hub->watchers; watcher; watcher = watcher->next)
        wake(watcher);
}

static bool is_due(const struct watch_hub *hub, const struct watcher *watcher, int64_t now_ms)
{
    return now_ms - watcher->sent_ms >= hub->config.bookmark_ms;
}

static void on_tick(void *context)
{
    struct watch_hub *hub = context;
    int64_t now_ms = clock_monotonic_ms();
    (void)pthread_mutex_lock(&hub->mutex);
    for (struct watcher *watcher = hub->watchers; watcher; watcher = watcher->next) {
        if (watcher->sleeping && is_due(hub, watcher, now_ms)) /* else it looks itself */
            wake(watcher);
    }
    (void)pthread_mutex_unlock(&hub->mutex);
    timer_set(hub->timers, &hub->tick, TICK_MS);
}

/* --- what the loop tells --- */

void watch_hub_reach(struct watch_hub *hub, int64_t revision)
{
    (void)pthread_mutex_lock(&hub->mutex);
    if (hub->broken && revision >= hub->begin_at) {
        watch_changes_drop(&hub->changes, revision);
        hub->broken = false;
    }
    (void)pthread_mutex_unlock(&hub->mutex);
}

void watch_hub_publish(struct watch_hub *hub, int64_t revision)
{
    (void)pthread_mutex_lock(&hub->mutex);
    bool moved = revision != hub->visible;
    hub->visible = revision;
    if (moved)
        wake_all(hub);
    (void)pthread_mutex_unlock(&hub->mutex);
}

void watch_hub_break(struct watch_hub *hub)
{
    (void)pthread_mutex_lock(&hub->mutex);
    break_off(hub, 0);
    wake_all(hub);
    (void)pthread_mutex_unlock(&hub->mutex);
}

void watch_hub_dismiss(struct watch_hub *hub)
{
    (void)pthread_mutex_lock(&hub->mutex);
    for (struct watcher *watcher = hub->watchers; watcher; watcher = watcher->next)
        watcher->dismissed = true;
    wake_all(hub);
    (void)pthread_mutex_unlock(&hub->mutex);
}

void watch_hub_range(struct watch_hub *hub, int64_t *ret_oldest, int64_t *ret_newest)
{
    (void)pthread_mutex_lock(&hub->mutex);
    *ret_oldest = hub->changes.oldest;
    *ret_newest = hub->visible;
    (void)pthread_mutex_unlock(&hub->mutex);
}

int watch_hub_count(struct watch_hub *hub)
{
    (void)pthread_mutex_lock(&hub->mutex);
    int count = hub->watcher_count;
    (void)pthread_mutex_unlock(&hub->mutex);
    return count;
}

/* --- watchers --- */

static void enlist(struct watch_hub *hub, struct watcher *watcher)
{
    watcher->generation = hub->generation;
    watcher->position = watcher->stream->from < 0 ? hub->visible : watcher->stream->from;
    watcher->next = hub->watchers;
    if (hub->watchers)
        hub->watchers->previous = watcher;
    hub->watchers = watcher;
    hub->watcher_count++;
}

int watch_hub_open(struct watch_hub *hub, const struct watch_stream *stream,
                   const struct watch_sleep *sleep, struct watcher **ret)
{
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return ALLOT_ENOMEM;
    watcher->hub = hub;
    watcher->stream = stream;
    watcher->sleep = *sleep;
    watcher->sent_ms = clock_monotonic_ms();
    (void)pthread_mutex_lock(&hub->mutex);
    int error = hub->stopping                                    ? ALLOT_ECANCELED
                : hub->watcher_count == hub->config.max_watchers ? ALLOT_ELIMIT
                                                                 : 0;
    if (!error)
        enlist(hub, watcher);
    (void)pthread_mutex_unlock(&hub->mutex);
    if (error)
        free(watcher);
    else
        *ret = watcher;
    return error;
}

void watch_hub_close(struct watcher *watcher)
{
    if (!watcher)
        return;
    struct watch_hub *hub = watcher->hub;
    (void)pthread_mutex_lock(&hub->mutex);
    if (watcher->previous)
        watcher->previous->next = watcher->next;
    else
        hub->watchers = watcher->next;
    if (watcher->next)
        watcher->next->previous = watcher->previous;
    hub->watcher_count--;
    (void)pthread_mutex_unlock(&hub->mutex);
    free(watcher);
}

/* Under the lock: the next change to tell of, with a reference; or NULL, and the position is where
 * all is told. */
static struct watch_change *take_next(struct watcher *watcher)
{
    struct watch_hub *hub = watcher->hub;
    size_t index = watch_changes_find_after(&hub->changes, watcher->position);
    struct watch_change *next =
        index < hub->changes.count ? watch_changes_at(&hub->changes, index) : NULL;
    if (next && next->revision <= hub->visible) {
        watcher->position = next->revision;
        return watch_change_ref(next);
    }
    if (watcher->position < hub->visible)
        watcher->position = hub->visible;
    return NULL;
}

/* Under the lock: why the watcher can't go on; NULL: it can. */
static const char *find_end(const struct watcher *watcher)
{
    const struct watch_hub *hub = watcher->hub;
    if (hub->broken || watcher->generation != hub->generation)
        return "changes may have been missed here: read anew";
    if (watcher->position < hub->changes.oldest)
        return "too slow: changes that were not read yet are no longer kept; read anew";
    return NULL;
}

enum watch_next watch_hub_next(struct watcher *watcher, struct buffer *out)
{
    struct watch_hub *hub = watcher->hub;
    int64_t now_ms = clock_monotonic_ms();
    while (out->size == 0 && !out->error) {
        (void)pthread_mutex_lock(&hub->mutex);
        bool leaves = hub->stopping || watcher->dismissed;
        const char *end = find_end(watcher);
        struct watch_change *change = end || leaves ? NULL : take_next(watcher);
        bool bookmarks = !change && is_due(hub, watcher, now_ms);
        bool sleeps = !change && !end && !leaves && !bookmarks;
        if (sleeps) {
            watcher->sleeping = true;
            watcher->sleep.sleep(watcher->sleep.context);
        }
        (void)pthread_mutex_unlock(&hub->mutex);
        if (sleeps)
            return WATCH_SLEEPS;
        if (end && !leaves)
            watch_write_gone(watcher->stream, end, out);
        if (end || leaves)
            return WATCH_ENDS;
        if (change)
            watch_write_message(watcher->stream, change->revision, change->events,
                                change->event_count, out);
        else
            watch_write_bookmark(watcher->stream, watcher->position, out);
        watch_change_unref(change);
    }
    watcher->sent_ms = now_ms;
    return out->error ? WATCH_ENDS : WATCH_MORE;
}

/* --- the hub --- */

int watch_hub_create(const struct watch_hub_config *config, struct watch_hub **ret)
{
    struct watch_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return ALLOT_ENOMEM;
    hub->config = *config;
    hub->changes.max_bytes = config->max_bytes;
    hub->broken = true;
    int error = timers_create(&hub->timers);
    if (!error && pthread_mutex_init(&hub->mutex, NULL) != 0)
        error = ALLOT_ENOMEM;
    if (error) {
        timers_destroy(hub->timers);
        free(hub);
        return error;
    }
    timer_init(&hub->tick, on_tick, hub);
    timer_set(hub->timers, &hub->tick, TICK_MS);
    *ret = hub;
    return 0;
}

void watch_hub_stop(struct watch_hub *hub)
{
    (void)pthread_mutex_lock(&hub->mutex);
    hub->stopping = true;
    wake_all(hub);
    (void)pthread_mutex_unlock(&hub->mutex);
}

void watch_hub_destroy(struct watch_hub *hub)
{
    if (!hub)
        return;
    timers_destroy(hub->timers);
    watch_changes_release(&hub->changes);
    (void)pthread_mutex_destroy(&hub->mutex);
    free(hub);
}

#include "server/watch_hub.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "server/clock.h"
#include "server/timers.h"

enum { TICK_MS = 500, MAX_MESSAGE = 64 << 20 };

/* The changes of one revision, in one block. Immutable once it is in the ring. */
struct change {
    atomic_int references;
    int64_t revision;
    size_t size; /* bytes of the block */
    size_t event_count;
    struct watch_event events[];
};

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
    bool broken;          /* what happens is not known, until the mirror ... */
    int64_t begin_at;     /* ... has come at least to here */
    int generation;       /* rises with each such time */
    int64_t oldest;       /* changes after this revision are there */
    int64_t visible;      /* up to here */
    struct change **ring; /* ascending; of those after `visible`, nobody is told yet */
    size_t first, count, capacity;
    size_t bytes;
    int watcher_count;
    struct watcher *watchers;
};

/* --- changes --- */

static void release(struct change *change)
{
    if (change && atomic_fetch_sub(&change->references, 1) == 1)
        free(change);
}

static struct change *change_at(const struct watch_hub *hub, size_t index)
{
    return hub->ring[(hub->first + index) % hub->capacity];
}

/* Drops the oldest change. */
static void drop_first(struct watch_hub *hub)
{
    struct change *change = hub->ring[hub->first];
    hub->first = (hub->first + 1) % hub->capacity;
    hub->count--;
    hub->bytes -= change->size;
    hub->oldest = change->revision;
    release(change);
}

static void clear(struct watch_hub *hub)
{
    while (hub->count > 0)
        drop_first(hub);
}

/* From here on nobody knows what happens, until the mirror has come to @revision at least. */
static void break_off(struct watch_hub *hub, int64_t revision)
{
    clear(hub);
    hub->broken = true;
    hub->begin_at = revision;
    hub->generation++;
}

static bool grow(struct watch_hub *hub)
{
    size_t capacity = hub->capacity ? 2 * hub->capacity : 1024;
    struct change **ring = calloc(capacity, sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < hub->count; i++)
        ring[i] = change_at(hub, i);
    free(hub->ring);
    hub->ring = ring;
    hub->first = 0;
    hub->capacity = capacity;
    return true;
}

static void append(struct watch_hub *hub, struct change *change)
{
    if (hub->count == hub->capacity && !grow(hub)) {
        break_off(hub, change->revision);
        release(change);
        return;
    }
    hub->ring[(hub->first + hub->count++) % hub->capacity] = change;
    hub->bytes += change->size;
    while (hub->count > 1 && hub->bytes > hub->config.max_bytes)
        drop_first(hub);
}

/* --- encoding --- */

/* Where each event's identity and JSON lie in the text, until that has its place. */
struct encoded {
    struct key_parts parts; /* borrowed from the event's key */
    size_t begin, size;
};

static struct span place(struct span span, char **at)
{
    struct span copy = {span.data ? *at : NULL, span.size};
    if (span.data && span.size > 0)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return copy;
}

static size_t names_size(const struct key_parts *parts)
{
    return parts->item.size + parts->zone.size + parts->suffix.size;
}

static struct change *make_change(int64_t revision, const struct encoded *encoded, size_t count,
                                  const struct buffer *text)
{
    size_t size = sizeof(struct change) + count * sizeof(struct watch_event) + text->size;
    for (size_t i = 0; i < count; i++)
        size += names_size(&encoded[i].parts);
    struct change *change = malloc(size);
    if (!change)
        return NULL;
    atomic_init(&change->references, 1);
    change->revision = revision;
    change->size = size;
    change->event_count = count;
    char *at = (char *)&change->events[count];
    for (size_t i = 0; i < count; i++) {
        const struct key_parts *parts = &encoded[i].parts;
        change->events[i] = (struct watch_event){.parts = *parts};
        change->events[i].parts.item = place(parts->item, &at);
        change->events[i].parts.zone = place(parts->zone, &at);
        change->events[i].parts.suffix = place(parts->suffix, &at);
        change->events[i].json =
            place((struct span){text->data + encoded[i].begin, encoded[i].size}, &at);
    }
    return change;
}

/* The change of @count events, all of one revision: NULL and no error if nobody is told of any. */
static int encode(const struct watch_hub *hub, const struct store_event *events, size_t count,
                  struct change **ret)
{
    struct encoded *encoded = calloc(count, sizeof *encoded);
    struct buffer text;
    size_t told = 0;
    *ret = NULL;
    if (!encoded)
        return ALLOT_ENOMEM;
    buffer_init(&text, MAX_MESSAGE);
    for (size_t i = 0; i < count; i++) {
        struct encoded *next = &encoded[told];
        if (keys_parse(hub->config.root, events[i].kv.key, &next->parts) ||
            !watch_is_told(&next->parts))
            continue;
        next->begin = text.size;
        watch_encode(&events[i], &next->parts, &text);
        next->size = text.size - next->begin;
        told++;
    }
    int error = text.error;
    if (!error && told > 0) {
        *ret = make_change(events[0].kv.mod_revision, encoded, told, &text);
        error = *ret ? 0 : ALLOT_ENOMEM;
    }
    buffer_release(&text);
    free(encoded);
    return error;
}

static void hear_revision(struct watch_hub *hub, const struct store_event *events, size_t count)
{
    struct change *change;
    int error = encode(hub, events, count, &change);
    (void)pthread_mutex_lock(&hub->mutex);
    if (error)
        break_off(hub, events[0].kv.mod_revision);
    if (change)
        append(hub, change);
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
        while (hub->count > 0 && change_at(hub, 0)->revision <= revision)
            drop_first(hub);
        hub->oldest = revision;
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
    *ret_oldest = hub->oldest;
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

/* The first change after @revision, by its place in the ring. */
static size_t find_after(const struct watch_hub *hub, int64_t revision)
{
    size_t low = 0;
    size_t high = hub->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (change_at(hub, middle)->revision <= revision)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Under the lock: the next change to tell of, with a reference; or NULL, and the position is where
 * all is told. */
static struct change *take_next(struct watcher *watcher)
{
    struct watch_hub *hub = watcher->hub;
    size_t index = find_after(hub, watcher->position);
    if (index < hub->count && change_at(hub, index)->revision <= hub->visible) {
        struct change *change = change_at(hub, index);
        atomic_fetch_add(&change->references, 1);
        watcher->position = change->revision;
        return change;
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
    if (watcher->position < hub->oldest)
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
        struct change *change = end || leaves ? NULL : take_next(watcher);
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
        release(change);
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
    clear(hub);
    (void)pthread_mutex_destroy(&hub->mutex);
    free(hub->ring);
    free(hub);
}

#include "server/embedded_watch.h"

#include <stdlib.h>

#include "server/embedded_store.h"

enum {
    /* Of a piece of catching up: the rows it looks at, and the bytes it sends, are bounded by these
     * and what is left of the last revision. */
    PIECE_ROWS = 4096,
    PIECE_BYTES = 1 << 20,
    FIRST_EVENTS = 64,
    KEPT_EVENTS = 1 << 16,
};

struct store_watch {
    struct store_watch *next;
    store_watch_event *event;
    void *context;
    struct store_keys keys; /* point into bytes */
    int64_t start_revision;
    int64_t next_revision; /* everything before it has been sent, or looked at */
    int64_t told_ms;
    bool ended;     /* its last message has been sent */
    bool cancelled; /* under the mutex */
    char bytes[];
};

/* The watches of the store whose thread this is. */
static _Thread_local const struct embedded_watches *own_watches;

int embedded_watches_init(struct embedded_watches *watches)
{
    *watches = (struct embedded_watches){0};
    if (pthread_mutex_init(&watches->mutex, NULL) != 0)
        return ALLOT_ENOMEM;
    if (pthread_cond_init(&watches->told, NULL) != 0) {
        pthread_mutex_destroy(&watches->mutex);
        return ALLOT_ENOMEM;
    }
    return 0;
}

void embedded_watches_release(struct embedded_watches *watches)
{
    while (watches->first) {
        struct store_watch *next = watches->first->next;
        free(watches->first);
        watches->first = next;
    }
    free(watches->events);
    pthread_cond_destroy(&watches->told);
    pthread_mutex_destroy(&watches->mutex);
}

void embedded_watches_own(const struct embedded_watches *watches)
{
    own_watches = watches;
}

/* --- making and cancelling, on any thread --- */

static void copy(struct span *span, char *to)
{
    if (span->size)
        memcpy(to, span->data, span->size);
    span->data = to;
}

/* Counts one more watch. ALLOT_ELIMIT. */
static int count_made(struct embedded_watches *watches)
{
    pthread_mutex_lock(&watches->mutex);
    bool full = watches->made >= EMBEDDED_STORE_MAX_WATCHES;
    if (!full)
        watches->made++;
    pthread_mutex_unlock(&watches->mutex);
    return full ? ALLOT_ELIMIT : 0;
}

int embedded_watches_make(struct embedded_watches *watches, const struct store_keys *keys,
                          int64_t start_revision, store_watch_event *event, void *context,
                          struct store_watch **ret)
{
    if (keys->key.size == 0 || start_revision < 0)
        return ALLOT_EINVAL;
    if (keys->key.size > STORE_MAX_REQUEST || keys->range_end.size > STORE_MAX_REQUEST)
        return ALLOT_ELIMIT;
    int error = count_made(watches);
    if (error)
        return error;
    struct store_watch *watch = malloc(sizeof *watch + keys->key.size + keys->range_end.size);
    if (!watch) {
        embedded_watches_discard(watches, NULL);
        return ALLOT_ENOMEM;
    }
    *watch = (struct store_watch){
        .event = event, .context = context, .keys = *keys, .start_revision = start_revision};
    copy(&watch->keys.key, watch->bytes);
    copy(&watch->keys.range_end, watch->bytes + keys->key.size);
    *ret = watch;
    return 0;
}

void embedded_watches_discard(struct embedded_watches *watches, struct store_watch *watch)
{
    free(watch);
    pthread_mutex_lock(&watches->mutex);
    watches->made--;
    pthread_mutex_unlock(&watches->mutex);
}

void embedded_watches_cancel(struct embedded_watches *watches, struct store_watch *watch)
{
    pthread_mutex_lock(&watches->mutex);
    watch->cancelled = true;
    watches->any_cancelled = true;
    while (watches->telling == watch && own_watches != watches)
        pthread_cond_wait(&watches->told, &watches->mutex);
    pthread_mutex_unlock(&watches->mutex);
}

/* --- telling --- */

/* Sends the events gathered, up to @revision, or how the watch ended; unless it was cancelled. */
static void tell(struct embedded_watches *watches, struct store_watch *watch,
                 struct store_watch_response response, int64_t now_ms)
{
    pthread_mutex_lock(&watches->mutex);
    bool cancelled = watch->cancelled;
    if (!cancelled)
        watches->telling = watch;
    pthread_mutex_unlock(&watches->mutex);
    if (cancelled)
        return;

    response.cluster_id = watches->cluster_id;
    response.events = watches->events;
    response.event_count = watches->event_count;
    watch->told_ms = now_ms;
    watch->ended = response.error != 0;
    watch->event(watch->context, &response);

    pthread_mutex_lock(&watches->mutex);
    watches->telling = NULL;
    pthread_cond_broadcast(&watches->told);
    pthread_mutex_unlock(&watches->mutex);
}

static void end(struct embedded_watches *watches, struct store_watch *watch,
                const struct embedded_state *state, int error, int64_t now_ms)
{
    watches->event_count = 0;
    tell(watches, watch,
         (struct store_watch_response){.revision = watch->next_revision - 1,
                                       .error = error,
                                       .compact_revision =
                                           error == ALLOT_ECOMPACTED ? state->compact_revision : 0},
         now_ms);
}

static int add_event(struct embedded_watches *watches, enum store_event_kind kind,
                     const struct store_kv *kv)
{
    if (watches->event_count == watches->event_capacity) {
        size_t capacity = watches->event_capacity ? 2 * watches->event_capacity : FIRST_EVENTS;
        struct store_event *events = realloc(watches->events, capacity * sizeof *events);
        if (!events)
            return ALLOT_ENOMEM;
        watches->events = events;
        watches->event_capacity = capacity;
    }
    watches->events[watches->event_count++] = (struct store_event){.kind = kind, .kv = *kv};
    return 0;
}

static struct store_kv deletion(struct span key, int64_t revision)
{
    return (struct store_kv){.key = key, .mod_revision = revision};
}

/* Gathers those of the batch's changes that the watch is for. */
static int gather(struct embedded_watches *watches, const struct store_watch *watch,
                  const struct embedded_state *state)
{
    int error = 0;
    watches->event_count = 0;
    for (size_t i = 0; i < state->change_count && !error; i++) {
        const struct embedded_change *change = &state->changes[i];
        int64_t revision = embedded_revision_at(change->position);
        if (change->kind == EMBEDDED_PUT) {
            const struct store_kv *kv = &change->after->kv;
            if (revision >= watch->next_revision && store_keys_have(&watch->keys, kv->key))
                error = add_event(watches, STORE_EVENT_PUT, kv);
        } else if (change->kind == EMBEDDED_DELETE) {
            struct store_kv kv = deletion(change->before->kv.key, revision);
            if (revision >= watch->next_revision && store_keys_have(&watch->keys, kv.key))
                error = add_event(watches, STORE_EVENT_DELETE, &kv);
        }
    }
    return error;
}

void embedded_watches_tell(struct embedded_watches *watches, const struct embedded_state *state,
                           int64_t former_revision, int64_t now_ms)
{
    for (struct store_watch *watch = watches->first; watch; watch = watch->next) {
        if (watch->ended || watch->next_revision <= former_revision)
            continue;
        int error = gather(watches, watch, state);
        if (error) {
            end(watches, watch, state, error, now_ms);
            continue;
        }
        if (watch->next_revision <= state->revision)
            watch->next_revision = state->revision + 1;
        if (watches->event_count)
            tell(watches, watch, (struct store_watch_response){.revision = state->revision},
                 now_ms);
    }
    if (watches->event_capacity > KEPT_EVENTS) {
        free(watches->events);
        watches->events = NULL;
        watches->event_capacity = 0;
    }
}

void embedded_watches_progress(struct embedded_watches *watches, int64_t revision, int64_t now_ms)
{
    watches->event_count = 0;
    for (struct store_watch *watch = watches->first; watch; watch = watch->next) {
        bool follows = !watch->ended && watch->next_revision == revision + 1;
        if (follows && now_ms - watch->told_ms >= STORE_PROGRESS_MS)
            tell(watches, watch, (struct store_watch_response){.revision = revision}, now_ms);
    }
}

/* --- catching up --- */

/* Adds a row's event, whose bytes are copied into a list at *@copies. */
static int add_row(struct embedded_watches *watches, const struct embedded_row *row,
                   struct embedded_version **copies)
{
    struct embedded_version *copied = embedded_version_create(row->kv.key, row->kv.value);
    if (!copied)
        return ALLOT_ENOMEM;
    copied->next = *copies;
    *copies = copied;
    struct store_kv kv = row->is_delete ? deletion(row->kv.key, row->kv.mod_revision) : row->kv;
    kv.key = copied->kv.key;
    kv.value = copied->kv.value;
    return add_event(watches, row->is_delete ? STORE_EVENT_DELETE : STORE_EVENT_PUT, &kv);
}

/* Gathers what the watch is for of a bounded number of rows: all of a revision or nothing.
 * *@ret_reached is the last revision that was looked at. */
static int gather_piece(struct embedded_watches *watches, const struct store_watch *watch,
                        const struct embedded_state *state, struct embedded_file *file,
                        struct embedded_version **copies, int64_t *ret_reached)
{
    struct embedded_row row;
    bool found = true;
    int error = 0;
    size_t rows = 0, bytes = 0;
    int64_t revision = watch->next_revision;
    watches->event_count = 0;
    *ret_reached = state->revision;
    embedded_file_seek(file, embedded_first_position(revision));
    while (!error && found) {
        error = embedded_file_next(file, &row, &found);
        if (error || !found)
            break;
        if (row.kv.mod_revision > revision && (rows >= PIECE_ROWS || bytes >= PIECE_BYTES)) {
            *ret_reached = row.kv.mod_revision - 1;
            break;
        }
        revision = row.kv.mod_revision;
        rows++;
        if (store_keys_have(&watch->keys, row.kv.key)) {
            bytes += row.kv.key.size + row.kv.value.size;
            error = add_row(watches, &row, copies);
        }
    }
    embedded_file_stop(file);
    return error;
}

static void send_piece(struct embedded_watches *watches, struct store_watch *watch,
                       const struct embedded_state *state, struct embedded_file *file,
                       int64_t now_ms)
{
    struct embedded_version *copies = NULL;
    int64_t reached;
    int error = watch->next_revision <= state->compact_revision
                    ? ALLOT_ECOMPACTED
                    : gather_piece(watches, watch, state, file, &copies, &reached);
    if (error) {
        end(watches, watch, state, error == ALLOT_EVALUE ? ALLOT_EIO : error, now_ms);
    } else {
        watch->next_revision = reached + 1;
        if (watches->event_count)
            tell(watches, watch, (struct store_watch_response){.revision = reached}, now_ms);
    }
    while (copies) {
        struct embedded_version *next = copies->next;
        free(copies);
        copies = next;
    }
}

static bool is_behind(const struct store_watch *watch, int64_t revision)
{
    return !watch->ended && watch->next_revision <= revision;
}

bool embedded_watches_catch_up(struct embedded_watches *watches, const struct embedded_state *state,
                               struct embedded_file *file, int64_t now_ms)
{
    for (struct store_watch *watch = watches->first; watch; watch = watch->next) {
        if (is_behind(watch, state->revision))
            send_piece(watches, watch, state, file, now_ms);
    }
    return embedded_watches_are_behind(watches, state->revision);
}

bool embedded_watches_are_behind(const struct embedded_watches *watches, int64_t revision)
{
    for (const struct store_watch *watch = watches->first; watch; watch = watch->next) {
        if (is_behind(watch, revision))
            return true;
    }
    return false;
}

/* --- the list --- */

void embedded_watches_add(struct embedded_watches *watches, struct store_watch *watch,
                          int64_t revision, int64_t now_ms)
{
    struct store_watch **last = &watches->first;
    while (*last)
        last = &(*last)->next;
    *last = watch;
    watch->next_revision = watch->start_revision ? watch->start_revision : revision + 1;
    watch->told_ms = now_ms;
    pthread_mutex_lock(&watches->mutex);
    if (watch->cancelled) /* before it came here */
        watches->any_cancelled = true;
    pthread_mutex_unlock(&watches->mutex);
}

void embedded_watches_undone(struct embedded_watches *watches, int64_t revision)
{
    for (struct store_watch *watch = watches->first; watch; watch = watch->next) {
        if (watch->start_revision == 0 && watch->next_revision > revision + 1)
            watch->next_revision = revision + 1;
    }
}

size_t embedded_watches_reap(struct embedded_watches *watches)
{
    size_t left = 0;
    pthread_mutex_lock(&watches->mutex);
    bool must_look = watches->any_cancelled;
    watches->any_cancelled = false;
    for (struct store_watch **at = &watches->first; must_look && *at;) {
        struct store_watch *watch = *at;
        if (watch->cancelled) {
            *at = watch->next;
            free(watch);
            watches->made--;
        } else {
            at = &watch->next;
        }
    }
    left = watches->made;
    pthread_mutex_unlock(&watches->mutex);
    return left;
}

#include "server/mirror.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/mirror_load.h"

enum {
    RETRY_MS = 500,              /* after a failed load */
    QUEUE_MAX_BYTES = 256 << 20, /* of responses that wait to be applied */
};

/* A copy of a watch response, in one block. */
struct queued {
    struct queued *next;
    int64_t heard_ms;
    struct store_watch_response response;
    size_t size;
    struct store_event events[];
};

struct mirror {
    struct mirror_config config;
    struct keyspace *empty;    /* to start over from */
    struct keyspace *keyspace; /* the newest; NULL before the first load. The thread's own. */
    char *root_prefix;         /* ROOT + "/" */
    char *root_end;            /* the end of its range */
    struct store_keys keys;    /* all under the root; points into the two above */
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    bool following;
    int64_t current_ms; /* when what is applied was heard */
    struct queued *first;
    struct queued **last;
    size_t queued_bytes;
    int queue_error; /* a response could not be queued: the watch is broken */
};

/* --- the watch's side, on the store's thread --- */

static struct span copy_span(struct span span, char **at)
{
    struct span copy = {*at, span.size};
    if (span.size)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return copy;
}

static struct queued *copy_response(const struct store_watch_response *response)
{
    size_t size = sizeof(struct queued) + response->event_count * sizeof(struct store_event);
    for (size_t i = 0; i < response->event_count; i++)
        size += response->events[i].kv.key.size + response->events[i].kv.value.size;
    struct queued *queued = malloc(size);
    if (!queued)
        return NULL;
    queued->next = NULL;
    queued->heard_ms = clock_monotonic_ms();
    queued->size = size;
    queued->response = *response;
    queued->response.events = queued->events;
    char *at = (char *)(queued->events + response->event_count);
    for (size_t i = 0; i < response->event_count; i++) {
        queued->events[i] = response->events[i];
        queued->events[i].kv.key = copy_span(response->events[i].kv.key, &at);
        queued->events[i].kv.value = copy_span(response->events[i].kv.value, &at);
    }
    return queued;
}

static void on_watch(void *context, const struct store_watch_response *response)
{
    struct mirror *mirror = context;
    struct queued *queued = copy_response(response);
    if (mirror->config.heard)
        mirror->config.heard(mirror->config.context, response);
    pthread_mutex_lock(&mirror->mutex);
    if (!queued) {
        mirror->queue_error = ALLOT_ENOMEM;
    } else if (mirror->queue_error || mirror->queued_bytes + queued->size > QUEUE_MAX_BYTES) {
        mirror->queue_error = ALLOT_ELIMIT;
        free(queued);
    } else {
        *mirror->last = queued;
        mirror->last = &queued->next;
        mirror->queued_bytes += queued->size;
    }
    pthread_cond_signal(&mirror->changed);
    pthread_mutex_unlock(&mirror->mutex);
}

static bool is_stopping(void *context)
{
    struct mirror *mirror = context;
    pthread_mutex_lock(&mirror->mutex);
    bool stopping = mirror->stopping;
    pthread_mutex_unlock(&mirror->mutex);
    return stopping;
}

static int load(struct mirror *mirror, struct keyspace **ret)
{
    const struct mirror_load_config config = {.store = mirror->config.store,
                                              .empty = mirror->empty,
                                              .keys = mirror->keys,
                                              .stopping = is_stopping,
                                              .context = mirror};
    return mirror_load(&config, ret);
}

/* --- the thread --- */

static void free_queue(struct queued *queued)
{
    while (queued) {
        struct queued *next = queued->next;
        free(queued);
        queued = next;
    }
}

static int64_t last_heard_ms(const struct queued *queued)
{
    while (queued->next)
        queued = queued->next;
    return queued->heard_ms;
}

/* Takes all that is queued; NULL at the end (stopping, or *ret_error). */
static struct queued *take(struct mirror *mirror, int64_t gather_until_ms, int *ret_error)
{
    pthread_mutex_lock(&mirror->mutex);
    while (!mirror->stopping && !mirror->queue_error && !mirror->first)
        clock_condition_wait(&mirror->changed, &mirror->mutex, INT64_MAX);
    while (!mirror->stopping && !mirror->queue_error && clock_monotonic_ms() < gather_until_ms)
        clock_condition_wait(&mirror->changed, &mirror->mutex, gather_until_ms);
    struct queued *taken = mirror->stopping ? NULL : mirror->first;
    if (taken) {
        mirror->first = NULL;
        mirror->last = &mirror->first;
        mirror->queued_bytes = 0;
    } else {
        *ret_error = mirror->queue_error;
    }
    pthread_mutex_unlock(&mirror->mutex);
    return taken;
}

static void set_keyspace(struct mirror *mirror, struct keyspace *keyspace)
{
    keyspace_unref(mirror->keyspace);
    mirror->keyspace = keyspace;
}

/* Applies @queued responses, up to one that ends the watch, whose error is returned. */
static int apply(struct mirror *mirror, const struct queued *queued)
{
    size_t count = 0;
    size_t events = 0;
    for (const struct queued *q = queued; q; q = q->next)
        count++;
    struct store_watch_response *responses = malloc(count * sizeof *responses);
    if (!responses)
        return ALLOT_ENOMEM;
    int end = 0;
    count = 0;
    for (const struct queued *q = queued; q && !end; q = q->next) {
        end = q->response.error;
        if (end)
            break;
        events += q->response.event_count;
        responses[count++] = q->response;
    }
    struct keyspace *keyspace = NULL;
    int error = count ? keyspace_apply(mirror->keyspace, responses, count, &keyspace) : 0;
    free(responses);
    if (!error && keyspace)
        set_keyspace(mirror, keyspace);
    if (!error && events)
        error = mirror->config.applied(mirror->config.context, mirror->keyspace);
    return error ? error : end;
}

static void set_following(struct mirror *mirror, bool following)
{
    pthread_mutex_lock(&mirror->mutex);
    mirror->following = following;
    pthread_mutex_unlock(&mirror->mutex);
}

static void set_current(struct mirror *mirror, int64_t heard_ms)
{
    pthread_mutex_lock(&mirror->mutex);
    mirror->current_ms = heard_ms;
    pthread_mutex_unlock(&mirror->mutex);
}

/* Applies what comes until the watch breaks (the error) or the mirror stops (0). */
static int follow(struct mirror *mirror)
{
    int error = 0;
    int64_t busy_ms = 0;
    int64_t idle_since_ms = 0;
    while (!error) {
        int64_t gather = busy_ms < mirror->config.gather_ms ? busy_ms : mirror->config.gather_ms;
        struct queued *queued = take(mirror, idle_since_ms + gather, &error);
        if (!queued)
            break;
        int64_t begin = clock_monotonic_ms();
        error = apply(mirror, queued);
        if (!error)
            set_current(mirror, last_heard_ms(queued));
        free_queue(queued);
        idle_since_ms = clock_monotonic_ms();
        busy_ms = idle_since_ms - begin;
    }
    return error;
}

/* Loads, watches, and follows the watch until it breaks. */
static int run(struct mirror *mirror)
{
    const struct store_operations *operations = mirror->config.store->operations;
    struct keyspace *keyspace = NULL;
    struct store_watch *watch = NULL;
    int64_t begin_ms = clock_monotonic_ms();
    int error = load(mirror, &keyspace);
    if (error)
        return error;
    set_keyspace(mirror, keyspace);
    error = operations->watch(mirror->config.store, &mirror->keys, keyspace_revision(keyspace) + 1,
                              on_watch, mirror, &watch);
    if (error)
        return error;
    error = mirror->config.applied(mirror->config.context, mirror->keyspace);
    if (!error) {
        set_current(mirror, begin_ms);
        set_following(mirror, true);
        error = follow(mirror);
        set_following(mirror, false);
    }
    operations->watch_cancel(mirror->config.store, watch);

    pthread_mutex_lock(&mirror->mutex);
    free_queue(mirror->first);
    mirror->first = NULL;
    mirror->last = &mirror->first;
    mirror->queued_bytes = 0;
    mirror->queue_error = 0;
    pthread_mutex_unlock(&mirror->mutex);
    return error;
}

static void *mirror_thread(void *argument)
{
    struct mirror *mirror = argument;
    for (bool stopping = false; !stopping;) {
        int error = run(mirror);
        if (error && !is_stopping(mirror))
            mirror->config.broken(mirror->config.context, error);
        int64_t retry_at = clock_monotonic_ms() + (error ? RETRY_MS : 0);
        pthread_mutex_lock(&mirror->mutex);
        while (!mirror->stopping &&
               clock_condition_wait(&mirror->changed, &mirror->mutex, retry_at))
            ;
        stopping = mirror->stopping;
        pthread_mutex_unlock(&mirror->mutex);
    }
    return NULL;
}

/* --- lifecycle --- */

static int set_keys(struct mirror *mirror)
{
    struct span root = mirror->config.keyspace.root;
    mirror->root_prefix = malloc(root.size + 1);
    mirror->root_end = malloc(root.size + 1);
    if (!mirror->root_prefix || !mirror->root_end)
        return ALLOT_ENOMEM;
    memcpy(mirror->root_prefix, root.data, root.size);
    mirror->root_prefix[root.size] = '/';
    mirror->keys.key = (struct span){mirror->root_prefix, root.size + 1};
    mirror->keys.range_end = store_range_end_of_prefix(mirror->keys.key, mirror->root_end);
    return 0;
}

static void mirror_free(struct mirror *mirror)
{
    keyspace_unref(mirror->keyspace);
    keyspace_unref(mirror->empty);
    free(mirror->root_prefix);
    free(mirror->root_end);
    pthread_cond_destroy(&mirror->changed);
    pthread_mutex_destroy(&mirror->mutex);
    free(mirror);
}

int mirror_start(const struct mirror_config *config, struct mirror **ret)
{
    struct mirror *mirror = calloc(1, sizeof *mirror);
    if (!mirror)
        return ALLOT_ENOMEM;
    mirror->config = *config;
    mirror->last = &mirror->first;
    if (pthread_mutex_init(&mirror->mutex, NULL) != 0)
        goto no_mutex;
    if (clock_condition_init(&mirror->changed) != 0)
        goto no_condition;
    int error = keyspace_create(&config->keyspace, &mirror->empty);
    if (!error)
        error = set_keys(mirror);
    if (!error && pthread_create(&mirror->thread, NULL, mirror_thread, mirror) != 0)
        error = ALLOT_ENOMEM;
    if (error)
        mirror_free(mirror);
    else
        *ret = mirror;
    return error;
no_condition:
    pthread_mutex_destroy(&mirror->mutex);
no_mutex:
    free(mirror);
    return ALLOT_ENOMEM;
}

void mirror_stop(struct mirror *mirror)
{
    if (!mirror)
        return;
    pthread_mutex_lock(&mirror->mutex);
    mirror->stopping = true;
    pthread_cond_signal(&mirror->changed);
    pthread_mutex_unlock(&mirror->mutex);
    pthread_join(mirror->thread, NULL);
    mirror_free(mirror);
}

int64_t mirror_current_ms(struct mirror *mirror)
{
    pthread_mutex_lock(&mirror->mutex);
    int64_t current_ms = mirror->current_ms;
    pthread_mutex_unlock(&mirror->mutex);
    return current_ms;
}

bool mirror_is_following(struct mirror *mirror)
{
    pthread_mutex_lock(&mirror->mutex);
    bool following = mirror->following;
    pthread_mutex_unlock(&mirror->mutex);
    return following;
}

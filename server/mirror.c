#include "server/mirror.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/mirror_load.h"
#include "server/watch_queue.h"

enum {
    RETRY_MS = 500,              /* after a failed load */
    QUEUE_MAX_BYTES = 256 << 20, /* of responses that wait to be applied */
};

struct mirror {
    struct mirror_config config;
    struct keyspace *empty;    /* to start over from */
    struct keyspace *keyspace; /* the newest; NULL before the first load. The thread's own. */
    char *root_prefix;         /* ROOT + "/" */
    char *root_end;            /* the end of its range */
    struct store_keys keys;    /* all under the root; points into the two above */
    pthread_t thread;
    struct progress progress; /* of the thread */
    bool misfit;              /* what is being applied can't follow what there is. Its own too. */

    struct watch_queue queue;

    pthread_mutex_t mutex;
    bool following;
    int64_t current_ms; /* when what is applied was heard */
};

/* --- the watch's side, on the store's thread --- */

static void on_watch(void *context, const struct store_watch_response *response)
{
    struct mirror *mirror = context;
    if (mirror->config.heard)
        mirror->config.heard(mirror->config.context, response);
    watch_queue_push(&mirror->queue, response);
}

/* Between two pages of a load, on any of the threads that load. */
static bool is_stopping(void *context)
{
    struct mirror *mirror = context;
    progress_wait(&mirror->progress, MIRROR_LOAD_PAGE_MS);
    return watch_queue_is_stopping(&mirror->queue);
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

/* What the keyspace reports: passed on. */
static void on_anomaly(void *context, enum keyspace_anomaly anomaly, struct span key,
                       int64_t mod_revision, const char *why)
{
    struct mirror *mirror = context;
    const struct keyspace_config *config = &mirror->config.keyspace;
    if (anomaly == KEYSPACE_VERSION_SKIP || anomaly == KEYSPACE_ABSENT_DELETE)
        mirror->misfit = true;
    if (config->report)
        config->report(config->report_context, anomaly, key, mod_revision, why);
}

static int64_t last_heard_ms(const struct watch_message *messages)
{
    while (messages->next)
        messages = messages->next;
    return messages->heard_ms;
}

static void set_keyspace(struct mirror *mirror, struct keyspace *keyspace)
{
    keyspace_unref(mirror->keyspace);
    mirror->keyspace = keyspace;
}

/* Applies @messages, up to one that ends the watch, whose error is returned. ALLOT_EORDER too: they
 * don't fit. */
static int apply(struct mirror *mirror, const struct watch_message *messages)
{
    size_t count, events;
    int end;
    struct store_watch_response *responses =
        watch_messages_responses(messages, &count, &events, &end);
    if (!responses)
        return ALLOT_ENOMEM;
    struct keyspace *keyspace = NULL;
    mirror->misfit = false;
    int error = count ? keyspace_apply(mirror->keyspace, responses, count, &keyspace) : 0;
    free(responses);
    if (!error && keyspace)
        set_keyspace(mirror, keyspace);
    if (!error && mirror->misfit)
        error = ALLOT_EORDER;
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

/* The milliseconds that have passed for sure between two looks at the clock: the first may have
 * been at the end of one. Most changes take a fraction of one, and would else be followed by a
 * pause of up to a whole one now and then. */
static int64_t whole_ms(int64_t begin_ms, int64_t end_ms)
{
    return end_ms > begin_ms ? end_ms - begin_ms - 1 : 0;
}

/* Applies what comes until the watch breaks (the error) or the mirror stops (0). */
static int follow(struct mirror *mirror)
{
    int error = 0;
    int64_t busy_ms = 0;
    int64_t idle_since_ms = 0;
    while (!error) {
        int64_t gather = busy_ms < mirror->config.gather_ms ? busy_ms : mirror->config.gather_ms;
        progress_wait(&mirror->progress, PROGRESS_IDLE_MS + gather);
        struct watch_message *messages =
            watch_queue_take(&mirror->queue, idle_since_ms + gather,
                             clock_monotonic_ms() + PROGRESS_IDLE_MS, SIZE_MAX, &error);
        if (!messages && watch_queue_is_stopping(&mirror->queue))
            break;
        if (!messages)
            continue;
        int64_t begin = clock_monotonic_ms();
        error = apply(mirror, messages);
        if (!error)
            set_current(mirror, last_heard_ms(messages));
        watch_messages_free(messages);
        idle_since_ms = clock_monotonic_ms();
        busy_ms = whole_ms(begin, idle_since_ms);
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
    watch_queue_clear(&mirror->queue);
    return error;
}

static void *mirror_thread(void *argument)
{
    struct mirror *mirror = argument;
    progress_begin(&mirror->progress, "mirror");
    for (bool goes_on = true; goes_on;) {
        int error = run(mirror);
        if (error && !watch_queue_is_stopping(&mirror->queue))
            mirror->config.broken(mirror->config.context, error);
        progress_wait(&mirror->progress, RETRY_MS);
        goes_on = watch_queue_pause(&mirror->queue, clock_monotonic_ms() + (error ? RETRY_MS : 0));
    }
    progress_end(&mirror->progress);
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
    watch_queue_release(&mirror->queue);
    pthread_mutex_destroy(&mirror->mutex);
    free(mirror);
}

int mirror_start(const struct mirror_config *config, struct mirror **ret)
{
    struct mirror *mirror = calloc(1, sizeof *mirror);
    if (!mirror)
        return ALLOT_ENOMEM;
    mirror->config = *config;
    if (pthread_mutex_init(&mirror->mutex, NULL) != 0)
        goto no_mutex;
    if (watch_queue_init(&mirror->queue, QUEUE_MAX_BYTES) != 0)
        goto no_queue;
    struct keyspace_config keyspace = config->keyspace;
    keyspace.report = on_anomaly;
    keyspace.report_context = mirror;
    int error = keyspace_create(&keyspace, &mirror->empty);
    if (!error)
        error = set_keys(mirror);
    if (!error && pthread_create(&mirror->thread, NULL, mirror_thread, mirror) != 0)
        error = ALLOT_ENOMEM;
    if (error)
        mirror_free(mirror);
    else
        *ret = mirror;
    return error;
no_queue:
    pthread_mutex_destroy(&mirror->mutex);
no_mutex:
    free(mirror);
    return ALLOT_ENOMEM;
}

void mirror_stop(struct mirror *mirror)
{
    if (!mirror)
        return;
    watch_queue_stop(&mirror->queue);
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

struct progress *mirror_progress(struct mirror *mirror)
{
    return &mirror->progress;
}

bool mirror_is_following(struct mirror *mirror)
{
    pthread_mutex_lock(&mirror->mutex);
    bool following = mirror->following;
    pthread_mutex_unlock(&mirror->mutex);
    return following;
}

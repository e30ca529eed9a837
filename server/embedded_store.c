#include "server/embedded_store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/embedded_directory.h"
#include "server/embedded_internal.h"

static const struct store_operations operations;

static struct embedded_store *embedded(struct store *store)
{
    return (struct embedded_store *)store;
}

int64_t embedded_store_clock(const struct embedded_store *store)
{
    return store->config.monotonic_ms ? store->config.monotonic_ms(store->config.clock_context)
                                      : clock_monotonic_ms();
}

/* --- the queue --- */

/* Queues a request, which is taken, or destroyed on an error. @ret_watch, if not NULL, is set
 * before the store's thread can see the request. */
static int submit(struct store *port, struct embedded_request *request,
                  struct store_watch **ret_watch)
{
    struct embedded_store *store = embedded(port);
    int error = 0;
    pthread_mutex_lock(&store->mutex);
    if (store->stopping)
        error = ALLOT_ECANCELED;
    else if (store->queued >= EMBEDDED_STORE_MAX_QUEUE ||
             store->queued_bytes + request->size > EMBEDDED_STORE_MAX_QUEUED_BYTES)
        error = ALLOT_ELIMIT;
    if (!error) {
        if (ret_watch)
            *ret_watch = request->asked.watch;
        *store->last = request;
        store->last = &request->next;
        store->queued++;
        store->queued_bytes += request->size;
        pthread_cond_signal(&store->wake);
    }
    pthread_mutex_unlock(&store->mutex);
    if (error)
        embedded_request_destroy(request);
    return error;
}

bool embedded_store_take(struct embedded_store *store, int64_t wait_ms,
                         struct embedded_request **ret)
{
    int64_t deadline_ms = wait_ms == INT64_MAX ? INT64_MAX : clock_monotonic_ms() + wait_ms;
    pthread_mutex_lock(&store->mutex);
    while (!store->first && !store->stopping && wait_ms > 0 &&
           clock_condition_wait(&store->wake, &store->mutex, deadline_ms))
        ;
    *ret = store->first;
    store->first = NULL;
    store->last = &store->first;
    store->queued = 0;
    store->queued_bytes = 0;
    bool go_on = *ret || !store->stopping;
    pthread_mutex_unlock(&store->mutex);
    return go_on;
}

/* --- the port --- */

static int range(struct store *store, const struct store_range *asked, store_range_done *done,
                 void *context)
{
    struct embedded_request *request;
    int error = embedded_request_range(asked, done, context, &request);
    return error ? error : submit(store, request, NULL);
}

static int txn(struct store *store, const struct store_txn *asked, store_txn_done *done,
               void *context)
{
    struct embedded_request *request;
    int error = embedded_request_txn(asked, done, context, &request);
    return error ? error : submit(store, request, NULL);
}

static int submit_lease(struct store *store, enum embedded_request_kind kind, int64_t id,
                        int64_t ttl, store_lease_done *done, void *context)
{
    struct embedded_request *request;
    int error = embedded_request_lease(kind, id, ttl, done, context, &request);
    return error ? error : submit(store, request, NULL);
}

static int lease_grant(struct store *store, int64_t id, int64_t ttl, store_lease_done *done,
                       void *context)
{
    return submit_lease(store, EMBEDDED_GRANT, id, ttl, done, context);
}

static int lease_keep_alive(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    return submit_lease(store, EMBEDDED_KEEP_ALIVE, id, 0, done, context);
}

static int lease_revoke(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    return submit_lease(store, EMBEDDED_REVOKE, id, 0, done, context);
}

static int lease_time_to_live(struct store *store, int64_t id, store_lease_done *done,
                              void *context)
{
    return submit_lease(store, EMBEDDED_TIME_TO_LIVE, id, 0, done, context);
}

static int watch(struct store *store, const struct store_keys *keys, int64_t start_revision,
                 store_watch_event *event, void *context, struct store_watch **ret)
{
    struct embedded_watches *watches = &embedded(store)->watches;
    struct embedded_request *request;
    struct store_watch *made;
    int error = embedded_watches_make(watches, keys, start_revision, event, context, &made);
    if (error)
        return error;
    error = embedded_request_watch(made, &request);
    if (!error)
        error = submit(store, request, ret);
    if (error)
        embedded_watches_discard(watches, made);
    return error;
}

static void watch_cancel(struct store *store, struct store_watch *cancelled)
{
    if (cancelled)
        embedded_watches_cancel(&embedded(store)->watches, cancelled);
}

static int compact(struct store *store, int64_t revision, store_compact_done *done, void *context)
{
    struct embedded_request *request;
    int error = embedded_request_compact(revision, done, context, &request);
    return error ? error : submit(store, request, NULL);
}

/* --- lifecycle --- */

/* Everything but the thread. */
static void release(struct embedded_store *store)
{
    embedded_watches_release(&store->watches);
    embedded_state_release(&store->state);
    embedded_file_close(store->file);
    close(store->lock);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

static void destroy(struct store *port)
{
    struct embedded_store *store = embedded(port);
    pthread_mutex_lock(&store->mutex);
    store->stopping = true;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->mutex);
    pthread_join(store->thread, NULL);
    release(store);
}

static const struct store_operations operations = {
    .range = range,
    .txn = txn,
    .lease_grant = lease_grant,
    .lease_keep_alive = lease_keep_alive,
    .lease_revoke = lease_revoke,
    .lease_time_to_live = lease_time_to_live,
    .watch = watch,
    .watch_cancel = watch_cancel,
    .compact = compact,
    .destroy = destroy,
};

static int out_of_memory(struct error_message *why)
{
    snprintf(why->text, sizeof why->text, "%s", allot_error_text(ALLOT_ENOMEM));
    return ALLOT_ENOMEM;
}

/* A store that holds nothing yet, for release(). Takes the lock. */
static struct embedded_store *create(const struct embedded_store_config *config, int lock)
{
    struct embedded_store *store = calloc(1, sizeof *store);
    if (!store)
        goto no_store;
    store->store.operations = &operations;
    store->config = *config;
    store->config.data_dir = NULL; /* has been used */
    store->lock = lock;
    store->last = &store->first;
    embedded_state_init(&store->state);
    if (pthread_mutex_init(&store->mutex, NULL) != 0)
        goto no_mutex;
    if (clock_condition_init(&store->wake) != 0)
        goto no_condition;
    if (embedded_watches_init(&store->watches) != 0)
        goto no_watches;
    return store;
no_watches:
    pthread_cond_destroy(&store->wake);
no_condition:
    pthread_mutex_destroy(&store->mutex);
no_mutex:
    free(store);
no_store:
    close(lock);
    return NULL;
}

static int load(struct embedded_store *store, const char *data_dir, struct error_message *why)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/store.sqlite", data_dir);
    int error = embedded_file_open(path, &store->file, why);
    if (error)
        return error;
    store->now_ms = embedded_store_clock(store);
    error = embedded_file_load(store->file, store->now_ms, &store->state);
    if (error) {
        snprintf(why->text, sizeof why->text, "%s", embedded_file_message(store->file));
        return error;
    }
    const struct embedded_file_header *header = embedded_file_header(store->file);
    memcpy(store->instance, header->instance, sizeof store->instance);
    store->watches.cluster_id = header->cluster_id;
    store->committed_revision = store->state.revision;
    store->statistics = (struct embedded_store_statistics){
        .revision = store->state.revision,
        .compact_revision = store->state.compact_revision,
        .keys = (int64_t)store->state.map.count,
        .leases = (int64_t)store->state.leases.count,
    };
    return 0;
}

int embedded_store_open(const struct embedded_store_config *config, struct store **ret,
                        struct error_message *why)
{
    int lock;
    if (config->retention < 0) {
        snprintf(why->text, sizeof why->text, "a negative retention");
        return ALLOT_EINVAL;
    }
    int error = embedded_directory_lock(config->data_dir, &lock, why);
    if (error)
        return error;
    struct embedded_store *store = create(config, lock);
    if (!store)
        return out_of_memory(why);
    error = load(store, config->data_dir, why);
    if (!error && pthread_create(&store->thread, NULL, embedded_batch_thread, store) != 0)
        error = out_of_memory(why);
    if (error) {
        release(store);
        return error;
    }
    *ret = &store->store;
    return 0;
}

const char *embedded_store_instance(const struct store *store)
{
    return ((const struct embedded_store *)store)->instance;
}

void embedded_store_statistics(struct store *store, struct embedded_store_statistics *ret)
{
    pthread_mutex_lock(&embedded(store)->mutex);
    *ret = embedded(store)->statistics;
    pthread_mutex_unlock(&embedded(store)->mutex);
}

#include "tests/support/store_sync.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "server/clock.h"

enum { PATIENCE_MS = 30000 };

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "store_sync: %s\n", what);
        abort();
    }
}

static void *obtain(size_t size)
{
    void *memory = malloc(size ? size : 1);
    require(memory, "out of memory");
    return memory;
}

/* --- waiting for an answer --- */

struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    int answers;
    int error;
    struct sync_answer *answer;
    struct store_lease_result *lease;
};

static void waiting_init(struct waiting *waiting)
{
    *waiting = (struct waiting){0};
    require(pthread_mutex_init(&waiting->mutex, NULL) == 0, "no mutex");
    require(clock_condition_init(&waiting->answered) == 0, "no condition");
}

static void finish(struct waiting *waiting, int error)
{
    pthread_mutex_lock(&waiting->mutex);
    waiting->answers++;
    waiting->error = error;
    pthread_cond_signal(&waiting->answered);
    pthread_mutex_unlock(&waiting->mutex);
}

/* What the request's function returned is @refused; if that is 0, waits. */
static int await(struct waiting *waiting, int refused)
{
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    pthread_mutex_lock(&waiting->mutex);
    while (!refused && waiting->answers == 0) {
        bool in_time = clock_condition_wait(&waiting->answered, &waiting->mutex, deadline_ms);
        require(in_time, "a request was not answered");
    }
    require(waiting->answers == (refused ? 0 : 1), "a request was not answered once");
    int error = refused ? refused : waiting->error;
    pthread_mutex_unlock(&waiting->mutex);
    pthread_cond_destroy(&waiting->answered);
    pthread_mutex_destroy(&waiting->mutex);
    return error;
}

/* --- copying --- */

static struct span copy_span(struct span span)
{
    char *data = obtain(span.size);
    if (span.size)
        memcpy(data, span.data, span.size);
    return (struct span){data, span.size};
}

static struct store_kv copy_kv(const struct store_kv *kv)
{
    struct store_kv copy = *kv;
    copy.key = copy_span(kv->key);
    copy.value = copy_span(kv->value);
    return copy;
}

static void free_kv(const struct store_kv *kv)
{
    free((char *)kv->key.data);
    free((char *)kv->value.data);
}

void sync_answer_release(struct sync_answer *answer)
{
    for (size_t i = 0; i < answer->kv_count; i++)
        free_kv(&answer->kvs[i]);
    free(answer->kvs);
    free(answer->deleted);
    free(answer->kv_counts);
    *answer = (struct sync_answer){0};
}

static void on_range(void *context, int error, const struct store_range_result *result)
{
    struct waiting *waiting = context;
    if (!error && waiting->answer) {
        struct sync_answer *answer = waiting->answer;
        *answer = (struct sync_answer){.cluster_id = result->cluster_id,
                                       .revision = result->revision,
                                       .more = result->more,
                                       .kv_count = result->kv_count};
        answer->kvs = obtain(result->kv_count * sizeof *answer->kvs);
        for (size_t i = 0; i < result->kv_count; i++)
            answer->kvs[i] = copy_kv(&result->kvs[i]);
    }
    finish(waiting, error);
}

static void on_txn(void *context, int error, const struct store_txn_result *result)
{
    struct waiting *waiting = context;
    if (!error && waiting->answer) {
        struct sync_answer *answer = waiting->answer;
        *answer = (struct sync_answer){.cluster_id = result->cluster_id,
                                       .revision = result->revision,
                                       .succeeded = result->succeeded,
                                       .result_count = result->result_count};
        answer->deleted = obtain(result->result_count * sizeof *answer->deleted);
        answer->kv_counts = obtain(result->result_count * sizeof *answer->kv_counts);
        size_t kv_count = 0;
        for (size_t i = 0; i < result->result_count; i++)
            kv_count += result->results[i].kv_count;
        answer->kvs = obtain(kv_count * sizeof *answer->kvs);
        for (size_t i = 0; i < result->result_count; i++) {
            answer->deleted[i] = result->results[i].deleted;
            answer->kv_counts[i] = result->results[i].kv_count;
            for (size_t k = 0; k < result->results[i].kv_count; k++)
                answer->kvs[answer->kv_count++] = copy_kv(&result->results[i].kvs[k]);
        }
    }
    finish(waiting, error);
}

static void on_lease(void *context, int error, const struct store_lease_result *result)
{
    struct waiting *waiting = context;
    if (!error && waiting->lease)
        *waiting->lease = *result;
    finish(waiting, error);
}

static void on_compact(void *context, int error)
{
    finish(context, error);
}

/* --- requests --- */

int sync_range(struct store *store, const struct store_range *range, struct sync_answer *ret)
{
    struct waiting waiting;
    waiting_init(&waiting);
    waiting.answer = ret;
    return await(&waiting, store->operations->range(store, range, on_range, &waiting));
}

int sync_txn(struct store *store, const struct store_txn *txn, struct sync_answer *ret)
{
    struct waiting waiting;
    waiting_init(&waiting);
    waiting.answer = ret;
    return await(&waiting, store->operations->txn(store, txn, on_txn, &waiting));
}

int sync_grant(struct store *store, int64_t id, int64_t ttl, struct store_lease_result *ret)
{
    struct waiting waiting;
    waiting_init(&waiting);
    waiting.lease = ret;
    return await(&waiting, store->operations->lease_grant(store, id, ttl, on_lease, &waiting));
}

int sync_keep_alive(struct store *store, int64_t id, struct store_lease_result *ret)
{
    struct waiting waiting;
    waiting_init(&waiting);
    waiting.lease = ret;
    return await(&waiting, store->operations->lease_keep_alive(store, id, on_lease, &waiting));
}

int sync_revoke(struct store *store, int64_t id)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return await(&waiting, store->operations->lease_revoke(store, id, on_lease, &waiting));
}

int sync_time_to_live(struct store *store, int64_t id, struct store_lease_result *ret)
{
    struct waiting waiting;
    waiting_init(&waiting);
    waiting.lease = ret;
    return await(&waiting, store->operations->lease_time_to_live(store, id, on_lease, &waiting));
}

int sync_compact(struct store *store, int64_t revision)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return await(&waiting, store->operations->compact(store, revision, on_compact, &waiting));
}

static int run_op(struct store *store, const struct store_op *op, int64_t *ret_revision)
{
    struct store_txn txn = {.success = op, .success_count = 1};
    struct sync_answer answer;
    int error = sync_txn(store, &txn, &answer);
    if (error)
        return error;
    if (ret_revision)
        *ret_revision = answer.revision;
    sync_answer_release(&answer);
    return 0;
}

int sync_put(struct store *store, struct span key, struct span value, int64_t lease,
             int64_t *ret_revision)
{
    struct store_op op = {.kind = STORE_OP_PUT, .keys.key = key, .value = value, .lease = lease};
    return run_op(store, &op, ret_revision);
}

int sync_delete(struct store *store, struct span key, int64_t *ret_revision)
{
    struct store_op op = {.kind = STORE_OP_DELETE, .keys.key = key};
    return run_op(store, &op, ret_revision);
}

bool sync_exists(struct store *store, struct span key, struct store_kv *ret)
{
    struct store_range range = {.keys.key = key};
    struct sync_answer answer;
    require(sync_range(store, &range, &answer) == 0, "a range failed");
    bool exists = answer.kv_count == 1;
    if (exists && ret) {
        *ret = answer.kvs[0];
        ret->key = ret->value = (struct span){0};
    }
    sync_answer_release(&answer);
    return exists;
}

int64_t sync_revision(struct store *store)
{
    struct store_range range = {.keys.key = SPAN("no such key")};
    struct sync_answer answer;
    require(sync_range(store, &range, &answer) == 0, "a range failed");
    int64_t revision = answer.revision;
    sync_answer_release(&answer);
    return revision;
}

/* --- watches --- */

static void add_event(struct sync_watch *watch, const struct store_event *event)
{
    if (watch->count == watch->capacity) {
        watch->capacity = watch->capacity ? 2 * watch->capacity : 64;
        watch->events = realloc(watch->events, watch->capacity * sizeof *watch->events);
        require(watch->events, "out of memory");
    }
    watch->events[watch->count++] =
        (struct store_event){.kind = event->kind, .kv = copy_kv(&event->kv)};
}

static void on_event(void *context, const struct store_watch_response *response)
{
    struct sync_watch *watch = context;
    int64_t last = watch->revision;
    pthread_mutex_lock(&watch->mutex);
    require(!watch->error, "a watch went on after its end");
    require(response->error || response->revision >= watch->revision, "a watch went back");
    for (size_t i = 0; i < response->event_count; i++) {
        int64_t revision = response->events[i].kv.mod_revision;
        require(revision > watch->revision, "a watch tore a revision apart, or repeated one");
        require(revision >= last, "events out of order");
        require(revision <= response->revision, "an event beyond its message's revision");
        require(revision >= watch->start_revision, "an event from before the start");
        last = revision;
        add_event(watch, &response->events[i]);
    }
    if (!response->error)
        watch->revision = response->revision;
    watch->messages++;
    watch->error = response->error;
    watch->compact_revision = response->compact_revision;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->mutex);
}

int sync_watch_start(struct sync_watch *watch, struct store *store, struct store_keys keys,
                     int64_t start_revision)
{
    *watch = (struct sync_watch){.store = store, .start_revision = start_revision};
    require(pthread_mutex_init(&watch->mutex, NULL) == 0, "no mutex");
    require(clock_condition_init(&watch->changed) == 0, "no condition");
    return store->operations->watch(store, &keys, start_revision, on_event, watch, &watch->watch);
}

static bool wait_for(struct sync_watch *watch, size_t count, int64_t revision)
{
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    bool in_time = true;
    pthread_mutex_lock(&watch->mutex);
    while (in_time && !watch->error && (watch->count < count || watch->revision < revision))
        in_time = clock_condition_wait(&watch->changed, &watch->mutex, deadline_ms);
    pthread_mutex_unlock(&watch->mutex);
    return in_time;
}

bool sync_watch_wait(struct sync_watch *watch, size_t count)
{
    return wait_for(watch, count, 0);
}

bool sync_watch_wait_revision(struct sync_watch *watch, int64_t revision)
{
    return wait_for(watch, 0, revision);
}

void sync_watch_stop(struct sync_watch *watch)
{
    if (watch->watch)
        watch->store->operations->watch_cancel(watch->store, watch->watch);
    watch->watch = NULL;
}

void sync_watch_release(struct sync_watch *watch)
{
    sync_watch_stop(watch);
    for (size_t i = 0; i < watch->count; i++)
        free_kv(&watch->events[i].kv);
    free(watch->events);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->mutex);
}

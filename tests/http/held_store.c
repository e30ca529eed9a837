#include "tests/http/held_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/error.h"

struct request {
    enum held_kind kind;
    union {
        store_range_done *range;
        store_txn_done *txn;
        store_lease_done *lease;
    } done;
    void *context;
    int64_t lease;
    struct request *next;
};

struct held_store {
    struct store port;
    pthread_mutex_t mutex;
    pthread_cond_t arrival;
    struct request *oldest;
    struct request **end;
    int count;
    int refusal;
    int64_t revision_at_once;
};

/* The result is on the heap, so that a sanitizer sees who looks at it after it has been freed; but
 * not by malloc, which a test may make fail. */
static void answer_txn(const struct request *request, struct held_answer answer)
{
    struct store_txn_result *result =
        aligned_alloc(_Alignof(struct store_txn_result), sizeof *result);
    if (!result) {
        abort();
    }
    *result = (struct store_txn_result){.succeeded = answer.succeeded, .revision = answer.revision};
    request->done.txn(request->context, 0, result);
    free(result);
}

static void answer_request(const struct request *request, struct held_answer answer)
{
    struct store_lease_result lease = {.id = request->lease, .granted_ttl = 10, .ttl = 9};
    struct store_range_result range = {.revision = answer.revision};
    switch (request->kind) {
    case HELD_TXN:
        if (answer.error == 0) {
            answer_txn(request, answer);
        } else {
            request->done.txn(request->context, answer.error, NULL);
        }
        break;
    case HELD_RANGE:
        request->done.range(request->context, answer.error, answer.error == 0 ? &range : NULL);
        break;
    case HELD_GRANT:
    case HELD_KEEP_ALIVE:
    case HELD_REVOKE:
    case HELD_TIME_TO_LIVE:
        request->done.lease(request->context, answer.error, answer.error == 0 ? &lease : NULL);
        break;
    }
}

static int submit(struct store *store, struct request request)
{
    struct held_store *held = (struct held_store *)store;
    (void)pthread_mutex_lock(&held->mutex);
    int refusal = held->refusal;
    int64_t revision = held->revision_at_once;
    if (refusal == 0 && revision == 0) {
        struct request *copy = malloc(sizeof *copy);
        if (!copy) {
            abort();
        }
        *copy = request;
        copy->next = NULL;
        *held->end = copy;
        held->end = &copy->next;
        held->count++;
        (void)pthread_cond_broadcast(&held->arrival);
    }
    (void)pthread_mutex_unlock(&held->mutex);
    if (refusal == 0 && revision != 0) {
        answer_request(&request, (struct held_answer){.succeeded = true, .revision = revision});
    }
    return refusal;
}

static int take_range(struct store *store, const struct store_range *range, store_range_done *done,
                      void *context)
{
    (void)range;
    return submit(store,
                  (struct request){.kind = HELD_RANGE, .done.range = done, .context = context});
}

static int take_txn(struct store *store, const struct store_txn *txn, store_txn_done *done,
                    void *context)
{
    return submit(store, (struct request){.kind = HELD_TXN,
                                          .done.txn = done,
                                          .context = context,
                                          .lease = txn->success[0].lease});
}

static int take_lease(struct store *store, enum held_kind kind, int64_t id, store_lease_done *done,
                      void *context)
{
    return submit(
        store, (struct request){.kind = kind, .done.lease = done, .context = context, .lease = id});
}

static int take_grant(struct store *store, int64_t id, int64_t ttl, store_lease_done *done,
                      void *context)
{
    (void)ttl;
    return take_lease(store, HELD_GRANT, id, done, context);
}

static int take_keep_alive(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    return take_lease(store, HELD_KEEP_ALIVE, id, done, context);
}

static int take_revoke(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    return take_lease(store, HELD_REVOKE, id, done, context);
}

static int take_time_to_live(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    return take_lease(store, HELD_TIME_TO_LIVE, id, done, context);
}

static const struct store_operations operations = {
    .range = take_range,
    .txn = take_txn,
    .lease_grant = take_grant,
    .lease_keep_alive = take_keep_alive,
    .lease_revoke = take_revoke,
    .lease_time_to_live = take_time_to_live,
};

struct held_store *held_store_create(void)
{
    struct held_store *held = calloc(1, sizeof *held);
    if (!held || pthread_mutex_init(&held->mutex, NULL) != 0 ||
        pthread_cond_init(&held->arrival, NULL) != 0) {
        abort();
    }
    held->port.operations = &operations;
    held->end = &held->oldest;
    return held;
}

struct store *held_store_port(struct held_store *held)
{
    return &held->port;
}

void held_store_refuse(struct held_store *held, int error)
{
    (void)pthread_mutex_lock(&held->mutex);
    held->refusal = error;
    (void)pthread_mutex_unlock(&held->mutex);
}

void held_store_answer_at_once(struct held_store *held, int64_t revision)
{
    (void)pthread_mutex_lock(&held->mutex);
    held->revision_at_once = revision;
    (void)pthread_mutex_unlock(&held->mutex);
}

static struct request *take_oldest(struct held_store *held)
{
    struct request *oldest = held->oldest;
    if (oldest) {
        held->oldest = oldest->next;
        held->count--;
        if (!held->oldest) {
            held->end = &held->oldest;
        }
    }
    return oldest;
}

void held_store_wait(struct held_store *held, int count)
{
    (void)pthread_mutex_lock(&held->mutex);
    while (held->count < count) {
        (void)pthread_cond_wait(&held->arrival, &held->mutex);
    }
    (void)pthread_mutex_unlock(&held->mutex);
}

int held_store_count(struct held_store *held)
{
    (void)pthread_mutex_lock(&held->mutex);
    int count = held->count;
    (void)pthread_mutex_unlock(&held->mutex);
    return count;
}

enum held_kind held_store_look(struct held_store *held, int64_t *ret_lease)
{
    held_store_wait(held, 1);
    (void)pthread_mutex_lock(&held->mutex);
    enum held_kind kind = held->oldest->kind;
    *ret_lease = held->oldest->lease;
    (void)pthread_mutex_unlock(&held->mutex);
    return kind;
}

enum held_kind held_store_answer(struct held_store *held, struct held_answer answer)
{
    held_store_wait(held, 1);
    (void)pthread_mutex_lock(&held->mutex);
    struct request *oldest = take_oldest(held);
    (void)pthread_mutex_unlock(&held->mutex);
    enum held_kind kind = oldest->kind;
    answer_request(oldest, answer);
    free(oldest);
    return kind;
}

void held_store_destroy(struct held_store *held)
{
    held_store_refuse(held, ALLOT_ECANCELED);
    for (struct request *request; (request = take_oldest(held));) {
        answer_request(request, (struct held_answer){.error = ALLOT_ECANCELED});
        free(request);
    }
    (void)pthread_cond_destroy(&held->arrival);
    (void)pthread_mutex_destroy(&held->mutex);
    free(held);
}

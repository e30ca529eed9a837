#include "server/store_wait.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/clock.h"

/* Shared by the waiting thread and the store's: whoever lets go last frees it. */
struct wait {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    int references;
    bool abandoned; /* nobody waits any more */
    bool done;
    int error;
    union {
        void (*range)(void *context, const struct store_range_result *result);
        void (*txn)(void *context, const struct store_txn_result *result);
    } read;
    void *context;
    struct store_lease_result lease;
};

static struct wait *wait_create(void)
{
    struct wait *wait = calloc(1, sizeof *wait);
    if (!wait)
        return NULL;
    wait->references = 2;
    if (pthread_mutex_init(&wait->mutex, NULL) != 0)
        goto no_mutex;
    if (clock_condition_init(&wait->answered) != 0)
        goto no_condition;
    return wait;
no_condition:
    pthread_mutex_destroy(&wait->mutex);
no_mutex:
    free(wait);
    return NULL;
}

static void wait_free(struct wait *wait)
{
    pthread_cond_destroy(&wait->answered);
    pthread_mutex_destroy(&wait->mutex);
    free(wait);
}

/* Unlocks the wait and lets go of it. */
static void wait_release(struct wait *wait)
{
    bool last = --wait->references == 0;
    pthread_mutex_unlock(&wait->mutex);
    if (last)
        wait_free(wait);
}

static void answer(struct wait *wait, int error)
{
    wait->done = true;
    wait->error = error;
    pthread_cond_signal(&wait->answered);
    wait_release(wait);
}

static void range_done(void *context, int error, const struct store_range_result *result)
{
    struct wait *wait = context;
    pthread_mutex_lock(&wait->mutex);
    if (!error && !wait->abandoned && wait->read.range)
        wait->read.range(wait->context, result);
    answer(wait, error);
}

static void txn_done(void *context, int error, const struct store_txn_result *result)
{
    struct wait *wait = context;
    pthread_mutex_lock(&wait->mutex);
    if (!error && !wait->abandoned && wait->read.txn)
        wait->read.txn(wait->context, result);
    answer(wait, error);
}

static void lease_done(void *context, int error, const struct store_lease_result *result)
{
    struct wait *wait = context;
    pthread_mutex_lock(&wait->mutex);
    if (!error)
        wait->lease = *result;
    answer(wait, error);
}

/* Waits for the answer to a request that was submitted with @refused (0: it was taken). */
static int wait_finish(struct wait *wait, int refused, int64_t timeout_ms, int late,
                       struct store_lease_result *ret_lease)
{
    if (refused) {
        wait_free(wait);
        return refused;
    }
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    pthread_mutex_lock(&wait->mutex);
    while (!wait->done && clock_condition_wait(&wait->answered, &wait->mutex, deadline))
        ;
    int error = wait->done ? wait->error : late;
    wait->abandoned = true;
    if (!error && ret_lease)
        *ret_lease = wait->lease;
    wait_release(wait);
    return error;
}

int store_wait_range(struct store *store, const struct store_range *range, int64_t timeout_ms,
                     void (*read)(void *context, const struct store_range_result *result),
                     void *context)
{
    struct wait *wait = wait_create();
    if (!wait)
        return ALLOT_ENOMEM;
    wait->read.range = read;
    wait->context = context;
    int refused = store->operations->range(store, range, range_done, wait);
    return wait_finish(wait, refused, timeout_ms, ALLOT_EUNAVAILABLE, NULL);
}

int store_wait_txn(struct store *store, const struct store_txn *txn, int64_t timeout_ms,
                   void (*read)(void *context, const struct store_txn_result *result),
                   void *context)
{
    struct wait *wait = wait_create();
    if (!wait)
        return ALLOT_ENOMEM;
    wait->read.txn = read;
    wait->context = context;
    int refused = store->operations->txn(store, txn, txn_done, wait);
    return wait_finish(wait, refused, timeout_ms, ALLOT_EUNKNOWN, NULL);
}

int store_wait_lease_grant(struct store *store, int64_t id, int64_t ttl, int64_t timeout_ms,
                           struct store_lease_result *ret)
{
    struct wait *wait = wait_create();
    if (!wait)
        return ALLOT_ENOMEM;
    int refused = store->operations->lease_grant(store, id, ttl, lease_done, wait);
    return wait_finish(wait, refused, timeout_ms, ALLOT_EUNKNOWN, ret);
}

int store_wait_lease_keep_alive(struct store *store, int64_t id, int64_t timeout_ms,
                                struct store_lease_result *ret)
{
    struct wait *wait = wait_create();
    if (!wait)
        return ALLOT_ENOMEM;
    int refused = store->operations->lease_keep_alive(store, id, lease_done, wait);
    return wait_finish(wait, refused, timeout_ms, ALLOT_EUNKNOWN, ret);
}

int store_wait_lease_time_to_live(struct store *store, int64_t id, int64_t timeout_ms,
                                  struct store_lease_result *ret)
{
    struct wait *wait = wait_create();
    if (!wait)
        return ALLOT_ENOMEM;
    int refused = store->operations->lease_time_to_live(store, id, lease_done, wait);
    return wait_finish(wait, refused, timeout_ms, ALLOT_EUNKNOWN, ret);
}

int store_wait_lease_revoke(struct store *store, int64_t id, int64_t timeout_ms)
{
    struct wait *wait = wait_create();
    if (!wait)
        return ALLOT_ENOMEM;
    int refused = store->operations->lease_revoke(store, id, lease_done, wait);
    return wait_finish(wait, refused, timeout_ms, ALLOT_EUNKNOWN, NULL);
}

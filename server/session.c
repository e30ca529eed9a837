#include "server/session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/store_wait.h"

enum {
    REQUEST_TIMEOUT_MS = 5000,
    RETRY_MS = 500,
};

struct session {
    struct session_config config; /* spans point into `text` */
    char *text;
    pthread_t thread;
    int64_t lease; /* 0: none. The thread's own. */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    bool check; /* now */
};

/* What stands at our key. */
struct holder {
    bool announced; /* by this transaction */
    bool exists;
    int64_t lease;
};

static void read_holder(void *context, const struct store_txn_result *result)
{
    struct holder *holder = context;
    *holder = (struct holder){.announced = result->succeeded};
    if (result->succeeded || result->result_count != 1 || result->results[0].kv_count != 1)
        return;
    holder->exists = true;
    holder->lease = result->results[0].kvs[0].lease;
}

/* Puts the key under our lease if nothing stands there; else tells what does. */
static int put_if_absent(struct session *session, struct holder *ret)
{
    struct store_keys key = {.key = session->config.key};
    struct store_compare absent = {
        .keys = key, .target = STORE_CREATE_REVISION, .relation = STORE_EQUAL};
    struct store_op put = {
        .kind = STORE_OP_PUT, .keys = key, .value = session->config.value, .lease = session->lease};
    struct store_op get = {.kind = STORE_OP_GET, .keys = key};
    struct store_txn txn = {.compares = &absent,
                            .compare_count = 1,
                            .success = &put,
                            .success_count = 1,
                            .failure = &get,
                            .failure_count = 1};
    return store_wait_txn(session->config.store, &txn, REQUEST_TIMEOUT_MS, read_holder, ret);
}

/* Removes what a former run of ours has left. */
static int evict(struct session *session, const struct holder *holder)
{
    if (holder->lease) {
        int error =
            store_wait_lease_revoke(session->config.store, holder->lease, REQUEST_TIMEOUT_MS);
        return error == ALLOT_ELEASE ? 0 : error;
    }
    struct store_op delete = {.kind = STORE_OP_DELETE, .keys = {.key = session->config.key}};
    struct store_txn txn = {.success = &delete, .success_count = 1};
    return store_wait_txn(session->config.store, &txn, REQUEST_TIMEOUT_MS, NULL, NULL);
}

/* One try. 0: the key stands under our lease (ours too if it was put by a try whose answer was
 * lost). ALLOT_EEXISTS: somebody else's stands there. */
static int announce(struct session *session)
{
    struct store_lease_result lease;
    struct holder holder = {0};
    int error = 0;
    if (!session->lease) {
        error = store_wait_lease_grant(session->config.store, 0, session->config.ttl_seconds,
                                       REQUEST_TIMEOUT_MS, &lease);
        if (error)
            return error;
        session->lease = lease.id;
    }
    error = put_if_absent(session, &holder);
    if (error == ALLOT_ELEASE)
        session->lease = 0;
    if (error || holder.announced || (holder.exists && holder.lease == session->lease))
        return error;
    if (!session->config.exclusive)
        return ALLOT_EEXISTS;
    error = evict(session, &holder);
    if (!error)
        error = put_if_absent(session, &holder);
    return error ? error : holder.announced ? 0 : ALLOT_EEXISTS;
}

static int keep_alive(struct session *session)
{
    int error = store_wait_lease_keep_alive(session->config.store, session->lease,
                                            REQUEST_TIMEOUT_MS, NULL);
    if (error == ALLOT_ELEASE)
        session->lease = 0;
    return error;
}

/* Waits until @deadline_ms, or until there is something to do. False: the session stops. */
static bool pause_until(struct session *session, int64_t deadline_ms)
{
    pthread_mutex_lock(&session->mutex);
    while (!session->stopping && !session->check &&
           clock_condition_wait(&session->changed, &session->mutex, deadline_ms))
        ;
    bool go_on = !session->stopping;
    pthread_mutex_unlock(&session->mutex);
    return go_on;
}

static bool take_check(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    bool check = session->check;
    session->check = false;
    pthread_mutex_unlock(&session->mutex);
    return check;
}

static void *session_thread(void *argument)
{
    struct session *session = argument;
    int64_t renew_ms = session->config.ttl_seconds * 1000 / 3;
    bool announced = false;
    int64_t wake_ms = 0;
    while (pause_until(session, wake_ms)) {
        int error = 0;
        const char *what = "keep alive";
        if (take_check(session))
            announced = false;
        if (announced)
            error = keep_alive(session);
        if (!session->lease)
            announced = false;
        if (!announced) {
            what = "announce";
            error = announce(session);
            announced = !error;
        }
        if (error && session->config.failed)
            session->config.failed(session->config.context, what, error);
        wake_ms = clock_monotonic_ms() + (error ? RETRY_MS : renew_ms);
    }
    if (session->lease)
        (void)store_wait_lease_revoke(session->config.store, session->lease, REQUEST_TIMEOUT_MS);
    return NULL;
}

static void session_free(struct session *session)
{
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->mutex);
    free(session->text);
    free(session);
}

int session_start(const struct session_config *config, struct session **ret)
{
    struct session *session = calloc(1, sizeof *session);
    char *text = malloc(config->key.size + config->value.size + 1);
    if (!session || !text)
        goto no_memory;
    memcpy(text, config->key.data, config->key.size);
    if (config->value.size)
        memcpy(text + config->key.size, config->value.data, config->value.size);
    session->text = text;
    session->config = *config;
    session->config.key.data = text;
    session->config.value.data = text + config->key.size;
    if (pthread_mutex_init(&session->mutex, NULL) != 0)
        goto no_memory;
    if (clock_condition_init(&session->changed) != 0) {
        pthread_mutex_destroy(&session->mutex);
        goto no_memory;
    }
    if (pthread_create(&session->thread, NULL, session_thread, session) != 0) {
        session_free(session);
        return ALLOT_ENOMEM;
    }
    *ret = session;
    return 0;
no_memory:
    free(text);
    free(session);
    return ALLOT_ENOMEM;
}

void session_check(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    session->check = true;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->mutex);
}

void session_stop(struct session *session)
{
    if (!session)
        return;
    pthread_mutex_lock(&session->mutex);
    session->stopping = true;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->mutex);
    pthread_join(session->thread, NULL);
    session_free(session);
}

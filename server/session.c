#include "server/session_internal.h"

#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/store_wait.h"

enum {
    LONGEST_REQUEST_MS = 5000,
    RETRY_MS = 500,
    MOST_REQUESTS = 8, /* in a row, with an update that is waited for */
};

static void set_term(struct session *session, int64_t begin_ms,
                     const struct store_lease_result *lease)
{
    pthread_mutex_lock(&session->mutex);
    session->term.lease = lease->id;
    session->term.until_ms = session->retract ? INT64_MIN : begin_ms + lease->ttl * 1000;
    pthread_mutex_unlock(&session->mutex);
    session->lease = lease->id;
    session->renew_at_ms = begin_ms + session->renew_ms;
}

static int grant(struct session *session)
{
    struct store_lease_result lease;
    int64_t begin_ms = clock_monotonic_ms();
    int error = store_wait_lease_grant(session->config.store, 0, session->config.ttl_seconds,
                                       session->request_ms, &lease);
    if (!error)
        set_term(session, begin_ms, &lease);
    return error;
}

/* Notes what came of a try. */
static void note(struct session *session, int error)
{
    bool displaced = error == ALLOT_EEXISTS && session->config.exclusive && session->was_announced;
    session->announced = !error;
    session->was_announced = session->was_announced || !error;
    pthread_mutex_lock(&session->mutex);
    session->displaced = displaced || (error && session->displaced);
    pthread_mutex_unlock(&session->mutex);
}

/* One try. 0: the key stands under our lease (ours too if it was put by a try whose answer was
 * lost). ALLOT_EEXISTS: somebody else's stands there. */
static int announce(struct session *session)
{
    int error = session->lease ? 0 : grant(session);
    if (error)
        return error;
    pthread_mutex_lock(&session->announcing);
    error = session_put_key(session);
    pthread_mutex_unlock(&session->announcing);
    note(session, error);
    return error;
}

static int keep_alive(struct session *session)
{
    struct store_lease_result lease;
    int64_t begin_ms = clock_monotonic_ms();
    int error = store_wait_lease_keep_alive(session->config.store, session->lease,
                                            session->request_ms, &lease);
    if (!error)
        set_term(session, begin_ms, &lease);
    if (error == ALLOT_ELEASE) {
        session->lease = 0;
        session->announced = false;
    }
    return error;
}

/* --- the thread --- */

/* Waits until @deadline_ms, or until there is something to do. False: the session stops. */
static bool pause_until(struct session *session, int64_t deadline_ms)
{
    pthread_mutex_lock(&session->mutex);
    while (!session->stopping && !session->check && !session->retract &&
           clock_monotonic_ms() < deadline_ms) {
        int64_t look_up_ms = clock_monotonic_ms() + PROGRESS_IDLE_MS;
        progress_wait(&session->progress, PROGRESS_IDLE_MS);
        clock_condition_wait(&session->changed, &session->mutex,
                             deadline_ms < look_up_ms ? deadline_ms : look_up_ms);
    }
    if (session->check)
        session->announced = false;
    session->retracting = session->retract || (session->retracting && !session->check);
    session->check = false;
    session->retract = false;
    bool go_on = !session->stopping;
    pthread_mutex_unlock(&session->mutex);
    return go_on;
}

static void report(struct session *session, const char *what, int error)
{
    if (error && session->config.failed)
        session->config.failed(session->config.context, what, error);
}

/* Renews the lease if that is due, however often we are asked to check; then the key. */
static int work(struct session *session)
{
    int error = 0;
    progress_wait(&session->progress, MOST_REQUESTS * session->request_ms);
    if (session->lease && clock_monotonic_ms() >= session->renew_at_ms) {
        error = keep_alive(session);
        report(session, "keep alive", error);
        if (error && error != ALLOT_ELEASE)
            return error;
    }
    if (session->announced)
        return 0;
    int before = session->announce_error;
    error = announce(session);
    session->announce_error = error;
    bool goes_on = error == before && (error == ALLOT_EEXISTS || error == ALLOT_ELOCKED);
    if (!goes_on)
        report(session, "announce", error);
    return error;
}

/* One try to give the lease up. */
static int retract(struct session *session)
{
    progress_wait(&session->progress, MOST_REQUESTS * session->request_ms);
    int error = session->lease ? store_wait_lease_revoke(session->config.store, session->lease,
                                                         session->request_ms)
                               : 0;
    if (error && error != ALLOT_ELEASE) {
        report(session, "retract", error);
        return error;
    }
    session->lease = 0;
    session->announced = false;
    session->renew_at_ms = INT64_MAX;
    pthread_mutex_lock(&session->mutex);
    session->term.until_ms = INT64_MIN; /* a renewal was under way, say */
    pthread_mutex_unlock(&session->mutex);
    return 0;
}

/* When to look again after @error: at a key that is another process's less often, to leave that in
 * peace. */
static int64_t next_look_ms(const struct session *session, int error)
{
    bool is_others = error == ALLOT_EEXISTS && session->displaced;
    return error && !is_others ? clock_monotonic_ms() + RETRY_MS : session->renew_at_ms;
}

static void *session_thread(void *argument)
{
    struct session *session = argument;
    int64_t wake_ms = INT64_MAX;
    progress_begin(&session->progress, "session");
    while (pause_until(session, wake_ms)) {
        int error = session->retracting ? retract(session) : work(session);
        wake_ms = next_look_ms(session, error);
    }
    if (session->lease)
        (void)store_wait_lease_revoke(session->config.store, session->lease, session->request_ms);
    progress_end(&session->progress);
    return NULL;
}

/* --- lifecycle --- */

static void session_free(struct session *session)
{
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->mutex);
    pthread_mutex_destroy(&session->announcing);
    free(session->keys);
    free(session->value);
    free(session);
}

static int copy_config(struct session *session)
{
    struct session_config *config = &session->config;
    size_t prefix = config->absent_prefix.size;
    session->value = session_copy(config->value);
    session->value_size = config->value.size;
    session->keys = malloc(config->key.size + 2 * prefix + 1);
    if (!session->value || !session->keys)
        return ALLOT_ENOMEM;
    memcpy(session->keys, config->key.data, config->key.size);
    config->key.data = session->keys;
    if (prefix == 0)
        return 0;
    char *at = session->keys + config->key.size;
    memcpy(at, config->absent_prefix.data, prefix);
    config->absent_prefix.data = at;
    session->absent = (struct store_keys){
        .key = config->absent_prefix,
        .range_end = store_range_end_of_prefix(config->absent_prefix, at + prefix)};
    return 0;
}

int session_start(const struct session_config *config, struct session **ret)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return ALLOT_ENOMEM;
    session->config = *config;
    session->renew_ms = config->ttl_seconds * 1000 / 3;
    session->request_ms =
        session->renew_ms < LONGEST_REQUEST_MS ? session->renew_ms : LONGEST_REQUEST_MS;
    session->term.until_ms = INT64_MIN;
    if (pthread_mutex_init(&session->mutex, NULL) != 0)
        goto no_mutex;
    if (pthread_mutex_init(&session->announcing, NULL) != 0)
        goto no_announcing;
    if (clock_condition_init(&session->changed) != 0)
        goto no_condition;
    if (copy_config(session) != 0 ||
        pthread_create(&session->thread, NULL, session_thread, session) != 0) {
        session_free(session);
        return ALLOT_ENOMEM;
    }
    *ret = session;
    return 0;
no_condition:
    pthread_mutex_destroy(&session->announcing);
no_announcing:
    pthread_mutex_destroy(&session->mutex);
no_mutex:
    free(session->keys);
    free(session->value);
    free(session);
    return ALLOT_ENOMEM;
}

void session_check(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    session->check = true;
    session->retract = false;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->mutex);
}

void session_retract(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    session->retract = true;
    session->check = false;
    session->term.until_ms = INT64_MIN;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->mutex);
}

struct allocator_term session_term(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    struct allocator_term term = session->term;
    pthread_mutex_unlock(&session->mutex);
    return term;
}

bool session_is_displaced(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    bool displaced = session->displaced;
    pthread_mutex_unlock(&session->mutex);
    return displaced;
}

struct progress *session_progress(struct session *session)
{
    return &session->progress;
}

void session_withdraw(struct session *session)
{
    if (session->withdrawn)
        return;
    pthread_mutex_lock(&session->mutex);
    session->stopping = true;
    session->term.until_ms = INT64_MIN;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->mutex);
    pthread_join(session->thread, NULL);
    session->withdrawn = true;
}

void session_destroy(struct session *session)
{
    if (!session)
        return;
    session_withdraw(session);
    session_free(session);
}

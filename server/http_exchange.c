#include "server/http_exchange_internal.h"

#include <stdlib.h>

/* --- leases --- */

static void ignore_outcome(void *context, int error, const struct store_lease_result *result)
{
    (void)context;
    (void)error;
    (void)result;
}

void http_lease_drop(struct store *store, int64_t lease)
{
    if (lease != 0) {
        (void)store->operations->lease_revoke(store, lease, ignore_outcome, NULL);
    }
}

/* The store has told that nothing stands on @lease (0: none). */
static void spare_lease(struct http_exchange *exchange, int64_t lease)
{
    (void)pthread_mutex_lock(&exchange->mutex);
    bool ended = exchange->ended;
    if (lease != 0 && !ended) {
        exchange->spare = lease;
    }
    (void)pthread_mutex_unlock(&exchange->mutex);
    if (ended) {
        http_lease_drop(exchange->store, lease);
    }
}

static bool puts_under(const union api_action *action, int64_t lease)
{
    for (size_t i = 0; i < action->txn.success_count; i++) {
        const struct store_op *op = &action->txn.success[i];
        if (op->kind == STORE_OP_PUT && op->lease == lease) {
            return true;
        }
    }
    return false;
}

/* --- life --- */

static void destroy(struct http_exchange *exchange)
{
    (void)pthread_mutex_destroy(&exchange->mutex);
    free(exchange);
}

static void release(struct http_exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->references, 1) == 1) {
        destroy(exchange);
    }
}

void http_exchange_settle(struct http_exchange *exchange, int error, bool refused)
{
    (void)pthread_mutex_lock(&exchange->mutex);
    if (!exchange->settled) {
        exchange->settled = true;
        exchange->error = error;
        exchange->refused = refused;
        MHD_resume_connection(exchange->connection);
    }
    (void)pthread_mutex_unlock(&exchange->mutex);
}

/* For who was expected to answer: settles, and lets go. */
static void finish(struct http_exchange *exchange, int error)
{
    http_exchange_settle(exchange, error, false);
    release(exchange);
}

/* What to tell when the store's thread has the action but its effect is not known or not visible:
 * reading can be tried again, anything else may have happened. */
static int unknown(const struct http_exchange *exchange)
{
    bool reads = exchange->step == API_WAIT_REVISION || exchange->step == API_WAIT_CHANGE ||
                 exchange->step == API_LEASE_TIME_TO_LIVE;
    return reads ? ALLOT_EUNAVAILABLE : ALLOT_EUNKNOWN;
}

void http_exchange_give_up(struct http_exchange *exchange)
{
    if (exchange->step == API_COMPUTE)
        atomic_store(&exchange->cancelled, true);
    else
        http_exchange_settle(exchange, unknown(exchange), false);
}

void http_exchange_leave(struct http_exchange *exchange)
{
    (void)pthread_mutex_lock(&exchange->mutex);
    exchange->left = true;
    (void)pthread_mutex_unlock(&exchange->mutex);
    http_exchange_give_up(exchange);
    if (exchange->step == API_WAIT_CHANGE) {
        publisher_cancel(exchange->publisher, exchange);
    }
}

static void on_bound(void *context)
{
    http_exchange_give_up(context);
}

/* --- answers --- */

static void on_snapshot(void *context, int error)
{
    struct http_exchange *exchange = context;
    /* A transaction whose checks failed has written nothing. */
    bool undone = exchange->is_txn_known && !exchange->txn.succeeded;
    if (error < 0) {
        error = undone ? ALLOT_EUNAVAILABLE : unknown(exchange);
    }
    finish(exchange, error);
}

static void wait_for_snapshot(struct http_exchange *exchange, int64_t revision)
{
    int error =
        publisher_wait(exchange->publisher, revision, exchange->snapshot_ms, on_snapshot, exchange);
    if (error < 0) {
        on_snapshot(exchange, error);
    }
}

static void know_txn(struct http_exchange *exchange, struct api_txn_outcome txn)
{
    exchange->is_txn_known = true;
    exchange->txn = txn;
    wait_for_snapshot(exchange, txn.revision);
}

/* The watch has told of the transaction (@revision), or not. */
static void on_found(void *context, int64_t revision)
{
    struct http_exchange *exchange = context;
    if (revision == 0) {
        finish(exchange, ALLOT_EUNKNOWN);
        return;
    }
    know_txn(exchange, (struct api_txn_outcome){.succeeded = true, .revision = revision});
}

/* By what the transaction is known: the mark of its first value. False: it has none, or nobody
 * waits for its outcome any more. */
static bool find_mark(struct http_exchange *exchange, uint64_t *ret)
{
    (void)pthread_mutex_lock(&exchange->mutex);
    bool found = !exchange->settled && exchange->action->txn.success_count > 0;
    if (found) {
        *ret = outcomes_mark(exchange->action->txn.success[0].value);
    }
    (void)pthread_mutex_unlock(&exchange->mutex);
    return found;
}

/* Its answer is lost. If it has happened, the watch tells. */
static void look_for_txn(struct http_exchange *exchange)
{
    uint64_t mark;
    bool can_ask = exchange->outcomes && find_mark(exchange, &mark);
    int error =
        can_ask ? outcomes_find(exchange->outcomes, mark, exchange->snapshot_ms, on_found, exchange)
                : ALLOT_EUNKNOWN;
    if (error < 0) {
        finish(exchange, ALLOT_EUNKNOWN);
    }
}

static void on_txn(void *context, int error, const struct store_txn_result *result)
{
    struct http_exchange *exchange = context;
    if (error < 0 ? error != ALLOT_EUNKNOWN : !result->succeeded) {
        spare_lease(exchange, exchange->staked);
    }
    if (error == ALLOT_EUNKNOWN) {
        look_for_txn(exchange);
        return;
    }
    if (error < 0) {
        finish(exchange, error);
        return;
    }
    know_txn(exchange, (struct api_txn_outcome){result->succeeded, result->revision});
}

static void on_range(void *context, int error, const struct store_range_result *result)
{
    struct http_exchange *exchange = context;
    if (error < 0) {
        finish(exchange, unknown(exchange));
        return;
    }
    wait_for_snapshot(exchange, result->revision);
}

/* A revocation doesn't tell its revision. What is read after it is not older. */
static void find_revision(struct http_exchange *exchange)
{
    const struct store_range newest = {.keys = {.key = SPAN("/")}, .limit = 1};
    int error = exchange->store->operations->range(exchange->store, &newest, on_range, exchange);
    if (error < 0) {
        finish(exchange, unknown(exchange));
    }
}

static void on_lease(void *context, int error, const struct store_lease_result *result)
{
    struct http_exchange *exchange = context;
    if (error < 0) {
        finish(exchange, error);
        return;
    }
    exchange->lease = *result;
    if (exchange->step == API_LEASE_GRANT) {
        spare_lease(exchange, result->id);
    }
    if (exchange->step == API_LEASE_REVOKE) {
        find_revision(exchange);
    } else {
        finish(exchange, 0);
    }
}

/* --- work --- */

static void on_worker(void *context)
{
    struct http_exchange *exchange = context;
    exchange->run(exchange->context, &exchange->cancelled);
    finish(exchange, 0);
}

/* --- questions --- */

static int ask(struct http_exchange *exchange)
{
    struct store *store = exchange->store;
    const union api_action *action = exchange->action;
    switch (exchange->step) {
    case API_TXN:
        return store->operations->txn(store, &action->txn, on_txn, exchange);
    case API_LEASE_GRANT:
        return store->operations->lease_grant(store, action->lease.id, action->lease.ttl, on_lease,
                                              exchange);
    case API_LEASE_KEEP_ALIVE:
        return store->operations->lease_keep_alive(store, action->lease.id, on_lease, exchange);
    case API_LEASE_REVOKE:
        return store->operations->lease_revoke(store, action->lease.id, on_lease, exchange);
    case API_LEASE_TIME_TO_LIVE:
        return store->operations->lease_time_to_live(store, action->lease.id, on_lease, exchange);
    case API_WAIT_REVISION:
        return publisher_wait(exchange->publisher, action->revision, exchange->snapshot_ms,
                              on_snapshot, exchange);
    case API_WAIT_CHANGE:
        return publisher_wait_for(exchange->publisher, action->change.holds, action->change.subject,
                                  action->change.timeout_ms, on_snapshot, exchange);
    case API_COMPUTE:
        exchange->run = action->compute.run;
        exchange->context = action->compute.context;
        return workers_submit(exchange->server->workers, on_worker, exchange);
    case API_REPLY:
        break;
    }
    return ALLOT_EINVAL;
}

static int create(struct http_server *server, struct MHD_Connection *connection, enum api_step step,
                  const union api_action *action, struct http_exchange **ret)
{
    struct http_exchange *exchange = malloc(sizeof *exchange);
    if (!exchange) {
        return ALLOT_ENOMEM;
    }
    *exchange = (struct http_exchange){
        .references = 2,
        .server = server,
        .store = server->config.store,
        .publisher = server->config.publisher,
        .outcomes = server->config.outcomes,
        .step = step,
        .action = action,
        .snapshot_ms = server->config.times.snapshot_ms,
        .connection = connection,
        .socket =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
    };
    if (pthread_mutex_init(&exchange->mutex, NULL) != 0) {
        free(exchange);
        return ALLOT_ENOMEM;
    }
    timer_init(&exchange->bound, on_bound, exchange);
    *ret = exchange;
    return 0;
}

int http_exchange_begin(struct http_server *server, struct MHD_Connection *connection,
                        enum api_step step, const union api_action *action, int64_t lease,
                        struct http_exchange **ret)
{
    struct http_exchange *exchange = NULL;
    int error = create(server, connection, step, action, &exchange);
    if (error < 0) {
        return error;
    }
    bool stakes = step == API_TXN && lease != 0 && puts_under(action, lease);
    exchange->staked = stakes ? lease : 0;
    exchange->spare = stakes ? 0 : lease;
    error = http_exchanges_add(server, exchange);
    if (error < 0) {
        destroy(exchange);
        return error;
    }
    *ret = exchange;
    int64_t longer_ms = step == API_WAIT_CHANGE ? action->change.timeout_ms : 0;
    timer_set(server->timers, &exchange->bound, longer_ms + server->config.times.exchange_ms);
    error = ask(exchange);
    if (error < 0) {
        spare_lease(exchange, exchange->staked);
        http_exchange_settle(exchange, error, true);
        release(exchange);
    }
    return 0;
}

bool http_exchange_is_left(struct http_exchange *exchange)
{
    (void)pthread_mutex_lock(&exchange->mutex);
    bool left = exchange->left;
    (void)pthread_mutex_unlock(&exchange->mutex);
    return left;
}

struct api_outcome http_exchange_outcome(struct http_exchange *exchange)
{
    (void)pthread_mutex_lock(&exchange->mutex);
    int error = exchange->error;
    bool refused = exchange->refused;
    (void)pthread_mutex_unlock(&exchange->mutex);
    bool is_lease = exchange->step != API_TXN && exchange->step != API_WAIT_REVISION &&
                    exchange->step != API_WAIT_CHANGE && exchange->step != API_COMPUTE;
    return (struct api_outcome){
        .error = error,
        .refused = refused,
        .txn = error == 0 && exchange->is_txn_known ? &exchange->txn : NULL,
        .lease = error == 0 && is_lease ? &exchange->lease : NULL,
    };
}

int64_t http_exchange_end(struct http_exchange *exchange)
{
    timer_cancel(exchange->server->timers, &exchange->bound);
    http_exchanges_remove(exchange->server, exchange);
    (void)pthread_mutex_lock(&exchange->mutex);
    int64_t spare = exchange->spare;
    exchange->ended = true;
    (void)pthread_mutex_unlock(&exchange->mutex);
    release(exchange);
    return spare;
}

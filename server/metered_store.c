#include "server/metered_store.h"

#include <stdlib.h>

#include "core/error.h"
#include "server/clock.h"

static const char *const operation_names[STORE_OPERATION_COUNT] = {
    [STORE_RANGE] = "range",
    [STORE_TXN] = "txn",
    [STORE_LEASE_GRANT] = "lease_grant",
    [STORE_LEASE_KEEP_ALIVE] = "lease_keep_alive",
    [STORE_LEASE_REVOKE] = "lease_revoke",
    [STORE_LEASE_TIME_TO_LIVE] = "lease_time_to_live",
    [STORE_WATCH] = "watch",
    [STORE_COMPACT] = "compact",
};

struct metered_store {
    struct store port;
    struct store *inner; /* owned */
    struct store_metrics *metrics;
};

static struct metered_store *of(struct store *port)
{
    return (struct metered_store *)port;
}

/* --- a request on its way --- */

struct request {
    struct store_metrics *metrics;
    enum store_operation operation;
    int64_t begin_us;
    union {
        store_range_done *range;
        store_txn_done *txn;
        store_lease_done *lease;
        store_compact_done *compact;
    } done;
    void *context; /* of done */
};

static struct request *begin(struct store *port, enum store_operation operation, void *context)
{
    struct request *request = malloc(sizeof *request);
    if (request)
        *request = (struct request){.metrics = of(port)->metrics,
                                    .operation = operation,
                                    .begin_us = clock_monotonic_us(),
                                    .context = context};
    return request;
}

static void count(struct store_metrics *metrics, enum store_operation operation, int error)
{
    metric_add(&metrics->operations[operation].requests, 1);
    if (error)
        metric_add(&metrics->operations[operation].errors[-error], 1);
}

/* It is answered: returns what is to be told of it, and to whom. */
static struct request end(struct request *request, int error)
{
    struct request ended = *request;
    free(request);
    count(ended.metrics, ended.operation, error);
    metric_observe_us(&ended.metrics->operations[ended.operation].duration,
                      clock_monotonic_us() - ended.begin_us);
    return ended;
}

/* The store has taken it, or refused it by @error. */
static int taken(struct request *request, int error)
{
    if (error) {
        count(request->metrics, request->operation, error);
        free(request);
    }
    return error;
}

/* --- operations --- */

static void on_range(void *context, int error, const struct store_range_result *result)
{
    struct request request = end(context, error);
    if (!error)
        metric_raise(&request.metrics->revision, result->revision);
    request.done.range(request.context, error, result);
}

static int range(struct store *port, const struct store_range *what, store_range_done *done,
                 void *context)
{
    struct store *inner = of(port)->inner;
    struct request *request = begin(port, STORE_RANGE, context);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.range = done;
    return taken(request, inner->operations->range(inner, what, on_range, request));
}

/* A transaction whose checks didn't hold has written nothing, so it says nothing of that. */
static void note_write(struct store_metrics *metrics, int error,
                       const struct store_txn_result *result)
{
    if (error == ALLOT_EUNAVAILABLE || error == ALLOT_EUNKNOWN || error == ALLOT_EIO) {
        metric_add(&metrics->failed_writes, 1);
        metric_set(&metrics->write_failed_ms, clock_monotonic_ms());
        metric_set(&metrics->write_error, error);
    } else if (!error && result->succeeded) {
        metric_set(&metrics->failed_writes, 0);
    }
}

static void on_txn(void *context, int error, const struct store_txn_result *result)
{
    struct request request = end(context, error);
    if (!error)
        metric_raise(&request.metrics->revision, result->revision);
    note_write(request.metrics, error, result);
    request.done.txn(request.context, error, result);
}

static int txn(struct store *port, const struct store_txn *what, store_txn_done *done,
               void *context)
{
    struct store *inner = of(port)->inner;
    struct request *request = begin(port, STORE_TXN, context);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.txn = done;
    return taken(request, inner->operations->txn(inner, what, on_txn, request));
}

static void on_lease(void *context, int error, const struct store_lease_result *result)
{
    struct request request = end(context, error);
    request.done.lease(request.context, error, result);
}

static int lease_grant(struct store *port, int64_t id, int64_t ttl, store_lease_done *done,
                       void *context)
{
    struct store *inner = of(port)->inner;
    struct request *request = begin(port, STORE_LEASE_GRANT, context);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.lease = done;
    return taken(request, inner->operations->lease_grant(inner, id, ttl, on_lease, request));
}

/* What is asked of a lease by its id alone. */
typedef int ask_lease(struct store *store, int64_t id, store_lease_done *done, void *context);

static int of_lease(struct store *port, enum store_operation operation, ask_lease *ask, int64_t id,
                    store_lease_done *done, void *context)
{
    struct request *request = begin(port, operation, context);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.lease = done;
    return taken(request, ask(of(port)->inner, id, on_lease, request));
}

static int lease_keep_alive(struct store *port, int64_t id, store_lease_done *done, void *context)
{
    return of_lease(port, STORE_LEASE_KEEP_ALIVE, of(port)->inner->operations->lease_keep_alive, id,
                    done, context);
}

static int lease_revoke(struct store *port, int64_t id, store_lease_done *done, void *context)
{
    return of_lease(port, STORE_LEASE_REVOKE, of(port)->inner->operations->lease_revoke, id, done,
                    context);
}

static int lease_time_to_live(struct store *port, int64_t id, store_lease_done *done, void *context)
{
    return of_lease(port, STORE_LEASE_TIME_TO_LIVE, of(port)->inner->operations->lease_time_to_live,
                    id, done, context);
}

static void on_compact(void *context, int error)
{
    struct request request = end(context, error);
    request.done.compact(request.context, error);
}

static int compact(struct store *port, int64_t revision, store_compact_done *done, void *context)
{
    struct store *inner = of(port)->inner;
    struct request *request = begin(port, STORE_COMPACT, context);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.compact = done;
    return taken(request, inner->operations->compact(inner, revision, on_compact, request));
}

static int watch(struct store *port, const struct store_keys *keys, int64_t start_revision,
                 store_watch_event *event, void *context, struct store_watch **ret)
{
    struct store *inner = of(port)->inner;
    int error = inner->operations->watch(inner, keys, start_revision, event, context, ret);
    count(of(port)->metrics, STORE_WATCH, error);
    return error;
}

static void watch_cancel(struct store *port, struct store_watch *canceled)
{
    struct store *inner = of(port)->inner;
    inner->operations->watch_cancel(inner, canceled);
}

static void destroy(struct store *port)
{
    struct store *inner = of(port)->inner;
    inner->operations->destroy(inner);
    free(port);
}

/* --- life --- */

int metered_store_create(struct store *store, struct store_metrics *metrics, struct store **ret)
{
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
    struct metered_store *metered = malloc(sizeof *metered);
    if (!metered)
        return ALLOT_ENOMEM;
    *metered = (struct metered_store){.port = {&operations}, .inner = store, .metrics = metrics};
    *ret = &metered->port;
    return 0;
}

/* --- telling --- */

static void write_errors(struct metrics_text *text, const char *operation,
                         const struct metric_value errors[METRIC_ERRORS])
{
    for (int i = 1; i < METRIC_ERRORS; i++)
        if (metric_read(&errors[i]) > 0)
            metric_write_value(
                text, METRIC_LABELS({"operation", operation}, {"error", allot_error_name(-i)}),
                &errors[i]);
}

void store_metrics_write(const struct store_metrics *metrics, struct metrics_text *text)
{
    metrics_text_family(text, "allot_store_requests_total", METRIC_COUNTER,
                        "Requests to the store that were answered, or refused.");
    for (int i = 0; i < STORE_OPERATION_COUNT; i++)
        metric_write_value(text, METRIC_LABELS({"operation", operation_names[i]}),
                           &metrics->operations[i].requests);
    metrics_text_family(text, "allot_store_request_errors_total", METRIC_COUNTER,
                        "Requests to the store that failed.");
    for (int i = 0; i < STORE_OPERATION_COUNT; i++)
        write_errors(text, operation_names[i], metrics->operations[i].errors);
    metrics_text_family(text, "allot_store_request_duration_seconds", METRIC_HISTOGRAM,
                        "Time from a request to the store to its answer.");
    for (int i = 0; i < STORE_OPERATION_COUNT; i++)
        if (metric_observations(&metrics->operations[i].duration) > 0)
            metric_write_histogram(text, METRIC_LABELS({"operation", operation_names[i]}),
                                   &metrics->operations[i].duration);
}

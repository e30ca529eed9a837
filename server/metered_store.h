/* A store that counts what is asked of another: by operation, how often, how it failed, and how
 * long it took. So all stores are measured alike, and none has to know of it. Otherwise it is that
 * other store, for one allocation more for each request. */
#ifndef ALLOT_SERVER_METERED_STORE_H
#define ALLOT_SERVER_METERED_STORE_H

#include "core/store.h"
#include "server/metric.h"

/* Named as in struct store_operations. */
enum store_operation {
    STORE_RANGE,
    STORE_TXN,
    STORE_LEASE_GRANT,
    STORE_LEASE_KEEP_ALIVE,
    STORE_LEASE_REVOKE,
    STORE_LEASE_TIME_TO_LIVE,
    STORE_WATCH, /* its beginning: how it ends is not looked at */
    STORE_COMPACT,
    STORE_OPERATION_COUNT
};

struct store_metrics {
    struct {
        struct metric_value errors[METRIC_ERRORS]; /* the first is unused */
        struct metric_value requests;              /* that were answered, or refused */
        struct metric_histogram duration;          /* of those that were answered */
    } operations[STORE_OPERATION_COUNT];
    struct metric_value revision; /* the newest that was seen */
    /* Whether it takes writes: transactions that failed since the last whose checks held, for
     * reasons that aren't their own; when the last of them did, of the monotonic clock; and how. */
    struct metric_value failed_writes;
    struct metric_value write_failed_ms;
    struct metric_value write_error;
};

/* @store is taken: it is destroyed with the new one. @metrics is borrowed. ALLOT_ENOMEM, and
 * nothing is taken. */
int metered_store_create(struct store *store, struct store_metrics *metrics, struct store **ret);

void store_metrics_write(const struct store_metrics *metrics, struct metrics_text *text);

#endif

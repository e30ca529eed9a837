/* All that a running server tells by /metrics: what its parts have counted, and what can be seen of
 * them now. docs/metrics.md tells the names. */
#ifndef ALLOT_SERVER_METRICS_H
#define ALLOT_SERVER_METRICS_H

#include "server/history.h"
#include "server/http_metrics.h"
#include "server/item_moves.h"
#include "server/loop.h"
#include "server/metered_store.h"
#include "server/publisher.h"
#include "server/watch_hub.h"

struct metrics {
    struct http_metrics *http; /* owned, as what follows */
    struct item_moves *moves;
    struct store_metrics store;
    int64_t started_ms; /* since 1970 */
    /* Set before metrics_write; all borrowed. */
    struct publisher *publisher;
    struct loop *loop;
    struct watch_hub *hub;   /* NULL: there is none */
    struct history *history; /* NULL: none is kept */
    int64_t ttl_seconds;     /* of this server's lease */
};

/* Items thrash beyond @thrash_moves moves an hour. ALLOT_ENOMEM: there is nothing to release. */
int metrics_init(struct metrics *metrics, int thrash_moves);
void metrics_release(struct metrics *metrics); /* also of a zeroed one */

/* Appends all families. Cost: all entries of the newest snapshot; waits for nobody. */
void metrics_write(struct metrics *metrics, struct metrics_text *text);

#endif

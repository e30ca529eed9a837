/* What the API asks of a running server: struct api_runtime, on the publisher, the loop and the
 * system. */
#ifndef ALLOT_SERVER_RUNTIME_H
#define ALLOT_SERVER_RUNTIME_H

#include "api/call.h"
#include "server/config.h"
#include "server/history.h"
#include "server/kept_snapshots.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/principals.h"
#include "server/rate_limit.h"
#include "server/watch_hub.h"

struct runtime {
    struct api_runtime api;
    /* Set before runtime_init; all borrowed. */
    struct publisher *publisher;
    struct loop *loop;
    const char *store;    /* its kind */
    const char *instance; /* this server's name */
    struct watch_hub *hub;
    struct metrics *metrics;
    struct history *history;       /* NULL: none is kept */
    struct principals *principals; /* NULL: everybody is let in */
    /* Of its own. */
    struct kept_snapshots kept;
    struct rate_limit *rate_limit; /* NULL: none */
    struct span host_names[CONFIG_MAX_HOST_NAMES + 1];
    char listen_host[128]; /* the address listened on, as a Host would name it */
};

/* Makes @runtime->api of the other fields and @config, which is borrowed too. It points to
 * @runtime, which must stay where it is. ALLOT_ENOMEM; ALLOT_EIO: no thread. */
int runtime_init(struct runtime *runtime, const struct config *config);
void runtime_release(struct runtime *runtime);

#endif

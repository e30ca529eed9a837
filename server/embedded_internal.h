/* What the two halves of the embedded store share: embedded_store.c, which any thread calls, and
 * embedded_batch.c, its thread. */
#ifndef ALLOT_SERVER_EMBEDDED_INTERNAL_H
#define ALLOT_SERVER_EMBEDDED_INTERNAL_H

#include <pthread.h>

#include "server/embedded_store.h"
#include "server/embedded_txn.h"
#include "server/embedded_watch.h"

struct embedded_store {
    struct store store; /* first */
    struct embedded_store_config config;
    int lock; /* of the directory */
    char instance[EMBEDDED_INSTANCE_SIZE];
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct embedded_request *first; /* the queue */
    struct embedded_request **last;
    size_t queued;
    size_t queued_bytes;
    bool stopping;
    struct embedded_store_statistics statistics;

    struct embedded_watches watches; /* has a mutex of its own */

    /* the thread's own */
    struct embedded_file *file;
    struct embedded_state state;
    int64_t committed_revision;
    int64_t now_ms;     /* when it last looked at the clock */
    int64_t retry_ms;   /* what nobody asked for waits until then, after a failure */
    size_t watch_count; /* as of the last look */
};

/* The clock of the configuration. */
int64_t embedded_store_clock(const struct embedded_store *store);

/* Waits for requests, or something else to do, and takes the queue. False: the store is being
 * stopped, and nothing is queued. */
bool embedded_store_take(struct embedded_store *store, int64_t wait_ms,
                         struct embedded_request **ret);

/* The thread of a store, its argument: runs until embedded_store_take returns false. */
void *embedded_batch_thread(void *argument);

#endif

/* The allocation loop of a running server: a thread that mirrors the store's keys, publishes a
 * snapshot for each applied change, and, while this instance leads, converges assignments. */
#ifndef ALLOT_SERVER_LOOP_H
#define ALLOT_SERVER_LOOP_H

#include "core/decoder.h"
#include "core/store.h"
#include "server/publisher.h"

struct loop_config {
    struct store *store;           /* borrowed, outlives the loop */
    struct publisher *publisher;   /* borrowed, outlives the loop */
    const struct decoder *decoder; /* copied */
    struct span root;              /* copied */
    struct span instance;          /* copied; name among ROOT/schedulers/ */
    int64_t ttl_seconds;           /* of the candidate's lease */
    int64_t gather_ms;             /* how long to gather changes from the first one on */
    int threads;                   /* to solve with, >= 1 */
};

struct loop_status {
    bool store_reachable;
    bool running;                 /* the thread lives and makes progress */
    int64_t current_monotonic_ms; /* when the mirror was last known to be current; 0: never */
    int64_t failed_passes;        /* in a row */
};

struct loop;

/* Announces this instance, loads the mirror, and starts the thread. Returns once that has begun;
 * the first snapshot is published when the mirror is loaded. ALLOT_ENOMEM, ALLOT_EINVAL, ALLOT_EIO.
 */
int loop_start(const struct loop_config *config, struct loop **ret, struct error_message *why);

/* Ends the pass under way after the transaction in flight, withdraws the candidate (its lease is
 * revoked), stops the thread and releases everything. NULL is fine. */
void loop_stop(struct loop *loop);

void loop_status(struct loop *loop, struct loop_status *ret);

#endif

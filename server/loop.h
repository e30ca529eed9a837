/* The allocation loop of a running server: threads that announce this instance, mirror the store's
 * keys, publish a snapshot for each applied change, solve, and, while this instance leads, converge
 * assignments. */
#ifndef ALLOT_SERVER_LOOP_H
#define ALLOT_SERVER_LOOP_H

#include "core/allocator.h"
#include "server/candidate.h"
#include "server/item_moves.h"
#include "server/loop_metrics.h"
#include "server/outcomes.h"
#include "server/publisher.h"
#include "server/session.h"
#include "server/watch_hub.h"

struct loop_config {
    struct store *store;               /* borrowed, outlives the loop */
    struct publisher *publisher;       /* borrowed, outlives the loop */
    const struct decoder *decoder;     /* copied */
    struct span root;                  /* copied */
    const struct candidate *candidate; /* borrowed, outlives the loop */
    int64_t ttl_seconds;               /* of its lease */
    int64_t gather_ms; /* how long changes are gathered before a pass (unless it goes on from the
                        * one before), and at most before they are applied */
    int threads;       /* to solve with, >= 1 */
    enum solver_kind solver;
    int balance_tolerance; /* percent; 0 to STATE_MAX_BALANCE_TOLERANCE */
    bool certify; /* check each solution's certificate, and log an error if it isn't valid */
    /* An assignment whose member isn't registered may be consistent: as the reference has it, to be
     * compared with it. */
    bool gone_members_count;
    /* Told of what the watch says of writes. Borrowed; may be NULL. */
    struct watch_hub *hub; /* told of all changes; NULL: none. Borrowed */
    struct outcomes *outcomes;
    struct item_moves *moves; /* told of all states; NULL: nobody is. Borrowed */
    /* Our own member is exiting and has nothing left: the loop decides nothing more, though our key
     * may lead until loop_withdraw. Called on the loop's thread, once. May be NULL. */
    void (*left)(void *context);
    void *context;
};

struct loop_status {
    bool store_reachable; /* it is being watched, and what it tells is applied */
    bool running;         /* the threads are */
    bool leading; /* this instance, as of the newest state, and its lease can't have expired */
    const char *refused;          /* why it can't lead this root: a static text; NULL: it may */
    int64_t current_monotonic_ms; /* as of when the newest snapshot was; 0: never */
    struct allocator_term term;   /* how long this instance's key is sure to stand */
    int64_t failed_passes;        /* in a row */
    struct allocator_status allocator;
};

struct loop;

/* Starts the threads. The first snapshot is published when the mirror is loaded; the candidate is
 * announced after that. ALLOT_ENOMEM. */
int loop_start(const struct loop_config *config, struct loop **ret);

/* Ends the pass under way after the transaction in flight, records it, and withdraws the candidate:
 * its lease is revoked, and another may lead at once. From then on the loop only follows. NULL
 * is fine. */
void loop_withdraw(struct loop *loop);

/* Withdraws, stops the threads and releases everything. NULL is fine. */
void loop_stop(struct loop *loop);

/* Changes the value of our key: see session_update. */
int loop_update(struct loop *loop, session_change *change, void *context);

void loop_status(struct loop *loop, struct loop_status *ret);

/* For how long the loop should have got on and has not (see progress.h), in that of its threads
 * which is the latest, named in *@ret_thread (static); 0: all of them get on. To be asked now and
 * then, by one thread at a time. It takes no lock, so that a thread that is stuck can't hold up who
 * asks. */
int64_t loop_overdue_ms(struct loop *loop, const char **ret_thread);

/* What is counted of it while it runs. */
const struct loop_metrics *loop_metrics(const struct loop *loop);

#endif

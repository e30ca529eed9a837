/* The loop in parts: loop.c has its life, and what the mirror tells; loop_allocator.c the thread
 * that decides. Private to these. */
#ifndef ALLOT_SERVER_LOOP_INTERNAL_H
#define ALLOT_SERVER_LOOP_INTERNAL_H

#include <pthread.h>

#include "server/loop.h"
#include "server/mirror.h"
#include "server/round_writer.h"

struct loop {
    struct loop_config config; /* its spans are not used after the start */
    const struct candidate *candidate;
    char *actor_key;     /* ROOT/actor */
    char *settings_key;  /* ROOT/allocator */
    char *rounds_prefix; /* ROOT/rounds/ */
    struct executor *executor;
    struct solver *solver; /* the thread's own */
    struct session *session;
    struct mirror *mirror;
    bool was_leading; /* as of the state before. The mirror's thread's own */
    pthread_t thread;
    bool thread_started;
    struct progress progress;    /* of the thread */
    struct allocator *allocator; /* the thread's own, as what it writes */
    struct round_writer writer;
    struct loop_metrics metrics;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    struct state *newest; /* the state of the newest keyspace, or NULL */
    int64_t newest_us;    /* to make it */
    struct solution *solution;
    const char *refused; /* to be announced: why; NULL: not */
    int64_t
        changed_ms; /* when newest was set while the allocator had seen the one before; 0: not */
    struct allocator_status status; /* written by the thread alone */

    pthread_mutex_t publishing; /* snapshots are published in order */
};

/* Publishes the newest state with the newest solution, if that is of the same network. Takes the
 * mutexes. ALLOT_ENOMEM. */
int loop_publish(struct loop *loop);

/* Makes loop->allocator, in place of one that has stopped. ALLOT_ENOMEM: it is as it was. */
int loop_create_allocator(struct loop *loop);

/* The thread that decides: @argument is the loop, whose other parts are all there. */
void *loop_allocator_thread(void *argument);

#endif

/* A session in parts: session.c has its life and its thread, session_key.c what is done to its key.
 * Private to these. */
#ifndef ALLOT_SERVER_SESSION_INTERNAL_H
#define ALLOT_SERVER_SESSION_INTERNAL_H

#include <pthread.h>

#include "server/session.h"

struct session {
    struct session_config config; /* value is not used; the other spans point into `keys` */
    struct store_keys absent;     /* so does this, empty if there is no such prefix */
    char *keys;
    int64_t renew_ms;   /* a third of the TTL */
    int64_t request_ms; /* what a request may take */
    pthread_t thread;
    struct progress progress; /* of the thread */
    bool withdrawn;           /* it has ended */

    /* The thread's own. */
    int64_t lease; /* 0: none */
    int64_t renew_at_ms;
    bool announced;
    bool retracting;    /* until it is checked */
    bool was_announced; /* at any time: no former run's key can stand any more */
    int announce_error; /* of the last try */

    pthread_mutex_t announcing; /* a transaction on the key is under way */
    char *value;                /* what it is to be; guarded by that */
    size_t value_size;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    bool check;     /* now; never along with ... */
    bool retract;   /* ... this */
    bool displaced; /* set by the thread alone */
    struct allocator_term term;
};

/* Puts the key under our lease, or takes it over. 0: it stands so (also if it was put by a try
 * whose answer was lost). ALLOT_EEXISTS: somebody else's stands there; ALLOT_ELOCKED: some that
 * should be absent do; ALLOT_ELEASE: there is no such lease any more. Called with `announcing`
 * held. */
int session_put_key(struct session *session);

/* Owned by the caller, never NULL but for want of memory. */
char *session_copy(struct span span);

#endif

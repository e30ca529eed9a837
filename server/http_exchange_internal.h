/* An exchange in parts: http_exchange.c has its life, http_exchanges.c what is done to all of a
 * server's. Private to these. */
#ifndef ALLOT_SERVER_HTTP_EXCHANGE_INTERNAL_H
#define ALLOT_SERVER_HTTP_EXCHANGE_INTERNAL_H

#include "server/http_private.h"

/* An action on its way:
 *
 *                     store answers        snapshot is there
 *     begin ──► ASKED ─────────────► HELD ──────────────────► settled: connection resumed
 *                 │                    │                         ▲
 *                 └── error, bound, server stops ────────────────┘
 *
 * If the store doesn't know whether it has made a change, the watch is asked: it tells of every
 * change that was made.
 *
 * Two hold it: the request, and whoever the next answer is expected from (the store, then the
 * publisher). Whoever settles it first decides the outcome and resumes the connection; an answer
 * that comes after that, even after the request or the server has gone, only lets it go.
 *
 * A lease that was granted to the request is revoked once it is sure that nothing stands on it. Two
 * things must have happened for that: the store has answered (the lease is `spare`), and the
 * request has ended. Whichever comes second revokes: the request, or here the store's answer. */
struct http_exchange {
    atomic_int references;
    int socket;                 /* the connection's; valid as long as it is listed */
    struct http_server *server; /* likewise */
    struct store *store;
    struct publisher *publisher;
    enum api_step step;
    atomic_bool cancelled; /* of work */
    struct timer bound;
    int64_t snapshot_ms;
    struct outcomes *outcomes; /* NULL: nobody is asked */
    /* What is asked for: the call's, and so not to be looked at once settled. */
    const union api_action *action;
    /* Of work for a worker. */
    void (*run)(void *context, const atomic_bool *cancelled);
    void *context;
    int64_t staked; /* the lease that the transaction is to put a key under; 0: none of ours */

    /* The store's answer: written by its thread, read by the request once settled. */
    bool is_txn_known;
    struct api_txn_outcome txn;
    struct store_lease_result lease;

    pthread_mutex_t mutex; /* protects what follows */
    bool settled;
    struct MHD_Connection *connection;
    int error;
    bool refused;  /* the store did not even take the action */
    bool left;     /* the client has: nobody is there to be answered */
    int64_t spare; /* the call's lease, which nothing stands on; 0: none */
    bool ended;    /* by the request, which has taken the spare lease */

    struct http_exchange *previous; /* among the server's, under its mutex */
    struct http_exchange *next;
};

/* Ends it with @error, unless it has ended: the connection is resumed. */
void http_exchange_settle(struct http_exchange *exchange, int error, bool refused);
/* Settles it without an answer. But a worker has the call until it has ended: it is told to hurry.
 */
void http_exchange_give_up(struct http_exchange *exchange);
/* Gives it up: its client has left. */
void http_exchange_leave(struct http_exchange *exchange);

/* Suspends the connection and puts the exchange among the server's, so that stopping finds and
 * resumes it; an error, and nothing suspended, if stopping was there before: see
 * http_exchange_begin. */
int http_exchanges_add(struct http_server *server, struct http_exchange *exchange);
void http_exchanges_remove(struct http_server *server, struct http_exchange *exchange);

#endif

/* What the halves of the etcd client share: etcd_client.c (its thread, lifecycle, streams) and
 * etcd_call.c (requests, retries, tokens). */
#ifndef ALLOT_SERVER_ETCD_CLIENT_INTERNAL_H
#define ALLOT_SERVER_ETCD_CLIENT_INTERNAL_H

#include <pthread.h>

#include "server/etcd_client.h"
#include "server/etcd_endpoints.h"

/* A list to be taken from the front and added to at either end. */
struct etcd_calls {
    struct etcd_call *first;
    struct etcd_call **last;
};

/* One connection's worth of requests. */
struct etcd_slot {
    struct etcd_transfer transfer; /* first */
    struct etcd_client *client;
    struct etcd_call *call; /* NULL: free */
    int endpoint;
};

struct etcd_client {
    struct etcd_client_config config; /* texts are owned */
    CURLM *multi;
    pthread_t thread;
    bool started;

    pthread_mutex_t mutex;
    bool stopping;
    struct etcd_calls incoming;
    size_t unanswered;
    size_t unanswered_bytes;

    /* the thread's own */
    struct etcd_endpoints endpoints;
    struct etcd_slot *slots;
    struct etcd_calls pending; /* for a slot */
    struct etcd_calls parked;  /* for a token */
    char *token;               /* NULL: none */
    unsigned token_number;
    bool login_is_off; /* etcd said that it wants none */
    bool logging_in;
    int64_t login_retry_ms;
    struct etcd_call login; /* the call for a token */
    char reported[ERROR_MESSAGE_SIZE];
    int64_t reported_ms;
};

void etcd_calls_init(struct etcd_calls *calls);
void etcd_calls_add(struct etcd_calls *calls, struct etcd_call *call);
void etcd_calls_add_first(struct etcd_calls *calls, struct etcd_call *call);
/* NULL: there is none. */
struct etcd_call *etcd_calls_take(struct etcd_calls *calls);
/* All of @from, in front of those of @calls. */
void etcd_calls_move(struct etcd_calls *calls, struct etcd_calls *from);

/* Gives pending calls to free slots, and answers those that are late. Returns when the next one
 * will be late. */
int64_t etcd_client_start_calls(struct etcd_client *client, int64_t now_ms);
/* Answers everything that is not answered yet with ALLOT_ECANCELED. */
void etcd_client_cancel_calls(struct etcd_client *client);

/* Whether there is a token, or none is needed; if not, one is asked for, unless that has failed
 * just now. */
bool etcd_client_has_token(struct etcd_client *client, int64_t now_ms);

/* An endpoint could not be reached. */
void etcd_client_endpoint_failed(struct etcd_client *client, int endpoint, const char *why);
/* It has answered. */
void etcd_client_endpoint_worked(struct etcd_client *client, int endpoint);
/* Tells the owner, but not the same thing over and over. */
void etcd_client_report(struct etcd_client *client, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

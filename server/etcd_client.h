/* The way to etcd: one thread that does all input and output, several connections for requests, and
 * one of its own for each stream. It knows about endpoints, deadlines and tokens, and which request
 * may be repeated; what requests and answers mean is for its callers. Private to the etcd store. */
#ifndef ALLOT_SERVER_ETCD_CLIENT_H
#define ALLOT_SERVER_ETCD_CLIENT_H

#include "core/error.h"
#include "server/etcd_transfer.h"

struct etcd_client;

struct etcd_client_config {
    const struct etcd_wire *wire; /* of calls; static */
    const char *endpoints;        /* "URL[,URL...]" */
    struct etcd_tls tls;
    const char *user;          /* NULL: none */
    const char *password_file; /* read whenever a token is asked for */
    int connections;           /* for requests */
    int64_t request_timeout_ms;
    int64_t connect_timeout_ms;
    size_t max_answer; /* bytes */
    size_t max_queue;  /* requests that are not answered yet */
    size_t max_queued_bytes;
    /* On the thread, when something has failed, or (@error 0) works again; may be NULL. */
    void (*failed)(void *failed_context, int error, const char *why);
    void *failed_context;
    /* On the thread. @round whenever something may have changed; it returns when it must be called
     * again at the latest (INT64_MAX: never). @stopping once, in the end. */
    int64_t (*round)(void *context, int64_t now_ms);
    void (*stopping)(void *context);
    void *context;
};

/* Texts are copied. ALLOT_EINVAL, ALLOT_EIO (the password's file can't be read), ALLOT_ENOMEM. */
int etcd_client_create(const struct etcd_client_config *config, struct etcd_client **ret,
                       struct error_message *why);
/* Begins the thread: from now on @round is called. ALLOT_ENOMEM. */
int etcd_client_start(struct etcd_client *client);
/* Answers all calls (ALLOT_ECANCELED), ends the thread. Nothing may be submitted any more but by
 * what is called meanwhile, and that is refused. */
void etcd_client_destroy(struct etcd_client *client);
/* How calls are to be written, and their answers read. */
const struct etcd_wire *etcd_client_wire(const struct etcd_client *client);
/* Makes the thread call @round. Any thread. */
void etcd_client_wake(struct etcd_client *client);

/* --- requests with one answer --- */

struct etcd_call;
/* On the thread. @error is 0, or the port's; then the call was not executed, or it is
 * ALLOT_EUNKNOWN. @answer (borrowed) is there if @error is 0, and if etcd has told an error. */
typedef void etcd_call_done(struct etcd_call *call, int error, const struct etcd_answer *answer);

/* The beginning of a larger struct: filled by the caller, who owns it again in @done. */
struct etcd_call {
    enum etcd_method method;
    struct buffer body;                      /* as the client's wire has it */
    char traceparent[ETCD_TRACEPARENT_SIZE]; /* sent along; empty: none */
    bool writes;        /* failures that leave open whether it was executed are ALLOT_EUNKNOWN */
    bool repeatable;    /* executing it twice is as good as once */
    int endpoint;       /* the only one to ask; ETCD_ANY_ENDPOINT */
    int64_t timeout_ms; /* 0: the usual one */
    etcd_call_done *done;

    /* the client's own */
    struct etcd_call *next;
    int64_t deadline_ms;
    size_t tries;
    unsigned token_number; /* of the token it was sent with */
    bool logged_in_again;
};

enum { ETCD_ANY_ENDPOINT = -1 };

/* Any thread. ALLOT_ELIMIT, ALLOT_ECANCELED: then @done is not called. */
int etcd_client_submit(struct etcd_client *client, struct etcd_call *call);

/* --- streams, over the gateway; on the thread only --- */

struct etcd_stream {
    struct etcd_transfer transfer; /* first */
    struct etcd_client *client;
    int endpoint;
    unsigned token_number;
    bool (*message)(struct etcd_stream *stream, const struct etcd_answer *message);
    void (*ended)(struct etcd_stream *stream, enum etcd_transfer_end end);
};

/* ALLOT_EUNAVAILABLE: not now, try again a little later. ALLOT_ENOMEM. The stream's callbacks have
 * been set; @body is borrowed until the end. */
int etcd_client_open_stream(struct etcd_client *client, struct etcd_stream *stream,
                            struct span body);
/* Cuts it, without a call of its @ended. Fine if it is not open. Not from its callbacks. */
void etcd_client_close_stream(struct etcd_stream *stream);
/* A token was refused. */
void etcd_client_refuse_token(struct etcd_client *client, unsigned token_number);
/* Tells the owner that etcd refuses something for good. */
void etcd_client_report_refusal(struct etcd_client *client, const char *why);
/* Tells the owner that the store is at an older revision than it was. */
void etcd_client_report_return(struct etcd_client *client, int64_t former, int64_t revision);
/* The endpoint does not do what it should: turn to another one. */
void etcd_client_leave_endpoint(struct etcd_client *client, int endpoint);

#endif

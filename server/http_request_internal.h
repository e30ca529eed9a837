/* A request in parts: http_request.c has its life, http_reply.c what is sent. Private to these. */
#ifndef ALLOT_SERVER_HTTP_REQUEST_INTERNAL_H
#define ALLOT_SERVER_HTTP_REQUEST_INTERNAL_H

#include "api/problem_kind.h"
#include "api/trace.h"
#include "server/http_private.h"

/* See http_request.c. */
enum phase { PHASE_HEADERS, PHASE_BODY, PHASE_REFUSED, PHASE_ASKING, PHASE_ANSWERED };

/* A reply that the adapter itself gives. */
struct http_refusal {
    enum problem_kind kind;
    const char *detail;
};

extern const struct http_refusal http_out_of_memory;

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    enum phase phase;
    bool counted;   /* in the server's in_flight */
    bool head_only; /* the method was HEAD */
    bool closes;    /* its connection, as no other request of it is to be read */
    int64_t begin_us;
    char *target; /* owned */
    char method[16];
    char id[HTTP_MAX_REQUEST_ID + 1];
    char traceparent[TRACE_PARENT_SIZE];
    const char *client; /* its address; "": not known */
    struct buffer body;
    size_t drained; /* bytes of a refused body */

    struct http_headers headers;
    struct api_request api;
    struct api_call *call;             /* NULL before the headers, or if there is no memory */
    const struct http_refusal *answer; /* instead of the call's reply */
    struct buffer problem;             /* its text */
    struct http_exchange *exchange;    /* while suspended, and until the outcome is used */
    struct http_stream *stream;        /* the reply's body, if it is one, */
    struct http_body *pieces;          /* or isn't sent as it stands */
    int64_t lease;   /* granted to the call, and nothing stands on it; 0: none, or the exchange's */
    bool waited;     /* for something to change: how long it took says nothing */
    unsigned status; /* of the reply that was queued; 0: none yet */
};

/* Queues the reply: what the adapter answers itself, or else the call's. MHD_NO, for want of
 * memory, makes libmicrohttpd close the connection. */
enum MHD_Result http_request_reply(struct http_request *request);

#endif

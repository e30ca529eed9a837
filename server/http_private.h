/* What the files of the HTTP server share; see http_server.h. Nobody else includes this. */
#ifndef ALLOT_SERVER_HTTP_PRIVATE_H
#define ALLOT_SERVER_HTTP_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/http_server.h"
#include "server/timers.h"
#include "server/workers.h"

/* --- the server --- */

struct http_exchange;

struct http_server {
    struct http_server_config config;
    struct sockaddr_storage address;
    struct MHD_Daemon *daemon;
    struct timers *timers;
    struct workers *workers;
    struct timer hangups; /* when to look for some */
    char id_prefix[17];   /* of the request ids made here: unpredictable, so never met twice */
    atomic_uint_fast64_t id_count;
    atomic_bool draining;  /* replies close their connections */
    atomic_long in_flight; /* requests that have begun and not ended */

    pthread_mutex_t mutex;           /* protects what follows */
    pthread_cond_t quiet;            /* in_flight has become 0 */
    bool ending_waits;               /* none for a change begins any more, and ... */
    bool aborting;                   /* ... no exchange at all */
    struct http_exchange *exchanges; /* all that a suspended request waits for */
};

/* --- connections --- */

struct http_connection {
    struct http_server *server;
    int socket;
    bool trusted;    /* its certificate was looked at */
    char client[64]; /* its address; "": not known */
    void *request;   /* as http_request_begin has returned it, until it has ended */
    struct timer deadline;
};

/* libmicrohttpd's callback when a connection begins and ends. */
void http_connection_notify(void *server, struct MHD_Connection *mhd, void **context,
                            enum MHD_ConnectionNotificationCode code);

/* The connection has a request, or none (NULL). libmicrohttpd doesn't tell the end of one whose
 * target or headers didn't fit in its memory, if the client then leaves: the connection's end is
 * its end, too. */
void http_connection_set_request(struct MHD_Connection *mhd, void *request);

/* From now on the connection has @delay_ms, and is cut if nothing takes that back in time: by
 * another call, or by http_connection_wait. A cut is a shutdown of the socket, which libmicrohttpd
 * then finds closed; it alone closes it. */
void http_connection_limit(struct MHD_Connection *mhd, int64_t delay_ms);
void http_connection_wait(struct MHD_Connection *mhd);

/* The client's address, as text; "": not known. Valid until the connection ends. */
const char *http_connection_client(struct MHD_Connection *mhd);

/* Whether the client has shown a certificate, if it needs one. */
bool http_connection_is_trusted(struct MHD_Connection *mhd);

/* --- headers --- */

struct http_joined;

/* Those of a request. Lines of the same name are one header, whose value is all of theirs, joined
 * by commas (RFC 9110, 5.3). */
struct http_headers {
    struct MHD_Connection *connection;
    struct http_joined *joined; /* of names that come more than once; owned */
    bool has_false_name;        /* such as "Content-Length "; see http_headers.c */
};

/* ALLOT_ENOMEM, ALLOT_ELIMIT: then it has only some, and is to be released nevertheless. Cost: the
 * square of the number of lines. */
int http_headers_read(struct MHD_Connection *connection, struct http_headers *ret);
void http_headers_release(struct http_headers *headers);
/* {NULL, 0} if it is absent. */
struct span http_headers_find(const struct http_headers *headers, const char *name);

/* --- requests --- */

/* libmicrohttpd's callbacks: the raw target, which begins a request; the request as it comes in and
 * each time it is resumed; its end. */
void *http_request_begin(void *context, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_request_advance(void *server, struct MHD_Connection *connection,
                                     const char *url, const char *method, const char *version,
                                     const char *upload, size_t *upload_size, void **context);
void http_request_end(void *context, struct MHD_Connection *connection, void **ended,
                      enum MHD_RequestTerminationCode code);

/* --- streams --- */

struct http_stream;

/* The changes that @what describes (borrowed until the close), as a reply's body. ALLOT_ENOMEM;
 * ALLOT_ELIMIT: too many are watching; ALLOT_ECANCELED: the server stops. It is to be closed when
 * its request has ended. */
int http_stream_open(struct http_server *server, struct MHD_Connection *connection,
                     const struct watch_stream *what, struct http_stream **ret);
void http_stream_close(struct http_stream *stream); /* NULL is fine */
/* The response to queue; NULL when out of memory. */
struct MHD_Response *http_stream_response(struct http_stream *stream);

/* --- bodies --- */

struct http_body;

/* The body of the reply of @call (borrowed until the close): all of its pieces, compressed with
 * gzip if wanted; of a reply that is compressed already, what that was made of. ALLOT_ENOMEM,
 * ALLOT_ELIMIT; ALLOT_EVALUE: it isn't gzip. It is to be closed when its request has ended. */
int http_body_open(struct http_server *server, struct MHD_Connection *connection,
                   struct api_call *call, bool compresses, struct http_body **ret);
void http_body_close(struct http_body *body); /* NULL is fine */
/* The response to queue; NULL when out of memory. */
struct MHD_Response *http_body_response(struct http_body *body);

/* --- exchanges --- */

/* Suspends @connection, hands @action to the store, and resumes @connection when the outcome is
 * there: from then on, and not before, http_exchange_outcome may be asked. @action and @call stay
 * as they are until then. When it is resumed, libmicrohttpd may find that the client has left, and
 * end the request instead of going on with it: a call can end between two of its actions.
 * @lease was granted to the call, and nothing stands on it (0: none). The exchange has it until
 * http_exchange_end.
 * Errors, nothing suspended: ALLOT_ENOMEM; ALLOT_ECANCELED (stopping), ALLOT_EUNAVAILABLE (the
 * same, of a wait for a change). */
int http_exchange_begin(struct http_server *server, struct MHD_Connection *connection,
                        enum api_step step, const union api_action *action, int64_t lease,
                        struct http_exchange **ret);

/* Whether its client was seen to have left, so that no reply would arrive. */
bool http_exchange_is_left(struct http_exchange *exchange);

/* What became of it. What it points to is valid until http_exchange_end. */
struct api_outcome http_exchange_outcome(struct http_exchange *exchange);

/* Returns the lease that the call now has and nothing stands on (0: none): the one that was
 * granted, or the one it had before, unless the action was a transaction that puts a key under
 * that, and has done so, or may have. What is known only later, the exchange then sees to itself.
 */
int64_t http_exchange_end(struct http_exchange *exchange);

/* Revokes a lease that nothing stands on (0: none), and waits for nothing: if it can't be done, the
 * lease expires. */
void http_lease_drop(struct store *store, int64_t lease);

/* --- all exchanges of a server --- */

/* Ends what nobody would learn of, as its client has left: waits for a change, and work. A client
 * that has ended its half of the connection has left. */
void http_exchanges_look_for_hangups(struct http_server *server);

/* Ends the waits for something to change, of which nobody knows when they'd end. */
void http_exchanges_end_waits(struct http_server *server);

/* Ends all waits of @server (what was asked of the store may still happen), and lets none begin. */
void http_exchanges_abort(struct http_server *server);

#endif

/* Serves the API over HTTP/1.1: the one place that knows libmicrohttpd.
 *
 * A few listener threads read requests, let api/ decide (api/call.h) and send its replies. What
 * waits, for the store or for a snapshot, does so without a thread: the connection is suspended
 * and resumed with the outcome.
 *
 *   http_server.c      starts and stops
 *   http_connection.c  deadlines of a connection
 *   http_headers.c     what a request's header lines say
 *   http_request.c     a request, from its first byte to its access log entry
 *   http_exchange.c    one action of the store for a suspended request
 *   http_exchanges.c   all of those that there are
 *   http_reply.c       what is sent in reply
 *   http_body.c        a reply in pieces, or compressed
 *   http_stream.c      a reply that goes on, of changes as they happen
 *   http_metrics.c     what the metrics tell of requests */
#ifndef ALLOT_SERVER_HTTP_SERVER_H
#define ALLOT_SERVER_HTTP_SERVER_H

#include <sys/socket.h>

#include "api/call.h"
#include "core/store.h"
#include "server/http_metrics.h"
#include "server/outcomes.h"
#include "server/publisher.h"
#include "server/watch_hub.h"

/* How long things may take, in milliseconds. A connection that is too slow is cut, without a
 * reply. */
struct http_times {
    int64_t header_ms;   /* from the connection, or the request line, to the end of the headers */
    int64_t body_ms;     /* from there to the end of the body */
    int64_t drain_ms;    /* the same for a body that is refused and only read away */
    int64_t send_ms;     /* from the reply to its last byte */
    int64_t idle_ms;     /* from there to the next request */
    int64_t exchange_ms; /* from an action to its outcome; then its outcome is unknown */
    int64_t snapshot_ms; /* from the store's answer to the snapshot that has it; see below */
    int64_t stop_ms;     /* for what is in flight, when stopping */
    int64_t hangup_ms;   /* between looks for clients that have left while they waited */
};

#define HTTP_DEFAULT_TIMES                                                            \
    {                                                                                 \
        .header_ms = 10000, .body_ms = 30000, .drain_ms = 2000, .send_ms = 60000,     \
        .idle_ms = 60000, .exchange_ms = 20000, .snapshot_ms = 5000, .stop_ms = 8000, \
        .hangup_ms = 1000,                                                            \
    }

enum {
    HTTP_MAX_DRAIN = 4 * 1024 * 1024, /* bytes of a refused body; more, and the connection is cut */
    HTTP_MEMORY = 12 * 1024,          /* bytes of a connection for line, headers and buffers */
    HTTP_MAX_REQUEST_ID = 64,
};

struct http_server_config {
    struct sockaddr_storage address; /* to listen on; port 0: any free one */
    socklen_t address_size;
    int threads;                     /* >= 1 */
    int max_connections;             /* >= 1; further ones wait to be accepted */
    int max_connections_per_address; /* 0: any number; further ones are closed at once */
    int workers;                     /* threads for what takes long to compute; >= 1 */
    int max_work;                    /* requests that may wait for one of them; >= 1 */
    struct http_times times;
    bool tls; /* what tls_open has read; see server/tls.h */

    /* Borrowed. The runtime must outlive the server; the store and the publisher too, and must then
     * be destroyed in this order: what the server leaves behind when a store doesn't answer in time
     * goes away with the store's and the publisher's last answers. */
    const struct api_runtime *runtime;
    struct store *store;
    struct publisher *publisher;
    struct watch_hub *hub;     /* whose changes are streamed; NULL: none are. As the runtime */
    struct outcomes *outcomes; /* asked when a write's answer is lost; NULL: nobody is. As above */
    struct http_metrics *metrics; /* told of all requests; NULL: nobody is. As the runtime */
};

struct http_server;

/* Listens and serves. What a write's reply waits for: its snapshot. If that doesn't come within
 * snapshot_ms although the store has taken the write, the API is told ALLOT_EUNKNOWN: the client
 * can't see its write yet, and to call it undone would be a lie.
 * Errors: ALLOT_ENOMEM; ALLOT_EIO (address in use, no permission, no threads), told in @why. */
int http_server_start(const struct http_server_config *config, struct http_server **ret,
                      struct error_message *why);

/* The address listened on, with the port chosen. */
void http_server_address(const struct http_server *server, struct sockaddr_storage *ret);

/* Ends new connections as they come, lets what is in flight finish for up to stop_ms, then answers
 * what still waits for the store (its outcome is unknown), closes all connections and frees
 * everything. NULL is fine. */
void http_server_stop(struct http_server *server);

#endif

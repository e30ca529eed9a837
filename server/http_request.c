#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "api/headers.h"
#include "api/problem_kind.h"
#include "api/trace.h"
#include "server/http_private.h"
#include "server/log.h"

/* The life of a request. libmicrohttpd calls http_request_begin with the target, and then
 * http_request_advance: once with the headers, for each piece of the body, once at its end, and
 * after each suspension.
 *
 *     HEADERS ──► BODY ──► (end of body) ──► ASKING ⇄ suspended ──► ANSWERED
 *        │          │                           ▲        │
 *        └──────────┴──► REFUSED ───────────────┼────────┴─ (the call has its reply)
 *              (the body is read away) ─► (end of body) ──► ANSWERED
 *
 * A reply can't be queued while a body is being sent, except before its first piece; so a refused
 * one is read away within HTTP_MAX_DRAIN bytes and drain_ms. */
enum phase { PHASE_HEADERS, PHASE_BODY, PHASE_REFUSED, PHASE_ASKING, PHASE_ANSWERED };

/* A reply that the adapter itself gives. */
struct refusal {
    enum problem_kind kind;
    const char *detail;
};

static const struct refusal target_too_long = {PROBLEM_TARGET,
                                               "the path and query may have at most 4096 bytes"};
static const struct refusal body_too_large = {PROBLEM_TOO_LARGE,
                                              "the body is larger than this resource takes"};
static const struct refusal no_certificate = {
    PROBLEM_FORBIDDEN, "a client certificate is needed, of the authority that this server trusts"};
static const struct refusal out_of_memory = {PROBLEM_MEMORY, NULL};
static const struct refusal too_many_watch = {
    PROBLEM_BUSY, "as many watch changes here as may, or the server stops"};
_Static_assert(API_MAX_TARGET == 4096, "said in target_too_long");

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    enum phase phase;
    bool counted;   /* in the server's in_flight */
    bool head_only; /* the method was HEAD */
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
    struct api_call *call;          /* NULL before the headers, or if there is no memory */
    const struct refusal *answer;   /* instead of the call's reply */
    struct buffer problem;          /* its text */
    struct http_exchange *exchange; /* while suspended, and until the outcome is used */
    struct http_stream *stream;     /* the reply's body, if it is one, */
    struct http_body *pieces;       /* or isn't sent as it stands */
    int64_t lease;   /* granted to the call, and nothing stands on it; 0: none, or the exchange's */
    bool waited;     /* for something to change: how long it took says nothing */
    unsigned status; /* of the reply that was queued; 0: none yet */
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- begin --- */

void *http_request_begin(void *context, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = context;
    http_connection_limit(connection, server->config.times.header_ms);
    struct http_request *request = malloc(sizeof *request);
    if (!request) {
        return NULL;
    }
    *request = (struct http_request){
        .server = server,
        .connection = connection,
        .begin_us = now_us(),
        .client = http_connection_client(connection),
    };
    size_t size = strlen(target) + 1;
    request->target = malloc(size);
    if (!request->target) {
        free(request);
        return NULL;
    }
    memcpy(request->target, target, size);
    http_metrics_note_begin(server->config.metrics);
    return request;
}

/* --- headers --- */

static struct span find_header(void *context, const char *name)
{
    return http_headers_find(&((struct http_request *)context)->headers, name);
}

/* What a client calls its request, if that can be written anywhere as it is; else a name of ours.
 */
static void name_request(struct http_request *request)
{
    static const char characters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
    struct span given = find_header(request, "X-Request-Id");
    bool valid = given.size > 0 && given.size <= HTTP_MAX_REQUEST_ID;
    for (size_t i = 0; i < given.size && valid; i++) {
        valid = given.data[i] != '\0' && strchr(characters, given.data[i]);
    }
    if (valid) {
        memcpy(request->id, given.data, given.size);
        request->id[given.size] = '\0';
    } else {
        struct http_server *server = request->server;
        (void)snprintf(request->id, sizeof request->id, "%s-%" PRIu64, server->id_prefix,
                       (uint64_t)atomic_fetch_add(&server->id_count, 1));
    }
}

/* Its place in a trace: the client's, or else a new one; in none if there are no random bytes. */
static void join_trace(struct http_request *request)
{
    const struct api_runtime *runtime = request->server->config.runtime;
    struct trace_random random;
    if (runtime->random(runtime->context, &random, sizeof random) == 0) {
        trace_continue(find_header(request, "traceparent"), &random, request->traceparent);
    }
}

/* The length that the headers announce: -1 if they don't tell. libmicrohttpd has refused what is
 * not a number. */
static int64_t body_length(struct http_request *request)
{
    if (find_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING).size > 0) {
        return -1;
    }
    struct span length = find_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length.size > 0 ? strtoll(length.data, NULL, 10) : 0;
}

static void describe(struct http_request *request, const char *method)
{
    request->head_only = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    memcpy(request->method, method, strnlen(method, sizeof request->method - 1));
    request->api = (struct api_request){
        .method = span_of(request->head_only ? MHD_HTTP_METHOD_GET : request->method),
        .target = span_of(request->target),
        .header = find_header,
        .header_context = request,
        .client = span_of(request->client),
        .request_id = span_of(request->id),
        .traceparent = span_of(request->traceparent),
    };
}

/* Looks at the headers; true if they are enough to refuse the request. */
static bool refuse_by_headers(struct http_request *request, int64_t length)
{
    size_t body_limit = 0;
    if (!http_connection_is_trusted(request->connection)) {
        request->answer = &no_certificate;
        return true;
    }
    if (request->api.target.size > API_MAX_TARGET) {
        request->answer = &target_too_long;
        return true;
    }
    if (api_call_create(&request->api, request->server->config.runtime, &request->call) < 0) {
        request->answer = &out_of_memory;
        return true;
    }
    if (api_refuse_early(request->call, length, &body_limit)) {
        return true;
    }
    buffer_init(&request->body, body_limit);
    return false;
}

/* --- reply --- */

struct outgoing {
    unsigned status;
    const char *type; /* NULL: no body */
    struct span body;
    const struct api_header *headers;
    size_t header_count;
    bool compressible;
    bool compressed;
    bool pieced;  /* it isn't sent as it stands: see http_body_open */
    bool unsized; /* how long it is, nobody knows before its end */
};

/* Shorter ones aren't worth it. */
enum { LEAST_COMPRESSED = 1024 };
/* Bytes: a target in JSON takes up to six times its own. */
enum { MAX_PROBLEM = 128 * 1024 };

static struct span write_problem(struct http_request *request)
{
    const struct refusal *refusal = request->answer;
    struct span path = {request->target, strcspn(request->target, "?")};
    buffer_init(&request->problem, MAX_PROBLEM);
    if (refusal->kind != PROBLEM_MEMORY) {
        struct json_writer writer =
            problem_begin(&request->problem, refusal->kind, refusal->detail, path);
        json_end(&writer, '}');
        buffer_append(&request->problem, SPAN("\n"));
    }
    bool whole = request->problem.size > 0 && !request->problem.error;
    return whole ? buffer_span(&request->problem) : span_of(problem_out_of_memory);
}

static struct outgoing find_refusal(struct http_request *request)
{
    static const struct api_header later = {"Retry-After", "1"};
    struct outgoing reply = {.type = "application/problem+json", .body = write_problem(request)};
    bool written = reply.body.data == request->problem.data;
    reply.status = (unsigned)problem_status(written ? request->answer->kind : PROBLEM_MEMORY);
    reply.headers = &later;
    reply.header_count = reply.status == MHD_HTTP_SERVICE_UNAVAILABLE;
    return reply;
}

static struct outgoing find_reply(struct http_request *request)
{
    if (request->answer) {
        return find_refusal(request);
    }
    const struct api_reply *reply = api_call_reply(request->call);
    bool compressible = reply->content_type && !reply->stream &&
                        (reply->more || reply->gzipped || reply->body.size >= LEAST_COMPRESSED);
    bool compressed = compressible && headers_accept_gzip(find_header(request, "Accept-Encoding"));
    bool unsized = reply->stream || reply->more;
    bool whole = !reply->more && compressed == reply->gzipped;
    return (struct outgoing){
        .compressible = compressible,
        .compressed = compressed,
        .pieced = !reply->stream && !whole && !(request->head_only && unsized),
        .unsized = unsized,
        .status = (unsigned)reply->status,
        .type = reply->content_type,
        .body = reply->content_type ? buffer_span(&reply->body) : (struct span){NULL, 0},
        .headers = reply->headers,
        .header_count = reply->header_count,
    };
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libmicrohttpd's */
static ssize_t read_nothing(void *context, uint64_t position, char *buffer, size_t size)
{
    (void)context;
    (void)position;
    (void)buffer;
    (void)size;
    return MHD_CONTENT_READER_END_OF_STREAM;
}

/* To a HEAD, of what has no length to tell. In HTTP/1.1 it would come in chunks, and libmicrohttpd
 * sends the last of them to a HEAD, too, where the client expects the next reply: so it is to end
 * with the connection. */
static struct MHD_Response *make_unsized_head(void)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, read_nothing, NULL, NULL);
    if (response && MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT,
                                             MHD_RO_END) != MHD_YES) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return response;
}

/* Not copied: the call and its reply live until the request ends, after the last byte. */
static struct MHD_Response *make_body(const struct http_request *request,
                                      const struct outgoing *reply)
{
    if (request->head_only && reply->unsized) {
        return make_unsized_head();
    }
    if (request->stream) {
        return http_stream_response(request->stream);
    }
    return request->pieces
               ? http_body_response(request->pieces)
               : MHD_create_response_from_buffer(reply->body.size, (void *)reply->body.data,
                                                 MHD_RESPMEM_PERSISTENT);
}

/* An entity's tag is the same whether it is compressed or not: it stands for what is said. */
static enum MHD_Result add_encoding(struct MHD_Response *response, const struct outgoing *reply)
{
    enum MHD_Result done = MHD_YES;
    if (reply->compressible) {
        done = MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    }
    if (done == MHD_YES && reply->compressed) {
        done = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    return done;
}

static struct MHD_Response *make_response(const struct http_request *request,
                                          const struct outgoing *reply)
{
    struct MHD_Response *response = make_body(request, reply);
    enum MHD_Result done = response ? MHD_YES : MHD_NO;
    if (done == MHD_YES && reply->type) {
        done = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    }
    if (done == MHD_YES) {
        done = MHD_add_response_header(response, "X-Request-Id", request->id);
    }
    if (done == MHD_YES && request->traceparent[0]) {
        done = MHD_add_response_header(response, "traceresponse", request->traceparent);
    }
    if (done == MHD_YES && atomic_load(&request->server->draining)) {
        done = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    if (done == MHD_YES) {
        done = add_encoding(response, reply);
    }
    for (size_t i = 0; i < reply->header_count && done == MHD_YES; i++) {
        done = MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    }
    if (done != MHD_YES && response) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return response;
}

/* A HEAD's is not sent at all. */
static void open_stream(struct http_request *request)
{
    const struct watch_stream *what =
        request->answer ? NULL : api_call_reply(request->call)->stream;
    if (!what || request->head_only) {
        return;
    }
    int error = http_stream_open(request->server, request->connection, what, &request->stream);
    if (error < 0) {
        request->answer = error == ALLOT_ENOMEM ? &out_of_memory : &too_many_watch;
    }
}

/* Where the reply can't be sent as it stands, for its pieces or for how it is compressed. */
static void open_pieces(struct http_request *request, struct outgoing *reply)
{
    if (reply->pieced && http_body_open(request->server, request->connection, request->call,
                                        reply->compressed, &request->pieces) != 0) {
        request->answer = &out_of_memory;
        *reply = find_reply(request);
    }
}

/* MHD_NO, for want of memory, makes libmicrohttpd close the connection. */
static enum MHD_Result answer(struct http_request *request)
{
    open_stream(request);
    struct outgoing reply = find_reply(request);
    open_pieces(request, &reply);
    struct MHD_Response *response = make_response(request, &reply);
    if (!response) {
        return MHD_NO;
    }
    request->phase = PHASE_ANSWERED;
    request->status = reply.status;
    http_connection_limit(request->connection, request->server->config.times.send_ms);
    enum MHD_Result result = MHD_queue_response(request->connection, reply.status, response);
    MHD_destroy_response(response);
    return result;
}

/* --- body --- */

/* Whether a refusal is better sent before the body than after it: the client waits to be asked for
 * it, or it is too long to be read away. libmicrohttpd then closes the connection, and does this
 * for POST and PUT alone. */
static bool answers_before_body(struct http_request *request, int64_t length)
{
    bool can = strcmp(request->method, MHD_HTTP_METHOD_POST) == 0 ||
               strcmp(request->method, MHD_HTTP_METHOD_PUT) == 0;
    return can && length != 0 &&
           (length > HTTP_MAX_DRAIN || find_header(request, MHD_HTTP_HEADER_EXPECT).size > 0);
}

static void begin_drain(struct http_request *request)
{
    request->phase = PHASE_REFUSED;
    buffer_release(&request->body);
    http_connection_limit(request->connection, request->server->config.times.drain_ms);
}

static enum MHD_Result take_headers(struct http_request *request, const char *method)
{
    atomic_fetch_add(&request->server->in_flight, 1);
    request->counted = true;
    int error = http_headers_read(request->connection, &request->headers);
    name_request(request);
    join_trace(request);
    describe(request, method);
    int64_t length = body_length(request);
    if (error < 0) {
        request->answer = &out_of_memory;
    } else if (!refuse_by_headers(request, length)) {
        request->phase = PHASE_BODY;
        http_connection_limit(request->connection, request->server->config.times.body_ms);
        return MHD_YES;
    }
    if (answers_before_body(request, length)) {
        return answer(request);
    }
    begin_drain(request);
    return MHD_YES;
}

static enum MHD_Result take_piece(struct http_request *request, struct span piece)
{
    if (request->phase == PHASE_BODY) {
        buffer_append(&request->body, piece);
        if (request->body.error < 0) {
            request->answer =
                request->body.error == ALLOT_ELIMIT ? &body_too_large : &out_of_memory;
            begin_drain(request);
        }
        return MHD_YES;
    }
    request->drained += piece.size;
    return request->drained > HTTP_MAX_DRAIN ? MHD_NO : MHD_YES;
}

/* --- steps --- */

static void end_exchange(struct http_request *request)
{
    request->lease = http_exchange_end(request->exchange);
    request->exchange = NULL;
}

/* What was granted for nothing is given back; nobody waits for that. */
static void drop_lease(struct http_request *request)
{
    http_lease_drop(request->server->config.store, request->lease);
    request->lease = 0;
}

/* Goes on from @step until there is a reply, or something to wait for. */
static enum MHD_Result follow(struct http_request *request, enum api_step step)
{
    while (step != API_REPLY) {
        int error =
            http_exchange_begin(request->server, request->connection, step,
                                api_call_action(request->call), request->lease, &request->exchange);
        if (error == 0) {
            http_connection_wait(request->connection);
            request->lease = 0;
            request->waited = request->waited || step == API_WAIT_CHANGE;
            request->phase = PHASE_ASKING;
            return MHD_YES;
        }
        step = api_resume(request->call, &(struct api_outcome){.error = error, .refused = true});
    }
    drop_lease(request);
    return answer(request);
}

static enum MHD_Result take_end(struct http_request *request)
{
    request->api.body = buffer_span(&request->body);
    return follow(request, api_begin(request->call));
}

static enum MHD_Result take_outcome(struct http_request *request)
{
    struct api_outcome outcome = http_exchange_outcome(request->exchange);
    enum api_step step = api_resume(request->call, &outcome);
    end_exchange(request);
    return follow(request, step);
}

enum MHD_Result http_request_advance(void *server, struct MHD_Connection *connection,
                                     const char *url, const char *method, const char *version,
                                     const char *upload, size_t *upload_size, void **context)
{
    (void)server;
    (void)connection;
    (void)url; /* decoded, and so of no use: see target */
    (void)version;
    struct http_request *request = *context;
    if (!request) {
        return MHD_NO;
    }
    if (request->phase == PHASE_HEADERS) {
        return take_headers(request, method);
    }
    if (*upload_size > 0) {
        struct span piece = {upload, *upload_size};
        *upload_size = 0;
        return take_piece(request, piece);
    }
    switch (request->phase) {
    case PHASE_BODY:
        return take_end(request);
    case PHASE_REFUSED:
        return answer(request);
    case PHASE_ASKING:
        return take_outcome(request);
    case PHASE_HEADERS:
    case PHASE_ANSWERED:
        break;
    }
    return MHD_NO;
}

/* --- end --- */

/* What is refused is worth more attention than what is done. */
static void log_access(const struct http_request *request)
{
    enum log_level level = request->status >= 500   ? LOG_WARNING
                           : request->status >= 400 ? LOG_INFO
                                                    : LOG_DEBUG;
    if (!log_enabled(level)) {
        return;
    }
    /* Without the query: somebody may have put a secret there. */
    struct span path = {request->target, strcspn(request->target, "?")};
    log_write(level, request->status ? "request" : "request aborted",
              LOG_FIELDS(log_text("request_id", request->id),
                         log_span("trace_id", trace_id(span_of(request->traceparent))),
                         log_text("client", request->client), log_text("method", request->method),
                         log_integer("status", request->status),
                         log_milliseconds("duration_ms", now_us() - request->begin_us),
                         log_span("path", path))); /* last, as it may be too long for the line */
}

static void note_end(const struct http_request *request)
{
    const struct http_metrics_request ended = {
        .route = request->call ? api_call_route(request->call) : NULL,
        .method = request->method,
        .status = request->status,
        .timed = !request->stream && !request->waited,
        .us = now_us() - request->begin_us,
    };
    http_metrics_note_end(request->server->config.metrics, &ended);
}

static void count_out(struct http_server *server)
{
    if (atomic_fetch_sub(&server->in_flight, 1) == 1) {
        (void)pthread_mutex_lock(&server->mutex);
        (void)pthread_cond_broadcast(&server->quiet);
        (void)pthread_mutex_unlock(&server->mutex);
    }
}

void http_request_end(void *context, struct MHD_Connection *connection, void **ended,
                      enum MHD_RequestTerminationCode code)
{
    struct http_server *server = context;
    struct http_request *request = *ended;
    (void)code; /* the status tells whether there was a reply */
    *ended = NULL;
    http_connection_limit(connection, server->config.times.idle_ms);
    if (!request) {
        return;
    }
    log_access(request);
    note_end(request);
    if (request->exchange) {
        end_exchange(request);
    }
    drop_lease(request);
    http_stream_close(request->stream);
    http_body_close(request->pieces);
    api_call_destroy(request->call);
    buffer_release(&request->body);
    buffer_release(&request->problem);
    http_headers_release(&request->headers);
    if (request->counted) {
        count_out(server);
    }
    free(request->target);
    free(request);
}

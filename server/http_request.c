#include "server/http_request_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

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

static const struct http_refusal target_too_long = {
    PROBLEM_TARGET, "the path and query may have at most 4096 bytes"};
static const struct http_refusal body_too_large = {PROBLEM_TOO_LARGE,
                                                   "the body is larger than this resource takes"};
static const struct http_refusal doubtful_length = {
    PROBLEM_MALFORMED, "the headers must tell one length of the body: by one Content-Length, or by"
                       " Transfer-Encoding: chunked"};
static const struct http_refusal false_name = {
    PROBLEM_MALFORMED, "a header takes one line, without a space in its name or before its colon"};
static const struct http_refusal no_certificate = {
    PROBLEM_FORBIDDEN, "a client certificate is needed, of the authority that this server trusts"};
_Static_assert(API_MAX_TARGET == 4096, "said in target_too_long");

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
    http_connection_set_request(connection, request);
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

/* Whether a proxy may have read another length than libmicrohttpd, which takes the first of several
 * and knows one coding. What is left of such a body, or taken for it, might be another's request
 * (RFC 9112, 6.3): the connection is not to be used any further. */
static bool is_length_doubtful(struct http_request *request)
{
    struct span coding = find_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    struct span length = find_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (!coding.data) {
        return length.data && memchr(length.data, ',', length.size);
    }
    return length.data || coding.size != strlen("chunked") ||
           strncasecmp(coding.data, "chunked", coding.size) != 0;
}

/* The length that the headers announce: -1 if they don't tell, or it is in doubt. libmicrohttpd has
 * refused what is not a number. */
static int64_t body_length(struct http_request *request)
{
    if (request->closes || find_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING).size > 0) {
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
        request->closes = true; /* its place is for who has one */
        return true;
    }
    if (request->closes) {
        request->answer = request->headers.has_false_name ? &false_name : &doubtful_length;
        return true;
    }
    if (request->api.target.size > API_MAX_TARGET) {
        request->answer = &target_too_long;
        return true;
    }
    if (api_call_create(&request->api, request->server->config.runtime, &request->call) < 0) {
        request->answer = &http_out_of_memory;
        return true;
    }
    if (api_refuse_early(request->call, length, &body_limit)) {
        return true;
    }
    buffer_init(&request->body, body_limit);
    return false;
}

/* --- body --- */

/* Whether a refusal is better sent before the body than after it: the client waits to be asked for
 * it, or it is too long to be read away, or nobody knows where it ends. libmicrohttpd then closes
 * the connection, and does this for POST and PUT alone. */
static bool answers_before_body(struct http_request *request, int64_t length)
{
    bool can = strcmp(request->method, MHD_HTTP_METHOD_POST) == 0 ||
               strcmp(request->method, MHD_HTTP_METHOD_PUT) == 0;
    return can && length != 0 &&
           (length > HTTP_MAX_DRAIN || request->closes ||
            find_header(request, MHD_HTTP_HEADER_EXPECT).size > 0);
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
    request->closes = request->headers.has_false_name || is_length_doubtful(request);
    int64_t length = body_length(request);
    if (error < 0) {
        request->answer = &http_out_of_memory;
    } else if (!refuse_by_headers(request, length)) {
        request->phase = PHASE_BODY;
        http_connection_limit(request->connection, request->server->config.times.body_ms);
        return MHD_YES;
    }
    if (answers_before_body(request, length)) {
        return http_request_reply(request);
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
                request->body.error == ALLOT_ELIMIT ? &body_too_large : &http_out_of_memory;
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
    return http_request_reply(request);
}

static enum MHD_Result take_end(struct http_request *request)
{
    request->api.body = buffer_span(&request->body);
    return follow(request, api_begin(request->call));
}

static enum MHD_Result take_outcome(struct http_request *request)
{
    if (http_exchange_is_left(request->exchange)) {
        return MHD_NO;
    }
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
        return http_request_reply(request);
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
    http_connection_set_request(connection, NULL);
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

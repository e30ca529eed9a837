/* What is sent in reply to a request. */
#include "api/headers.h"
#include "server/http_request_internal.h"

const struct http_refusal http_out_of_memory = {PROBLEM_MEMORY, NULL};
static const struct http_refusal too_many_watch = {
    PROBLEM_BUSY, "as many watch changes here as may, or the server stops"};

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
    const struct http_refusal *refusal = request->answer;
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
    bool compressed = compressible &&
                      headers_accept_gzip(http_headers_find(&request->headers, "Accept-Encoding"));
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
    if (done == MHD_YES && (request->closes || atomic_load(&request->server->draining))) {
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
        request->answer = error == ALLOT_ENOMEM ? &http_out_of_memory : &too_many_watch;
    }
}

/* Where the reply can't be sent as it stands, for its pieces or for how it is compressed. */
static void open_pieces(struct http_request *request, struct outgoing *reply)
{
    if (reply->pieced && http_body_open(request->server, request->connection, request->call,
                                        reply->compressed, &request->pieces) != 0) {
        request->answer = &http_out_of_memory;
        *reply = find_reply(request);
    }
}

enum MHD_Result http_request_reply(struct http_request *request)
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

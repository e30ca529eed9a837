#include "tests/http/scripted_api.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "api/routes.h"

enum verb {
    COMPUTE,
    ECHO,
    DESCRIBE,
    BYTES,
    GZIPPED,
    PIECES,
    BROKEN,
    EMPTY,
    UNCHANGED,
    STREAM,
    HEADERS,
    REFUSE,
    SMALL,
    STEP,
    TWICE,
    REGISTER,
    MISSING
};

static const struct route {
    const char *path;
    enum verb verb;
    enum api_step step; /* STEP and TWICE */
} routes[] = {
    {"/echo", ECHO, API_REPLY},
    {"/describe", DESCRIBE, API_REPLY},
    {"/bytes", BYTES, API_REPLY},
    {"/gzipped", GZIPPED, API_REPLY},
    {"/pieces", PIECES, API_REPLY},
    {"/broken", BROKEN, API_REPLY},
    {"/empty", EMPTY, API_REPLY},
    {"/unchanged", UNCHANGED, API_REPLY},
    {"/stream", STREAM, API_REPLY},
    {"/headers", HEADERS, API_REPLY},
    {"/refuse", REFUSE, API_REPLY},
    {"/small", SMALL, API_REPLY},
    {"/txn", STEP, API_TXN},
    {"/grant", STEP, API_LEASE_GRANT},
    {"/keep-alive", STEP, API_LEASE_KEEP_ALIVE},
    {"/revoke", STEP, API_LEASE_REVOKE},
    {"/time-to-live", STEP, API_LEASE_TIME_TO_LIVE},
    {"/change", STEP, API_WAIT_CHANGE},
    {"/wait", STEP, API_WAIT_REVISION},
    {"/twice", TWICE, API_TXN},
    {"/compute", COMPUTE, API_COMPUTE},
    {"/register", REGISTER, API_LEASE_GRANT},
};
static const struct route no_route = {"", MISSING, API_REPLY};

struct api_call {
    const struct api_request *request;
    const struct route *route;
    int64_t number; /* after the question mark */
    struct store_op op;
    int64_t lease;
    union api_action action;
    struct api_reply reply;
    int outcomes;
    int64_t pieces; /* bytes that were written */
    char header_values[API_MAX_REPLY_HEADERS][200];
};

static const struct watch_stream everything = {.filter = {.kinds = ~0U}};

static atomic_int call_count;
static atomic_int computing;
static atomic_bool may_compute;

void scripted_api_let_compute(bool may)
{
    atomic_store(&may_compute, may);
}

int scripted_api_computing(void)
{
    return atomic_load(&computing);
}

int scripted_api_calls(void)
{
    return atomic_load(&call_count);
}

int api_call_create(const struct api_request *request, const struct api_runtime *runtime,
                    struct api_call **ret)
{
    (void)runtime;
    struct api_call *call = calloc(1, sizeof *call);
    if (!call) {
        return ALLOT_ENOMEM;
    }
    const char *question = memchr(request->target.data, '?', request->target.size);
    size_t length = question ? (size_t)(question - request->target.data) : request->target.size;
    call->request = request;
    call->route = &no_route;
    call->number = question ? strtoll(question + 1, NULL, 10) : 0;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (span_equal((struct span){request->target.data, length}, span_of(routes[i].path))) {
            call->route = &routes[i];
        }
    }
    buffer_init(&call->reply.body, (size_t)16 * 1024 * 1024);
    atomic_fetch_add(&call_count, 1);
    *ret = call;
    return 0;
}

void api_call_destroy(struct api_call *call)
{
    if (call) {
        buffer_release(&call->reply.body);
        free(call);
        atomic_fetch_sub(&call_count, 1);
    }
}

static enum api_step reply(struct api_call *call, int status, const char *content_type)
{
    call->reply.status = status;
    call->reply.content_type = content_type;
    return API_REPLY;
}

static struct span header(const struct api_call *call, const char *name)
{
    return call->request->header(call->request->header_context, name);
}

static void describe_span(struct api_call *call, const char *name, struct span value)
{
    buffer_append_format(&call->reply.body, "%s=%.*s\n", name, (int)value.size,
                         value.data ? value.data : "");
}

static enum api_step describe(struct api_call *call)
{
    describe_span(call, "method", call->request->method);
    describe_span(call, "target", call->request->target);
    describe_span(call, "request_id", call->request->request_id);
    describe_span(call, "traceparent", call->request->traceparent);
    describe_span(call, "host", header(call, "host"));
    describe_span(call, "x-test", header(call, "X-TEST"));
    describe_span(call, "absent", header(call, "X-Absent"));
    buffer_append_format(&call->reply.body, "body=%zu\n", call->request->body.size);
    return reply(call, 200, "text/plain");
}

static enum api_step fill(struct api_call *call)
{
    char piece[1000];
    memset(piece, 'x', sizeof piece);
    for (int64_t left = call->number; left > 0; left -= 1000) {
        buffer_append(&call->reply.body,
                      (struct span){piece, left < 1000 ? (size_t)left : (size_t)1000});
    }
    return reply(call, 200, "text/plain");
}

/* As many bytes as the pieces would have, compressed. With 0 bytes: what isn't compressed at all.
 */
static enum api_step fill_gzipped(struct api_call *call)
{
    unsigned char piece[23], block[4096];
    z_stream deflating = {.next_out = block};
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = (unsigned char)('a' + i);
    call->reply.gzipped = true;
    if (call->number == 0 ||
        deflateInit2(&deflating, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        buffer_append_text(&call->reply.body, "not compressed");
        return reply(call, 200, "text/plain");
    }
    int64_t left = call->number;
    int result;
    do {
        if (deflating.avail_in == 0) {
            deflating.next_in = piece;
            deflating.avail_in = left < 23 ? (uInt)left : 23;
            left -= deflating.avail_in;
        }
        deflating.next_out = block;
        deflating.avail_out = sizeof block;
        result = deflate(&deflating, left > 0 ? Z_NO_FLUSH : Z_FINISH);
        buffer_append(&call->reply.body,
                      (struct span){(const char *)block, sizeof block - deflating.avail_out});
    } while (result == Z_OK);
    (void)deflateEnd(&deflating);
    return reply(call, 200, "text/plain");
}

static enum api_step fill_headers(struct api_call *call)
{
    static const char *const names[API_MAX_REPLY_HEADERS] = {
        "X-0", "X-1", "X-2", "X-3", "X-4", "X-5", "X-6", "X-7", "X-8", "X-9", "X-10", "X-11"};
    for (size_t i = 0; i < API_MAX_REPLY_HEADERS; i++) {
        char *value = call->header_values[i];
        (void)snprintf(value, sizeof call->header_values[i], "%0199zu", i);
        call->reply.headers[call->reply.header_count++] =
            (struct api_header){.name = names[i], .value = value};
    }
    return reply(call, 200, "text/plain");
}

static bool is_at_least(struct span subject, const struct snapshot *snapshot)
{
    int64_t revision;
    memcpy(&revision, subject.data, sizeof revision);
    return snapshot->state->revision >= revision;
}

static enum api_step take_step(struct api_call *call)
{
    switch (call->route->step) {
    case API_TXN:
        call->op = (struct store_op){
            .kind = STORE_OP_PUT, .keys = {.key = SPAN("/allot/test")}, .value = SPAN("value")};
        call->action.txn = (struct store_txn){.success = &call->op, .success_count = 1};
        break;
    case API_WAIT_REVISION:
        call->action.revision = call->number;
        break;
    case API_LEASE_GRANT:
    case API_LEASE_KEEP_ALIVE:
    case API_LEASE_REVOKE:
    case API_LEASE_TIME_TO_LIVE:
        call->action.lease.id = 77;
        call->action.lease.ttl = 10;
        break;
    case API_WAIT_CHANGE:
        call->action.change.holds = is_at_least;
        call->action.change.subject =
            (struct span){(const char *)&call->number, sizeof call->number};
        call->action.change.timeout_ms = call->number < 1000 ? 60000 : 50;
        break;
    case API_COMPUTE:
    case API_REPLY:
        break;
    }
    return call->route->step;
}

/* Works until it is cancelled, or scripted_api_let_compute. */
static void compute(void *context, const atomic_bool *cancelled)
{
    struct api_call *call = context;
    atomic_fetch_add(&computing, 1);
    while (!atomic_load(cancelled) && !atomic_load(&may_compute))
        (void)usleep(1000);
    buffer_append_text(&call->reply.body, atomic_load(cancelled) ? "cancelled " : "computed ");
    atomic_fetch_sub(&computing, 1);
}

/* Each byte tells its place. */
static bool write_piece(struct api_call *call, struct buffer *out)
{
    for (int i = 0; i < 1000 && call->pieces < call->number; i++, call->pieces++) {
        char c = (char)('a' + call->pieces % 23);
        buffer_append(out, (struct span){&c, 1});
    }
    if (call->pieces == call->number && call->route->verb == BROKEN) {
        out->error = ALLOT_ENOMEM;
    }
    return call->pieces < call->number;
}

enum api_step api_begin(struct api_call *call)
{
    switch (call->route->verb) {
    case ECHO:
    case SMALL:
        buffer_append(&call->reply.body, call->request->body);
        return reply(call, 200, "application/octet-stream");
    case DESCRIBE:
        return describe(call);
    case BYTES:
        return fill(call);
    case GZIPPED:
        return fill_gzipped(call);
    case PIECES:
    case BROKEN:
        call->reply.more = write_piece;
        return reply(call, 200, "text/plain");
    case EMPTY:
        return reply(call, 204, NULL);
    case UNCHANGED:
        (void)fill(call);
        return reply(call, 304, "text/plain");
    case STREAM:
        call->reply.stream = &everything;
        return reply(call, 200, "application/x-ndjson");
    case HEADERS:
        return fill_headers(call);
    case STEP:
    case TWICE:
    case REGISTER:
        return take_step(call);
    case COMPUTE:
        call->action.compute.run = compute;
        call->action.compute.context = call;
        return API_COMPUTE;
    case REFUSE:
    case MISSING:
        break;
    }
    return reply(call, 500, NULL); /* should have been refused before */
}

static void describe_txn(struct api_call *call, const struct api_txn_outcome *txn)
{
    buffer_append_format(&call->reply.body, " succeeded=%d revision=%" PRId64, txn->succeeded,
                         txn->revision);
}

/* Puts a key under the lease that was granted; if the checks fail, once more; then replies. With a
 * number after the question mark the key is put under no lease. */
static enum api_step register_member(struct api_call *call, const struct api_outcome *outcome)
{
    bool lost = outcome->txn && !outcome->txn->succeeded;
    if (outcome->lease) {
        call->lease = outcome->lease->id;
    }
    if (outcome->error || (outcome->txn && !lost)) {
        return reply(call, 200, "text/plain");
    }
    call->op = (struct store_op){.kind = STORE_OP_PUT,
                                 .keys = {.key = SPAN("/allot/test")},
                                 .value = SPAN("value"),
                                 .lease = call->number ? 0 : call->lease};
    call->action.txn = (struct store_txn){.success = &call->op, .success_count = 1};
    return API_TXN;
}

enum api_step api_resume(struct api_call *call, const struct api_outcome *outcome)
{
    buffer_append_format(&call->reply.body, "error=%d%s", outcome->error,
                         outcome->refused ? " refused" : "");
    if (outcome->txn) {
        describe_txn(call, outcome->txn);
    }
    if (outcome->lease) {
        buffer_append_format(&call->reply.body, " id=%" PRId64 " ttl=%" PRId64, outcome->lease->id,
                             outcome->lease->ttl);
    }
    buffer_append_text(&call->reply.body, "\n");
    call->outcomes++;
    if (call->route->verb == TWICE && call->outcomes == 1) {
        return take_step(call);
    }
    if (call->route->verb == REGISTER && call->outcomes <= 2) {
        return register_member(call, outcome);
    }
    return reply(call, 200, "text/plain");
}

const union api_action *api_call_action(const struct api_call *call)
{
    return &call->action;
}

const struct api_reply *api_call_reply(const struct api_call *call)
{
    return &call->reply;
}

/* One for all that isn't missing. */
static const struct api_route the_route = {.method = "GET", .pattern = "/scripted"};

const struct api_route *routes_all(size_t *ret_count)
{
    *ret_count = 1;
    return &the_route;
}

const struct api_route *api_call_route(const struct api_call *call)
{
    return call->route == &no_route ? NULL : &the_route;
}

bool api_refuse_early(struct api_call *call, int64_t content_length, size_t *ret_body_limit)
{
    int status = 0;
    *ret_body_limit = call->route->verb == SMALL ? SCRIPTED_SMALL_BODY : API_MAX_BODY;
    if (call->route->verb == MISSING) {
        status = 404;
    } else if (call->route->verb == REFUSE) {
        status = 415;
    } else if (content_length > (int64_t)*ret_body_limit) {
        status = 413;
    }
    if (status) {
        buffer_append_text(&call->reply.body, "{}");
        (void)reply(call, status, "application/problem+json");
    }
    return status != 0;
}

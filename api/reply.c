#include "api/reply.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/headers.h"

void reply_start(struct api_call *call, int status)
{
    call->reply.status = status;
    call->reply.content_type = NULL;
    call->reply.header_count = 0;
    call->reply.more = NULL;
    call->reply.gzipped = false;
    buffer_clear(&call->reply.body);
    if (call->quota_policy[0]) {
        reply_header(call, "RateLimit-Policy", call->quota_policy);
        reply_header(call, "RateLimit", call->quota_left);
    }
}

void reply_header(struct api_call *call, const char *name, const char *value)
{
    struct api_reply *reply = &call->reply;
    if (reply->header_count == API_MAX_REPLY_HEADERS)
        reply->body.error = ALLOT_ELIMIT;
    else
        reply->headers[reply->header_count++] = (struct api_header){name, value};
}

void reply_header_integer(struct api_call *call, const char *name, int64_t number)
{
    char text[BUFFER_INTEGER_SIZE];
    struct span copy = arena_copy(&call->arena, buffer_integer_text(number, text));
    if (copy.data)
        reply_header(call, name, copy.data);
    else
        call->reply.body.error = ALLOT_ENOMEM;
}

void reply_header_format(struct api_call *call, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[512];
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bool fits = size >= 0 && (size_t)size < sizeof text;
    struct span copy = {NULL, 0};
    if (fits)
        copy = arena_copy(&call->arena, (struct span){text, (size_t)size});
    if (copy.data)
        reply_header(call, name, copy.data);
    else
        call->reply.body.error = fits ? ALLOT_ENOMEM : ALLOT_ELIMIT;
}

struct span reply_path(const struct api_call *call)
{
    struct span target = call->request->target;
    const char *query = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    return (struct span){target.data, query ? (size_t)(query - target.data) : target.size};
}

/* The resource is where it was put. */
static void add_location(struct api_call *call)
{
    struct span path = arena_copy(&call->arena, reply_path(call));
    if (path.data)
        reply_header(call, "Location", path.data);
    else
        call->reply.body.error = ALLOT_ENOMEM;
}

/* A store that can be reached is heard of every second: while it can't, what is read is what it
 * was, and says how old it is, as HTTP caches do (RFC 9111). */
static void add_age(struct api_call *call)
{
    struct api_health health = {0};
    call->runtime->health(call->runtime->context, &health);
    if (health.snapshot_age_ms < API_STALE_MS)
        return;
    reply_header_format(call, "Age", "%" PRId64, health.snapshot_age_ms / 1000);
    reply_header(call, "Warning", "110 - \"Response is Stale\"");
}

static void add_revision(struct api_call *call)
{
    int64_t revision = call->committed;
    if (!revision && call->snapshot)
        revision = call->snapshot->state->revision;
    if (call->committed || call->snapshot)
        reply_header_integer(call, "Allot-Revision", revision);
    if (call->snapshot && !call->committed)
        add_age(call);
}

struct json_writer reply_json(struct api_call *call, int status)
{
    reply_start(call, status);
    call->reply.content_type = "application/json";
    add_revision(call);
    return json_writer_of(&call->reply.body);
}

enum api_step reply_finish(struct api_call *call)
{
    if (call->reply.content_type)
        buffer_append(&call->reply.body, SPAN("\n"));
    int error = call->reply.body.error;
    if (error == ALLOT_ELIMIT)
        return problem(call, PROBLEM_INTERNAL, "the reply is too large");
    return error ? problem_of_error(call, error, "to write the reply") : API_REPLY;
}

enum api_step reply_empty(struct api_call *call, int status)
{
    reply_start(call, status);
    add_revision(call);
    return reply_finish(call);
}

enum api_step reply_finish_resource(struct api_call *call, int64_t mod_revision,
                                    uint64_t status_hash)
{
    char etag[HEADERS_ETAG_SIZE];
    headers_write_etag(etag, mod_revision, status_hash);
    struct span known = call_header(call, "If-None-Match");
    bool is_get = span_equal(call->request->method, SPAN("GET"));
    if (is_get && known.data && headers_etag_listed(known, mod_revision, status_hash))
        call->reply.status = 304;
    struct span copy = arena_copy(&call->arena, span_of(etag));
    if (copy.data)
        reply_header(call, "ETag", copy.data);
    else
        call->reply.body.error = ALLOT_ENOMEM;
    if (call->reply.status == 201)
        add_location(call);
    return reply_finish(call);
}

#include "api/headers.h"
#include "api/reply.h"
#include "api/resources.h"

/* GET /v1/watch: what is asked for; see watch.h. */

/* Last-Event-ID is what a browser that comes back has seen last: it wins. */
static bool read_from(struct api_call *call, int64_t *ret)
{
    struct span last = call_header(call, "Last-Event-ID");
    *ret = -1;
    if (!last.data || last.size == 0)
        return call_query_integer(call, "from", 0, INT64_MAX, ret);
    struct query query = {.parameters = {{SPAN("from"), last}}, .count = 1};
    struct error_message why = {""};
    if (!query_integer(&query, "from", 0, INT64_MAX, ret, &why))
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "the header Last-Event-ID must be a revision");
    return false;
}

static bool read_format(struct api_call *call, enum watch_format *ret)
{
    const struct span types[] = {SPAN("application/x-ndjson"), SPAN("application/json"),
                                 SPAN("text/event-stream")};
    int chosen = headers_choose(call_header(call, "Accept"), types, 3);
    *ret = chosen == 2 ? WATCH_SSE : WATCH_NDJSON;
    if (chosen >= 0)
        return true;
    (void)problem(call, PROBLEM_NOT_ACCEPTABLE,
                  "changes are served as text/event-stream or application/x-ndjson");
    return false;
}

/* Without a revision that was seen it begins with what comes next. */
static bool settle_from(struct api_call *call, int64_t *from)
{
    int64_t oldest;
    int64_t newest;
    const struct api_runtime *runtime = call->runtime;
    runtime->watch_range(runtime->context, &oldest, &newest);
    if (*from < 0) {
        *from = newest;
        return true;
    }
    if (*from < oldest)
        (void)problem(call, PROBLEM_GONE,
                      "changes after revision %" PRId64 " are no longer kept, only after %" PRId64
                      ": read anew, then watch from there",
                      *from, oldest);
    else if (*from > newest)
        (void)problem(call, PROBLEM_NOT_READY, "revision %" PRId64 " has not been seen here so far",
                      *from);
    else
        return true;
    return false;
}

/* Names the revision after which it tells of changes, for whoever is cut off before the first. */
static enum api_step reply_stream(struct api_call *call, const struct watch_stream *stream)
{
    reply_start(call, 200);
    call->reply.content_type =
        stream->format == WATCH_SSE ? "text/event-stream" : "application/x-ndjson";
    reply_header_integer(call, "Allot-Revision", stream->from);
    reply_header(call, "Cache-Control", "no-store");
    reply_header(call, "X-Accel-Buffering", "no");
    call->reply.stream = stream;
    return reply_finish(call);
}

enum api_step watch_get(struct api_call *call)
{
    struct watch_stream *stream = arena_allocate(&call->arena, sizeof *stream);
    if (!stream)
        return problem_of_error(call, ALLOT_ENOMEM, "to watch");
    *stream = (struct watch_stream){.filter = {.kinds = ~0U,
                                               .item = query_value(&call->query, "item"),
                                               .prefix = query_value(&call->query, "prefix"),
                                               .zone = query_value(&call->query, "zone"),
                                               .suffix = query_value(&call->query, "suffix")}};
    if (!call->runtime->watch_range)
        return problem(call, PROBLEM_NOT_READY, "changes can't be watched here");
    if (!call_query_choices(call, "kind", watch_kind_names, WATCH_KIND_COUNT,
                            &stream->filter.kinds) ||
        !read_from(call, &stream->from) || !read_format(call, &stream->format) ||
        !settle_from(call, &stream->from))
        return API_REPLY;
    return reply_stream(call, stream);
}

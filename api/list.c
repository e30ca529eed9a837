#include "api/list.h"

#include <inttypes.h>

#include "api/page_token.h"
#include "api/reply.h"

struct list {
    const struct list_source *source;
    const void *filter;
    int32_t next; /* number of the first that is not written yet */
    int32_t end;
    int64_t left; /* how many more the page may have */
    bool comma;   /* due before the next */
};

/* --- pages --- */

/* The snapshot of @revision in place of the call's. */
static bool go_back(struct api_call *call, int64_t revision)
{
    const struct api_runtime *runtime = call->runtime;
    if (revision == call->snapshot->state->revision)
        return true;
    struct snapshot *kept =
        runtime->kept_snapshot ? runtime->kept_snapshot(runtime->context, revision) : NULL;
    if (!kept) {
        (void)problem(call, PROBLEM_GONE,
                      "the list can't be continued as of revision %" PRId64 ": begin again",
                      revision);
        return false;
    }
    snapshot_unref(call->snapshot);
    call->snapshot = kept;
    return true;
}

bool list_begin(struct api_call *call)
{
    struct list list = {.left = LIST_DEFAULT_LIMIT};
    bool continues;
    struct page_token token;
    if (!call_query_integer(call, "limit", 1, LIST_MAX_LIMIT, &list.left) ||
        !page_token_take(call, &continues, &token))
        return false;
    if (continues) {
        if (!go_back(call, token.revision))
            return false;
        list.next = token.number;
    }
    call->list = arena_allocate(&call->arena, sizeof *call->list);
    if (!call->list) {
        (void)problem_of_error(call, ALLOT_ENOMEM, "to list");
        return false;
    }
    *call->list = list;
    return true;
}

/* Goes on to the next that belongs to the list, the next one included. */
static int find_next(struct api_call *call)
{
    struct list *list = call->list;
    int taken = list->source->takes == NULL;
    for (; list->next < list->end && !taken; list->next += !taken)
        taken = list->source->takes(call, list->filter, list->next);
    return taken < 0 ? taken : 0;
}

static void write_end(struct api_call *call, struct json_writer *writer)
{
    const struct list *list = call->list;
    json_end(writer, ']');
    if (list->next < list->end) {
        struct page_token token = {call->snapshot->state->revision, list->next,
                                   page_token_check(call)};
        char text[PAGE_TOKEN_SIZE];
        page_token_write(&token, text);
        json_text_field(writer, "continue", text);
        if (call->runtime->keep_snapshot)
            call->runtime->keep_snapshot(call->runtime->context, call->snapshot);
    }
    json_end(writer, '}');
    buffer_append(writer->out, SPAN("\n"));
}

static bool write_piece(struct api_call *call, struct buffer *out)
{
    struct list *list = call->list;
    struct json_writer writer = {.out = out, .comma = list->comma};
    size_t begin = out->size;
    while (out->size - begin < LIST_PIECE && !out->error) {
        int error = find_next(call);
        if (error)
            out->error = error;
        if (out->error)
            break;
        if (list->next >= list->end || list->left == 0) {
            write_end(call, &writer);
            return false;
        }
        list->source->write(call, &writer, list->next++);
        list->left--;
    }
    list->comma = writer.comma;
    return !out->error;
}

enum api_step list_reply(struct api_call *call, const struct list_source *source,
                         const void *filter, int32_t begin, int32_t end)
{
    struct list *list = call->list;
    struct json_writer writer = reply_json(call, 200);
    list->source = source;
    list->filter = filter;
    list->end = end;
    if (list->next < begin)
        list->next = begin;
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision", call->snapshot->state->revision);
    json_name(&writer, "items");
    json_begin(&writer, '[');
    list->comma = writer.comma;
    if (write_piece(call, &call->reply.body))
        call->reply.more = write_piece;
    int error = call->reply.body.error;
    return error ? problem_of_error(call, error, "to write the reply") : API_REPLY;
}

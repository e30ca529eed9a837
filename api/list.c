#include "api/list.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/hash.h"
#include "api/reply.h"

enum { PIECE = 32 << 10 /* bytes, and the rest of a resource, that are written at a time */ };

struct list {
    const struct list_source *source;
    const void *filter;
    int32_t next; /* number of the first that is not written yet */
    int32_t end;
    int64_t left; /* how many more the page may have */
    bool comma;   /* due before the next */
};

/* --- tokens: revision, index and check in hexadecimal, joined by `-` --- */

void list_write_token(const struct list_token *token, char text[LIST_TOKEN_SIZE])
{
    (void)snprintf(text, LIST_TOKEN_SIZE, "%" PRIx64 "-%" PRIx32 "-%" PRIx64,
                   (uint64_t)token->revision, (uint32_t)token->index, token->check);
}

/* Takes lower-case hexadecimal digits off the front of @text: 1 to 16 of them, and @end after them
 * unless that is 0, which means the end. */
static bool take_hex(struct span *text, char end, uint64_t *ret)
{
    uint64_t number = 0;
    size_t size = 0;
    while (size < text->size && text->data[size] != end) {
        const char *digits = "0123456789abcdef";
        const char *digit = text->data[size] ? strchr(digits, text->data[size]) : NULL;
        if (!digit || size++ == 16)
            return false;
        number = number << 4 | (uint64_t)(digit - digits);
    }
    if (size == 0 || (end && size == text->size))
        return false;
    size_t taken = size + (end != '\0');
    *text = (struct span){text->data + taken, text->size - taken};
    *ret = number;
    return true;
}

bool list_read_token(struct span text, struct list_token *ret)
{
    uint64_t revision;
    uint64_t index;
    uint64_t check;
    if (!take_hex(&text, '-', &revision) || !take_hex(&text, '-', &index) ||
        !take_hex(&text, '\0', &check) || revision > INT64_MAX || index > INT32_MAX)
        return false;
    *ret = (struct list_token){(int64_t)revision, (int32_t)index, check};
    return true;
}

/* The same for the same path and filters, in whatever order these come. */
static uint64_t hash_request(const struct api_call *call)
{
    uint64_t path = HASH_START;
    for (size_t i = 0; i < call->path.count && i < PATH_MAX_SEGMENTS; i++)
        path = hash_bytes(hash_bytes(path, SPAN("\x01")), call->path.segments[i]);
    uint64_t filters = 0;
    for (size_t i = 0; i < call->query.count; i++) {
        const struct query_parameter *parameter = &call->query.parameters[i];
        if (span_equal(parameter->name, SPAN("limit")) ||
            span_equal(parameter->name, SPAN("continue")) ||
            span_equal(parameter->name, SPAN("min_revision")))
            continue;
        filters += hash_bytes(hash_bytes(hash_bytes(HASH_START, parameter->name), SPAN("=")),
                              parameter->value);
    }
    return path ^ filters;
}

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
    struct span text = query_value(&call->query, "continue");
    struct list_token token;
    if (!call_query_integer(call, "limit", 1, LIST_MAX_LIMIT, &list.left))
        return false;
    if (text.data) {
        if (!list_read_token(text, &token) || token.check != hash_request(call)) {
            (void)problem(call, PROBLEM_MALFORMED,
                          "the query parameter 'continue' is not a token of this list");
            return false;
        }
        if (!go_back(call, token.revision))
            return false;
        list.next = token.index;
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
        struct list_token token = {call->snapshot->state->revision, list->next, hash_request(call)};
        char text[LIST_TOKEN_SIZE];
        list_write_token(&token, text);
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
    while (out->size - begin < PIECE && !out->error) {
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

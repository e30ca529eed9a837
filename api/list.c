#include "api/list.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/hash.h"
#include "api/reply.h"

/* Pages end here even if their limit isn't reached: labels make some resources long, and readers
 * may be slow and many. One more of the longest still fits below API_MAX_REPLY. */
enum { MAX_PAGE = 2 << 20 };

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

bool list_begin(struct api_call *call, struct list *ret)
{
    struct list list = {.call = call, .left = LIST_DEFAULT_LIMIT};
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
        list.begin = token.index;
    }
    list.writer = reply_json(call, 200);
    json_begin(&list.writer, '{');
    json_integer_field(&list.writer, "revision", call->snapshot->state->revision);
    json_name(&list.writer, "items");
    json_begin(&list.writer, '[');
    *ret = list;
    return true;
}

bool list_take(struct list *list)
{
    return list->left-- > 0 && list->writer.out->size < MAX_PAGE && !list->writer.out->error;
}

enum api_step list_end(struct list *list, int32_t next, int32_t count)
{
    struct api_call *call = list->call;
    json_end(&list->writer, ']');
    if (next < count) {
        struct list_token token = {call->snapshot->state->revision, next, hash_request(call)};
        char text[LIST_TOKEN_SIZE];
        list_write_token(&token, text);
        json_text_field(&list->writer, "continue", text);
        if (call->runtime->keep_snapshot)
            call->runtime->keep_snapshot(call->runtime->context, call->snapshot);
    }
    json_end(&list->writer, '}');
    return reply_finish(call);
}

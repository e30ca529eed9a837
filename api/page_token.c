#include "api/page_token.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/hash.h"

/* Revision, number and check in hexadecimal, joined by `-`. */

void page_token_write(const struct page_token *token, char text[PAGE_TOKEN_SIZE])
{
    (void)snprintf(text, PAGE_TOKEN_SIZE, "%" PRIx64 "-%" PRIx32 "-%" PRIx64,
                   (uint64_t)token->revision, (uint32_t)token->number, token->check);
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

bool page_token_read(struct span text, struct page_token *ret)
{
    uint64_t revision;
    uint64_t number;
    uint64_t check;
    if (!take_hex(&text, '-', &revision) || !take_hex(&text, '-', &number) ||
        !take_hex(&text, '\0', &check) || revision > INT64_MAX || number > INT32_MAX)
        return false;
    *ret = (struct page_token){(int64_t)revision, (int32_t)number, check};
    return true;
}

uint64_t page_token_check(const struct api_call *call)
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

bool page_token_take(struct api_call *call, bool *ret_given, struct page_token *ret)
{
    struct span text = query_value(&call->query, "continue");
    struct page_token token;
    *ret_given = text.data != NULL;
    if (!text.data)
        return true;
    if (!page_token_read(text, &token) || token.check != page_token_check(call)) {
        (void)problem(call, PROBLEM_MALFORMED,
                      "the query parameter 'continue' is not a token of this list");
        return false;
    }
    *ret = token;
    return true;
}

#include "api/labels.h"

#include <json-c/linkhash.h>

/* Takes what stands before the first @end off the front of @text, and @end with it. False: there is
 * no @end, and all of @text was taken. */
static bool take(struct span *text, char end, struct span *ret)
{
    const char *found = text->size > 0 ? memchr(text->data, end, text->size) : NULL;
    size_t size = found ? (size_t)(found - text->data) : text->size;
    size_t taken = size + (found != NULL);
    *ret = (struct span){text->data, size};
    *text = (struct span){text->data + taken, text->size - taken};
    return found != NULL;
}

bool labels_read_filter(struct api_call *call, struct labels_filter *ret)
{
    struct span rest = query_value(&call->query, "label");
    ret->count = 0;
    if (!rest.data)
        return true;
    for (bool more = true; more; ret->count++) {
        struct labels_term term = {.value = {NULL, 0}};
        struct span text;
        more = take(&rest, ',', &text);
        if (take(&text, '=', &term.name))
            term.value = text;
        if (term.name.size == 0 || ret->count == LABELS_MAX_TERMS) {
            (void)problem(call, PROBLEM_MALFORMED,
                          "the query parameter 'label' must be 1 to %d of NAME=VALUE or NAME, "
                          "joined by commas",
                          LABELS_MAX_TERMS);
            return false;
        }
        ret->terms[ret->count] = term;
    }
    return true;
}

static bool has(struct json_object *labels, const struct labels_term *term)
{
    json_object_object_foreach(labels, name, value)
    {
        if (!span_equal(term->name, span_of(name)))
            continue;
        struct span text = {json_object_get_string(value),
                            (size_t)json_object_get_string_len(value)};
        return !term->value.data || span_equal(term->value, text);
    }
    return false;
}

bool labels_pass(const struct labels_filter *filter, struct json_object *labels)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (!labels || !has(labels, &filter->terms[i]))
            return false;
    }
    return true;
}

#include "api/labels.h"

#include <json-c/linkhash.h>

/* What is left to read, and is changed by that. */
struct text {
    char *at;
    char *end;
};

/* Takes a name, up to `=`, or a value, up to `,`, off the front of @text, and that character with
 * it, which is returned; 0 at the end of the text. Backslashes are left out. */
static char take(struct text *text, bool is_name, struct span *ret)
{
    char *part = text->at;
    size_t size = 0;
    char end = '\0';
    while (text->at < text->end && !end) {
        char c = *text->at++;
        if (c == ',' || (is_name && c == '=')) {
            end = c;
        } else {
            if (c == '\\' && text->at < text->end)
                c = *text->at++;
            part[size++] = c;
        }
    }
    *ret = (struct span){part, size};
    return end;
}

static bool read_terms(struct text *text, struct labels_filter *ret)
{
    for (char end = ','; end == ','; ret->count++) {
        struct labels_term term = {.value = {NULL, 0}};
        end = take(text, true, &term.name);
        if (end == '=')
            end = take(text, false, &term.value);
        if (term.name.size == 0 || ret->count == LABELS_MAX_TERMS)
            return false;
        ret->terms[ret->count] = term;
    }
    return true;
}

bool labels_read_filter(struct api_call *call, struct labels_filter *ret)
{
    struct span given = query_value(&call->query, "label");
    ret->count = 0;
    if (!given.data)
        return true;
    char *copy = arena_allocate(&call->arena, given.size + 1);
    if (!copy) {
        (void)problem_of_error(call, ALLOT_ENOMEM, "to read the labels");
        return false;
    }
    memcpy(copy, given.data, given.size);
    if (read_terms(&(struct text){copy, copy + given.size}, ret))
        return true;
    (void)problem(call, PROBLEM_MALFORMED,
                  "the query parameter 'label' must be 1 to %d of NAME=VALUE or NAME, joined by "
                  "commas; one within a name or a value has a backslash before it",
                  LABELS_MAX_TERMS);
    return false;
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

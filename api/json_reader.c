#include "api/json_reader.h"

#include <json-c/json_tokener.h>
#include <limits.h>
#include <stdio.h>

#include "api/json_scan.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether @text, which is one JSON value, is null. */
static bool is_null_literal(struct span text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    return span_has_prefix(text, SPAN("null"));
}

static int parse(struct json_tokener *tokener, struct span text, struct json_object **ret,
                 struct error_message *why)
{
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *value = json_tokener_parse_ex(tokener, text.data, (int)text.size);
    size_t place = json_tokener_get_parse_end(tokener);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    if (error == json_tokener_continue) {
        /* A zero byte ends what could go on, such as a number. */
        value = json_tokener_parse_ex(tokener, "", 1);
        place = text.size;
        error = json_tokener_get_error(tokener);
    }
    if (error != json_tokener_success) {
        json_object_put(value);
        json_place(text, place, json_tokener_error_desc(error), why);
        return ALLOT_ESYNTAX;
    }
    if (!value && !is_null_literal(text))
        return ALLOT_ENOMEM;
    *ret = value;
    return 0;
}

static int read_within(struct json_budget *budget, struct span text, struct json_object **ret,
                       struct error_message *why)
{
    if (text.size > INT_MAX - 1) {
        json_place(text, 0, "the text is too long", why);
        return ALLOT_ELIMIT;
    }
    if (text.size == 0) {
        json_place(text, 0, "nothing where a value should be", why);
        return ALLOT_ESYNTAX;
    }
    int error = json_scan(text, budget, why);
    if (error)
        return error;
    /* The scan has checked the depth; json-c also counts the value within the innermost. */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 1);
    if (!tokener)
        return ALLOT_ENOMEM;
    error = parse(tokener, text, ret, why);
    json_tokener_free(tokener);
    return error;
}

int json_read(struct span text, struct json_object **ret, struct error_message *why)
{
    return read_within(NULL, text, ret, why);
}

int json_read_bounded(struct span text, struct json_object **ret, struct error_message *why)
{
    struct json_budget budget = json_budget_of(text.size);
    return read_within(&budget, text, ret, why);
}

/* Reads one line into @lines. */
static int read_line(struct json_budget *budget, struct span line, size_t number,
                     struct json_object *lines, struct error_message *why)
{
    struct json_object *value = NULL;
    struct error_message inner = {""};
    int error = read_within(budget, line, &value, &inner);
    if (error == ALLOT_ENOMEM)
        return error;
    if (error) {
        (void)snprintf(why->text, sizeof why->text, "line %zu of the body: %.200s", number,
                       inner.text);
        return error;
    }
    if (json_object_array_add(lines, value) == 0)
        return 0;
    json_object_put(value);
    return ALLOT_ENOMEM;
}

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.size; i++)
        if (!is_space(line.data[i]))
            return false;
    return true;
}

int json_read_lines(struct span text, struct json_object **ret, struct error_message *why)
{
    struct json_budget budget = json_budget_of(text.size);
    struct json_object *lines = json_object_new_array();
    int error = lines ? 0 : ALLOT_ENOMEM;
    for (size_t number = 1; !error && text.size > 0; number++) {
        const char *end = memchr(text.data, '\n', text.size);
        struct span line = {text.data, end ? (size_t)(end - text.data) : text.size};
        if (!is_blank(line))
            error = read_line(&budget, line, number, lines, why);
        size_t taken = line.size + (end != NULL);
        text = (struct span){text.data + taken, text.size - taken};
    }
    if (error)
        json_object_put(lines);
    else
        *ret = lines;
    return error;
}

struct span json_text(struct json_object *value)
{
    size_t size = 0;
    const char *text = json_object_to_json_string_length(
        value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    return text ? (struct span){text, size} : (struct span){NULL, 0};
}

int json_set(struct json_object *tree, const char *name, struct json_object *value)
{
    if (!value)
        return ALLOT_ENOMEM;
    if (json_object_object_add(tree, name, value)) {
        json_object_put(value);
        return ALLOT_ENOMEM;
    }
    return 0;
}

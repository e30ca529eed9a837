#include "api/json_reader.h"

#include <json-c/json_tokener.h>
#include <limits.h>

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

int json_read(struct span text, struct json_object **ret, struct error_message *why)
{
    if (text.size > INT_MAX - 1) {
        json_place(text, 0, "the text is too long", why);
        return ALLOT_ELIMIT;
    }
    if (text.size == 0) {
        json_place(text, 0, "nothing where a value should be", why);
        return ALLOT_ESYNTAX;
    }
    int error = json_scan(text, why);
    if (error)
        return error;
    /* The scan has checked the depth; json-c counts differently, so it gets some room. */
    struct json_tokener *tokener = json_tokener_new_ex(2 * JSON_MAX_DEPTH);
    if (!tokener)
        return ALLOT_ENOMEM;
    error = parse(tokener, text, ret, why);
    json_tokener_free(tokener);
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

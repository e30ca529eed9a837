#include "api/json_spec.h"

#include <inttypes.h>
#include <json-c/linkhash.h>
#include <stdio.h>

#include "api/json_reader.h"
#include "api/timestamp.h"

enum { POINTER_SIZE = 400, DETAIL_SIZE = 200 };

struct decoding {
    json_fault *fault;
    void *context;
    bool failed;
};

static void report(struct decoding *decoding, const char *pointer, const char *detail)
{
    decoding->failed = true;
    decoding->fault(decoding->context, pointer, detail);
}

/* Appends `/NAME` to the pointer in @pointer, escaped; what doesn't fit is cut. */
static void extend_pointer(char pointer[POINTER_SIZE], const char *name)
{
    size_t size = strlen(pointer);
    pointer[size++] = '/';
    for (const char *c = name; *c && size + 3 < POINTER_SIZE; c++) {
        if (*c == '~' || *c == '/') {
            pointer[size++] = '~';
            pointer[size++] = *c == '~' ? '0' : '1';
        } else {
            pointer[size++] = *c;
        }
    }
    pointer[size] = '\0';
}

static const struct json_field *find_field(const struct json_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->count; i++) {
        if (strcmp(spec->fields[i].name, name) == 0)
            return &spec->fields[i];
    }
    return NULL;
}

/* --- types: each says whether @value is fine, and else writes why --- */

static bool decode_integer(const struct json_field *field, struct json_object *value, void *target,
                           char detail[DETAIL_SIZE])
{
    /* get_int64 gives INT64_MAX for what is greater, which is out of every range here. */
    int64_t number = json_object_get_int64(value);
    if (!json_object_is_type(value, json_type_int) || number < field->least ||
        number > field->most) {
        (void)snprintf(detail, DETAIL_SIZE, "must be an integer from %" PRId64 " to %" PRId64,
                       field->least, field->most);
        return false;
    }
    memcpy(target, &number, sizeof number);
    return true;
}

static bool decode_boolean(struct json_object *value, void *target, char detail[DETAIL_SIZE])
{
    if (!json_object_is_type(value, json_type_boolean)) {
        (void)snprintf(detail, DETAIL_SIZE, "must be true or false");
        return false;
    }
    bool truth = json_object_get_boolean(value);
    memcpy(target, &truth, sizeof truth);
    return true;
}

static bool decode_choice(const struct json_field *field, struct json_object *value, void *target,
                          char detail[DETAIL_SIZE])
{
    size_t size = (size_t)snprintf(detail, DETAIL_SIZE, "must be one of");
    const char *text =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    for (int i = 0; field->choices[i]; i++) {
        if (strcmp(field->choices[i], text) == 0) {
            memcpy(target, &i, sizeof i);
            return true;
        }
        if (size < DETAIL_SIZE)
            size += (size_t)snprintf(detail + size, DETAIL_SIZE - size, "%s \"%s\"", i ? "," : "",
                                     field->choices[i]);
    }
    return false;
}

bool json_is_token(struct span text, int64_t least, int64_t most)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return (int64_t)text.size >= least && (int64_t)text.size <= most;
}

/* {NULL, 0}: it is no string. */
static struct span text_of(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return (struct span){NULL, 0};
    return (struct span){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

static bool decode_time(const struct json_field *field, struct json_object *value, void *target,
                        char detail[DETAIL_SIZE])
{
    struct span text = text_of(value);
    int64_t milliseconds;
    if (!text.data || (int64_t)text.size > field->most || timestamp_parse(text, &milliseconds)) {
        (void)snprintf(detail, DETAIL_SIZE, "must be a time: 2030-01-31T12:00:00Z");
        return false;
    }
    memcpy(target, &text, sizeof text);
    return true;
}

static bool decode_token(const struct json_field *field, struct json_object *value, void *target,
                         char detail[DETAIL_SIZE])
{
    struct span text = text_of(value);
    if (!text.data || !json_is_token(text, field->least, field->most)) {
        (void)snprintf(detail, DETAIL_SIZE,
                       "must be a string of %" PRId64 " to %" PRId64
                       " printable ASCII characters, without spaces",
                       field->least, field->most);
        return false;
    }
    memcpy(target, &text, sizeof text);
    return true;
}

static bool decode_string(const struct json_field *field, struct json_object *value, void *target,
                          char detail[DETAIL_SIZE])
{
    struct span text = text_of(value);
    if (!text.data || (int64_t)text.size < field->least || (int64_t)text.size > field->most) {
        (void)snprintf(detail, DETAIL_SIZE, "must be a string of %" PRId64 " to %" PRId64 " bytes",
                       field->least, field->most);
        return false;
    }
    memcpy(target, &text, sizeof text);
    return true;
}

static bool decode_any(const struct json_field *field, struct json_object *value, void *target,
                       char detail[DETAIL_SIZE])
{
    struct span text = json_text(value);
    if (!text.data || (int64_t)text.size > field->most) {
        (void)snprintf(detail, DETAIL_SIZE, "must take at most %" PRId64 " bytes as JSON",
                       field->most);
        return false;
    }
    memcpy(target, &value, sizeof(struct json_object *));
    return true;
}

static bool is_label(const char *name, struct json_object *value)
{
    size_t size = strlen(name);
    return size > 0 && size <= JSON_MAX_LABEL_NAME &&
           json_object_is_type(value, json_type_string) &&
           json_object_get_string_len(value) <= JSON_MAX_LABEL_VALUE;
}

/* Reports the faults of single labels itself, as they have pointers of their own. */
static void check_labels(struct decoding *decoding, struct json_object *labels, const char *pointer)
{
    char detail[DETAIL_SIZE];
    if (json_object_object_length(labels) > JSON_MAX_LABELS) {
        (void)snprintf(detail, sizeof detail, "must have at most %d labels", JSON_MAX_LABELS);
        report(decoding, pointer, detail);
        return;
    }
    json_object_object_foreach(labels, name, value)
    {
        if (is_label(name, value))
            continue;
        char label_pointer[POINTER_SIZE];
        (void)snprintf(label_pointer, sizeof label_pointer, "%.100s", pointer);
        extend_pointer(label_pointer, name);
        (void)snprintf(detail, sizeof detail,
                       "must be a string of at most %d bytes, under a name of 1 to %d",
                       JSON_MAX_LABEL_VALUE, JSON_MAX_LABEL_NAME);
        report(decoding, label_pointer, detail);
    }
}

static bool decode_object(struct json_object *value, void *target, char detail[DETAIL_SIZE])
{
    if (!json_object_is_type(value, json_type_object)) {
        (void)snprintf(detail, DETAIL_SIZE, "must be an object");
        return false;
    }
    memcpy(target, &value, sizeof(struct json_object *));
    return true;
}

static void decode_field(struct decoding *decoding, const struct json_field *field,
                         struct json_object *value, void *target)
{
    char pointer[POINTER_SIZE] = "";
    char detail[DETAIL_SIZE] = "";
    bool good = false;
    extend_pointer(pointer, field->name);
    switch (field->type) {
    case JSON_INTEGER:
        good = decode_integer(field, value, target, detail);
        break;
    case JSON_BOOLEAN:
        good = decode_boolean(value, target, detail);
        break;
    case JSON_CHOICE:
        good = decode_choice(field, value, target, detail);
        break;
    case JSON_TOKEN:
        good = decode_token(field, value, target, detail);
        break;
    case JSON_TIME:
        good = decode_time(field, value, target, detail);
        break;
    case JSON_STRING:
        good = decode_string(field, value, target, detail);
        break;
    case JSON_LABELS:
    case JSON_OBJECT:
        good = decode_object(value, target, detail);
        break;
    case JSON_ANY:
        good = decode_any(field, value, target, detail);
        break;
    }
    if (!good)
        report(decoding, pointer, detail);
    else if (field->type == JSON_LABELS)
        check_labels(decoding, value, pointer);
}

/* --- the object --- */

static void report_unknown(struct decoding *decoding, const char *name)
{
    char pointer[POINTER_SIZE] = "";
    extend_pointer(pointer, name);
    report(decoding, pointer, "is not a field of this resource");
}

static void decode_fields(struct decoding *decoding, const struct json_spec *spec,
                          struct json_object *object, void *target, uint32_t *ret_given)
{
    json_object_object_foreach(object, name, value)
    {
        const struct json_field *field = find_field(spec, name);
        if (field) {
            *ret_given |= UINT32_C(1) << (field - spec->fields);
            decode_field(decoding, field, value, (char *)target + field->offset);
        } else if (!spec->ignore_unknown) {
            report_unknown(decoding, name);
        }
    }
}

bool json_spec_decode(const struct json_spec *spec, struct json_object *object, void *target,
                      uint32_t *ret_given, json_fault *fault, void *context)
{
    struct decoding decoding = {fault, context, false};
    *ret_given = 0;
    if (!json_object_is_type(object, json_type_object)) {
        report(&decoding, "", "must be an object");
        return false;
    }
    decode_fields(&decoding, spec, object, target, ret_given);
    for (size_t i = 0; i < spec->count; i++) {
        if (!spec->fields[i].required || (*ret_given >> i & 1))
            continue;
        char pointer[POINTER_SIZE] = "";
        extend_pointer(pointer, spec->fields[i].name);
        report(&decoding, pointer, "is required");
    }
    return !decoding.failed;
}

bool json_spec_check_removed(const struct json_spec *spec, struct json_object *patch,
                             json_fault *fault, void *context)
{
    struct decoding decoding = {fault, context, false};
    if (!json_object_is_type(patch, json_type_object))
        return true;
    json_object_object_foreach(patch, name, value)
    {
        if (!value && !find_field(spec, name) && !spec->ignore_unknown)
            report_unknown(&decoding, name);
    }
    return !decoding.failed;
}

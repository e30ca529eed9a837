/* Decodes a JSON object into a struct by a table of its fields, and reports all its faults. */
#ifndef ALLOT_API_JSON_SPEC_H
#define ALLOT_API_JSON_SPEC_H

#include <json-c/json_object.h>
#include <stdint.h>

#include "core/span.h"

enum json_field_type {
    JSON_INTEGER, /* int64_t, from least to most */
    JSON_BOOLEAN, /* bool */
    JSON_CHOICE,  /* int: index of one of `choices` */
    JSON_TOKEN,   /* struct span: printable ASCII without space, of least to most bytes */
    JSON_TIME,    /* struct span: as timestamp_parse takes it, of at most `most` bytes */
    JSON_STRING,  /* struct span: any string of least to most bytes */
    JSON_LABELS,  /* struct json_object *: an object of strings; see the limits below */
    JSON_OBJECT,  /* struct json_object *: any object */
    JSON_ANY,     /* struct json_object *: anything, of at most `most` bytes as text */
};

/* Of labels. Names and values in bytes. */
enum { JSON_MAX_LABELS = 64, JSON_MAX_LABEL_NAME = 128, JSON_MAX_LABEL_VALUE = 256 };

struct json_field {
    const char *name;
    enum json_field_type type;
    bool required;
    int64_t least;
    int64_t most;
    const char *const *choices; /* ends with NULL */
    size_t offset;              /* of the target's field */
};

enum { JSON_MAX_FIELDS = 32 };
struct json_spec {
    const struct json_field *fields;
    size_t count; /* at most JSON_MAX_FIELDS */
    bool ignore_unknown;
};

/* Told of each fault: where (a JSON pointer, RFC 6901) and what. Both are borrowed. */
typedef void json_fault(void *context, const char *pointer, const char *detail);

/* Sets the fields of @target that @object has, and leaves the others; bit i of *@ret_given tells
 * whether field i was there. Spans and objects are borrowed from @object. Returns false if there
 * were faults, all of which @fault was told: then @target is not to be used. @object may be NULL or
 * no object: a fault. */
bool json_spec_decode(const struct json_spec *spec, struct json_object *object, void *target,
                      uint32_t *ret_given, json_fault *fault, void *context);

/* Of a merge patch: tells @fault of each field of @patch that is null and none of @spec's, since
 * what it makes no longer has it. Returns false if there were any. Unless it is an object, there
 * are none. */
bool json_spec_check_removed(const struct json_spec *spec, struct json_object *patch,
                             json_fault *fault, void *context);

/* Whether @text is what a JSON_TOKEN may be: a header that stands for one is checked alike. */
bool json_is_token(struct span text, int64_t least, int64_t most);

#endif

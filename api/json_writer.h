/* Writes JSON into a buffer as a stream. Commas come by themselves; that braces match and that
 * names stand where they belong is the caller's part. What fails shows in the buffer's error.
 *
 *     json_begin(&w, '{');
 *     json_name(&w, "id");
 *     json_string(&w, id);
 *     json_end(&w, '}'); */
#ifndef ALLOT_API_JSON_WRITER_H
#define ALLOT_API_JSON_WRITER_H

#include <stdint.h>

#include "api/buffer.h"

struct json_writer {
    struct buffer *out; /* borrowed */
    bool comma;         /* one is due before the next value or name */
};

static inline struct json_writer json_writer_of(struct buffer *out)
{
    return (struct json_writer){out, false};
}

/* @open is `{` or `[`, @close its counterpart. */
void json_begin(struct json_writer *writer, char open);
void json_end(struct json_writer *writer, char close);
/* @name needs no escaping. */
void json_name(struct json_writer *writer, const char *name);

/* Any bytes: those that are not UTF-8 become U+FFFD. */
void json_string(struct json_writer *writer, struct span text);
void json_integer(struct json_writer *writer, int64_t number);
void json_boolean(struct json_writer *writer, bool truth);
void json_null(struct json_writer *writer);
/* @json is a value, written as it is. */
void json_raw(struct json_writer *writer, struct span json);

/* A name and its value. */
void json_string_field(struct json_writer *writer, const char *name, struct span text);
void json_text_field(struct json_writer *writer, const char *name, const char *text);
void json_integer_field(struct json_writer *writer, const char *name, int64_t number);
void json_boolean_field(struct json_writer *writer, const char *name, bool truth);
void json_raw_field(struct json_writer *writer, const char *name, struct span json);

#endif

/* Reads a large JSON text from a file as a stream: walks into its outer objects and arrays, and
 * parses one value at a time.
 *
 *     json_stream_enter(s, '[');
 *     while (json_stream_next(s, ']', &more) == 0 && more) json_stream_value(s, &value);
 *
 * Every function returns 0; ALLOT_ESYNTAX, ALLOT_EIO or ALLOT_ELIMIT (a value larger than
 * JSON_STREAM_MAX_VALUE) with `why` telling what, and in which line and column; or ALLOT_ENOMEM. */
#ifndef ALLOT_SERVER_JSON_STREAM_H
#define ALLOT_SERVER_JSON_STREAM_H

#include <stdbool.h>
#include <stdio.h>

#include "api/buffer.h"
#include "core/error.h"

struct json_object;

enum { JSON_STREAM_MAX_VALUE = 16 << 20 };

struct json_stream_place {
    long line; /* from 1 */
    long column;
};

struct json_stream {
    FILE *file; /* borrowed */
    struct json_stream_place place;
    struct json_stream_place value_place; /* where the last value or name began */
    bool first;                           /* of the object or array that was entered last */
    struct buffer text;
    struct error_message why;
};

void json_stream_init(struct json_stream *stream, FILE *file);
void json_stream_release(struct json_stream *stream);

/* Expects @open, `{` or `[`. */
int json_stream_enter(struct json_stream *stream, char open);
/* Whether another member or element follows (after its comma), or @close, which is then taken. */
int json_stream_next(struct json_stream *stream, char close, bool *ret_more);
/* The name of an object's member, and its colon. Longer ones are cut. */
int json_stream_name(struct json_stream *stream, char *buffer, size_t size);
/* Parses the value that follows; the caller drops it (json_object_put). */
int json_stream_value(struct json_stream *stream, struct json_object **ret);
/* Expects the end of the file. */
int json_stream_end(struct json_stream *stream);

#endif

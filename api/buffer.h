/* A growing run of bytes with a declared maximum. */
#ifndef ALLOT_API_BUFFER_H
#define ALLOT_API_BUFFER_H

#include <stdint.h>

#include "core/span.h"

/* Once an append fails, for memory or for the maximum, `error` keeps the code (ALLOT_ENOMEM or
 * ALLOT_ELIMIT) and later appends do nothing: check it once, at the end. */
struct buffer {
    char *data; /* owned */
    size_t size;
    size_t capacity;
    size_t maximum; /* bytes */
    int error;
};

void buffer_init(struct buffer *buffer, size_t maximum);
void buffer_release(struct buffer *buffer);
/* Makes room for @capacity bytes in all, at most the maximum: appends up to there can't fail. */
void buffer_reserve(struct buffer *buffer, size_t capacity);
/* Back to empty and without error; what was allocated stays. */
void buffer_clear(struct buffer *buffer);
/* Where to write the next @size bytes, which count from now on; NULL if an append has failed. */
char *buffer_extend(struct buffer *buffer, size_t size);
void buffer_append(struct buffer *buffer, struct span bytes);
void buffer_append_text(struct buffer *buffer, const char *text);
/* In decimal, without a zero byte at its end: within @text. */
enum { BUFFER_INTEGER_SIZE = 20 };
struct span buffer_integer_text(int64_t number, char text[BUFFER_INTEGER_SIZE]);
void buffer_append_integer(struct buffer *buffer, int64_t number);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline struct span buffer_span(const struct buffer *buffer)
{
    return (struct span){buffer->data, buffer->size};
}

#endif

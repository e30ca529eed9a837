#include "api/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->maximum);
}

void buffer_reserve(struct buffer *buffer, size_t capacity)
{
    if (buffer->error || capacity <= buffer->capacity)
        return;
    if (capacity > buffer->maximum) {
        buffer->error = ALLOT_ELIMIT;
        return;
    }
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->error = ALLOT_ENOMEM;
        return;
    }
    buffer->data = data;
    buffer->capacity = capacity;
}

/* Makes room for @more bytes, at least doubling, so that appending stays linear in all. */
static void grow(struct buffer *buffer, size_t more)
{
    if (buffer->error || more <= buffer->capacity - buffer->size)
        return;
    if (more > buffer->maximum - buffer->size) {
        buffer->error = ALLOT_ELIMIT;
        return;
    }
    size_t needed = buffer->size + more;
    size_t doubled = buffer->capacity < 128 ? 256 : buffer->capacity * 2;
    size_t capacity = doubled > needed ? doubled : needed;
    buffer_reserve(buffer, capacity < buffer->maximum ? capacity : buffer->maximum);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->error = 0;
}

char *buffer_extend(struct buffer *buffer, size_t size)
{
    grow(buffer, size);
    if (buffer->error)
        return NULL;
    buffer->size += size;
    return buffer->data + buffer->size - size;
}

void buffer_append(struct buffer *buffer, struct span bytes)
{
    char *place = bytes.size > 0 ? buffer_extend(buffer, bytes.size) : NULL;
    if (place)
        memcpy(place, bytes.data, bytes.size);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, span_of(text));
}

struct span buffer_integer_text(int64_t number, char text[BUFFER_INTEGER_SIZE])
{
    size_t at = BUFFER_INTEGER_SIZE;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        text[--at] = '-';
    return (struct span){text + at, BUFFER_INTEGER_SIZE - at};
}

void buffer_append_integer(struct buffer *buffer, int64_t number)
{
    char text[BUFFER_INTEGER_SIZE];
    buffer_append(buffer, buffer_integer_text(number, text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[512];
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size >= 0 && (size_t)size < sizeof text) {
        buffer_append(buffer, (struct span){text, (size_t)size});
        return;
    }
    if (size < 0) {
        buffer->error = ALLOT_ELIMIT;
        return;
    }
    /* Longer than most: once more, in place, with the zero byte that vsnprintf wants. */
    size_t needed = (size_t)size + 1;
    grow(buffer, needed);
    if (buffer->error)
        return;
    va_start(arguments, format);
    (void)vsnprintf(buffer->data + buffer->size, needed, format, arguments);
    va_end(arguments);
    buffer->size += needed - 1;
}

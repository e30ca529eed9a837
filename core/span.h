/* A borrowed run of bytes: the view of a key, a value or a name that somebody else owns. */
#ifndef ALLOT_CORE_SPAN_H
#define ALLOT_CORE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *data; /* borrowed; may be NULL if size is 0 */
    size_t size;
};

/* The span of a string literal, usable in initialisers. */
#define SPAN(literal) ((struct span){("" literal), sizeof(literal) - 1})

static inline struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* Byte order, a prefix before what it is a prefix of: < 0, 0 or > 0. */
static inline int span_compare(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_has_prefix(struct span text, struct span prefix)
{
    return text.size >= prefix.size &&
           (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

#endif

/* Arrays for tests, which have no use for going on without memory. */
#ifndef ALLOT_TESTS_SUPPORT_ARRAY_H
#define ALLOT_TESTS_SUPPORT_ARRAY_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* @count elements of @size bytes, zeroed; at least one. Never NULL. To be freed. */
static inline void *array_create(size_t count, size_t size)
{
    void *array = calloc(count + 1, size);
    if (!array) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return array;
}

#endif

/* What the fuzzers share. Each is a program of libFuzzer (LLVMFuzzerTestOneInput), to be tried with
 * any bytes: under ASan and UBSan nothing may go wrong, and what is required here must hold. */
#ifndef ALLOT_TESTS_FUZZ_FUZZ_H
#define ALLOT_TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/span.h"

/* libFuzzer's entry. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz: not so: %s\n", what);
        abort();
    }
}

/* A copy of exactly as many bytes, so that a sanitizer sees every step too far; to be freed. */
static inline char *fuzz_copy(struct span text)
{
    char *copy = malloc(text.size ? text.size : 1);
    fuzz_require(copy != NULL, "memory");
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

/* Takes what stands before the next @separator off the front of @rest: all of it if there is none.
 */
static inline struct span fuzz_take(struct span *rest, char separator)
{
    const char *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    struct span part = {rest->data, end ? (size_t)(end - rest->data) : rest->size};
    size_t taken = part.size + (end != NULL);
    rest->data += taken;
    rest->size -= taken;
    return part;
}

#endif

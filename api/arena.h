/* Memory that is freed all at once: for what lives exactly as long as one request. */
#ifndef ALLOT_API_ARENA_H
#define ALLOT_API_ARENA_H

#include "core/span.h"

struct arena_block;
struct arena {
    struct arena_block *blocks; /* owned; NULL: nothing allocated yet */
};

/* @size bytes, aligned for anything; NULL when out of memory. */
void *arena_allocate(struct arena *arena, size_t size);
/* A copy of @bytes, and a zero byte after it; {NULL, 0} when out of memory. */
struct span arena_copy(struct arena *arena, struct span bytes);
void arena_release(struct arena *arena);

#endif

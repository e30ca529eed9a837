#include "api/arena.h"

#include <stddef.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    max_align_t bytes[];
};

void *arena_allocate(struct arena *arena, size_t size)
{
    struct arena_block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
    char *copy = arena_allocate(arena, bytes.size + 1);
    if (!copy)
        return (struct span){NULL, 0};
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return (struct span){copy, bytes.size};
}

void arena_release(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

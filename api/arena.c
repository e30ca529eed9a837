#include "api/arena.h"

#include <stddef.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    max_align_t bytes[];
};

/* Of a block for several: what most requests need in all. */
enum { BLOCK_SIZE = 480, ALIGNMENT = _Alignof(max_align_t) };

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t room = size < BLOCK_SIZE ? BLOCK_SIZE : size;
    struct arena_block *block = malloc(sizeof *block + room);
    if (!block)
        return NULL;
    *block = (struct arena_block){.next = arena->blocks, .size = room};
    arena->blocks = block;
    return block;
}

void *arena_allocate(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    if (!block || size > block->size - block->used)
        block = add_block(arena, size);
    if (!block)
        return NULL;
    void *memory = (char *)block->bytes + block->used;
    size_t taken = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    block->used = taken < block->size - block->used ? block->used + taken : block->size;
    return memory;
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

#include "core/solution_block.h"

#include <stdlib.h>
#include <string.h>

struct solution_block *solution_block_create(const int32_t *begin, const int32_t *members,
                                             int32_t item_count)
{
    size_t beginnings = (size_t)item_count + 1;
    size_t size = (size_t)(begin[item_count] - begin[0]);
    struct solution_block *block =
        malloc(sizeof *block + (beginnings + size) * sizeof block->begin[0]);
    if (!block)
        return NULL;
    atomic_init(&block->references, 1);
    block->item_count = item_count;
    block->members = block->begin + beginnings;
    for (size_t i = 0; i < beginnings; i++)
        block->begin[i] = begin[i] - begin[0];
    if (size)
        memcpy(block->members, members + begin[0], size * sizeof *members);
    return block;
}

struct solution_block *solution_block_ref(struct solution_block *block)
{
    atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
    return block;
}

void solution_block_unref(struct solution_block *block)
{
    if (atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) == 1)
        free(block);
}

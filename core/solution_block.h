/* Private to solution*.c: the desired members of a run of items.
 *
 * A block is immutable and counted; solutions of states that follow each other share the blocks
 * that are the same in both. */
#ifndef ALLOT_CORE_SOLUTION_BLOCK_H
#define ALLOT_CORE_SOLUTION_BLOCK_H

#include <stdatomic.h>

#include "core/solution.h"

enum {
    SOLUTION_BLOCK_ITEMS = 1024,    /* as many as there are where nothing has come or gone */
    SOLUTION_BLOCK_MIN_ITEMS = 256, /* but for a solution's last block */
    SOLUTION_BLOCK_MAX_ITEMS = 2 * SOLUTION_BLOCK_ITEMS,
};

struct solution_block {
    atomic_int references;
    int32_t item_count; /* > 0 */
    int32_t *members;   /* behind the beginnings */
    int32_t begin[];    /* item_count + 1: where the members of each begin */
};

/* A block of @item_count items with one reference, whose members are @members from begin[0] up to
 * begin[item_count]: both are copied. NULL: out of memory. */
struct solution_block *solution_block_create(const int32_t *begin, const int32_t *members,
                                             int32_t item_count);
struct solution_block *solution_block_ref(struct solution_block *block);
void solution_block_unref(struct solution_block *block);

/* Members of all of its items. */
static inline int32_t solution_block_size(const struct solution_block *block)
{
    return block->begin[block->item_count];
}

static inline struct desired solution_block_desired(const struct solution_block *block,
                                                    int32_t index)
{
    return (struct desired){block->members + block->begin[index],
                            block->begin[index + 1] - block->begin[index]};
}

/* A solution of @state with one reference and nothing in it. NULL: out of memory. */
struct solution *solution_create(const struct state *state);

/* The block of @item. */
int32_t solution_find_block(const struct solution *solution, int32_t item);

#endif

#include "core/solution_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/solution_block.h"

int solution_writer_init(struct solution_writer *writer, const struct state *state)
{
    *writer = (struct solution_writer){.state = state};
    writer->solution = solution_create(state);
    writer->begin = malloc((SOLUTION_BLOCK_MAX_ITEMS + 1) * sizeof *writer->begin);
    if (!writer->solution || !writer->begin) {
        solution_writer_release(writer);
        return ALLOT_ENOMEM;
    }
    writer->begin[0] = 0;
    return 0;
}

void solution_writer_release(struct solution_writer *writer)
{
    solution_unref(writer->solution);
    free(writer->begin);
    free(writer->members);
    *writer = (struct solution_writer){0};
}

/* --- blocks --- */

/* Makes room for @count elements of @size bytes in *@array, which may move. */
static int grow(void *array, size_t count, size_t size)
{
    void *grown = realloc(*(void **)array, count * size);
    if (!grown)
        return ALLOT_ENOMEM;
    *(void **)array = grown;
    return 0;
}

static int reserve_block(struct solution_writer *writer)
{
    struct solution *solution = writer->solution;
    if (solution->block_count < writer->block_capacity)
        return 0;
    int32_t capacity = writer->block_capacity
                           ? 2 * writer->block_capacity
                           : writer->state->item_count / SOLUTION_BLOCK_ITEMS + 8;
    size_t count = (size_t)capacity;
    int error = grow(&solution->blocks, count, sizeof(struct solution_block *));
    if (!error)
        error = grow(&solution->block_begin, count + 1, sizeof(int32_t));
    if (!error)
        writer->block_capacity = capacity;
    return error;
}

/* Takes @block over; room for it was reserved. */
static void append_block(struct solution *solution, struct solution_block *block)
{
    int32_t first = solution->block_count > 0 ? solution->block_begin[solution->block_count] : 0;
    solution->block_begin[solution->block_count] = first;
    solution->block_begin[solution->block_count + 1] = first + block->item_count;
    solution->blocks[solution->block_count++] = block;
    solution->assigned += solution_block_size(block);
}

/* Makes a block of the first @count items that are being written. */
static int end_block(struct solution_writer *writer, int32_t count)
{
    int32_t *begin = writer->begin;
    int32_t written = begin[count];
    int error = reserve_block(writer);
    if (error)
        return error;
    struct solution_block *block = solution_block_create(begin, writer->members, count);
    if (!block)
        return ALLOT_ENOMEM;
    append_block(writer->solution, block);
    writer->item_count -= count;
    for (int32_t i = 0; i <= writer->item_count; i++)
        begin[i] = begin[i + count] - written;
    memmove(writer->members, writer->members + written,
            (size_t)begin[writer->item_count] * sizeof *writer->members);
    return 0;
}

/* --- items --- */

int solution_writer_add(struct solution_writer *writer, int32_t count, int32_t **ret_members)
{
    int error = 0;
    if (writer->item_count == SOLUTION_BLOCK_MAX_ITEMS)
        error = end_block(writer, SOLUTION_BLOCK_ITEMS);
    if (error)
        return error;
    int32_t size = writer->begin[writer->item_count];
    if (count > INT32_MAX / 4 - size)
        return ALLOT_ELIMIT;
    if (count >= writer->member_capacity - size) {
        int32_t capacity = 2 * (size + count) + SOLUTION_BLOCK_MAX_ITEMS;
        error = grow(&writer->members, (size_t)capacity, sizeof *writer->members);
        if (error)
            return error;
        writer->member_capacity = capacity;
    }
    writer->begin[++writer->item_count] = size + count;
    *ret_members = writer->members + size;
    return 0;
}

static int copy_items(struct solution_writer *writer, const struct solution_block *block,
                      int32_t index, int32_t count)
{
    int error = 0;
    for (int32_t i = index; !error && i < index + count; i++) {
        struct desired desired = solution_block_desired(block, i);
        int32_t *members = NULL;
        error = solution_writer_add(writer, desired.count, &members);
        if (!error && desired.count > 0)
            memcpy(members, desired.members, (size_t)desired.count * sizeof *members);
    }
    return error;
}

static int share_block(struct solution_writer *writer, struct solution_block *block)
{
    int error = writer->item_count > 0 ? end_block(writer, writer->item_count) : 0;
    if (!error)
        error = reserve_block(writer);
    if (!error)
        append_block(writer->solution, solution_block_ref(block));
    return error;
}

/* Whether a block of @item_count items needn't be joined with the next one. */
static bool stands_alone(int32_t item_count)
{
    return item_count == 0 || item_count >= SOLUTION_BLOCK_MIN_ITEMS;
}

int solution_writer_share(struct solution_writer *writer, const struct solution *former,
                          int32_t item, int32_t count)
{
    int32_t at = count > 0 ? solution_find_block(former, item) : 0;
    int error = 0;
    for (; !error && count > 0; at++) {
        struct solution_block *block = former->blocks[at];
        int32_t index = item - former->block_begin[at];
        int32_t left = block->item_count - index;
        int32_t taken = left < count ? left : count;
        if (taken == block->item_count && stands_alone(block->item_count) &&
            stands_alone(writer->item_count))
            error = share_block(writer, block);
        else
            error = copy_items(writer, block, index, taken);
        item += taken;
        count -= taken;
    }
    return error;
}

/* --- the end --- */

static int index_blocks(struct solution *solution)
{
    int32_t count = solution->item_count / SOLUTION_BLOCK_ITEMS + 1;
    solution->block_of = malloc((size_t)count * sizeof *solution->block_of);
    if (!solution->block_of)
        return ALLOT_ENOMEM;
    int32_t block = 0;
    for (int32_t i = 0; i < count; i++) {
        while (block + 1 < solution->block_count &&
               solution->block_begin[block + 1] <= i * SOLUTION_BLOCK_ITEMS)
            block++;
        solution->block_of[i] = block;
    }
    return 0;
}

int solution_writer_finish(struct solution_writer *writer, struct solution **ret)
{
    struct solution *solution = writer->solution;
    int error = writer->item_count > 0 ? end_block(writer, writer->item_count) : 0;
    if (!error)
        error = index_blocks(solution);
    if (error)
        return error;
    assert(solution->block_count == 0 ||
           solution->block_begin[solution->block_count] == solution->item_count);
    solution->unattainable = writer->state->item_slots - solution->assigned;
    *ret = solution;
    writer->solution = NULL;
    return 0;
}

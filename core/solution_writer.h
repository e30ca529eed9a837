/* Makes a solution, item by item in order: what is new, and what is as in another.
 *
 *     solution_writer_init(&writer, state)
 *     … solution_writer_add(&writer, count, &members), and members[0 … count - 1] are written; or
 *       solution_writer_share(&writer, former, first, count), until all items have theirs …
 *     solution_writer_finish(&writer, &solution)
 *     solution_writer_release(&writer)
 *
 * Items that are shared cost only their blocks, so a solution that differs from another by few
 * items costs little more than these. */
#ifndef ALLOT_CORE_SOLUTION_WRITER_H
#define ALLOT_CORE_SOLUTION_WRITER_H

#include "core/solution.h"

struct solution_writer {
    const struct state *state; /* borrowed */
    struct solution *solution; /* with the blocks that are finished */
    int32_t block_capacity;
    /* The block that is being written. */
    int32_t *begin; /* item_count + 1 of them */
    int32_t item_count;
    int32_t *members;
    int32_t member_capacity;
};

/* All of these: ALLOT_ENOMEM, or ALLOT_ELIMIT (more members than can be numbered), after which the
 * writer can only be released. @state is borrowed until then. */
int solution_writer_init(struct solution_writer *writer, const struct state *state);
void solution_writer_release(struct solution_writer *writer); /* also of a zeroed one */

/* Gives the next item @count members, to be written, ascending, to @ret_members before the next
 * call. */
int solution_writer_add(struct solution_writer *writer, int32_t count, int32_t **ret_members);

/* Gives the next @count items what those from @item on have in @former. */
int solution_writer_share(struct solution_writer *writer, const struct solution *former,
                          int32_t item, int32_t count);

/* On success @ret has one reference, no certificate, and is of the optimal solver. */
int solution_writer_finish(struct solution_writer *writer, struct solution **ret);

#endif

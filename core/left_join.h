/* Left join of two ordered collections, by index: yields for every left row in order the half-open
 * range of the right rows that compare equal to it. Right rows that match no left row are skipped:
 * they are the gap between one range's end and the next one's begin. */
#ifndef ALLOT_CORE_LEFT_JOIN_H
#define ALLOT_CORE_LEFT_JOIN_H

#include <stdbool.h>
#include <stddef.h>

struct left_join {
    size_t left_count;
    size_t right_count;
    /* < 0, 0 or > 0 as left row @left sorts before, with or after right row @right. */
    int (*compare)(const void *context, size_t left, size_t right);
    const void *context;
    /* The cursor; zero to begin with. */
    size_t left_next;
    size_t right_next;
};

struct left_join_row {
    size_t left;
    size_t right_begin;
    size_t right_end;
};

/* Sets @ret to the next row and returns true, or returns false at the end. Left rows are distinct;
 * unordered input is a programming error (asserted where it shows). Linear in both, over the whole
 * join. */
bool left_join_next(struct left_join *join, struct left_join_row *ret);

#endif

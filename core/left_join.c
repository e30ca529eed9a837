#include "core/left_join.h"

#include <assert.h>

static int compare_next(const struct left_join *join, size_t left)
{
    return join->compare(join->context, left, join->right_next);
}

bool left_join_next(struct left_join *join, struct left_join_row *ret)
{
    if (join->left_next >= join->left_count)
        return false;
    size_t left = join->left_next++;
    assert(join->right_next == 0 || join->compare(join->context, left, join->right_next - 1) > 0);
    while (join->right_next < join->right_count && compare_next(join, left) > 0)
        join->right_next++;
    size_t begin = join->right_next;
    while (join->right_next < join->right_count && compare_next(join, left) == 0)
        join->right_next++;
    assert(join->right_next == join->right_count || compare_next(join, left) < 0);
    *ret =
        (struct left_join_row){.left = left, .right_begin = begin, .right_end = join->right_next};
    return true;
}

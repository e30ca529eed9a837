#include <criterion/criterion.h>
#include <signal.h>

#include "core/left_join.h"
#include "tests/support/random.h"

struct numbers {
    const int *left;
    const int *right;
};

static int compare(const void *context, size_t left, size_t right)
{
    const struct numbers *numbers = context;
    return (numbers->left[left] > numbers->right[right]) -
           (numbers->left[left] < numbers->right[right]);
}

/* Each left row comes once, in order, with exactly the right rows that equal it. */
static void check(const int *left, size_t left_count, const int *right, size_t right_count)
{
    struct numbers numbers = {left, right};
    struct left_join join = {.left_count = left_count,
                             .right_count = right_count,
                             .compare = compare,
                             .context = &numbers};
    struct left_join_row row = {0};
    for (size_t l = 0; l < left_count; l++) {
        cr_assert(left_join_next(&join, &row));
        cr_assert_eq(row.left, l);
        cr_assert_leq(row.right_begin, row.right_end);
        cr_assert_leq(row.right_end, right_count);
        for (size_t r = 0; r < right_count; r++)
            cr_assert_eq(right[r] == left[l], r >= row.right_begin && r < row.right_end,
                         "left %zu, right %zu", l, r);
        cr_assert(row.right_begin == 0 || right[row.right_begin - 1] < left[l]);
    }
    struct left_join_row untouched = row;
    cr_assert_not(left_join_next(&join, &row));
    cr_assert_not(left_join_next(&join, &row));
    cr_assert(left_count == 0 || row.left == untouched.left);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(left_join, joins_small_collections)
{
    const int left[] = {10, 20, 30};
    const int gaps[] = {5, 10, 10, 15, 16, 30, 40};
    const int all_before[] = {1, 2, 3};
    const int all_after[] = {31, 32};
    const int one[] = {20, 20, 20};
    check(left, 3, gaps, COUNT(gaps));
    check(left, 3, all_before, COUNT(all_before));
    check(left, 3, all_after, COUNT(all_after));
    check(left, 3, one, COUNT(one));
    check(left, 3, NULL, 0);
    check(NULL, 0, gaps, COUNT(gaps));
    check(NULL, 0, NULL, 0);
}

Test(left_join, joins_random_collections)
{
    enum { LEFT = 20, RIGHT = 40 };
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct random random = {.state = seed};
        int left[LEFT];
        int right[RIGHT];
        size_t left_count = random_below(&random, LEFT + 1);
        size_t right_count = random_below(&random, RIGHT + 1);
        int last = 0;
        for (size_t i = 0; i < left_count; i++)
            left[i] = last += 1 + (int)random_below(&random, 3);
        last = 0;
        for (size_t i = 0; i < right_count; i++)
            right[i] = last += (int)random_below(&random, 3);
        check(left, left_count, right, right_count);
    }
}

#ifndef NDEBUG
/* cppcheck-suppress unknownMacro */
Test(left_join, asserts_the_order_of_the_left, .signal = SIGABRT)
{
    const int left[] = {20, 10};
    const int right[] = {10, 20};
    check(left, 2, right, 2);
}

Test(left_join, asserts_the_order_of_the_right, .signal = SIGABRT)
{
    const int left[] = {10, 20};
    const int right[] = {10, 5, 20};
    check(left, 2, right, 3);
}
#endif

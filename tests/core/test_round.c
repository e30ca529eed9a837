#include <criterion/criterion.h>
#include <stdio.h>

#include "core/round.h"

static const struct span prefix = {"/t/rounds/", 10};

static struct span key_of(struct round_id id, char buffer[64])
{
    memcpy(buffer, prefix.data, prefix.size);
    return round_key(id, buffer, prefix.size);
}

Test(round, a_key_names_fence_and_round)
{
    char buffer[64];
    struct span key = key_of((struct round_id){.fence = 17, .round = 203, .decided_on = 5}, buffer);
    cr_assert(span_equal(key, SPAN("/t/rounds/0000000000000000017-0000000203")));
}

Test(round, the_order_of_keys_is_that_of_time)
{
    static const struct round_id ids[] = {
        {.fence = 0, .round = 0},
        {.fence = 0, .round = 1},
        {.fence = 9, .round = 99},
        {.fence = 9, .round = 100},
        {.fence = 10, .round = 1},
        {.fence = 10, .round = 9999999999},
        {.fence = INT64_MAX, .round = 1},
        {.fence = INT64_MAX, .round = INT64_MAX}, /* which has more digits */
    };
    for (size_t i = 1; i < sizeof ids / sizeof ids[0]; i++) {
        char former[64], buffer[64];
        struct span key = key_of(ids[i], buffer);
        cr_assert_lt(span_compare(key_of(ids[i - 1], former), key), 0, "%zu", i);
        cr_assert_leq(key.size, prefix.size + ROUND_NAME_SIZE);
    }
}

Test(round, knows_the_first_revisions_and_the_last)
{
    struct round round = {0};
    for (int64_t i = 0; i < ROUND_MAX_REVISIONS + 3; i++)
        round_note_applied(&round, 100 + i);
    cr_assert_eq(round.applied, ROUND_MAX_REVISIONS + 3);
    cr_assert_eq(round.revisions[0], 100);
    cr_assert_eq(round.revisions[ROUND_MAX_REVISIONS - 1], 99 + ROUND_MAX_REVISIONS);
    cr_assert_eq(round.last_revision, 102 + ROUND_MAX_REVISIONS);
}

Test(round, every_why_has_a_name)
{
    for (int why = 0; why < ROUND_WHY_COUNT; why++)
        cr_assert_not_null(round_why_names[why]);
}

/* Buckets: how much each holds, how it fills, and that there are only so many. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "server/rate_limit.h"
#include "tests/support/fail_alloc.h"

static struct rate_limit *create(int per_second)
{
    struct rate_limit *limit = NULL;
    cr_assert_eq(rate_limit_create(per_second, &limit), 0);
    return limit;
}

/* How many of many requests are let through. */
static int taken(struct rate_limit *limit, struct span key, int64_t now_ms)
{
    struct api_quota quota;
    int count = 0;
    while (count < 1000 && rate_limit_take(limit, key, now_ms, &quota)) {
        count++;
    }
    return count;
}

Test(rate_limit, lets_a_burst_through_and_then_the_rate)
{
    struct rate_limit *limit = create(10);
    cr_expect_eq(taken(limit, SPAN("a"), 1000), 20);
    cr_expect_eq(taken(limit, SPAN("a"), 1099), 0);
    cr_expect_eq(taken(limit, SPAN("a"), 1100), 1);
    cr_expect_eq(taken(limit, SPAN("a"), 2100), 10);
    cr_expect_eq(taken(limit, SPAN("a"), INT64_MAX), 20);
    cr_expect_eq(taken(limit, SPAN("a"), 0), 0); /* a clock that goes back gives nothing */
    rate_limit_destroy(limit);
}

Test(rate_limit, tells_what_is_left)
{
    struct rate_limit *limit = create(2);
    struct api_quota quota;
    cr_expect(rate_limit_take(limit, SPAN("a"), 0, &quota));
    cr_expect_eq(quota.burst, 4);
    cr_expect_eq(quota.window_seconds, 2);
    cr_expect_eq(quota.remaining, 3);
    cr_expect_eq(quota.reset_seconds, 1);
    cr_expect_eq(taken(limit, SPAN("a"), 0), 3);
    cr_expect_not(rate_limit_take(limit, SPAN("a"), 0, &quota));
    cr_expect_eq(quota.remaining, 0);
    cr_expect_eq(quota.reset_seconds, 2);
    rate_limit_destroy(limit);
}

Test(rate_limit, keeps_keys_apart_and_is_bounded)
{
    struct rate_limit *limit = create(1);
    char key[32];
    cr_expect_eq(taken(limit, SPAN("a"), 0), 2);
    cr_expect_eq(taken(limit, SPAN("b"), 0), 2);
    cr_expect_eq(taken(limit, SPAN(""), 0), 2);
    for (int i = 0; i < 4 * RATE_LIMIT_BUCKETS; i++) {
        (void)snprintf(key, sizeof key, "key %d", i);
        cr_expect_eq(taken(limit, span_of(key), 1), 2);
    }
    rate_limit_destroy(limit);
}

Test(rate_limit, survives_a_failing_allocation)
{
    struct rate_limit *limit = NULL;
    fail_alloc_set(1);
    cr_expect_eq(rate_limit_create(1, &limit), ALLOT_ENOMEM);
    fail_alloc_set(0);
    cr_expect_null(limit);
}

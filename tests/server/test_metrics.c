#include <criterion/criterion.h>

#include "core/error.h"
#include "server/metrics.h"
#include "tests/support/fail_alloc.h"

Test(metrics, begin_all_or_nothing)
{
    struct metrics metrics = {0};
    int error = ALLOT_ENOMEM;
    for (long failing = 1; error != 0; failing++) {
        fail_alloc_set(failing);
        error = metrics_init(&metrics, 6);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(metrics.http != NULL, error == 0);
        metrics_release(&metrics);
    }
}

Test(metrics, only_ever_rise_where_they_are_raised)
{
    struct metric_value value = {0};
    metric_raise(&value, 7);
    metric_raise(&value, 3);
    cr_expect_eq(metric_read(&value), 7);
    metric_add(&value, -2);
    cr_expect_eq(metric_read(&value), 5);
}

Test(metrics, put_each_time_below_the_least_bound_that_is_not_less)
{
    struct metric_histogram histogram = {0};
    static const int64_t times_us[] = {-5, 0, 100, 101, 10000000, 10000001, INT64_C(1) << 50};
    static const int buckets[] = {0, 0, 0, 1, 15, 16, 16};
    for (size_t i = 0; i < sizeof times_us / sizeof times_us[0]; i++) {
        int64_t before = metric_read(&histogram.counts[buckets[i]]);
        metric_observe_us(&histogram, times_us[i]);
        cr_expect_eq(metric_read(&histogram.counts[buckets[i]]), before + 1, "%lld us",
                     (long long)times_us[i]);
    }
    cr_expect_eq(metric_observations(&histogram), 7);
}

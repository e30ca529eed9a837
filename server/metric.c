#include "server/metric.h"

#include "core/error.h"

#define ERROR_FITS(name, code, text) \
    _Static_assert(-(code) < METRIC_ERRORS, "errors are counted by code");
ALLOT_ERRORS(ERROR_FITS)
#undef ERROR_FITS

static const int64_t bounds_us[METRIC_BOUNDS] = {
    100,   250,    500,    1000,   2500,    5000,    10000,   25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

void metric_raise(struct metric_value *metric, int64_t value)
{
    int_fast64_t former = metric_read(metric);
    while (former < value &&
           !atomic_compare_exchange_weak_explicit(&metric->value, &former, value,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void metric_observe_us(struct metric_histogram *histogram, int64_t us)
{
    size_t bucket = 0;
    while (bucket < METRIC_BOUNDS && us > bounds_us[bucket])
        bucket++;
    metric_add(&histogram->counts[bucket], 1);
    metric_add(&histogram->sum_us, us);
}

int64_t metric_observations(const struct metric_histogram *histogram)
{
    int64_t count = 0;
    for (size_t i = 0; i <= METRIC_BOUNDS; i++)
        count += metric_read(&histogram->counts[i]);
    return count;
}

void metric_write_value(struct metrics_text *text, const struct metric_label *labels,
                        const struct metric_value *metric)
{
    metrics_text_integer(text, labels, metric_read(metric));
}

void metric_write_histogram(struct metrics_text *text, const struct metric_label *labels,
                            const struct metric_histogram *histogram)
{
    int64_t counts[METRIC_BOUNDS + 1];
    for (size_t i = 0; i <= METRIC_BOUNDS; i++)
        counts[i] = metric_read(&histogram->counts[i]);
    metrics_text_durations(text, labels,
                           &(struct metric_durations){.bounds_us = bounds_us,
                                                      .counts = counts,
                                                      .bound_count = METRIC_BOUNDS,
                                                      .sum_us = metric_read(&histogram->sum_us)});
}

/* What is counted while the server runs, and told by /metrics. Any thread may count at any time: an
 * addition is all that it costs, and there is no lock. What is read of several of them is not of
 * one moment. All are ready when they are zeroed. */
#ifndef ALLOT_SERVER_METRIC_H
#define ALLOT_SERVER_METRIC_H

#include <stdatomic.h>

#include "api/metrics_text.h"

/* Of a counter, which never goes down, or of a gauge. */
struct metric_value {
    atomic_int_fast64_t value;
};

static inline void metric_add(struct metric_value *metric, int64_t change)
{
    atomic_fetch_add_explicit(&metric->value, change, memory_order_relaxed);
}

static inline int64_t metric_read(const struct metric_value *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static inline void metric_set(struct metric_value *metric, int64_t value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

/* Of what is counted by error: [-code], more than there are codes in core/error.h. */
enum { METRIC_ERRORS = 32 };

/* Raises it to @value, if that is more. */
void metric_raise(struct metric_value *metric, int64_t value);

/* How often something took how long: the same bounds for everything, from 100 us to 10 s. */
enum { METRIC_BOUNDS = 16 };
struct metric_histogram {
    struct metric_value counts[METRIC_BOUNDS + 1];
    struct metric_value sum_us;
};

void metric_observe_us(struct metric_histogram *histogram, int64_t us);

/* The number of observations. */
int64_t metric_observations(const struct metric_histogram *histogram);

/* Appends a sample of the family that was begun. */
void metric_write_value(struct metrics_text *text, const struct metric_label *labels,
                        const struct metric_value *metric);
void metric_write_histogram(struct metrics_text *text, const struct metric_label *labels,
                            const struct metric_histogram *histogram);

#endif

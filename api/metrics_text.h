/* Writes metrics for a monitoring system: the text format 0.0.4 of Prometheus, or OpenMetrics 1.0,
 * which differs in the names of counters' families, in what is escaped, and in its end.
 *
 *     metrics_text_family(&text, "allot_items", METRIC_GAUGE, "Items, by how they fare.");
 *     metrics_text_integer(&text, METRIC_LABELS({"state", "healthy"}), 7);
 *     …
 *     metrics_text_end(&text);
 *
 * What fails shows in the buffer's error. */
#ifndef ALLOT_API_METRICS_TEXT_H
#define ALLOT_API_METRICS_TEXT_H

#include <stdint.h>

#include "api/buffer.h"

struct metrics_text {
    struct buffer *out; /* borrowed */
    bool open_metrics;
    const char *family; /* that the samples are of: its name */
};

/* "text/plain; version=0.0.4; charset=utf-8", or that of OpenMetrics. Static. */
const char *metrics_text_type(bool open_metrics);

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Begins a family. @name as its samples have it: that of a counter ends in `_total`. Static. */
void metrics_text_family(struct metrics_text *text, const char *name, enum metric_type type,
                         const char *help);

/* A sample's labels: an array that a NULL name ends. Values may hold any UTF-8. */
struct metric_label {
    const char *name;
    const char *value;
};
enum { METRIC_MAX_LABELS = 4 };

/* clang-format off */
#define METRIC_LABELS(...) ((const struct metric_label[]){__VA_ARGS__, {NULL, NULL}})
#define METRIC_NO_LABELS ((const struct metric_label[]){{NULL, NULL}})
/* clang-format on */

void metrics_text_integer(struct metrics_text *text, const struct metric_label *labels,
                          int64_t value);
/* In fifteen digits; may be infinite or no number. */
void metrics_text_real(struct metrics_text *text, const struct metric_label *labels, double value);
/* In seconds. */
void metrics_text_us(struct metrics_text *text, const struct metric_label *labels, int64_t us);

/* A family with one sample, without labels. */
void metrics_text_counter(struct metrics_text *text, const char *name, const char *help,
                          int64_t value);
void metrics_text_gauge(struct metrics_text *text, const char *name, const char *help,
                        int64_t value);
void metrics_text_gauge_us(struct metrics_text *text, const char *name, const char *help,
                           int64_t us);

/* How often something took how long. */
struct metric_durations {
    const int64_t *bounds_us; /* ascending; what took as long counts as shorter */
    const int64_t *counts;    /* by bound, each for itself, and one more: of what took longer */
    size_t bound_count;
    int64_t sum_us;
};
void metrics_text_durations(struct metrics_text *text, const struct metric_label *labels,
                            const struct metric_durations *durations);

/* After the last family. */
void metrics_text_end(struct metrics_text *text);

#endif

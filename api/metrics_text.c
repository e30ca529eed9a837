#include "api/metrics_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define TOTAL "_total"

const char *metrics_text_type(bool open_metrics)
{
    return open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                        : "text/plain; version=0.0.4; charset=utf-8";
}

/* --- families --- */

static void append_escaped(struct buffer *out, const char *text, bool quotes)
{
    while (*text) {
        size_t plain = strcspn(text, quotes ? "\\\n\"" : "\\\n");
        buffer_append(out, (struct span){text, plain});
        text += plain;
        if (!*text)
            break;
        buffer_append_text(out, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\");
        text++;
    }
}

/* In OpenMetrics a counter's family has its name without what its sample's ends in. */
static struct span family_name(const struct metrics_text *text, enum metric_type type)
{
    struct span name = span_of(text->family);
    if (text->open_metrics && type == METRIC_COUNTER)
        name.size -= sizeof TOTAL - 1;
    return name;
}

static void append_comment(struct metrics_text *text, const char *what, struct span name)
{
    buffer_append_text(text->out, what);
    buffer_append(text->out, name);
    buffer_append_text(text->out, " ");
}

void metrics_text_family(struct metrics_text *text, const char *name, enum metric_type type,
                         const char *help)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter\n",
        [METRIC_GAUGE] = "gauge\n",
        [METRIC_HISTOGRAM] = "histogram\n",
    };
    text->family = name;
    append_comment(text, "# HELP ", family_name(text, type));
    append_escaped(text->out, help, text->open_metrics);
    buffer_append_text(text->out, "\n");
    append_comment(text, "# TYPE ", family_name(text, type));
    buffer_append_text(text->out, types[type]);
}

/* --- samples --- */

static void append_label(struct buffer *out, char before, const struct metric_label *label)
{
    buffer_append(out, (struct span){&before, 1});
    buffer_append_text(out, label->name);
    buffer_append_text(out, "=\"");
    append_escaped(out, label->value, true);
    buffer_append_text(out, "\"");
}

/* The name, @suffix (which may be empty), and the labels. */
static void begin_sample(struct metrics_text *text, const char *suffix,
                         const struct metric_label *labels)
{
    buffer_append_text(text->out, text->family);
    buffer_append_text(text->out, suffix);
    for (size_t i = 0; labels[i].name; i++)
        append_label(text->out, i == 0 ? '{' : ',', &labels[i]);
    buffer_append_text(text->out, labels[0].name ? "} " : " ");
}

void metrics_text_integer(struct metrics_text *text, const struct metric_label *labels,
                          int64_t value)
{
    begin_sample(text, "", labels);
    buffer_append_integer(text->out, value);
    buffer_append_text(text->out, "\n");
}

void metrics_text_real(struct metrics_text *text, const struct metric_label *labels, double value)
{
    begin_sample(text, "", labels);
    if (isfinite(value))
        buffer_append_format(text->out, "%.15g\n", value);
    else
        buffer_append_text(text->out, isnan(value) ? "NaN\n" : value > 0 ? "+Inf\n" : "-Inf\n");
}

/* Seconds, with one digit after the point at least: so OpenMetrics wants bounds written. */
enum { SECONDS_SIZE = 32 };
static const char *seconds_text(int64_t us, char text[SECONDS_SIZE])
{
    const char *sign = us < 0 ? "-" : "";
    uint64_t left = us < 0 ? -(uint64_t)us : (uint64_t)us;
    int size = snprintf(text, SECONDS_SIZE, "%s%" PRIu64 ".%06" PRIu64, sign, left / 1000000,
                        left % 1000000);
    while (text[size - 1] == '0' && text[size - 2] != '.')
        text[--size] = '\0';
    return text;
}

void metrics_text_us(struct metrics_text *text, const struct metric_label *labels, int64_t us)
{
    char seconds[SECONDS_SIZE];
    begin_sample(text, "", labels);
    buffer_append_text(text->out, seconds_text(us, seconds));
    buffer_append_text(text->out, "\n");
}

void metrics_text_counter(struct metrics_text *text, const char *name, const char *help,
                          int64_t value)
{
    metrics_text_family(text, name, METRIC_COUNTER, help);
    metrics_text_integer(text, METRIC_NO_LABELS, value);
}

void metrics_text_gauge(struct metrics_text *text, const char *name, const char *help,
                        int64_t value)
{
    metrics_text_family(text, name, METRIC_GAUGE, help);
    metrics_text_integer(text, METRIC_NO_LABELS, value);
}

void metrics_text_gauge_us(struct metrics_text *text, const char *name, const char *help,
                           int64_t us)
{
    metrics_text_family(text, name, METRIC_GAUGE, help);
    metrics_text_us(text, METRIC_NO_LABELS, us);
}

/* --- histograms --- */

static void append_bucket(struct metrics_text *text, const struct metric_label *labels,
                          const char *bound, int64_t count)
{
    struct metric_label all[METRIC_MAX_LABELS + 2] = {{NULL, NULL}};
    size_t label_count = 0;
    for (; label_count < METRIC_MAX_LABELS && labels[label_count].name; label_count++)
        all[label_count] = labels[label_count];
    all[label_count] = (struct metric_label){"le", bound};
    begin_sample(text, "_bucket", all);
    buffer_append_integer(text->out, count);
    buffer_append_text(text->out, "\n");
}

void metrics_text_durations(struct metrics_text *text, const struct metric_label *labels,
                            const struct metric_durations *durations)
{
    char seconds[SECONDS_SIZE];
    int64_t count = 0;
    for (size_t i = 0; i < durations->bound_count; i++) {
        count += durations->counts[i];
        append_bucket(text, labels, seconds_text(durations->bounds_us[i], seconds), count);
    }
    count += durations->counts[durations->bound_count];
    append_bucket(text, labels, "+Inf", count);
    begin_sample(text, "_sum", labels);
    buffer_append_text(text->out, seconds_text(durations->sum_us, seconds));
    buffer_append_text(text->out, "\n");
    begin_sample(text, "_count", labels);
    buffer_append_integer(text->out, count);
    buffer_append_text(text->out, "\n");
}

void metrics_text_end(struct metrics_text *text)
{
    if (text->open_metrics)
        buffer_append_text(text->out, "# EOF\n");
}

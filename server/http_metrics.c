#include "server/http_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"

static const char *const methods[] = {"GET",  "HEAD",   "PUT",     "PATCH",
                                      "POST", "DELETE", "OPTIONS", "other"};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

/* The statuses that replies have; 0 stands for none, and at the end is what isn't listed. */
static const unsigned statuses[] = {0,   200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409,
                                    410, 412, 413, 414, 415, 422, 428, 429, 500, 501, 503, 504};
enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] + 1 };

/* One of each pattern and method. */
struct cell {
    struct metric_value by_status[STATUS_COUNT];
    struct metric_histogram duration;
};

struct row {
    const char *pattern;
    struct cell cells[METHOD_COUNT];
};

struct http_metrics {
    struct metric_value connections;
    struct metric_value in_flight;
    const struct api_route *routes;
    size_t *row_of; /* by route */
    size_t row_count;
    struct row rows[]; /* the first is for what has no route */
};

/* --- life --- */

int http_metrics_create(const struct api_route *routes, size_t count, struct http_metrics **ret)
{
    struct http_metrics *metrics = calloc(1, sizeof *metrics + (count + 1) * sizeof(struct row));
    size_t *row_of = calloc(count + 1, sizeof *row_of);
    if (!metrics || !row_of) {
        free(metrics);
        free(row_of);
        return ALLOT_ENOMEM;
    }
    metrics->routes = routes;
    metrics->row_of = row_of;
    metrics->rows[metrics->row_count++].pattern = "none";
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(routes[i].pattern, routes[i - 1].pattern) != 0)
            metrics->rows[metrics->row_count++].pattern = routes[i].pattern;
        row_of[i] = metrics->row_count - 1;
    }
    *ret = metrics;
    return 0;
}

void http_metrics_destroy(struct http_metrics *metrics)
{
    if (metrics) {
        free(metrics->row_of);
        free(metrics);
    }
}

/* --- counting --- */

void http_metrics_note_connection(struct http_metrics *metrics, int change)
{
    if (metrics)
        metric_add(&metrics->connections, change);
}

void http_metrics_note_begin(struct http_metrics *metrics)
{
    if (metrics)
        metric_add(&metrics->in_flight, 1);
}

static size_t find_method(const char *method)
{
    size_t i = 0;
    while (i < METHOD_COUNT - 1 && strcmp(methods[i], method) != 0)
        i++;
    return i;
}

static size_t find_status(unsigned status)
{
    size_t i = 0;
    while (i < STATUS_COUNT - 1 && statuses[i] != status)
        i++;
    return i;
}

void http_metrics_note_end(struct http_metrics *metrics, const struct http_metrics_request *request)
{
    if (!metrics)
        return;
    size_t row = request->route ? metrics->row_of[request->route - metrics->routes] : 0;
    struct cell *cell = &metrics->rows[row].cells[find_method(request->method)];
    metric_add(&metrics->in_flight, -1);
    metric_add(&cell->by_status[find_status(request->status)], 1);
    if (request->timed)
        metric_observe_us(&cell->duration, request->us);
}

/* --- telling --- */

static const char *status_text(size_t index, char text[16])
{
    if (index == 0)
        return "none";
    if (index == STATUS_COUNT - 1)
        return "other";
    (void)snprintf(text, 16, "%u", statuses[index]);
    return text;
}

static void write_requests(struct metrics_text *text, const char *pattern, const char *method,
                           const struct cell *cell)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        char code[16];
        if (metric_read(&cell->by_status[i]) > 0)
            metric_write_value(text,
                               METRIC_LABELS({"route", pattern}, {"method", method},
                                             {"code", status_text(i, code)}),
                               &cell->by_status[i]);
    }
}

static void write_durations(struct metrics_text *text, const char *pattern, const char *method,
                            const struct cell *cell)
{
    if (metric_observations(&cell->duration) > 0)
        metric_write_histogram(text, METRIC_LABELS({"route", pattern}, {"method", method}),
                               &cell->duration);
}

static void write_cells(const struct http_metrics *metrics, struct metrics_text *text,
                        void (*write)(struct metrics_text *text, const char *pattern,
                                      const char *method, const struct cell *cell))
{
    for (size_t row = 0; row < metrics->row_count; row++)
        for (size_t i = 0; i < METHOD_COUNT; i++)
            write(text, metrics->rows[row].pattern, methods[i], &metrics->rows[row].cells[i]);
}

void http_metrics_write(const struct http_metrics *metrics, struct metrics_text *text)
{
    metrics_text_family(text, "allot_http_requests_total", METRIC_COUNTER,
                        "HTTP requests that have ended.");
    write_cells(metrics, text, write_requests);
    metrics_text_family(text, "allot_http_request_duration_seconds", METRIC_HISTOGRAM,
                        "Time from a request's first line to the end of its reply, without those "
                        "that watch or wait for a change.");
    write_cells(metrics, text, write_durations);
    metrics_text_gauge(text, "allot_http_requests_in_flight",
                       "HTTP requests that have begun and not ended, watches included.",
                       metric_read(&metrics->in_flight));
    metrics_text_gauge(text, "allot_http_connections", "Open HTTP connections.",
                       metric_read(&metrics->connections));
}

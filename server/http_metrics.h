/* What is counted of the HTTP server: requests by route, method and status. Labels are taken from
 * fixed lists, whatever clients send: patterns of the table of routes, or "none" for what was
 * refused before a route was found; methods, or "other"; statuses, or "other", or "none" for a
 * request that ended without a reply. */
#ifndef ALLOT_SERVER_HTTP_METRICS_H
#define ALLOT_SERVER_HTTP_METRICS_H

#include "api/routes.h"
#include "server/metric.h"

struct http_metrics;

/* Of @count @routes, ordered by pattern, borrowed: all that requests will name. ALLOT_ENOMEM. */
int http_metrics_create(const struct api_route *routes, size_t count, struct http_metrics **ret);
void http_metrics_destroy(struct http_metrics *metrics); /* NULL is fine */

/* What has happened. Where @metrics is NULL, nobody counts. */
void http_metrics_note_connection(struct http_metrics *metrics, int change);
void http_metrics_note_begin(struct http_metrics *metrics);

struct http_metrics_request {
    const struct api_route *route; /* NULL: none was found */
    const char *method;            /* as it came */
    unsigned status;               /* 0: there was no reply */
    bool timed;                    /* it did not wait for something to change */
    int64_t us;                    /* from its first line to its end */
};
void http_metrics_note_end(struct http_metrics *metrics,
                           const struct http_metrics_request *request);

void http_metrics_write(const struct http_metrics *metrics, struct metrics_text *text);

#endif

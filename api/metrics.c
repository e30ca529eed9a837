#include "api/headers.h"
#include "api/health.h"
#include "api/metrics_text.h"
#include "api/reply.h"
#include "api/resources.h"

/* GET /metrics: what a running server tells of itself and of what it sees, for a monitoring system.
 * Also while the store can't be read: so it takes no snapshot. */

static void write_ready(struct metrics_text *text, const struct api_runtime *runtime)
{
    struct api_health health = {0};
    struct error_message why;
    runtime->health(runtime->context, &health);
    metrics_text_gauge(text, "allot_ready", "1: this server can serve, as /readyz says.",
                       health_is_ready(&health, &why));
}

static void compute(void *context, const atomic_bool *cancelled)
{
    struct api_call *call = context;
    const struct api_runtime *runtime = call->runtime;
    const struct span types[] = {SPAN("text/plain"), SPAN("application/openmetrics-text")};
    bool open_metrics = headers_choose(call_header(call, "Accept"), types, 2) == 1;
    (void)cancelled; /* it takes milliseconds */
    reply_start(call, 200);
    reply_header(call, "Vary", "Accept");
    call->reply.content_type = metrics_text_type(open_metrics);
    struct metrics_text text = {.out = &call->reply.body, .open_metrics = open_metrics};
    write_ready(&text, runtime);
    runtime->write_metrics(runtime->context, &text);
    metrics_text_end(&text);
    if (call->reply.body.error)
        (void)problem_of_error(call, call->reply.body.error, "to write the metrics");
}

enum api_step metrics_get(struct api_call *call)
{
    return call_compute(call, compute, "to measure");
}

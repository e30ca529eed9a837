#include <criterion/criterion.h>
#include <string.h>

#include "server/http_metrics.h"
#include "tests/support/fail_alloc.h"

static const struct api_route routes[] = {
    {.method = "GET", .pattern = "/a"},
    {.method = "GET", .pattern = "/b/{id}"},
    {.method = "PUT", .pattern = "/b/{id}"},
};
enum { ROUTE_COUNT = sizeof routes / sizeof routes[0] };

static struct http_metrics *metrics;
static struct buffer out;

static void setup(void)
{
    cr_assert_eq(http_metrics_create(routes, ROUTE_COUNT, &metrics), 0);
    buffer_init(&out, 1 << 20);
}

static void teardown(void)
{
    http_metrics_destroy(metrics);
    buffer_release(&out);
}

TestSuite(http_metrics, .init = setup, .fini = teardown);

static void note(const struct api_route *route, const char *method, unsigned status, int64_t us)
{
    const struct http_metrics_request request = {route, method, status, us >= 0, us};
    http_metrics_note_begin(metrics);
    http_metrics_note_end(metrics, &request);
}

static const char *written(void)
{
    struct metrics_text text = {.out = &out};
    buffer_clear(&out);
    http_metrics_write(metrics, &text);
    buffer_append(&out, (struct span){"", 1});
    cr_assert_eq(out.error, 0);
    return out.data;
}

static void expect_line(const char *line)
{
    cr_expect_not_null(strstr(written(), line), "%s not in\n%s", line, out.data);
}

Test(http_metrics, count_by_route_method_and_status)
{
    note(&routes[1], "GET", 200, 700);
    note(&routes[1], "GET", 200, 2000000);
    note(&routes[2], "PUT", 201, 50);
    note(&routes[2], "PUT", 412, 50);
    note(&routes[0], "HEAD", 200, 50);
    expect_line("allot_http_requests_total{route=\"/b/{id}\",method=\"GET\",code=\"200\"} 2\n");
    expect_line("allot_http_requests_total{route=\"/b/{id}\",method=\"PUT\",code=\"201\"} 1\n");
    expect_line("allot_http_requests_total{route=\"/b/{id}\",method=\"PUT\",code=\"412\"} 1\n");
    expect_line("allot_http_requests_total{route=\"/a\",method=\"HEAD\",code=\"200\"} 1\n");
    expect_line("_bucket{route=\"/b/{id}\",method=\"GET\",le=\"0.0005\"} 0\n");
    expect_line("_bucket{route=\"/b/{id}\",method=\"GET\",le=\"0.001\"} 1\n");
    expect_line("_bucket{route=\"/b/{id}\",method=\"GET\",le=\"2.5\"} 2\n");
    expect_line("_sum{route=\"/b/{id}\",method=\"GET\"} 2.0007\n");
    expect_line("_count{route=\"/b/{id}\",method=\"GET\"} 2\n");
}

Test(http_metrics, take_labels_from_fixed_lists)
{
    note(NULL, "BREW", 404, 10);
    note(NULL, "brew", 404, 10);
    note(NULL, "", 0, 10);
    note(&routes[0], "GET", 418, 10);
    expect_line("{route=\"none\",method=\"other\",code=\"404\"} 2\n");
    expect_line("{route=\"none\",method=\"other\",code=\"none\"} 1\n");
    expect_line("{route=\"/a\",method=\"GET\",code=\"other\"} 1\n");
    cr_expect_null(strcasestr(written(), "brew"));
}

Test(http_metrics, do_not_time_what_waits)
{
    note(&routes[0], "GET", 200, -1);
    expect_line("{route=\"/a\",method=\"GET\",code=\"200\"} 1\n");
    cr_expect_null(strstr(written(), "_count{"));
}

Test(http_metrics, know_what_is_open)
{
    http_metrics_note_connection(metrics, 1);
    http_metrics_note_connection(metrics, 1);
    http_metrics_note_connection(metrics, -1);
    http_metrics_note_begin(metrics);
    expect_line("\nallot_http_connections 1\n");
    expect_line("\nallot_http_requests_in_flight 1\n");
}

Test(http_metrics, are_optional)
{
    const struct http_metrics_request request = {&routes[0], "GET", 200, true, 1};
    http_metrics_note_connection(NULL, 1);
    http_metrics_note_begin(NULL);
    http_metrics_note_end(NULL, &request);
}

Test(http_metrics, fail_cleanly_without_memory)
{
    struct http_metrics *made = NULL;
    int error = ALLOT_ENOMEM;
    for (long failing = 1; error != 0; failing++) {
        fail_alloc_set(failing);
        error = http_metrics_create(routes, ROUTE_COUNT, &made);
        fail_alloc_set(0);
        cr_assert(error == 0 || (error == ALLOT_ENOMEM && !made));
    }
    http_metrics_destroy(made);
}

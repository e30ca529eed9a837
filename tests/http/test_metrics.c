/* What is counted of requests. */
#include <criterion/criterion.h>
#include <string.h>

#include "server/clock.h"
#include "tests/http/fixture.h"

static struct fixture fixture;
static struct http_reply reply;
static struct buffer out;

static void start(void)
{
    fixture_init(&fixture);
    fixture_start(&fixture);
    buffer_init(&out, 1 << 20);
}

static void stop(void)
{
    buffer_release(&out);
    fixture_stop(&fixture);
}

/* cppcheck-suppress unknownMacro */
TestSuite(metrics, .init = start, .fini = stop);

/* A request is counted at its end, which comes after its reply. */
static void wait_for(const char *line)
{
    enum { PATIENCE_MS = 30000 };
    int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    do {
        struct metrics_text text = {.out = &out};
        buffer_clear(&out);
        http_metrics_write(fixture.metrics, &text);
        buffer_append(&out, (struct span){"", 1});
        cr_assert_eq(out.error, 0);
        cr_assert_lt(clock_monotonic_ms(), until_ms, "%s not in\n%s", line, out.data);
    } while (!strstr(out.data, line));
}

Test(metrics, count_what_was_replied)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "PUT", "/echo", "", "ok", &reply), 200);
    cr_assert_eq(http_client_request(&client, "PUT", "/refuse", "", "ok", &reply), 415);
    cr_assert_eq(http_client_request(&client, "GET", "/nowhere", "", NULL, &reply), 404);
    wait_for("_total{route=\"/scripted\",method=\"PUT\",code=\"200\"} 1\n");
    wait_for("_total{route=\"/scripted\",method=\"PUT\",code=\"415\"} 1\n");
    wait_for("_total{route=\"none\",method=\"GET\",code=\"404\"} 1\n");
    wait_for("_count{route=\"/scripted\",method=\"PUT\"} 2\n");
    wait_for("\nallot_http_requests_in_flight 0\n");
    wait_for("\nallot_http_connections 1\n");
    http_client_close(&client);
    wait_for("\nallot_http_connections 0\n");
}

Test(metrics, count_what_was_never_replied)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "PUT /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                             "Content-Length: 10\r\n\r\nhalf"));
    wait_for("\nallot_http_requests_in_flight 1\n");
    http_client_close(&client);
    wait_for("\nallot_http_requests_in_flight 0\n");
    wait_for("{route=\"/scripted\",method=\"PUT\",code=\"none\"} 1\n");
}

Test(metrics, do_not_time_a_wait_for_a_change)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_request(&client, "GET", "/change?5", "", NULL));
    wait_for("\nallot_http_requests_in_flight 1\n");
    fixture_publish(&fixture, 5);
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    wait_for("{route=\"/scripted\",method=\"GET\",code=\"200\"} 1\n");
    cr_expect_null(strstr(out.data, "_count{"));
    http_client_close(&client);
}

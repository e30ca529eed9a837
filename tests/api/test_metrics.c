#include <criterion/criterion.h>

#include "api/metrics_text.h"
#include "tests/support/api_client.h"

/* What the API adds to what the server tells. */
#define READY                                                         \
    "# HELP allot_ready 1: this server can serve, as /readyz says.\n" \
    "# TYPE allot_ready gauge\n"                                      \
    "allot_ready 1\n"

/* --- the text --- */

static struct buffer out;

static struct metrics_text begin(bool open_metrics)
{
    buffer_init(&out, 1 << 16);
    return (struct metrics_text){.out = &out, .open_metrics = open_metrics};
}

static void expect(const char *text)
{
    cr_assert_eq(out.error, 0);
    buffer_append(&out, (struct span){"", 1});
    cr_expect_str_eq(out.data, text);
    buffer_release(&out);
}

Test(metrics_text, tells_families_and_samples)
{
    struct metrics_text text = begin(false);
    metrics_text_family(&text, "things", METRIC_GAUGE, "Things, by colour.");
    metrics_text_integer(&text, METRIC_LABELS({"colour", "red"}, {"size", "s"}), -3);
    metrics_text_real(&text, METRIC_LABELS({"colour", "blue"}), 1.1);
    metrics_text_real(&text, METRIC_LABELS({"colour", "green"}), 1048577);
    metrics_text_counter(&text, "seen_total", "Seen.", 4);
    metrics_text_gauge_us(&text, "left_seconds", "Left.", 1500000);
    metrics_text_end(&text);
    expect("# HELP things Things, by colour.\n"
           "# TYPE things gauge\n"
           "things{colour=\"red\",size=\"s\"} -3\n"
           "things{colour=\"blue\"} 1.1\n"
           "things{colour=\"green\"} 1048577\n"
           "# HELP seen_total Seen.\n"
           "# TYPE seen_total counter\n"
           "seen_total 4\n"
           "# HELP left_seconds Left.\n"
           "# TYPE left_seconds gauge\n"
           "left_seconds 1.5\n");
}

Test(metrics_text, names_a_counters_family_as_open_metrics_wants_it)
{
    struct metrics_text text = begin(true);
    metrics_text_counter(&text, "seen_total", "Seen.", 4);
    metrics_text_end(&text);
    expect("# HELP seen Seen.\n"
           "# TYPE seen counter\n"
           "seen_total 4\n"
           "# EOF\n");
}

Test(metrics_text, escapes_what_it_must)
{
    for (int open_metrics = 0; open_metrics < 2; open_metrics++) {
        struct metrics_text text = begin(open_metrics);
        metrics_text_family(&text, "a", METRIC_GAUGE, "\"\\\n");
        metrics_text_integer(&text, METRIC_LABELS({"l", "\\x\"y\nz"}, {"m", ""}), 1);
        expect(open_metrics ? "# HELP a \\\"\\\\\\n\n# TYPE a gauge\n"
                              "a{l=\"\\\\x\\\"y\\nz\",m=\"\"} 1\n"
                            : "# HELP a \"\\\\\\n\n# TYPE a gauge\n"
                              "a{l=\"\\\\x\\\"y\\nz\",m=\"\"} 1\n");
    }
}

Test(metrics_text, writes_seconds_exactly)
{
    static const struct {
        int64_t us;
        const char *line;
    } cases[] = {{0, "t 0.0\n"},           {1, "t 0.000001\n"},
                 {100000, "t 0.1\n"},      {10000000, "t 10.0\n"},
                 {-1500000, "t -1.5\n"},   {INT64_MAX, "t 9223372036854.775807\n"},
                 {1000001, "t 1.000001\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metrics_text text = begin(false);
        text.family = "t";
        metrics_text_us(&text, METRIC_NO_LABELS, cases[i].us);
        expect(cases[i].line);
    }
}

Test(metrics_text, writes_what_is_no_number)
{
    struct metrics_text text = begin(false);
    text.family = "r";
    metrics_text_real(&text, METRIC_NO_LABELS, 1.0 / 0.0);
    metrics_text_real(&text, METRIC_NO_LABELS, -1.0 / 0.0);
    metrics_text_real(&text, METRIC_NO_LABELS, __builtin_nan(""));
    expect("r +Inf\nr -Inf\nr NaN\n");
}

Test(metrics_text, adds_up_the_buckets_of_a_histogram)
{
    static const int64_t bounds_us[] = {500, 1000000};
    static const int64_t counts[] = {2, 0, 1};
    struct metrics_text text = begin(false);
    metrics_text_family(&text, "d_seconds", METRIC_HISTOGRAM, "D.");
    metrics_text_durations(&text, METRIC_LABELS({"phase", "solve"}),
                           &(struct metric_durations){bounds_us, counts, 2, 3000400});
    expect("# HELP d_seconds D.\n"
           "# TYPE d_seconds histogram\n"
           "d_seconds_bucket{phase=\"solve\",le=\"0.0005\"} 2\n"
           "d_seconds_bucket{phase=\"solve\",le=\"1.0\"} 2\n"
           "d_seconds_bucket{phase=\"solve\",le=\"+Inf\"} 3\n"
           "d_seconds_sum{phase=\"solve\"} 3.0004\n"
           "d_seconds_count{phase=\"solve\"} 3\n");
}

/* --- the route --- */

static struct client client;

static void setup(void)
{
    client_init(&client);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(metrics, .init = setup, .fini = teardown);

Test(metrics, are_open_metrics_only_if_that_is_named)
{
    static const struct {
        const char *accept;
        bool open_metrics;
    } cases[] = {
        {NULL, false},
        {"*/*", false},
        {"text/plain", false},
        {"application/json", false},
        {"application/openmetrics-text;q=0, */*", false},
        {"application/openmetrics-text;q=0.4, text/plain;q=0.5", false},
        {"application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_header(&client, "Accept", cases[i].accept);
        cr_assert_eq(client_send(&client, "GET", "/metrics", NULL), 200);
        cr_expect_str_eq(client.reply.content_type, metrics_text_type(cases[i].open_metrics));
        cr_expect_str_eq(client.reply.text, cases[i].open_metrics
                                                ? READY "# HELP fake_things Things.\n"
                                                        "# TYPE fake_things counter\n"
                                                        "fake_things_total 7\n"
                                                        "# EOF\n"
                                                : READY "# HELP fake_things_total Things.\n"
                                                        "# TYPE fake_things_total counter\n"
                                                        "fake_things_total 7\n");
        cr_expect_str_eq(client_reply_header(&client, "Vary"), "Accept");
    }
}

Test(metrics, are_told_before_the_store_is_read)
{
    snapshot_unref(client.store.newest);
    client.store.newest = NULL;
    cr_expect_eq(client_send(&client, "GET", "/metrics", NULL), 200);
}

/* As /readyz does. */
Test(metrics, tell_whether_the_server_is_ready)
{
    client.health.refused = "another server has the same --instance";
    cr_expect_eq(client_send(&client, "GET", "/readyz", NULL), 503);
    cr_expect_eq(client_send(&client, "GET", "/metrics", NULL), 200);
    cr_expect(strstr(client.reply.text, "\nallot_ready 0\n"));
}

Test(metrics, are_refused_while_too_much_is_computed)
{
    client.failing_step = API_COMPUTE;
    client.failing_error = ALLOT_ELIMIT;
    cr_expect_eq(client_send(&client, "GET", "/metrics", NULL), 503);
}

Test(metrics, fail_cleanly_without_memory)
{
    int status = 0;
    for (long failing = 1; status != 200; failing++) {
        client.failing_allocation = failing;
        status = client_send(&client, "GET", "/metrics", NULL);
        cr_assert(status == 200 || status == 503, "%d at %ld", status, failing);
        cr_assert_lt(failing, 100);
    }
}

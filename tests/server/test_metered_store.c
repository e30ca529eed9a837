/* A metered store does all that a store must, and counts it. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/error.h"
#include "server/metered_store.h"
#include "tests/server/embedded_fixture.h"
#include "tests/server/store_conformance.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/store_sync.h"

static struct embedded_fixture fixture;
static struct store_metrics metrics;
static struct buffer out;

static void setup(void)
{
    struct store *metered = NULL;
    embedded_fixture_open(&fixture, (struct embedded_store_config){0});
    cr_assert_eq(metered_store_create(fixture.store, &metrics, &metered), 0);
    fixture.store = metered;
    buffer_init(&out, 1 << 20);
}

static void teardown(void)
{
    embedded_fixture_remove(&fixture);
    buffer_release(&out);
}

TestSuite(metered_store, .init = setup, .fini = teardown);
TestSuite(metered_store_conformance, .init = setup, .fini = teardown);

#define CONFORMANCE_TEST(name)                                    \
    Test(metered_store_conformance, name)                         \
    {                                                             \
        store_conformance_##name(fixture.store, "/conformance/"); \
    }
STORE_CONFORMANCE_CASES(CONFORMANCE_TEST)

static void expect_line(const char *line)
{
    struct metrics_text text = {.out = &out};
    buffer_clear(&out);
    store_metrics_write(&metrics, &text);
    buffer_append(&out, (struct span){"", 1});
    cr_assert_eq(out.error, 0);
    cr_expect_not_null(strstr(out.data, line), "%s not in\n%s", line, out.data);
}

Test(metered_store, counts_by_operation)
{
    struct store_lease_result lease;
    cr_assert_eq(sync_put(fixture.store, SPAN("/a"), SPAN("1"), 0, NULL), 0);
    cr_assert_eq(sync_put(fixture.store, SPAN("/b"), SPAN("1"), 0, NULL), 0);
    cr_assert(sync_exists(fixture.store, SPAN("/a"), NULL));
    cr_assert_eq(sync_grant(fixture.store, 7, 60, &lease), 0);
    cr_assert_eq(sync_keep_alive(fixture.store, 7, &lease), 0);
    cr_assert_eq(sync_time_to_live(fixture.store, 7, &lease), 0);
    cr_assert_eq(sync_revoke(fixture.store, 7), 0);
    cr_assert_eq(sync_compact(fixture.store, 2), 0);
    expect_line("allot_store_requests_total{operation=\"txn\"} 2\n");
    expect_line("allot_store_requests_total{operation=\"range\"} 1\n");
    expect_line("allot_store_requests_total{operation=\"lease_grant\"} 1\n");
    expect_line("allot_store_requests_total{operation=\"lease_keep_alive\"} 1\n");
    expect_line("allot_store_requests_total{operation=\"lease_time_to_live\"} 1\n");
    expect_line("allot_store_requests_total{operation=\"lease_revoke\"} 1\n");
    expect_line("allot_store_requests_total{operation=\"compact\"} 1\n");
    expect_line("allot_store_requests_total{operation=\"watch\"} 0\n");
    expect_line("allot_store_request_duration_seconds_count{operation=\"txn\"} 2\n");
    cr_expect_null(strstr(out.data, "error="));
}

Test(metered_store, counts_errors_by_name)
{
    struct store_lease_result lease;
    cr_assert_eq(sync_keep_alive(fixture.store, 99, &lease), ALLOT_ELEASE);
    cr_assert_eq(sync_keep_alive(fixture.store, 99, &lease), ALLOT_ELEASE);
    /* Refused, rather than answered. */
    cr_assert_eq(sync_grant(fixture.store, -1, 60, &lease), ALLOT_EINVAL);
    expect_line("allot_store_requests_total{operation=\"lease_keep_alive\"} 2\n");
    expect_line("errors_total{operation=\"lease_keep_alive\",error=\"ELEASE\"} 2\n");
    expect_line("errors_total{operation=\"lease_grant\",error=\"EINVAL\"} 1\n");
}

Test(metered_store, knows_the_newest_revision)
{
    int64_t revision = 0;
    cr_assert_eq(sync_put(fixture.store, SPAN("/a"), SPAN("1"), 0, &revision), 0);
    cr_expect_eq(metric_read(&metrics.revision), revision);
    struct sync_answer answer = {0};
    const struct store_range past = {.keys = {.key = SPAN("/a")}, .revision = revision};
    cr_assert_eq(sync_put(fixture.store, SPAN("/a"), SPAN("2"), 0, NULL), 0);
    cr_assert_eq(sync_range(fixture.store, &past, &answer), 0);
    cr_expect_eq(metric_read(&metrics.revision), revision + 1);
    sync_answer_release(&answer);
}

Test(metered_store, knows_whether_it_takes_writes)
{
    struct rlimit former;
    const struct store_op put = {.kind = STORE_OP_PUT, .keys.key = SPAN("/a")};
    const struct store_compare missing = {
        .keys.key = SPAN("/missing"), .target = STORE_CREATE_REVISION, .relation = STORE_NOT_EQUAL};
    const struct store_txn unmet = {
        .compares = &missing, .compare_count = 1, .success = &put, .success_count = 1};
    cr_assert_eq(sync_put(fixture.store, SPAN("/a"), SPAN("1"), 0, NULL), 0);
    cr_expect_eq(metric_read(&metrics.failed_writes), 0);
    embedded_fixture_break_disk(&former);
    for (int i = 0; i < 2; i++)
        cr_expect_neq(sync_put(fixture.store, SPAN("/a"), SPAN("2"), 0, NULL), 0);
    cr_expect_eq(sync_put(fixture.store, SPAN("/a"), SPAN("2"), 7, NULL), ALLOT_ELEASE);
    cr_expect_eq(sync_txn(fixture.store, &unmet, NULL), 0); /* has nothing to write */
    embedded_fixture_mend_disk(&former);
    cr_expect_eq(metric_read(&metrics.failed_writes), 2);
    cr_expect_eq(metric_read(&metrics.write_error), ALLOT_EUNKNOWN);
    cr_expect_gt(metric_read(&metrics.write_failed_ms), 0);
    cr_assert_eq(sync_put(fixture.store, SPAN("/a"), SPAN("2"), 0, NULL), 0);
    cr_expect_eq(metric_read(&metrics.failed_writes), 0);
}

Test(metered_store, passes_on_that_there_is_no_memory)
{
    struct store_lease_result lease;
    struct store *none = NULL;
    fail_alloc_set(1);
    cr_expect_eq(sync_grant(fixture.store, 7, 60, &lease), ALLOT_ENOMEM);
    fail_alloc_set(1);
    cr_expect_eq(metered_store_create(fixture.store, &metrics, &none), ALLOT_ENOMEM);
    fail_alloc_set(0);
    cr_expect_null(none);
}

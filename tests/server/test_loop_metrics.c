#include <criterion/criterion.h>
#include <string.h>

#include "core/error.h"
#include "server/loop_metrics.h"

static struct loop_metrics metrics;
static struct round_writer writer;
static struct buffer out;

static void setup(void)
{
    buffer_init(&out, 1 << 20);
}

static void teardown(void)
{
    buffer_release(&out);
}

TestSuite(loop_metrics, .init = setup, .fini = teardown);

static void expect_line(const char *line)
{
    struct metrics_text text = {.out = &out};
    buffer_clear(&out);
    loop_metrics_write(&metrics, &text);
    buffer_append(&out, (struct span){"", 1});
    cr_assert_eq(out.error, 0);
    cr_expect_not_null(strstr(out.data, line), "%s not in\n%s", line, out.data);
}

Test(loop_metrics, add_up_what_passes_have_changed)
{
    struct allocator_status status = {
        .ended = 1,
        .total = {.additions = 5, .removals = 2, .dead_removals = 1, .promotions = 4},
    };
    writer.converge_us = 700;
    writer.wait_us = 20000;
    loop_metrics_note_status(&metrics, &status, &writer);
    loop_metrics_note_status(&metrics, &status, &writer); /* nothing has happened since */
    status.ended = 3;
    status.total.additions = 6;
    status.total.packings = 9;
    loop_metrics_note_status(&metrics, &status, &writer);
    expect_line("allot_loop_passes_total 3\n");
    expect_line("allot_loop_changes_total{kind=\"add\"} 6\n");
    expect_line("allot_loop_changes_total{kind=\"remove\"} 3\n");
    expect_line("allot_loop_changes_total{kind=\"promote\"} 4\n");
    expect_line("allot_loop_changes_total{kind=\"pack\"} 9\n");
    expect_line("allot_loop_phase_duration_seconds_sum{phase=\"converge\"} 0.0014\n");
    expect_line("allot_loop_phase_duration_seconds_sum{phase=\"wait\"} 0.04\n");
}

Test(loop_metrics, go_on_after_a_new_allocator)
{
    struct allocator_status status = {.ended = 2, .total = {.additions = 5}};
    loop_metrics_note_status(&metrics, &status, &writer);
    loop_metrics_note_allocator(&metrics);
    status = (struct allocator_status){.ended = 1, .total = {.additions = 1}};
    loop_metrics_note_status(&metrics, &status, &writer);
    expect_line("allot_loop_passes_total 3\n");
    expect_line("allot_loop_changes_total{kind=\"add\"} 6\n");
}

Test(loop_metrics, count_failures_by_cause)
{
    struct allocator_status status = {.failed_passes = 1, .last_error = ALLOT_EUNAVAILABLE};
    loop_metrics_note_status(&metrics, &status, &writer);
    loop_metrics_note_status(&metrics, &status, &writer);
    status.failed_passes = 2;
    loop_metrics_note_status(&metrics, &status, &writer);
    status.failed_passes = 0;
    loop_metrics_note_status(&metrics, &status, &writer);
    status = (struct allocator_status){.failed_passes = 1, .last_error = 0};
    loop_metrics_note_status(&metrics, &status, &writer);
    expect_line("allot_loop_failed_passes_total{cause=\"EUNAVAILABLE\"} 2\n");
    expect_line("allot_loop_failed_passes_total{cause=\"checks\"} 1\n");
}

Test(loop_metrics, know_what_is_in_flight)
{
    loop_metrics_note_txn(&metrics, 1);
    expect_line("\nallot_loop_in_flight 1\n");
    loop_metrics_note_txn(&metrics, -1);
    expect_line("\nallot_loop_in_flight 0\n");
}

Test(loop_metrics, count_rounds_and_phases)
{
    loop_metrics_note_round(&metrics);
    loop_metrics_note_phase(&metrics, LOOP_SOLVES, 250000);
    expect_line("\nallot_loop_rounds_total 1\n");
    expect_line("_bucket{phase=\"solve\",le=\"0.25\"} 1\n");
    expect_line("_bucket{phase=\"solve\",le=\"0.1\"} 0\n");
    expect_line("_count{phase=\"observe\"} 0\n");
}

#include "server/loop_metrics.h"

#include "core/error.h"

static const char *const phase_names[LOOP_PHASE_COUNT] = {
    [LOOP_OBSERVES] = "observe",
    [LOOP_SOLVES] = "solve",
    [LOOP_CONVERGES] = "converge",
    [LOOP_WAITS] = "wait",
};
static const char *const change_names[LOOP_CHANGE_COUNT] = {
    [LOOP_ADDS] = "add",
    [LOOP_REMOVES] = "remove",
    [LOOP_PROMOTES] = "promote",
    [LOOP_PACKS] = "pack",
};

/* --- noting --- */

void loop_metrics_note_phase(struct loop_metrics *metrics, enum loop_phase phase, int64_t us)
{
    metric_observe_us(&metrics->phases[phase], us);
}

void loop_metrics_note_txn(struct loop_metrics *metrics, int change)
{
    metric_add(&metrics->in_flight, change);
}

void loop_metrics_note_round(struct loop_metrics *metrics)
{
    metric_add(&metrics->rounds, 1);
}

void loop_metrics_note_allocator(struct loop_metrics *metrics)
{
    metrics->noted = (struct allocator_status){0};
}

static void note_changes(struct loop_metrics *metrics, const struct pass_summary *former,
                         const struct pass_summary *total)
{
    metric_add(&metrics->changes[LOOP_ADDS], total->additions - former->additions);
    metric_add(&metrics->changes[LOOP_REMOVES], total->removals - former->removals);
    metric_add(&metrics->changes[LOOP_REMOVES], total->dead_removals - former->dead_removals);
    metric_add(&metrics->changes[LOOP_PROMOTES], total->promotions - former->promotions);
    metric_add(&metrics->changes[LOOP_PACKS], total->packings - former->packings);
}

void loop_metrics_note_status(struct loop_metrics *metrics, const struct allocator_status *status,
                              const struct round_writer *writer)
{
    const struct allocator_status *former = &metrics->noted;
    if (status->failed_passes > former->failed_passes)
        metric_add(&metrics->failed[-status->last_error], 1);
    if (status->ended > former->ended) {
        metric_add(&metrics->passes, status->ended - former->ended);
        note_changes(metrics, &former->total, &status->total);
        loop_metrics_note_phase(metrics, LOOP_CONVERGES, writer->converge_us);
        loop_metrics_note_phase(metrics, LOOP_WAITS, writer->wait_us);
    }
    metrics->noted = *status;
}

/* --- telling --- */

static void write_failures(const struct loop_metrics *metrics, struct metrics_text *text)
{
    metrics_text_family(text, "allot_loop_failed_passes_total", METRIC_COUNTER,
                        "Passes of the allocator that failed, and were tried again.");
    for (int i = 0; i < METRIC_ERRORS; i++) {
        const char *cause = i == 0 ? "checks" : allot_error_name(-i);
        if (metric_read(&metrics->failed[i]) > 0)
            metric_write_value(text, METRIC_LABELS({"cause", cause}), &metrics->failed[i]);
    }
}

void loop_metrics_write(const struct loop_metrics *metrics, struct metrics_text *text)
{
    metrics_text_counter(text, "allot_loop_rounds_total",
                         "Passes that were the first over a solution, or that changed something.",
                         metric_read(&metrics->rounds));
    metrics_text_counter(text, "allot_loop_passes_total",
                         "Passes of the allocator that have ended.", metric_read(&metrics->passes));
    write_failures(metrics, text);
    metrics_text_family(text, "allot_loop_changes_total", METRIC_COUNTER,
                        "What the allocator's transactions have changed of assignments.");
    for (int i = 0; i < LOOP_CHANGE_COUNT; i++)
        metric_write_value(text, METRIC_LABELS({"kind", change_names[i]}), &metrics->changes[i]);
    metrics_text_gauge(text, "allot_loop_in_flight",
                       "Transactions of the allocator that the store has not answered.",
                       metric_read(&metrics->in_flight));
    metrics_text_family(text, "allot_loop_phase_duration_seconds", METRIC_HISTOGRAM,
                        "Time that the parts of the loop's work take.");
    for (int i = 0; i < LOOP_PHASE_COUNT; i++)
        metric_write_histogram(text, METRIC_LABELS({"phase", phase_names[i]}), &metrics->phases[i]);
}

/* What is counted of the loop: its passes, what they have changed, why they failed, and how long
 * the parts of its work take. */
#ifndef ALLOT_SERVER_LOOP_METRICS_H
#define ALLOT_SERVER_LOOP_METRICS_H

#include "core/allocator.h"
#include "server/metric.h"
#include "server/round_writer.h"

enum loop_phase {
    LOOP_OBSERVES,  /* makes a state of the mirror */
    LOOP_SOLVES,    /* finds what is desired of it */
    LOOP_CONVERGES, /* makes the transactions of a pass */
    LOOP_WAITS,     /* for the store's answers to them */
    LOOP_PHASE_COUNT
};

enum loop_change { LOOP_ADDS, LOOP_REMOVES, LOOP_PROMOTES, LOOP_PACKS, LOOP_CHANGE_COUNT };

/* Ready when zeroed. Noting is the loop's, but for phases, which any thread may note. */
struct loop_metrics {
    struct metric_value rounds;
    struct metric_value passes;
    struct metric_value failed[METRIC_ERRORS]; /* the first: checks failed */
    struct metric_value changes[LOOP_CHANGE_COUNT];
    struct metric_value in_flight; /* transactions */
    struct metric_histogram phases[LOOP_PHASE_COUNT];
    struct allocator_status noted; /* the allocator's, as it was last: not to be read by others */
};

void loop_metrics_note_phase(struct loop_metrics *metrics, enum loop_phase phase, int64_t us);
void loop_metrics_note_txn(struct loop_metrics *metrics, int change);
/* A pass was a round. */
void loop_metrics_note_round(struct loop_metrics *metrics);

/* There is a new allocator, whose counts begin anew. */
void loop_metrics_note_allocator(struct loop_metrics *metrics);
/* The allocator has made a step. @writer has measured the pass that it may have come to the end of.
 */
void loop_metrics_note_status(struct loop_metrics *metrics, const struct allocator_status *status,
                              const struct round_writer *writer);

void loop_metrics_write(const struct loop_metrics *metrics, struct metrics_text *text);

#endif

/* What becomes of what the allocator has asked for. */
#include <assert.h>

#include "core/allocator_internal.h"

void allocator_solved(struct allocator *allocator, int64_t now_ms, struct solution *solution,
                      int error)
{
    assert(allocator->phase == PHASE_SOLVE);
    if (!solution) {
        allocator->status.last_error = error;
        allocator_wait_for_change(allocator, now_ms, true);
        return;
    }
    solution_ref(solution);
    solution_unref(allocator->solution);
    allocator->solution = solution;
    recorder_note_solved(&allocator->recorder);
    allocator->phase = PHASE_WAIT; /* and look again, at what may be a newer state by now */
    allocator->wait_revision = 0;
}

/* Our key as the failure branch found it, or NULL. */
static const struct store_kv *found_key(const struct store_txn_result *result)
{
    bool found = result->result_count == 1 && result->results[0].kv_count == 1;
    return found ? &result->results[0].kvs[0] : NULL;
}

static void note_applied(struct allocator *allocator, int64_t revision)
{
    allocator->applied_revision = revision;
    if (allocator->wait_revision < revision)
        allocator->wait_revision = revision;
}

static void settle_moves(struct allocator *allocator, int64_t now_ms)
{
    if (allocator->unsettled_moves == ALLOCATOR_UNKNOWN_MOVES)
        move_window_begin(&allocator->window, now_ms);
    else
        move_window_note(&allocator->window, now_ms, allocator->unsettled_moves);
    allocator->unsettled_moves = 0;
}

static void fence_renewed(struct allocator *allocator, int64_t now_ms, int error,
                          const struct store_txn_result *result)
{
    if (error) {
        allocator->status.last_error = error;
        allocator_wait_for_change(allocator, now_ms, true);
        return;
    }
    const struct store_kv *found = found_key(result);
    if (result->succeeded) {
        settle_moves(allocator, now_ms);
        allocator->unsettled = false;
        note_applied(allocator, result->revision);
    } else if (found && found->create_revision == allocator->renewal.state->own->create_revision) {
        /* Renewed before, by a transaction whose answer was lost, or by another process: what is
         * under way may even be checked against that one. Again, once the mirror has it. */
        note_applied(allocator, found->mod_revision);
    } else {
        allocator_stop(allocator, ALLOT_EFENCE);
        return;
    }
    allocator->phase = PHASE_WAIT;
    allocator->retry_at_ms = INT64_MAX;
}

/* Those that may yet be begun are noted once they can't be any more. */
static void note_moves(struct allocator *allocator, int64_t now_ms, int error,
                       const struct store_txn_result *result)
{
    int64_t begun = pass_summary(allocator->pass).moves - allocator->moves_noted;
    if (error && error != ALLOT_EUNAVAILABLE)
        allocator->unsettled_moves = begun;
    if (error || !result->succeeded)
        return;
    move_window_note(&allocator->window, now_ms, begun);
    allocator->moves_noted += begun;
}

/* After checks that failed: the fence may be lost. */
static void stop_without_fence(struct allocator *allocator, const struct store_txn_result *result)
{
    const struct store_kv *found = found_key(result);
    if (!found || found->mod_revision != allocator->fence_revision)
        allocator_stop(allocator, ALLOT_EFENCE);
}

static void pass_txn_done(struct allocator *allocator, int64_t now_ms, int error,
                          const struct store_txn_result *result)
{
    note_moves(allocator, now_ms, error, result);
    pass_done(allocator->pass, !error && result->succeeded);
    if (error) {
        allocator->unsettled = error != ALLOT_EUNAVAILABLE;
        if (allocator->unsettled)
            recorder_note_unknown(&allocator->recorder);
        allocator_end_pass(allocator, now_ms, error);
        return;
    }
    allocator->phase = PHASE_PASS;
    if (result->succeeded) {
        note_applied(allocator, result->revision);
        recorder_note_applied(&allocator->recorder, result->revision);
        return;
    }
    allocator->failed = true;
    stop_without_fence(allocator, result);
}

/* If nothing but the record has changed since a pass found nothing to do, there is still nothing.
 */
static void note_recorded(struct allocator *allocator, int64_t revision)
{
    bool alone = allocator->idle_revision != 0 && allocator->idle_revision + 1 == revision &&
                 allocator_rules_equal(&allocator->recorder.view.rules, &allocator->rules);
    note_applied(allocator, revision);
    if (!alone)
        return;
    allocator->idle_revision = revision;
    allocator->wait_revision = revision + 1;
}

static void record_done(struct allocator *allocator, int64_t now_ms, int error,
                        const struct store_txn_result *result)
{
    if (error) {
        allocator->unsettled = error != ALLOT_EUNAVAILABLE;
        allocator->status.last_error = error;
        recorder_put_failed(&allocator->recorder);
        allocator_wait_for_change(allocator, now_ms, true);
        return;
    }
    allocator->phase = PHASE_WAIT;
    if (result->succeeded) {
        recorder_put_done(&allocator->recorder);
        note_recorded(allocator, result->revision);
    } else {
        recorder_lose(&allocator->recorder);
        stop_without_fence(allocator, result);
    }
}

void allocator_done(struct allocator *allocator, int64_t now_ms, int error,
                    const struct store_txn_result *result)
{
    assert(allocator->phase == PHASE_TXN || allocator->phase == PHASE_RENEWAL ||
           allocator->phase == PHASE_RECORDING);
    if (allocator->phase == PHASE_RENEWAL)
        fence_renewed(allocator, now_ms, error, result);
    else if (allocator->phase == PHASE_RECORDING)
        record_done(allocator, now_ms, error, result);
    else
        pass_txn_done(allocator, now_ms, error, result);
}

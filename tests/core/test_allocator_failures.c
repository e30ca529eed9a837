/* What the allocator does when its transactions fail, when nobody knows whether they did, and
 * without memory. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "tests/core/allocator_stage.h"
#include "tests/support/fail_alloc.h"

TestSuite(allocator_failures, .init = stage_set_up, .fini = stage_tear_down);

/* --- failed passes --- */

Test(allocator_failures, failed_checks_dont_end_the_pass_but_it_is_tried_again)
{
    model_store_delete(stage.store, stage_key("items/x"));
    stage_put_many("items/x%03d", 150, "1"); /* a check and an operation each: two transactions */
    stage_put("members/a#1", "200");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    struct allocator_step step = stage_expect(0, ALLOCATOR_TXN);
    stage_put("members/a#1", "300");
    cr_assert_not(stage_execute(step.txn, 0));
    step = stage_expect(0, ALLOCATOR_TXN);
    stage_put("members/a#1", "200");
    cr_assert_not(stage_execute(step.txn, 0));
    step = stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().failed_passes, 1);
    cr_assert_eq(stage_status().last_error, 0);
    cr_assert_eq(stage_status().last_pass.transactions, 2);
    cr_assert_eq(stage_status().last_pass.failed_transactions, 2);
    cr_assert_eq(stage_status().last_pass.additions, 0);

    /* Nothing changes any more that the mirror hears of, but it tries again. */
    (void)stage_expect(step.wake_at_ms - 1, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND);
    (void)stage_expect(step.wake_at_ms, ALLOCATOR_TXN);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND + 1);
}

static size_t count_puts(const struct store_txn *txn)
{
    size_t puts = 0;
    for (size_t i = 0; i < txn->success_count; i++)
        puts += txn->success[i].kind == STORE_OP_PUT;
    return puts;
}

Test(allocator_failures, what_a_failed_transaction_would_have_added_doesnt_count)
{
    /* Room for 254, of which 64 are taken until the end of the pass. */
    model_store_delete(stage.store, stage_key("items/x"));
    stage_put("members/a#1", "254");
    stage_put_many("items/x%03d", 254, "1");
    stage_put_many("items/z%03d", 64, "0");
    stage_put_many("assign/z%03d#a#1#0", 64, "");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    const struct store_txn *txn = stage_expect(0, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->compare_count, 3);          /* the fence, the settings, and the member */
    cr_assert_eq(count_puts(txn), STORE_MAX_OPS); /* the actor and 127 */
    stage_put("members/a#1", "254");
    cr_assert_not(stage_execute(txn, 0));
    cr_assert_eq(count_puts(stage_expect(0, ALLOCATOR_TXN).txn), STORE_MAX_OPS);
}

/* EUNAVAILABLE says that nothing was done, so it can be tried at once; after others see below. */
Test(allocator_failures, backs_off_after_an_error)
{
    static const int errors[] = {ALLOT_ENOMEM, ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        stage_tear_down();
        stage_set_up();
        stage_solve(0);
        (void)stage_expect(0, ALLOCATOR_TXN);
        allocator_done(stage.scheduler.allocator, 5, errors[i], NULL);
        struct allocator_step step = stage_expect(5, ALLOCATOR_WAIT);
        cr_assert_eq(stage_status().last_error, errors[i]);
        cr_assert_eq(stage_status().failed_passes, 1);
        cr_assert_eq(stage_status().last_pass.failed_transactions, 1);
        cr_assert_eq(stage_status().last_pass.additions, 0);
        cr_assert_geq(step.wake_at_ms, 5 + SCHEDULER_FIRST_RETRY_MS / 2);
        cr_assert_leq(step.wake_at_ms, 5 + SCHEDULER_FIRST_RETRY_MS);
        (void)stage_expect(step.wake_at_ms - 1, ALLOCATOR_WAIT);
        (void)stage_expect(step.wake_at_ms, ALLOCATOR_TXN);
    }
}

Test(allocator_failures, backs_off_after_a_failed_solution)
{
    (void)stage_expect(0, ALLOCATOR_SOLVE);
    allocator_solved(stage.scheduler.allocator, 0, NULL, ALLOT_ELIMIT);
    struct allocator_step step = stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().last_error, ALLOT_ELIMIT);
    cr_assert_eq(stage_status().failed_passes, 1);
    cr_assert_gt(step.wake_at_ms, 0);
    cr_assert_leq(step.wake_at_ms, SCHEDULER_FIRST_RETRY_MS);
    (void)stage_expect(step.wake_at_ms, ALLOCATOR_SOLVE);
}

Test(allocator_failures, a_change_ends_the_back_off)
{
    stage_solve(0);
    (void)stage_expect(0, ALLOCATOR_TXN);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    stage_put("unrelated", "");
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(0, ALLOCATOR_TXN);
}

/* The delays after 20 failed passes in a row. */
static void fail_in_a_row(uint64_t seed, int64_t *delays)
{
    scheduler_restart(&stage.scheduler, seed);
    scheduler_catch_up(&stage.scheduler);
    scheduler_observe(&stage.scheduler);
    stage_solve(0);
    cr_assert(stage_execute(stage_expect(0, ALLOCATOR_TXN).txn, 0)); /* the fence */
    scheduler_catch_up(&stage.scheduler);
    int64_t now_ms = 0;
    for (int i = 0; i < 20; i++) {
        (void)stage_expect(now_ms, ALLOCATOR_TXN);
        allocator_done(stage.scheduler.allocator, now_ms, ALLOT_EUNAVAILABLE, NULL);
        int64_t wake_at_ms = stage_expect(now_ms, ALLOCATOR_WAIT).wake_at_ms;
        delays[i] = wake_at_ms - now_ms;
        now_ms = wake_at_ms;
        cr_assert_eq(stage_status().failed_passes, i + 1);
    }
}

Test(allocator_failures, backs_off_exponentially_with_jitter_within_bounds)
{
    int64_t delays[20];
    bool differs = false;
    for (uint64_t seed = 1; seed < 100; seed++) {
        int64_t most = SCHEDULER_FIRST_RETRY_MS;
        int64_t others[20];
        fail_in_a_row(seed, delays);
        fail_in_a_row(seed, others);
        cr_assert_eq(memcmp(delays, others, sizeof delays), 0, "the seed decides");
        for (int i = 0; i < 20; i++) {
            cr_assert_leq(delays[i], most, "%d: %" PRId64, i, delays[i]);
            cr_assert_geq(delays[i], most / 2, "%d: %" PRId64, i, delays[i]);
            differs = differs || (i > 0 && delays[i] != delays[i - 1]);
            most = 2 * most < SCHEDULER_LONGEST_RETRY_MS ? 2 * most : SCHEDULER_LONGEST_RETRY_MS;
        }
    }
    cr_assert(differs);
}

Test(allocator_failures, begins_anew_with_the_shortest_delay_after_success)
{
    int64_t delays[20];
    fail_in_a_row(1, delays);
    int64_t now_ms = 1000000;
    cr_assert(stage_execute(stage_expect(now_ms, ALLOCATOR_TXN).txn, now_ms));
    (void)stage_expect(now_ms, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().failed_passes, 0);
    stage_put("items/y", "1");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(now_ms);
    (void)stage_expect(now_ms, ALLOCATOR_TXN);
    allocator_done(stage.scheduler.allocator, now_ms, ALLOT_EUNAVAILABLE, NULL);
    cr_assert_leq(stage_expect(now_ms, ALLOCATOR_WAIT).wake_at_ms,
                  now_ms + SCHEDULER_FIRST_RETRY_MS);
}

/* --- what the mirror must have seen --- */

Test(allocator_failures, a_retry_waits_for_the_mirror_to_see_what_was_applied)
{
    /* Two transactions; the second fails. */
    stage_put("members/a#1", "200");
    stage_put_many("items/x%03d", 150, "1");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    cr_assert(stage_execute(stage_expect(0, ALLOCATOR_TXN).txn, 0));
    int64_t applied = model_store_revision(stage.store);
    (void)stage_expect(0, ALLOCATOR_TXN);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);

    /* By a mirror that lacks the first, its additions would be issued again. */
    struct allocator_step step = stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(step.wake_at_ms, INT64_MAX, "no time alone will do");
    (void)stage_expect(1000000, ALLOCATOR_WAIT);
    scheduler_deliver(&stage.scheduler, applied, false);
    const struct store_txn *txn = stage_expect(1000000, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->success_count, 1 + 151 - 127);
}

/* Loses the answer to the first transaction of a pass, and comes to the one that is to settle
 * whether it was done. */
static const struct store_txn *lose_answer(void)
{
    stage_solve(0);
    const struct store_txn *lost = stage_expect(0, ALLOCATOR_TXN).txn;
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(stage.store, lost, &result), 0);
    cr_assert(result.succeeded);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNKNOWN, NULL);
    int64_t wake_at_ms = stage_expect(0, ALLOCATOR_WAIT).wake_at_ms;
    return stage_expect(wake_at_ms, ALLOCATOR_TXN).txn;
}

Test(allocator_failures, renews_its_fence_after_an_unknown_outcome)
{
    const struct entry *own = stage.scheduler.state->own;
    int64_t former_revision = own->mod_revision;
    const struct store_txn *txn = lose_answer();
    cr_assert_eq(txn->compare_count, 1);
    cr_assert(span_equal(txn->compares[0].keys.key, span_of(stage.scheduler.key)));
    cr_assert_eq(txn->compares[0].target, STORE_MOD_REVISION);
    cr_assert_eq(txn->compares[0].number, former_revision);
    cr_assert_eq(txn->success_count, 2);
    cr_assert(span_equal(txn->success[0].keys.key, SPAN(SCHEDULER_ACTOR)));
    cr_assert(span_equal(txn->success[0].value, stage_actor(STAGE_FIRST_ROUND)));
    cr_assert(span_equal(txn->success[1].keys.key, span_of(stage.scheduler.key)));
    cr_assert(span_equal(txn->success[1].value, SPAN("{}")));
    cr_assert_eq(txn->success[1].lease, stage.own_lease);
    cr_assert_eq(txn->failure_count, 1);
    cr_assert(stage_execute(txn, 1000));

    /* Whatever was under way can't be applied any more, and the mirror waits until it has seen
     * what was. */
    int64_t settled = model_store_revision(stage.store);
    cr_assert_eq(stage_expect(1000, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_deliver(&stage.scheduler, settled - 1, false);
    (void)stage_expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND);
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND + 1);
    cr_assert_eq(stage_status().last_pass.transactions, 0);
    cr_assert_eq(stage_status().failed_passes, 0);
}

Test(allocator_failures, what_comes_late_finds_the_fence_renewed)
{
    stage_solve(0);
    const struct store_txn *txn = stage_expect(0, ALLOCATOR_TXN).txn;
    struct store_compare fence = txn->compares[0];
    fence.keys.key = span_of(stage.scheduler.key);
    struct store_op late_put = {.kind = STORE_OP_PUT, .keys = {.key = SPAN("/t/late")}};
    struct store_txn late = {
        .compares = &fence, .compare_count = 1, .success = &late_put, .success_count = 1};
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNKNOWN, NULL);
    int64_t wake_at_ms = stage_expect(0, ALLOCATOR_WAIT).wake_at_ms;
    cr_assert(stage_execute(stage_expect(wake_at_ms, ALLOCATOR_TXN).txn, wake_at_ms));
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(stage.store, &late, &result), 0);
    cr_assert_not(result.succeeded);

    stage_settle_all(wake_at_ms);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
}

Test(allocator_failures, the_answer_to_renewing_the_fence_may_be_lost_too)
{
    const struct store_txn *txn = lose_answer();
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(stage.store, txn, &result), 0);
    cr_assert(result.succeeded);
    allocator_done(stage.scheduler.allocator, 1000, ALLOT_EUNKNOWN, NULL);
    struct allocator_step step = stage_expect(1000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().failed_passes, 2);
    cr_assert_gt(step.wake_at_ms, 1000);
    cr_assert_leq(step.wake_at_ms, 1000 + 2 * SCHEDULER_FIRST_RETRY_MS);

    /* The mirror still has the former fence; once it has the new one, that is renewed. */
    cr_assert_not(stage_execute(stage_expect(step.wake_at_ms, ALLOCATOR_TXN).txn, 2000));
    cr_assert_eq(stage_expect(2000, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_catch_up(&stage.scheduler);
    cr_assert(stage_execute(stage_expect(2000, ALLOCATOR_TXN).txn, 2000));
    (void)stage_expect(2000, ALLOCATOR_WAIT);
    stage_put("items/y", "1");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(3000);
    txn = stage_expect(3000, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->success_count, 2); /* y alone */
    cr_assert(stage_execute(txn, 3000));
}

/* Another process, with the same key, has renewed the fence since, and has a transaction under way
 * that is checked against it. */
Test(allocator_failures, a_fence_found_renewed_is_renewed_again)
{
    model_store_put(stage.store, span_of(stage.scheduler.key), SPAN("{}"), stage.own_lease);
    struct store_compare fence = {.keys = {.key = span_of(stage.scheduler.key)},
                                  .target = STORE_MOD_REVISION,
                                  .relation = STORE_EQUAL,
                                  .number = model_store_revision(stage.store)};
    scheduler_restart(&stage.scheduler, 1);
    scheduler_observe(&stage.scheduler);
    stage_solve(0);
    cr_assert_not(stage_execute(stage_expect(0, ALLOCATOR_TXN).txn, 0));
    (void)stage_expect(0, ALLOCATOR_WAIT);
    scheduler_catch_up(&stage.scheduler);
    cr_assert(stage_execute(stage_expect(0, ALLOCATOR_TXN).txn, 0));

    struct store_op late_put = {.kind = STORE_OP_PUT, .keys = {.key = SPAN("/t/late")}};
    struct store_txn late = {
        .compares = &fence, .compare_count = 1, .success = &late_put, .success_count = 1};
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(stage.store, &late, &result), 0);
    cr_assert_not(result.succeeded);
    stage_settle_all(0);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
}

Test(allocator_failures, goes_on_when_the_store_was_restored_to_an_earlier_revision)
{
    stage_settle_all(0);
    stage_put_many("unrelated%d", 50, "");
    stage_settle_all(0);
    struct model_store *backup = model_store_create();
    model_store_destroy(stage.store);
    stage.store = backup;
    scheduler_move(&stage.scheduler, backup);
    stage.own_lease = scheduler_announce(&stage.scheduler);
    stage_put("members/a#1", "2");
    stage_put("items/x", "1");
    stage_settle_all(0);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
}

Test(allocator_failures, stops_when_there_is_no_fence_to_renew)
{
    const struct store_txn *txn = lose_answer();
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    cr_assert_not(stage_execute(txn, 1000));
    stage_expect_stop(1000, ALLOT_EFENCE);

    stage_tear_down();
    stage_set_up();
    txn = lose_answer();
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    (void)scheduler_announce(&stage.scheduler);
    cr_assert_not(stage_execute(txn, 1000));
    stage_expect_stop(1000, ALLOT_EFENCE);
}

Test(allocator_failures, stops_rather_than_renew_a_fence_that_is_gone)
{
    (void)lose_answer();
    allocator_done(stage.scheduler.allocator, 1000, ALLOT_EUNAVAILABLE, NULL);
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    scheduler_catch_up(&stage.scheduler);
    stage_expect_stop(1000, ALLOT_EFENCE);
}

/* --- memory --- */

/* Begins to fail the @left-th allocation of what is done between these two. */
static void arm(long left)
{
    fail_alloc_set(left);
}

static void disarm(long *left)
{
    *left = *left > 0 ? *left - fail_alloc_count() : 0;
    fail_alloc_set(0);
}

/* Runs until everything is done, failing the @nth allocation of the allocator. Returns whether
 * there was one. */
static bool run_failing(long nth)
{
    long left = nth;
    int64_t now_ms = 0;
    for (int i = 0; i < 100; i++) {
        arm(left);
        struct allocator_step step = allocator_step(stage.scheduler.allocator, now_ms);
        disarm(&left);
        if (step.action == ALLOCATOR_SOLVE) {
            struct solution *solution = NULL;
            arm(left);
            int error = solver_solve(SOLVER_OPTIMAL, step.state, NULL, &solution);
            allocator_solved(stage.scheduler.allocator, now_ms, solution, error);
            disarm(&left);
            solution_unref(solution);
        } else if (step.action == ALLOCATOR_TXN) {
            struct store_txn_result result;
            cr_assert_eq(model_store_txn(stage.store, step.txn, &result), 0);
            arm(left);
            allocator_done(stage.scheduler.allocator, now_ms, 0, &result);
            disarm(&left);
        } else if (step.action == ALLOCATOR_STOP) {
            cr_assert_eq(step.error, ALLOT_ENOMEM);
            scheduler_restart(&stage.scheduler, 1);
            scheduler_observe(&stage.scheduler);
        } else {
            scheduler_catch_up(&stage.scheduler);
            now_ms = step.wake_at_ms != INT64_MAX ? step.wake_at_ms : now_ms;
        }
    }
    return left <= 0;
}

static bool has_records(void)
{
    const struct model_table *table = model_store_table(stage.store);
    bool found = false;
    for (size_t i = 0; i < table->count; i++)
        found = found || span_has_prefix(table->kvs[i].key, SPAN(SCHEDULER_ROUNDS));
    return found;
}

/* Returns how many allocations there were. */
static long survive(bool with_rounds)
{
    long nth = 1;
    for (bool failed = true; failed; nth++) {
        stage_tear_down();
        stage_set_up();
        if (with_rounds)
            scheduler_record_rounds(&stage.scheduler, 2, 1);
        stage_put_many("rounds/%010d", 3, "");
        stage_put("items/y", "2");
        stage_put("members/b#1", "2");
        stage_put("assign/gone#a#1#0", "");
        scheduler_catch_up(&stage.scheduler);
        failed = run_failing(nth);
        bool x_is_on_a = stage_find("assign/x#a#1#0") != NULL;
        cr_assert(x_is_on_a || stage_find("assign/x#b#1#0"));
        cr_assert_not_null(stage_find(x_is_on_a ? "assign/y#b#1#0" : "assign/y#a#1#0"));
        cr_assert_not_null(stage_find(x_is_on_a ? "assign/y#a#1#1" : "assign/y#b#1#1"));
        cr_assert_null(stage_find("assign/gone#a#1#0"));
        cr_assert(failed || !with_rounds || stage_find("rounds/0000000000") == NULL);
    }
    return nth - 2;
}

Test(allocator_failures, survives_every_allocation_failure)
{
    long without = survive(false);
    cr_assert_gt(without, 20);
    cr_assert_gt(survive(true), without);
    cr_assert(has_records());
}

Test(allocator_failures, is_not_made_without_memory)
{
    struct allocator_config config = {.own_key = SPAN("/t/members/a#1"),
                                      .absent_prefix = SPAN(SCHEDULER_CANDIDATES)};
    for (long nth = 1; nth <= 3; nth++) {
        struct allocator *allocator = NULL;
        fail_alloc_set(nth);
        int error = allocator_create(&config, &allocator);
        fail_alloc_set(0);
        cr_assert_eq(error, ALLOT_ENOMEM);
        cr_assert_null(allocator);
    }
}

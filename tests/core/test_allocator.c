/* Each move of the allocator's step function, by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/allocator_stage.h"

TestSuite(allocator, .init = stage_set_up, .fini = stage_tear_down);

/* --- the way through a pass --- */

Test(allocator, begins_by_renewing_its_fence)
{
    scheduler_restart(&stage.scheduler, 1);
    scheduler_observe(&stage.scheduler);
    stage_solve(0);
    const struct store_txn *txn = stage_expect(0, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->success_count, 2);
    cr_assert(span_equal(txn->success[1].keys.key, span_of(stage.scheduler.key)));
    stage_put("assign/x#a#1#0", SCHEDULER_CONSISTENT); /* by another before it, say */
    cr_assert(stage_execute(txn, 0));
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, 0);
    stage_settle_all(0);
    cr_assert(span_equal(stage_find("assign/x#a#1#0")->value, SPAN(SCHEDULER_CONSISTENT)));
}

Test(allocator, waits_for_a_first_state)
{
    scheduler_restart(&stage.scheduler, 1);
    cr_assert_eq(stage_expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_observe(&stage.scheduler);
    (void)stage_expect(0, ALLOCATOR_SOLVE);
}

Test(allocator, solves_then_issues_then_waits_for_what_it_did)
{
    stage_solve(0);
    struct allocator_step step = stage_expect(0, ALLOCATOR_TXN);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND);
    cr_assert(stage_execute(step.txn, 0));
    cr_assert_eq(stage_expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
    cr_assert_eq(stage_status().last_pass.additions, 1);
    cr_assert_eq(stage_status().last_pass.transactions, 1);
    cr_assert_eq(stage_status().failed_passes, 0);
    cr_assert_eq(stage_status().idle_revision, 0);

    scheduler_catch_up(&stage.scheduler);
    cr_assert_eq(stage_expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND + 1);
    cr_assert_eq(stage_status().last_pass.transactions, 0);
    cr_assert_eq(stage_status().idle_revision, stage.scheduler.state->revision);
}

Test(allocator, puts_the_actor_first_and_checks_the_fence_first)
{
    stage_solve(0);
    const struct store_txn *txn = stage_expect(0, ALLOCATOR_TXN).txn;
    cr_assert_geq(txn->success_count, 2);
    cr_assert_eq(txn->success[0].kind, STORE_OP_PUT);
    cr_assert(span_equal(txn->success[0].keys.key, SPAN(SCHEDULER_ACTOR)));
    cr_assert(span_equal(txn->success[0].value, stage_actor(STAGE_FIRST_ROUND)));
    cr_assert(span_equal(txn->compares[0].keys.key, span_of(stage.scheduler.key)));
    cr_assert_eq(txn->compares[0].target, STORE_MOD_REVISION);
    cr_assert_eq(txn->compares[0].relation, STORE_EQUAL);
    cr_assert_eq(txn->compares[0].number, stage.scheduler.state->own->mod_revision);
    cr_assert_eq(txn->failure_count, 1);
    cr_assert_eq(txn->failure[0].kind, STORE_OP_GET);
    cr_assert(span_equal(txn->failure[0].keys.key, span_of(stage.scheduler.key)));
}

Test(allocator, begins_no_pass_without_a_change)
{
    stage_settle_all(0);
    int64_t round = stage_status().round;
    for (int64_t now_ms = 0; now_ms < 1000000; now_ms += 1000)
        cr_assert_eq(stage_expect(now_ms, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_observe(&stage.scheduler); /* the same state again is no change */
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, round);

    stage_put("unrelated", "");
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, round + 1);
}

Test(allocator, solves_only_when_the_problem_has_changed)
{
    stage_settle_all(0);
    stage_put("assign/x#a#1#0", SCHEDULER_CONSISTENT);
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    stage_put("members/a#1", "3");
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(0, ALLOCATOR_SOLVE);
}

Test(allocator, goes_on_from_the_newest_state_after_solving)
{
    struct state *state = state_ref(stage_expect(0, ALLOCATOR_SOLVE).state);
    stage_put("unrelated", "");
    scheduler_catch_up(&stage.scheduler); /* the same problem: the solution still serves */
    scheduler_solve(&stage.scheduler, state, 0);
    state_unref(state);
    (void)stage_execute(stage_expect(0, ALLOCATOR_TXN).txn, 0);

    stage_put("items/y", "1");
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(0, ALLOCATOR_WAIT); /* ends the pass */
    state = state_ref(stage_expect(0, ALLOCATOR_SOLVE).state);
    stage_put("items/z", "1");
    scheduler_catch_up(
        &stage.scheduler); /* another problem: solved again before anything is done */
    scheduler_solve(&stage.scheduler, state, 0);
    cr_assert_neq(stage_expect(0, ALLOCATOR_SOLVE).state, state);
    state_unref(state);
}

Test(allocator, waits_until_the_mirror_has_passed_its_own_transactions)
{
    stage_solve(0);
    struct allocator_step step = stage_expect(0, ALLOCATOR_TXN);
    stage_put("unrelated", "1");
    stage_put("unrelated", "2");
    cr_assert(stage_execute(step.txn, 0));
    int64_t own = model_store_revision(stage.store);
    (void)stage_expect(0, ALLOCATOR_WAIT);

    scheduler_deliver(&stage.scheduler, own - 1, false);
    (void)stage_expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND, "the mirror lacks the transaction");
    scheduler_deliver(&stage.scheduler, own, false);
    (void)stage_expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, STAGE_FIRST_ROUND + 1);
}

Test(allocator, a_pass_goes_on_with_the_state_it_began_with)
{
    stage_solve(0);
    struct allocator_step step = stage_expect(0, ALLOCATOR_TXN);
    stage_put("items/x", "0");
    scheduler_catch_up(&stage.scheduler);
    cr_assert(stage_execute(step.txn, 0), "the item isn't checked by an addition");
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
    stage_settle_all(0);
    cr_assert_null(stage_find("assign/x#a#1#0"));
}

/* --- who leads --- */

Test(allocator, solves_but_does_nothing_when_another_leads)
{
    struct scheduler other;
    scheduler_start(&other, stage.store, "another", NULL,
                    2); /* its key sorts first, but is younger */
    (void)scheduler_announce(&other);
    scheduler_catch_up(&other);
    struct allocator_step step = allocator_step(other.allocator, 0);
    cr_assert_eq(step.action, ALLOCATOR_SOLVE);
    scheduler_solve(&other, step.state, 0);
    step = allocator_step(other.allocator, 0);
    cr_assert_eq(step.action, ALLOCATOR_WAIT);
    cr_assert_eq(step.wake_at_ms, INT64_MAX);
    cr_assert_eq(allocator_status(other.allocator).round, 0);

    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    scheduler_catch_up(&other);
    step = allocator_step(other.allocator, 0); /* anew: what it has was not of use to anybody */
    cr_assert_eq(step.action, ALLOCATOR_SOLVE);
    scheduler_solve(&other, step.state, 0);
    cr_assert_eq(allocator_step(other.allocator, 0).action, ALLOCATOR_TXN);
    scheduler_stop(&other);
}

Test(allocator, does_nothing_under_a_key_of_another_lease)
{
    stage_settle_all(0);
    scheduler_set_term(&stage.scheduler, stage.own_lease + 1, INT64_MAX);
    stage_put("items/y", "1");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    (void)stage_expect(1000000, ALLOCATOR_WAIT);
    scheduler_set_term(&stage.scheduler, stage.own_lease, INT64_MAX);
    (void)stage_expect(2000000, ALLOCATOR_TXN);
}

Test(allocator, does_nothing_once_its_term_is_over)
{
    stage_settle_all(0);
    scheduler_set_term(&stage.scheduler, stage.own_lease, 1000);
    stage_put("items/y", "1");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    cr_assert_eq(stage_expect(1000, ALLOCATOR_WAIT).wake_at_ms, 1000 + SCHEDULER_FIRST_RETRY_MS);
    cr_assert_eq(stage_status().failed_passes, 0);
    scheduler_set_term(&stage.scheduler, stage.own_lease, 3000);
    (void)stage_expect(1050, ALLOCATOR_WAIT);
    (void)stage_expect(2000, ALLOCATOR_TXN);
}

Test(allocator, ends_its_pass_when_its_term_ends)
{
    stage_settle_all(0);
    stage_put("members/a#1", "500");
    stage_put_many("items/many%d", 200, "1"); /* more than a transaction can hold */
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    scheduler_set_term(&stage.scheduler, stage.own_lease, 1000);
    cr_assert(stage_execute(stage_expect(999, ALLOCATOR_TXN).txn, 999));
    (void)stage_expect(1000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().last_error, ALLOT_ELEASE);
    cr_assert_eq(stage_status().failed_passes, 1);
}

/* A follower's solution is as old as the problem. Whoever comes to lead takes the assignments as it
 * finds them. */
Test(allocator, moves_nothing_because_of_who_leads)
{
    struct scheduler other;
    scheduler_start(&other, stage.store, "two", NULL, 2);
    (void)scheduler_announce(&other);
    stage_put("members/b#1", "2");
    scheduler_catch_up(&other);
    scheduler_solve(&other, allocator_step(other.allocator, 0).state, 0); /* x: a, say */
    cr_assert_eq(allocator_step(other.allocator, 0).action, ALLOCATOR_WAIT);

    stage_put("assign/x#b#1#0", SCHEDULER_CONSISTENT); /* by somebody */
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    scheduler_catch_up(&other);
    for (;;) {
        struct allocator_step step = allocator_step(other.allocator, 0);
        struct store_txn_result result;
        if (step.action == ALLOCATOR_WAIT)
            break;
        if (step.action == ALLOCATOR_SOLVE) {
            scheduler_solve(&other, step.state, 0);
            continue;
        }
        cr_assert_eq(step.action, ALLOCATOR_TXN);
        cr_assert_eq(model_store_txn(stage.store, step.txn, &result), 0);
        allocator_done(other.allocator, 0, 0, &result);
        scheduler_catch_up(&other);
    }
    cr_assert_not_null(stage_find("assign/x#b#1#0"));
    cr_assert_null(stage_find("assign/x#a#1#0"));
    cr_assert_null(stage_find("assign/x#a#1#1"));
    scheduler_stop(&other);
}

Test(allocator, stops_when_its_own_key_is_gone)
{
    stage_settle_all(0);
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    scheduler_catch_up(&stage.scheduler);
    stage_expect_stop(0, ALLOT_EFENCE);
}

Test(allocator, stops_when_the_fence_is_lost_in_a_pass)
{
    stage_solve(0);
    struct allocator_step step = stage_expect(0, ALLOCATOR_TXN);
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    cr_assert_not(stage_execute(step.txn, 0));
    stage_expect_stop(0, ALLOT_EFENCE);
    cr_assert_null(stage_find("assign/x#a#1#0"));
}

Test(allocator, stops_when_its_key_is_another_one_by_now)
{
    stage_solve(0);
    struct allocator_step step = stage_expect(0, ALLOCATOR_TXN);
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    (void)scheduler_announce(&stage.scheduler);
    cr_assert_not(stage_execute(step.txn, 0));
    stage_expect_stop(0, ALLOT_EFENCE);
}

/* It has come to lead again, for all it knows after others: so it does as who comes to lead. */
Test(allocator, begins_anew_when_its_key_went_and_came_unseen)
{
    stage_settle_all(0);
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    stage.own_lease = scheduler_announce(&stage.scheduler);
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0); /* the same problem */
    const struct store_txn *txn = stage_expect(0, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->success_count, 2);
    cr_assert(span_equal(txn->success[1].keys.key, span_of(stage.scheduler.key)));
}

Test(allocator, stops_when_the_local_member_has_nothing_left)
{
    scheduler_stop(&stage.scheduler);
    scheduler_start(&stage.scheduler, stage.store, "one", "/t/members/a#1", 1);
    scheduler_set_term(&stage.scheduler, stage.own_lease, INT64_MAX);
    stage_settle_all(0);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
    stage_put("members/b#1", "2");
    stage_put("members/a#1", "2 exiting");
    stage_settle_all(0);
    cr_assert_not_null(stage_find("assign/x#b#1#1"));
    stage_put("assign/x#b#1#1", SCHEDULER_CONSISTENT);
    stage_put("assign/x#a#1#0", SCHEDULER_CONSISTENT);
    scheduler_catch_up(&stage.scheduler);
    cr_assert_eq(stage_settle(0).action, ALLOCATOR_WAIT);
    cr_assert_null(stage_find("assign/x#a#1#0"));
    scheduler_catch_up(&stage.scheduler);
    stage_expect_stop(0, 0);
}

/* --- pauses --- */

/* Without a change of what is stored, as when a pause ends by itself. */
static void stage_set_pause(enum allocator_pause pause)
{
    struct allocator_rules rules = ALLOCATOR_RULES_NONE;
    rules.pause = pause;
    allocator_set_rules(stage.scheduler.allocator, &rules);
}

Test(allocator, begins_no_pass_while_it_is_paused)
{
    stage_settle_all(0);
    stage_put("items/y", "1");
    stage_put("allocator", "2 -1 -1 -1 -1");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    cr_assert_eq(stage_expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    cr_assert_eq(stage_status().idle_revision, 0);
    stage_set_pause(ALLOCATOR_RUNS);
    (void)stage_expect(0, ALLOCATOR_TXN); /* no change is needed for that */
}

Test(allocator, leaves_a_pass_when_it_is_paused)
{
    stage_put_many("items/y%03d", 200, "1");
    stage_put("members/a#2", "1000");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    const struct store_txn *txn = stage_expect(0, ALLOCATOR_TXN).txn;
    cr_assert(stage_execute(txn, 0));
    stage_put("allocator", "2 -1 -1 -1 -1");
    txn = stage_expect(0, ALLOCATOR_TXN).txn; /* which the store refuses: nobody has told us yet */
    cr_assert_not(stage_execute(txn, 0));
    stage_set_pause(ALLOCATOR_PAUSES);
    for (int i = 0; i < 3; i++)
        (void)stage_expect(i, ALLOCATOR_WAIT);
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(10, ALLOCATOR_WAIT);
    stage_set_pause(ALLOCATOR_RUNS);
    (void)stage_expect(20, ALLOCATOR_TXN);
}

/* --- moves a minute --- */

static long assignments_to(const char *member)
{
    const struct model_table *table = model_store_table(stage.store);
    long count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += strstr(table->kvs[i].key.data, "/assign/") != NULL &&
                 strstr(table->kvs[i].key.data, member) != NULL;
    return count;
}

Test(allocator, begins_no_more_moves_in_a_minute_than_it_may)
{
    stage_put("members/a#1", "1000");
    stage_put_many("items/y%d", 4, "1");
    stage_settle_all(0);
    stage_put("members/a#2", "1000");
    stage_put("members/a#1", "1000 exiting");
    stage_put("allocator", "0 -1 -1 -1 2");
    stage_settle_all(1000);
    cr_assert_eq(assignments_to("a#2"), 0); /* it has just come to lead */
    cr_assert_eq(stage_expect(1000, ALLOCATOR_WAIT).wake_at_ms, 60000);
    stage_settle_all(60000);
    cr_assert_eq(assignments_to("a#2"), 2);
    cr_assert_eq(stage_expect(60000, ALLOCATOR_WAIT).wake_at_ms, 121000);
    stage_settle_all(120999);
    cr_assert_eq(assignments_to("a#2"), 2);
    stage_settle_all(121000);
    cr_assert_eq(assignments_to("a#2"), 4);
    stage_settle_all(200000);
    cr_assert_eq(assignments_to("a#2"), 5); /* with x */
    cr_assert_eq(stage_expect(200000, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
}

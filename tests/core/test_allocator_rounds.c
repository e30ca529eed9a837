/* Which passes of the allocator leave a record, what it tells, and what becomes of it when
 * something is in its way. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include "tests/core/allocator_stage.h"

enum { KEPT = 1000 };

/* The stage's allocator, about to assign x in the first pass that it leads. */
static void set_up(void)
{
    stage_set_up();
    scheduler_record_rounds(&stage.scheduler, KEPT, 1);
    scheduler_observe(&stage.scheduler);
    stage_solve(0);
    cr_assert(stage_execute(stage_expect(0, ALLOCATOR_TXN).txn, 0)); /* the fence */
    scheduler_catch_up(&stage.scheduler);
}

TestSuite(allocator_rounds, .init = set_up, .fini = stage_tear_down);

static const struct round *last_round(void)
{
    return &stage.scheduler.round;
}

static struct span record_key(int64_t fence, int64_t round)
{
    char name[64];
    (void)snprintf(name, sizeof name, "rounds/%019" PRId64 "-%010" PRId64, fence, round);
    return stage_key(name);
}

static size_t count_records(void)
{
    const struct model_table *table = model_store_table(stage.store);
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += span_has_prefix(table->kvs[i].key, SPAN(SCHEDULER_ROUNDS));
    return count;
}

/* The next step is a transaction that puts a record. */
static const struct store_txn *expect_record(int64_t now_ms)
{
    const struct store_txn *txn = stage_expect(now_ms, ALLOCATOR_TXN).txn;
    cr_assert_geq(txn->success_count, 2);
    cr_assert(span_has_prefix(txn->success[1].keys.key, SPAN(SCHEDULER_ROUNDS)));
    return txn;
}

/* … or one that decides something. */
static const struct store_txn *expect_decision(int64_t now_ms)
{
    const struct store_txn *txn = stage_expect(now_ms, ALLOCATOR_TXN).txn;
    for (size_t i = 1; i < txn->success_count; i++)
        cr_assert(span_has_prefix(txn->success[i].keys.key, SPAN(SCHEDULER_ROOT KEYS_ASSIGNMENTS)));
    return txn;
}

static void put_and_catch_up(const char *name, const char *value)
{
    stage_put(name, value);
    scheduler_catch_up(&stage.scheduler);
}

/* --- what is recorded --- */

Test(allocator_rounds, a_record_follows_what_was_done)
{
    int64_t fence = stage.scheduler.state->own->mod_revision;
    int64_t decided_on = stage.scheduler.state->revision;
    cr_assert(stage_execute(expect_decision(0), 0));
    int64_t done = model_store_revision(stage.store);

    const struct store_txn *txn = expect_record(0);
    cr_assert_eq(txn->compare_count, 1);
    cr_assert(span_equal(txn->compares[0].keys.key, span_of(stage.scheduler.key)));
    cr_assert_eq(txn->compares[0].target, STORE_MOD_REVISION);
    cr_assert_eq(txn->compares[0].relation, STORE_EQUAL);
    cr_assert_eq(txn->compares[0].number, fence);
    cr_assert_eq(txn->success_count, 2);
    cr_assert(span_equal(txn->success[0].keys.key, SPAN(SCHEDULER_ACTOR)));
    cr_assert(span_equal(txn->success[0].value, stage_actor(1)));
    cr_assert(span_equal(txn->success[1].keys.key, record_key(fence, 1)));
    cr_assert(span_equal(txn->success[1].value, span_of(stage.scheduler.round_value)));
    cr_assert_eq(txn->success[1].lease, 0);
    cr_assert_eq(txn->failure_count, 1);
    cr_assert(span_equal(txn->failure[0].keys.key, span_of(stage.scheduler.key)));

    const struct round *round = last_round();
    cr_assert_eq(round->id.fence, fence);
    cr_assert_eq(round->id.round, 1);
    cr_assert_eq(round->id.decided_on, decided_on);
    cr_assert_eq(round->why, ROUND_LEADERSHIP);
    cr_assert_eq(round->after_revision, 0);
    cr_assert(round->solved);
    cr_assert_eq(round->applied, 1);
    cr_assert_eq(round->revisions[0], done);
    cr_assert_eq(round->last_revision, done);
    cr_assert_eq(round->pass.additions, 1);
    cr_assert_eq(round->pass.transactions, 1);
    cr_assert_eq(round->state->revision, decided_on);
    cr_assert_eq(round->solution->assigned, 1);
    cr_assert(stage_execute(txn, 0));
}

Test(allocator_rounds, nothing_is_recorded_when_there_was_nothing_to_do)
{
    cr_assert(stage_execute(expect_decision(0), 0));
    cr_assert(stage_execute(expect_record(0), 0));
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().idle_revision, 0);

    /* The mirror must have the record: so that one pass is over all of it. */
    scheduler_deliver(&stage.scheduler, model_store_revision(stage.store) - 1, false);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, 1);
    scheduler_catch_up(&stage.scheduler);
    cr_assert_eq(stage_expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    cr_assert_eq(stage_status().round, 2);
    cr_assert_eq(stage_status().idle_revision, stage.scheduler.state->revision);
    for (int i = 0; i < 3; i++) {
        put_and_catch_up("unrelated", "");
        (void)stage_expect(0, ALLOCATOR_WAIT);
        cr_assert_eq(stage_status().round, 3 + i);
    }
    cr_assert_eq(count_records(), 1);
}

Test(allocator_rounds, a_new_solution_is_recorded_though_nothing_is_to_be_done)
{
    stage_settle_all(0);
    int64_t rounds = stage_status().round;
    put_and_catch_up("members/a#2", "0");
    stage_solve(0);
    const struct store_txn *txn = expect_record(0);
    cr_assert(last_round()->solved);
    cr_assert_eq(last_round()->why, ROUND_NETWORK);
    cr_assert_eq(last_round()->applied, 0);
    cr_assert_eq(last_round()->last_revision, 0);
    cr_assert_eq(stage_status().idle_revision, 0);

    /* Its own record is no reason to look again. */
    cr_assert(stage_execute(txn, 0));
    cr_assert_eq(stage_status().idle_revision, model_store_revision(stage.store));
    scheduler_catch_up(&stage.scheduler);
    cr_assert_eq(stage_expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    cr_assert_eq(stage_status().round, rounds + 1);
    put_and_catch_up("unrelated", "");
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, rounds + 2);
}

Test(allocator_rounds, what_came_with_its_record_is_looked_at)
{
    stage_settle_all(0);
    put_and_catch_up("members/a#2", "0");
    stage_solve(0);
    const struct store_txn *txn = expect_record(0);
    model_store_delete(stage.store, stage_key("assign/x#a#1#0"));
    cr_assert(stage_execute(txn, 0));
    cr_assert_eq(stage_status().idle_revision, stage.scheduler.state->revision);
    scheduler_catch_up(&stage.scheduler);
    (void)expect_decision(0);
}

/* A pause may end by itself, with no change of what is stored. */
Test(allocator_rounds, other_rules_are_looked_at_after_a_record)
{
    stage_settle_all(0);
    put_and_catch_up("members/a#2", "0");
    stage_solve(0);
    const struct store_txn *txn = expect_record(0);
    int64_t rounds = stage_status().round;
    struct allocator_rules rules = ALLOCATOR_RULES_NONE;
    rules.pause = ALLOCATOR_REPAIRS;
    allocator_set_rules(stage.scheduler.allocator, &rules);
    cr_assert(stage_execute(txn, 0));
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, rounds);
    struct scheduler mirror; /* which tells our allocator of no rules */
    scheduler_start(&mirror, stage.store, "one", NULL, 2);
    scheduler_catch_up(&mirror);
    allocator_observe(stage.scheduler.allocator, mirror.state);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().round, rounds + 1);
    scheduler_stop(&mirror);
}

/* Two transactions are needed: the first is done. */
static void stop_in_between(void)
{
    stage_put("members/a#1", "500");
    stage_put_many("items/y%03d", 200, "1");
    scheduler_catch_up(&stage.scheduler);
    stage_solve(0);
    cr_assert(stage_execute(expect_decision(0), 0));
}

Test(allocator_rounds, a_pass_that_is_left_is_recorded)
{
    stop_in_between();
    struct allocator_rules rules = ALLOCATOR_RULES_NONE;
    rules.pause = ALLOCATOR_PAUSES;
    allocator_set_rules(stage.scheduler.allocator, &rules);
    cr_assert(stage_execute(expect_record(0), 0));
    cr_assert_eq(last_round()->applied, 1);
    cr_assert_eq(last_round()->pass.additions, 127);
    (void)stage_expect(0, ALLOCATOR_WAIT);
}

Test(allocator_rounds, a_pass_that_is_to_stop_is_recorded)
{
    struct allocator *allocator = stage.scheduler.allocator;
    stop_in_between();
    struct allocator_step step = allocator_finish(allocator, 0);
    cr_assert_eq(step.action, ALLOCATOR_TXN);
    cr_assert(stage_execute(step.txn, 0));
    cr_assert_eq(last_round()->applied, 1);
    cr_assert_eq(count_records(), 1);
    cr_assert_eq(allocator_finish(allocator, 0).action, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().lost_records, 0);
}

Test(allocator_rounds, nothing_is_to_be_recorded_by_one_that_waits)
{
    stage_settle_all(0);
    cr_assert_eq(allocator_finish(stage.scheduler.allocator, 0).action, ALLOCATOR_WAIT);
}

Test(allocator_rounds, nor_by_one_whose_term_is_over)
{
    stop_in_between();
    scheduler_set_term(&stage.scheduler, stage.own_lease, 1000);
    cr_assert_eq(allocator_finish(stage.scheduler.allocator, 1000).action, ALLOCATOR_WAIT);
}

/* --- why --- */

/* Goes on to the record of the pass that has begun, puts it, and to rest. */
static const struct round *next_round(void)
{
    struct allocator_step step = stage_expect(0, ALLOCATOR_TXN);
    while (!span_has_prefix(step.txn->success[1].keys.key, SPAN(SCHEDULER_ROUNDS))) {
        (void)stage_execute(step.txn, 0);
        step = stage_expect(0, ALLOCATOR_TXN);
    }
    static struct round round;
    round = *last_round();
    (void)stage_execute(step.txn, 0);
    stage_settle_all(0);
    return &round;
}

Test(allocator_rounds, tells_that_the_problem_has_changed)
{
    stage_settle_all(0);
    int64_t idle = stage_status().idle_revision;
    put_and_catch_up("items/y", "1");
    int64_t caused = model_store_revision(stage.store);
    stage_solve(0);
    const struct round *round = next_round();
    cr_assert_eq(round->why, ROUND_NETWORK);
    cr_assert_eq(round->after_revision, idle);
    cr_assert_eq(round->id.decided_on, caused);
    cr_assert(round->solved);
}

Test(allocator_rounds, tells_that_replicas_have_changed)
{
    stage_settle_all(0);
    model_store_delete(stage.store, stage_key("assign/x#a#1#0"));
    scheduler_catch_up(&stage.scheduler);
    const struct round *round = next_round();
    cr_assert_eq(round->why, ROUND_ASSIGNMENTS);
    cr_assert_not(round->solved);
    cr_assert_eq(round->pass.additions, 1);
}

Test(allocator_rounds, tells_that_replicas_have_become_consistent)
{
    stage_settle_all(0);
    stage_put("members/a#2", "2");
    stage_put("members/a#1", "2 exiting");
    stage_put("assign/x#a#1#0", SCHEDULER_CONSISTENT);
    stage_settle_all(0);
    put_and_catch_up("assign/x#a#2#1", SCHEDULER_CONSISTENT);
    const struct round *round = next_round();
    cr_assert_eq(round->why, ROUND_ASSIGNMENTS);
    cr_assert_eq(round->pass.removals, 1);
}

Test(allocator_rounds, tells_that_the_settings_have_changed)
{
    stage_settle_all(0);
    stage_put("allocator", "1 -1 -1 -1 -1");
    stage_put("members/a#2", "2");
    stage_put("members/a#1", "2 exiting");
    stage_settle_all(0);
    put_and_catch_up("allocator", "0 -1 -1 -1 -1");
    const struct round *round = next_round();
    cr_assert_eq(round->why, ROUND_SETTINGS);
    cr_assert_eq(round->pass.moves, 1);
}

/* What it is about is what the failed pass was: the problem had changed. */
Test(allocator_rounds, tells_that_it_tries_again)
{
    stage_settle_all(0);
    int64_t idle = stage_status().idle_revision;
    put_and_catch_up("items/y", "1");
    stage_solve(0);
    (void)expect_decision(0);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);
    int64_t wake_at_ms = stage_expect(0, ALLOCATOR_WAIT).wake_at_ms;
    (void)stage_execute(expect_decision(wake_at_ms), wake_at_ms);
    (void)expect_record(wake_at_ms);
    const struct round *round = last_round();
    cr_assert_eq(round->why, ROUND_RETRY);
    cr_assert_eq(round->after_revision, idle);
    cr_assert_gt(round->id.decided_on, idle);
    cr_assert(round->solved, "no record before it says so");
    cr_assert_eq(stage_status().lost_records, 0);
}

Test(allocator_rounds, failed_checks_are_recorded_and_leave_the_cause_to_the_next)
{
    stage_settle_all(0);
    int64_t idle = stage_status().idle_revision;
    put_and_catch_up("items/y", "1");
    stage_solve(0);
    const struct store_txn *txn = expect_decision(0);
    stage_put("members/a#1", "2"); /* unseen */
    cr_assert_not(stage_execute(txn, 0));
    cr_assert(stage_execute(expect_record(0), 0));
    cr_assert_eq(last_round()->pass.failed_transactions, 1);
    cr_assert_eq(last_round()->applied, 0);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().failed_passes, 1);
    scheduler_catch_up(&stage.scheduler);
    const struct round *round = next_round();
    cr_assert_eq(round->after_revision, idle);
    cr_assert_eq(round->applied, 1);
    cr_assert_not(round->solved);
}

/* --- what is in its way --- */

Test(allocator_rounds, nothing_is_recorded_without_the_fence)
{
    cr_assert(stage_execute(expect_decision(0), 0));
    const struct store_txn *txn = expect_record(0);
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    cr_assert_not(stage_execute(txn, 0));
    stage_expect_stop(0, ALLOT_EFENCE);
    cr_assert_eq(count_records(), 0);
    cr_assert_eq(stage_status().lost_records, 1);
}

/* Those of another kind lead by now, say. */
Test(allocator_rounds, a_record_whose_checks_fail_otherwise_is_lost)
{
    cr_assert(stage_execute(expect_decision(0), 0));
    (void)expect_record(0);
    struct store_kv fence =
        *model_table_find(model_store_table(stage.store), span_of(stage.scheduler.key));
    struct store_op_result found = {.kvs = &fence, .kv_count = 1};
    struct store_txn_result result = {.results = &found, .result_count = 1};
    allocator_done(stage.scheduler.allocator, 0, 0, &result);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().lost_records, 1);
    cr_assert_eq(stage_status().failed_passes, 0);
    put_and_catch_up("items/y", "1");
    stage_solve(0);
    (void)expect_decision(0);
}

Test(allocator_rounds, a_record_waits_for_the_next_term)
{
    stop_in_between();
    int64_t fence = stage.scheduler.state->own->mod_revision;
    scheduler_set_term(&stage.scheduler, stage.own_lease, 1000);
    (void)stage_expect(1000, ALLOCATOR_WAIT); /* neither the rest of the pass, nor the record */
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(2000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().lost_records, 0);
    scheduler_set_term(&stage.scheduler, stage.own_lease, INT64_MAX);
    int64_t now_ms = 100000;
    cr_assert(stage_execute(expect_record(now_ms), now_ms));
    const struct store_kv *record =
        model_table_find(model_store_table(stage.store), record_key(fence, 1));
    cr_assert_not_null(record);
    (void)stage_expect(now_ms, ALLOCATOR_WAIT);
    scheduler_catch_up(&stage.scheduler);
    (void)expect_decision(now_ms);
    cr_assert_eq(stage_status().round, 2);
}

/* Loses the answer to a record, which was put or wasn't, and settles which. */
static void lose_answer(bool put)
{
    cr_assert(stage_execute(expect_decision(0), 0));
    const struct store_txn *txn = expect_record(0);
    struct store_txn_result result;
    if (put)
        cr_assert_eq(model_store_txn(stage.store, txn, &result), 0);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNKNOWN, NULL);
    int64_t wake_at_ms = stage_expect(0, ALLOCATOR_WAIT).wake_at_ms;
    cr_assert_eq(wake_at_ms, INT64_MAX, "no time alone will do");
    cr_assert_eq(stage_status().failed_passes, 1);
    scheduler_catch_up(&stage.scheduler);
    txn = stage_expect(1000, ALLOCATOR_TXN).txn; /* renews the fence */
    cr_assert(span_equal(txn->success[1].keys.key, span_of(stage.scheduler.key)));
    cr_assert(stage_execute(txn, 1000));
    scheduler_catch_up(&stage.scheduler);
}

Test(allocator_rounds, a_record_whose_answer_was_lost_is_found)
{
    int64_t fence = stage.scheduler.state->own->mod_revision;
    lose_answer(true);
    (void)stage_expect(1000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().idle_revision, stage.scheduler.state->revision);
    cr_assert_eq(count_records(), 1);
    cr_assert_eq(model_table_find(model_store_table(stage.store), record_key(fence, 1))->version,
                 1);
    cr_assert_eq(stage_status().lost_records, 0);
}

Test(allocator_rounds, a_record_that_was_lost_on_its_way_is_put_again)
{
    int64_t fence = stage.scheduler.state->own->mod_revision;
    lose_answer(false);
    const struct store_txn *txn = expect_record(1000);
    cr_assert(span_equal(txn->success[1].keys.key, record_key(fence, 1)));
    cr_assert_eq(txn->compares[0].number, stage.scheduler.state->own->mod_revision);
    cr_assert(stage_execute(txn, 1000));
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(1000, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().idle_revision, stage.scheduler.state->revision);
    cr_assert_eq(count_records(), 1);
}

Test(allocator_rounds, a_record_that_fails_again_is_lost_and_decisions_go_on)
{
    cr_assert(stage_execute(expect_decision(0), 0));
    (void)expect_record(0);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);
    (void)stage_expect(0, ALLOCATOR_WAIT);
    put_and_catch_up("items/y", "1");
    stage_solve(0);
    (void)expect_record(0);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);
    int64_t wake_at_ms = stage_expect(0, ALLOCATOR_WAIT).wake_at_ms;
    cr_assert_eq(stage_status().lost_records, 1);
    (void)stage_execute(expect_decision(wake_at_ms), wake_at_ms);
    (void)stage_execute(expect_record(wake_at_ms), wake_at_ms);
    cr_assert_eq(last_round()->id.round, 2);
    cr_assert_eq(count_records(), 1);
}

Test(allocator_rounds, a_value_that_cant_be_made_is_lost)
{
    stage.scheduler.forgets_rounds = true;
    stage_settle_all(0);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
    cr_assert_eq(stage_status().lost_records, 1);
    cr_assert_eq(stage_status().idle_revision, stage.scheduler.state->revision);
    cr_assert_eq(count_records(), 0);
}

/* Others may have led meanwhile: it would come after theirs. */
Test(allocator_rounds, a_record_is_lost_with_our_key_even_if_that_stands_again)
{
    cr_assert(stage_execute(expect_decision(0), 0));
    (void)expect_record(0);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);
    cr_assert_eq(model_store_revoke(stage.store, stage.own_lease), 0);
    (void)scheduler_announce(&stage.scheduler);
    model_store_delete(stage.store, stage_key("assign/x#a#1#0"));
    scheduler_catch_up(&stage.scheduler); /* which sees all of that at once */
    stage_solve(1000);
    cr_assert(stage_execute(stage_expect(1000, ALLOCATOR_TXN).txn, 1000)); /* the fence */
    scheduler_catch_up(&stage.scheduler);
    cr_assert(stage_execute(expect_decision(1000), 1000));
    cr_assert_eq(stage_status().lost_records, 1);
    (void)expect_record(1000);
    cr_assert_eq(last_round()->why, ROUND_LEADERSHIP);
    cr_assert_eq(last_round()->after_revision, 0);
}

Test(allocator_rounds, a_record_of_another_store_is_lost)
{
    cr_assert(stage_execute(expect_decision(0), 0));
    (void)expect_record(0);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);
    struct model_store *backup = model_store_create();
    model_store_destroy(stage.store);
    stage.store = backup;
    scheduler_move(&stage.scheduler, backup);
    stage.own_lease = scheduler_announce(&stage.scheduler);
    stage_put("members/a#1", "2");
    stage_put("items/x", "1");
    stage_settle_all(0);
    cr_assert_not_null(stage_find("assign/x#a#1#0"));
    cr_assert_eq(stage_status().lost_records, 1);
    cr_assert_eq(count_records(), 1);
    cr_assert_eq(last_round()->why, ROUND_LEADERSHIP);
    cr_assert_eq(last_round()->after_revision, 0);
}

/* What may have been done is a round, since its assignments would lead to one. */
Test(allocator_rounds, a_pass_of_which_nobody_knows_is_recorded)
{
    stage_settle_all(0);
    model_store_delete(stage.store, stage_key("assign/x#a#1#0"));
    scheduler_catch_up(&stage.scheduler);
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(stage.store, expect_decision(0), &result), 0);
    allocator_done(stage.scheduler.allocator, 0, ALLOT_EUNKNOWN, NULL);
    int64_t wake_at_ms = stage_expect(0, ALLOCATOR_WAIT).wake_at_ms;
    cr_assert(stage_execute(stage_expect(wake_at_ms, ALLOCATOR_TXN).txn, 0)); /* the fence */
    scheduler_catch_up(&stage.scheduler);
    cr_assert(stage_execute(expect_record(wake_at_ms), wake_at_ms));
    cr_assert(last_round()->unknown_outcome);
    cr_assert_eq(last_round()->applied, 0);
    cr_assert_eq(last_round()->pass.failed_transactions, 1);
    scheduler_catch_up(&stage.scheduler);
    (void)stage_expect(wake_at_ms, ALLOCATOR_WAIT);
    cr_assert_eq(stage_status().idle_revision, stage.scheduler.state->revision);
}

/* --- how many are kept --- */

Test(allocator_rounds, the_last_thousand_are_kept)
{
    stage_put_many("rounds/0000000000000000000-%010d", KEPT, "");
    stage_settle_all(0);
    cr_assert_eq(count_records(), KEPT);
    cr_assert_null(stage_find("rounds/0000000000000000000-0000000000"));
    cr_assert_not_null(stage_find("rounds/0000000000000000000-0000000001"));
    cr_assert_not_null(
        model_table_find(model_store_table(stage.store),
                         record_key(last_round()->id.fence, last_round()->id.round)));
}

Test(allocator_rounds, what_is_too_much_goes_bit_by_bit)
{
    enum { MANY = KEPT + 39 };
    stage_put_many("rounds/0000000000000000000-%010d", MANY, "");
    stage_put("rounds0", "the next key after the prefix");
    stage_put("rounds", "and the one before");
    scheduler_catch_up(&stage.scheduler);
    for (int i = 0; i < 4; i++) {
        size_t before = count_records();
        (void)next_round();
        size_t surplus = before + 1 - KEPT;
        cr_assert_eq(count_records(), before + 1 - (surplus < 16 ? surplus : 16));
        model_store_delete(stage.store, stage_key("assign/x#a#1#0"));
        scheduler_catch_up(&stage.scheduler);
    }
    cr_assert_eq(count_records(), KEPT);
    cr_assert_not_null(stage_find("rounds0"));
    cr_assert_not_null(stage_find("rounds"));
}

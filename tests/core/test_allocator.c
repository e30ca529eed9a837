/* Each move of the allocator's step function, by hand. The names of keys in here have no root. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "tests/core/scheduler.h"
#include "tests/support/fail_alloc.h"

/* --- a cluster --- */

static struct model_store *store;
static struct scheduler scheduler;
static int64_t own_lease;

static struct span key_of(const char *name)
{
    static char buffers[4][128];
    static size_t next;
    char *buffer = buffers[next++ % 4];
    int size = snprintf(buffer, sizeof buffers[0], "%s/%s", SCHEDULER_ROOT, name);
    return (struct span){buffer, (size_t)size};
}

static void put(const char *name, const char *value)
{
    model_store_put(store, key_of(name), span_of(value), 0);
}

static const struct store_kv *find(const char *name)
{
    return model_table_find(model_store_table(store), key_of(name));
}

/* --- steps --- */

/* The next step, which is @action. */
static struct allocator_step expect(int64_t now_ms, enum allocator_action action)
{
    struct allocator_step step = allocator_step(scheduler.allocator, now_ms);
    cr_assert_eq(step.action, action, "%d instead of %d", (int)step.action, (int)action);
    return step;
}

static void expect_stop(int64_t now_ms, int error)
{
    struct allocator_step step = expect(now_ms, ALLOCATOR_STOP);
    cr_assert_eq(step.error, error, "%s", allot_error_name(step.error));
    step = expect(now_ms + 100000, ALLOCATOR_STOP);
    cr_assert_eq(step.error, error);
}

static void solve_now(int64_t now_ms)
{
    scheduler_solve(&scheduler, expect(now_ms, ALLOCATOR_SOLVE).state, now_ms);
}

static bool execute(const struct store_txn *txn, int64_t now_ms)
{
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, txn, &result), 0);
    bool succeeded = result.succeeded;
    allocator_done(scheduler.allocator, now_ms, 0, &result);
    return succeeded;
}

/* Steps on, solving and executing, to the next WAIT or STOP. */
static struct allocator_step settle(int64_t now_ms)
{
    for (;;) {
        struct allocator_step step = allocator_step(scheduler.allocator, now_ms);
        if (step.action == ALLOCATOR_SOLVE)
            scheduler_solve(&scheduler, step.state, now_ms);
        else if (step.action == ALLOCATOR_TXN)
            (void)execute(step.txn, now_ms);
        else
            return step;
    }
}

/* … and on, until the mirror sees nothing new. */
static void settle_all(int64_t now_ms)
{
    int64_t revision;
    do {
        revision = model_store_revision(store);
        scheduler_catch_up(&scheduler);
        cr_assert_eq(settle(now_ms).action, ALLOCATOR_WAIT);
    } while (revision != model_store_revision(store));
}

static struct allocator_status status(void)
{
    return allocator_status(scheduler.allocator);
}

/* The leader of a cluster with one member, which one item is to be assigned to. Its allocator has
 * begun before there was anything to do. */
enum { FIRST_ROUND = 2 };

static void set_up(void)
{
    store = model_store_create();
    scheduler_start(&scheduler, store, "one", NULL, 1);
    own_lease = scheduler_announce(&scheduler);
    put("members/a#1", "2");
    settle_all(0);
    put("items/x", "1");
    scheduler_catch_up(&scheduler);
}

static void tear_down(void)
{
    scheduler_stop(&scheduler);
    model_store_destroy(store);
}

TestSuite(allocator, .init = set_up, .fini = tear_down);

/* --- the way through a pass --- */

Test(allocator, begins_by_renewing_its_fence)
{
    scheduler_restart(&scheduler, 1);
    scheduler_observe(&scheduler);
    solve_now(0);
    const struct store_txn *txn = expect(0, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->success_count, 2);
    cr_assert(span_equal(txn->success[1].keys.key, span_of(scheduler.key)));
    put("assign/x#a#1#0", SCHEDULER_CONSISTENT); /* by another before it, say */
    cr_assert(execute(txn, 0));
    (void)expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, 0);
    settle_all(0);
    cr_assert(span_equal(find("assign/x#a#1#0")->value, SPAN(SCHEDULER_CONSISTENT)));
}

Test(allocator, waits_for_a_first_state)
{
    scheduler_restart(&scheduler, 1);
    cr_assert_eq(expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_observe(&scheduler);
    (void)expect(0, ALLOCATOR_SOLVE);
}

Test(allocator, solves_then_issues_then_waits_for_what_it_did)
{
    solve_now(0);
    struct allocator_step step = expect(0, ALLOCATOR_TXN);
    cr_assert_eq(status().round, FIRST_ROUND);
    cr_assert(execute(step.txn, 0));
    cr_assert_eq(expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    cr_assert_not_null(find("assign/x#a#1#0"));
    cr_assert_eq(status().last_pass.additions, 1);
    cr_assert_eq(status().last_pass.transactions, 1);
    cr_assert_eq(status().failed_passes, 0);

    scheduler_catch_up(&scheduler);
    cr_assert_eq(expect(0, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    cr_assert_eq(status().round, FIRST_ROUND + 1);
    cr_assert_eq(status().last_pass.transactions, 0);
}

Test(allocator, puts_the_actor_first_and_checks_the_fence_first)
{
    solve_now(0);
    const struct store_txn *txn = expect(0, ALLOCATOR_TXN).txn;
    cr_assert_geq(txn->success_count, 2);
    cr_assert_eq(txn->success[0].kind, STORE_OP_PUT);
    cr_assert(span_equal(txn->success[0].keys.key, SPAN(SCHEDULER_ACTOR)));
    cr_assert(span_equal(txn->success[0].value, SPAN(SCHEDULER_CANDIDATES "one round 2")));
    cr_assert(span_equal(txn->compares[0].keys.key, span_of(scheduler.key)));
    cr_assert_eq(txn->compares[0].target, STORE_MOD_REVISION);
    cr_assert_eq(txn->compares[0].relation, STORE_EQUAL);
    cr_assert_eq(txn->compares[0].number, scheduler.state->own->mod_revision);
    cr_assert_eq(txn->failure_count, 1);
    cr_assert_eq(txn->failure[0].kind, STORE_OP_GET);
    cr_assert(span_equal(txn->failure[0].keys.key, span_of(scheduler.key)));
}

Test(allocator, begins_no_pass_without_a_change)
{
    settle_all(0);
    int64_t round = status().round;
    for (int64_t now_ms = 0; now_ms < 1000000; now_ms += 1000)
        cr_assert_eq(expect(now_ms, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_observe(&scheduler); /* the same state again is no change */
    (void)expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, round);

    put("unrelated", "");
    scheduler_catch_up(&scheduler);
    (void)expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, round + 1);
}

Test(allocator, solves_only_when_the_problem_has_changed)
{
    settle_all(0);
    put("assign/x#a#1#0", SCHEDULER_CONSISTENT);
    scheduler_catch_up(&scheduler);
    (void)expect(0, ALLOCATOR_WAIT);
    put("members/a#1", "3");
    scheduler_catch_up(&scheduler);
    (void)expect(0, ALLOCATOR_SOLVE);
}

Test(allocator, goes_on_from_the_newest_state_after_solving)
{
    struct state *state = state_ref(expect(0, ALLOCATOR_SOLVE).state);
    put("unrelated", "");
    scheduler_catch_up(&scheduler); /* the same problem: the solution still serves */
    scheduler_solve(&scheduler, state, 0);
    state_unref(state);
    (void)execute(expect(0, ALLOCATOR_TXN).txn, 0);

    put("items/y", "1");
    scheduler_catch_up(&scheduler);
    (void)expect(0, ALLOCATOR_WAIT); /* ends the pass */
    state = state_ref(expect(0, ALLOCATOR_SOLVE).state);
    put("items/z", "1");
    scheduler_catch_up(&scheduler); /* another problem: solved again before anything is done */
    scheduler_solve(&scheduler, state, 0);
    cr_assert_neq(expect(0, ALLOCATOR_SOLVE).state, state);
    state_unref(state);
}

Test(allocator, waits_until_the_mirror_has_passed_its_own_transactions)
{
    solve_now(0);
    struct allocator_step step = expect(0, ALLOCATOR_TXN);
    put("unrelated", "1");
    put("unrelated", "2");
    cr_assert(execute(step.txn, 0));
    int64_t own = model_store_revision(store);
    (void)expect(0, ALLOCATOR_WAIT);

    scheduler_deliver(&scheduler, own - 1, false);
    (void)expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, FIRST_ROUND, "the mirror lacks the transaction");
    scheduler_deliver(&scheduler, own, false);
    (void)expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, FIRST_ROUND + 1);
}

Test(allocator, a_pass_goes_on_with_the_state_it_began_with)
{
    solve_now(0);
    struct allocator_step step = expect(0, ALLOCATOR_TXN);
    put("items/x", "0");
    scheduler_catch_up(&scheduler);
    cr_assert(execute(step.txn, 0), "the item isn't checked by an addition");
    (void)expect(0, ALLOCATOR_WAIT);
    cr_assert_not_null(find("assign/x#a#1#0"));
    settle_all(0);
    cr_assert_null(find("assign/x#a#1#0"));
}

/* --- who leads --- */

Test(allocator, solves_but_does_nothing_when_another_leads)
{
    struct scheduler other;
    scheduler_start(&other, store, "another", NULL, 2); /* its key sorts first, but is younger */
    (void)scheduler_announce(&other);
    scheduler_catch_up(&other);
    struct allocator_step step = allocator_step(other.allocator, 0);
    cr_assert_eq(step.action, ALLOCATOR_SOLVE);
    scheduler_solve(&other, step.state, 0);
    step = allocator_step(other.allocator, 0);
    cr_assert_eq(step.action, ALLOCATOR_WAIT);
    cr_assert_eq(step.wake_at_ms, INT64_MAX);
    cr_assert_eq(allocator_status(other.allocator).round, 0);

    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    scheduler_catch_up(&other);
    cr_assert_eq(allocator_step(other.allocator, 0).action, ALLOCATOR_TXN);
    scheduler_stop(&other);
}

Test(allocator, stops_when_its_own_key_is_gone)
{
    settle_all(0);
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    scheduler_catch_up(&scheduler);
    expect_stop(0, ALLOT_EFENCE);
}

Test(allocator, stops_when_the_fence_is_lost_in_a_pass)
{
    solve_now(0);
    struct allocator_step step = expect(0, ALLOCATOR_TXN);
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    cr_assert_not(execute(step.txn, 0));
    expect_stop(0, ALLOT_EFENCE);
    cr_assert_null(find("assign/x#a#1#0"));
}

Test(allocator, stops_when_its_key_is_another_one_by_now)
{
    solve_now(0);
    struct allocator_step step = expect(0, ALLOCATOR_TXN);
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    (void)scheduler_announce(&scheduler);
    cr_assert_not(execute(step.txn, 0));
    expect_stop(0, ALLOT_EFENCE);
}

Test(allocator, stops_when_the_local_member_has_nothing_left)
{
    scheduler_stop(&scheduler);
    scheduler_start(&scheduler, store, "one", "/t/members/a#1", 1);
    settle_all(0);
    cr_assert_not_null(find("assign/x#a#1#0"));
    put("members/b#1", "2");
    put("members/a#1", "2 exiting");
    settle_all(0);
    cr_assert_not_null(find("assign/x#b#1#1"));
    put("assign/x#b#1#1", SCHEDULER_CONSISTENT);
    put("assign/x#a#1#0", SCHEDULER_CONSISTENT);
    scheduler_catch_up(&scheduler);
    cr_assert_eq(settle(0).action, ALLOCATOR_WAIT);
    cr_assert_null(find("assign/x#a#1#0"));
    scheduler_catch_up(&scheduler);
    expect_stop(0, 0);
}

/* --- failures --- */

static void put_items(const char *format, int count, const char *replication)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        cr_assert_lt(snprintf(name, sizeof name, format, i), (int)sizeof name);
        put(name, replication);
    }
}

Test(allocator, failed_checks_dont_end_the_pass_but_it_is_tried_again)
{
    model_store_delete(store, key_of("items/x"));
    put_items("items/x%03d", 150, "1"); /* a check and an operation each: two transactions */
    put("members/a#1", "200");
    scheduler_catch_up(&scheduler);
    solve_now(0);
    struct allocator_step step = expect(0, ALLOCATOR_TXN);
    put("members/a#1", "300");
    cr_assert_not(execute(step.txn, 0));
    step = expect(0, ALLOCATOR_TXN);
    put("members/a#1", "200");
    cr_assert_not(execute(step.txn, 0));
    step = expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(status().failed_passes, 1);
    cr_assert_eq(status().last_error, 0);
    cr_assert_eq(status().last_pass.transactions, 2);
    cr_assert_eq(status().last_pass.failed_transactions, 2);
    cr_assert_eq(status().last_pass.additions, 0);

    /* Nothing changes any more that the mirror hears of, but it tries again. */
    (void)expect(step.wake_at_ms - 1, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, FIRST_ROUND);
    (void)expect(step.wake_at_ms, ALLOCATOR_TXN);
    cr_assert_eq(status().round, FIRST_ROUND + 1);
}

static size_t count_puts(const struct store_txn *txn)
{
    size_t puts = 0;
    for (size_t i = 0; i < txn->success_count; i++)
        puts += txn->success[i].kind == STORE_OP_PUT;
    return puts;
}

Test(allocator, what_a_failed_transaction_would_have_added_doesnt_count)
{
    /* Room for 254, of which 64 are taken until the end of the pass. */
    model_store_delete(store, key_of("items/x"));
    put("members/a#1", "254");
    put_items("items/x%03d", 254, "1");
    put_items("items/z%03d", 64, "0");
    put_items("assign/z%03d#a#1#0", 64, "");
    scheduler_catch_up(&scheduler);
    solve_now(0);
    const struct store_txn *txn = expect(0, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->compare_count, STORE_MAX_COMPARES);
    cr_assert_eq(count_puts(txn), STORE_MAX_OPS); /* the actor and 127 */
    put("members/a#1", "254");
    cr_assert_not(execute(txn, 0));
    cr_assert_eq(count_puts(expect(0, ALLOCATOR_TXN).txn), STORE_MAX_OPS);
}

/* EUNAVAILABLE says that nothing was done, so it can be tried at once; after others see below. */
Test(allocator, backs_off_after_an_error)
{
    static const int errors[] = {ALLOT_ENOMEM, ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        tear_down();
        set_up();
        solve_now(0);
        (void)expect(0, ALLOCATOR_TXN);
        allocator_done(scheduler.allocator, 5, errors[i], NULL);
        struct allocator_step step = expect(5, ALLOCATOR_WAIT);
        cr_assert_eq(status().last_error, errors[i]);
        cr_assert_eq(status().failed_passes, 1);
        cr_assert_eq(status().last_pass.failed_transactions, 1);
        cr_assert_eq(status().last_pass.additions, 0);
        cr_assert_geq(step.wake_at_ms, 5 + SCHEDULER_FIRST_RETRY_MS / 2);
        cr_assert_leq(step.wake_at_ms, 5 + SCHEDULER_FIRST_RETRY_MS);
        (void)expect(step.wake_at_ms - 1, ALLOCATOR_WAIT);
        (void)expect(step.wake_at_ms, ALLOCATOR_TXN);
    }
}

Test(allocator, backs_off_after_a_failed_solution)
{
    (void)expect(0, ALLOCATOR_SOLVE);
    allocator_solved(scheduler.allocator, 0, NULL, ALLOT_ELIMIT);
    struct allocator_step step = expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(status().last_error, ALLOT_ELIMIT);
    cr_assert_eq(status().failed_passes, 1);
    cr_assert_gt(step.wake_at_ms, 0);
    cr_assert_leq(step.wake_at_ms, SCHEDULER_FIRST_RETRY_MS);
    (void)expect(step.wake_at_ms, ALLOCATOR_SOLVE);
}

Test(allocator, a_change_ends_the_back_off)
{
    solve_now(0);
    (void)expect(0, ALLOCATOR_TXN);
    allocator_done(scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);
    (void)expect(0, ALLOCATOR_WAIT);
    put("unrelated", "");
    scheduler_catch_up(&scheduler);
    (void)expect(0, ALLOCATOR_TXN);
}

/* The delays after 20 failed passes in a row. */
static void fail_in_a_row(uint64_t seed, int64_t *delays)
{
    scheduler_restart(&scheduler, seed);
    scheduler_catch_up(&scheduler);
    scheduler_observe(&scheduler);
    solve_now(0);
    cr_assert(execute(expect(0, ALLOCATOR_TXN).txn, 0)); /* the fence */
    scheduler_catch_up(&scheduler);
    int64_t now_ms = 0;
    for (int i = 0; i < 20; i++) {
        (void)expect(now_ms, ALLOCATOR_TXN);
        allocator_done(scheduler.allocator, now_ms, ALLOT_EUNAVAILABLE, NULL);
        int64_t wake_at_ms = expect(now_ms, ALLOCATOR_WAIT).wake_at_ms;
        delays[i] = wake_at_ms - now_ms;
        now_ms = wake_at_ms;
        cr_assert_eq(status().failed_passes, i + 1);
    }
}

Test(allocator, backs_off_exponentially_with_jitter_within_bounds)
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

Test(allocator, begins_anew_with_the_shortest_delay_after_success)
{
    int64_t delays[20];
    fail_in_a_row(1, delays);
    int64_t now_ms = 1000000;
    cr_assert(execute(expect(now_ms, ALLOCATOR_TXN).txn, now_ms));
    (void)expect(now_ms, ALLOCATOR_WAIT);
    cr_assert_eq(status().failed_passes, 0);
    put("items/y", "1");
    scheduler_catch_up(&scheduler);
    solve_now(now_ms);
    (void)expect(now_ms, ALLOCATOR_TXN);
    allocator_done(scheduler.allocator, now_ms, ALLOT_EUNAVAILABLE, NULL);
    cr_assert_leq(expect(now_ms, ALLOCATOR_WAIT).wake_at_ms, now_ms + SCHEDULER_FIRST_RETRY_MS);
}

/* --- what the mirror must have seen --- */

Test(allocator, a_retry_waits_for_the_mirror_to_see_what_was_applied)
{
    /* Two transactions; the second fails. */
    put("members/a#1", "200");
    put_items("items/x%03d", 150, "1");
    scheduler_catch_up(&scheduler);
    solve_now(0);
    cr_assert(execute(expect(0, ALLOCATOR_TXN).txn, 0));
    int64_t applied = model_store_revision(store);
    (void)expect(0, ALLOCATOR_TXN);
    allocator_done(scheduler.allocator, 0, ALLOT_EUNAVAILABLE, NULL);

    /* By a mirror that lacks the first, its additions would be issued again. */
    struct allocator_step step = expect(0, ALLOCATOR_WAIT);
    cr_assert_eq(step.wake_at_ms, INT64_MAX, "no time alone will do");
    (void)expect(1000000, ALLOCATOR_WAIT);
    scheduler_deliver(&scheduler, applied, false);
    const struct store_txn *txn = expect(1000000, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->success_count, 1 + 151 - 127);
}

/* Loses the answer to the first transaction of a pass, and comes to the one that is to settle
 * whether it was done. */
static const struct store_txn *lose_answer(void)
{
    solve_now(0);
    const struct store_txn *lost = expect(0, ALLOCATOR_TXN).txn;
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, lost, &result), 0);
    cr_assert(result.succeeded);
    allocator_done(scheduler.allocator, 0, ALLOT_EUNKNOWN, NULL);
    int64_t wake_at_ms = expect(0, ALLOCATOR_WAIT).wake_at_ms;
    return expect(wake_at_ms, ALLOCATOR_TXN).txn;
}

Test(allocator, renews_its_fence_after_an_unknown_outcome)
{
    const struct entry *own = scheduler.state->own;
    int64_t former_revision = own->mod_revision;
    const struct store_txn *txn = lose_answer();
    cr_assert_eq(txn->compare_count, 1);
    cr_assert(span_equal(txn->compares[0].keys.key, span_of(scheduler.key)));
    cr_assert_eq(txn->compares[0].target, STORE_MOD_REVISION);
    cr_assert_eq(txn->compares[0].number, former_revision);
    cr_assert_eq(txn->success_count, 2);
    cr_assert(span_equal(txn->success[0].keys.key, SPAN(SCHEDULER_ACTOR)));
    cr_assert(span_equal(txn->success[0].value, SPAN(SCHEDULER_CANDIDATES "one round 2")));
    cr_assert(span_equal(txn->success[1].keys.key, span_of(scheduler.key)));
    cr_assert(span_equal(txn->success[1].value, SPAN("{}")));
    cr_assert_eq(txn->success[1].lease, own_lease);
    cr_assert_eq(txn->failure_count, 1);
    cr_assert(execute(txn, 1000));

    /* Whatever was under way can't be applied any more, and the mirror waits until it has seen
     * what was. */
    int64_t settled = model_store_revision(store);
    cr_assert_eq(expect(1000, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_deliver(&scheduler, settled - 1, false);
    (void)expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, FIRST_ROUND);
    scheduler_catch_up(&scheduler);
    (void)expect(1000000, ALLOCATOR_WAIT);
    cr_assert_eq(status().round, FIRST_ROUND + 1);
    cr_assert_eq(status().last_pass.transactions, 0);
    cr_assert_eq(status().failed_passes, 0);
}

Test(allocator, what_comes_late_finds_the_fence_renewed)
{
    solve_now(0);
    const struct store_txn *txn = expect(0, ALLOCATOR_TXN).txn;
    struct store_compare fence = txn->compares[0];
    fence.keys.key = span_of(scheduler.key);
    struct store_op late_put = {.kind = STORE_OP_PUT, .keys = {.key = SPAN("/t/late")}};
    struct store_txn late = {&fence, 1, &late_put, 1, NULL, 0};
    allocator_done(scheduler.allocator, 0, ALLOT_EUNKNOWN, NULL);
    int64_t wake_at_ms = expect(0, ALLOCATOR_WAIT).wake_at_ms;
    cr_assert(execute(expect(wake_at_ms, ALLOCATOR_TXN).txn, wake_at_ms));
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, &late, &result), 0);
    cr_assert_not(result.succeeded);

    settle_all(wake_at_ms);
    cr_assert_not_null(find("assign/x#a#1#0"));
}

Test(allocator, the_answer_to_renewing_the_fence_may_be_lost_too)
{
    const struct store_txn *txn = lose_answer();
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, txn, &result), 0);
    cr_assert(result.succeeded);
    allocator_done(scheduler.allocator, 1000, ALLOT_EUNKNOWN, NULL);
    struct allocator_step step = expect(1000, ALLOCATOR_WAIT);
    cr_assert_eq(status().failed_passes, 2);
    cr_assert_gt(step.wake_at_ms, 1000);
    cr_assert_leq(step.wake_at_ms, 1000 + 2 * SCHEDULER_FIRST_RETRY_MS);

    /* The mirror still has the former fence; once it has the new one, that is renewed. */
    cr_assert_not(execute(expect(step.wake_at_ms, ALLOCATOR_TXN).txn, 2000));
    cr_assert_eq(expect(2000, ALLOCATOR_WAIT).wake_at_ms, INT64_MAX);
    scheduler_catch_up(&scheduler);
    cr_assert(execute(expect(2000, ALLOCATOR_TXN).txn, 2000));
    (void)expect(2000, ALLOCATOR_WAIT);
    put("items/y", "1");
    scheduler_catch_up(&scheduler);
    solve_now(3000);
    txn = expect(3000, ALLOCATOR_TXN).txn;
    cr_assert_eq(txn->success_count, 2); /* y alone */
    cr_assert(execute(txn, 3000));
}

/* Another process, with the same key, has renewed the fence since, and has a transaction under way
 * that is checked against it. */
Test(allocator, a_fence_found_renewed_is_renewed_again)
{
    model_store_put(store, span_of(scheduler.key), SPAN("{}"), own_lease);
    struct store_compare fence = {.keys = {.key = span_of(scheduler.key)},
                                  .target = STORE_MOD_REVISION,
                                  .relation = STORE_EQUAL,
                                  .number = model_store_revision(store)};
    scheduler_restart(&scheduler, 1);
    scheduler_observe(&scheduler);
    solve_now(0);
    cr_assert_not(execute(expect(0, ALLOCATOR_TXN).txn, 0));
    (void)expect(0, ALLOCATOR_WAIT);
    scheduler_catch_up(&scheduler);
    cr_assert(execute(expect(0, ALLOCATOR_TXN).txn, 0));

    struct store_op late_put = {.kind = STORE_OP_PUT, .keys = {.key = SPAN("/t/late")}};
    struct store_txn late = {&fence, 1, &late_put, 1, NULL, 0};
    struct store_txn_result result;
    cr_assert_eq(model_store_txn(store, &late, &result), 0);
    cr_assert_not(result.succeeded);
    settle_all(0);
    cr_assert_not_null(find("assign/x#a#1#0"));
}

Test(allocator, stops_when_there_is_no_fence_to_renew)
{
    const struct store_txn *txn = lose_answer();
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    cr_assert_not(execute(txn, 1000));
    expect_stop(1000, ALLOT_EFENCE);

    tear_down();
    set_up();
    txn = lose_answer();
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    (void)scheduler_announce(&scheduler);
    cr_assert_not(execute(txn, 1000));
    expect_stop(1000, ALLOT_EFENCE);
}

Test(allocator, stops_rather_than_renew_a_fence_that_is_gone)
{
    (void)lose_answer();
    allocator_done(scheduler.allocator, 1000, ALLOT_EUNAVAILABLE, NULL);
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    scheduler_catch_up(&scheduler);
    expect_stop(1000, ALLOT_EFENCE);
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
        struct allocator_step step = allocator_step(scheduler.allocator, now_ms);
        disarm(&left);
        if (step.action == ALLOCATOR_SOLVE) {
            struct solution *solution = NULL;
            arm(left);
            int error = solver_solve(step.state, NULL, &solution);
            allocator_solved(scheduler.allocator, now_ms, solution, error);
            disarm(&left);
            solution_unref(solution);
        } else if (step.action == ALLOCATOR_TXN) {
            struct store_txn_result result;
            cr_assert_eq(model_store_txn(store, step.txn, &result), 0);
            arm(left);
            allocator_done(scheduler.allocator, now_ms, 0, &result);
            disarm(&left);
        } else if (step.action == ALLOCATOR_STOP) {
            cr_assert_eq(step.error, ALLOT_ENOMEM);
            scheduler_restart(&scheduler, 1);
            scheduler_observe(&scheduler);
        } else {
            scheduler_catch_up(&scheduler);
            now_ms = step.wake_at_ms != INT64_MAX ? step.wake_at_ms : now_ms;
        }
    }
    return left <= 0;
}

Test(allocator, survives_every_allocation_failure)
{
    long nth = 1;
    for (bool failed = true; failed; nth++) {
        tear_down();
        set_up();
        put("items/y", "2");
        put("members/b#1", "2");
        put("assign/gone#a#1#0", "");
        scheduler_catch_up(&scheduler);
        failed = run_failing(nth);
        cr_assert_not_null(find("assign/x#b#1#0") ? find("assign/x#b#1#0")
                                                  : find("assign/x#a#1#0"));
        cr_assert_not_null(find("assign/y#a#1#0"));
        cr_assert_not_null(find("assign/y#b#1#1"));
        cr_assert_null(find("assign/gone#a#1#0"));
    }
    cr_assert_gt(nth, 20);
}

Test(allocator, is_not_made_without_memory)
{
    struct allocator_config config = {.own_key = SPAN("/t/schedulers/two")};
    for (long nth = 1; nth <= 2; nth++) {
        struct allocator *allocator = NULL;
        fail_alloc_set(nth);
        int error = allocator_create(&config, &allocator);
        fail_alloc_set(0);
        cr_assert_eq(error, ALLOT_ENOMEM);
        cr_assert_null(allocator);
    }
}

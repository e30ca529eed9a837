/* The checker of the simulation finds each fault that is planted here. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "core/pass.h"
#include "tests/core/scheduler.h"
#include "tests/support/loop_checker.h"

static struct model_store *store;
static struct scheduler scheduler;
static struct loop_checker checker;
static int64_t own_lease;

static void put_under(const char *key, const char *value, int64_t lease)
{
    model_store_put(store, span_of(key), span_of(value), lease);
}

static void put(const char *key, const char *value)
{
    put_under(key, value, 0);
}

/* An item of replication 2 with three consistent replicas, and one that its mirror has in vain. */
static void set_up(void)
{
    store = model_store_create();
    scheduler_start(&scheduler, store, "one", NULL, 1);
    own_lease = scheduler_announce(&scheduler);
    put("/t/members/a#1", "1");
    put("/t/members/b#1", "2");
    put("/t/members/c#1", "2");
    put("/t/members/d#1", "1");
    put("/t/items/x", "2");
    put("/t/items/y", "1");
    put("/t/assign/x#a#1#0", SCHEDULER_CONSISTENT);
    put("/t/assign/x#b#1#1", SCHEDULER_CONSISTENT);
    put("/t/assign/x#c#1#2", SCHEDULER_CONSISTENT);
    scheduler_catch_up(&scheduler);
    loop_checker_init(&checker, store, SPAN(SCHEDULER_ROOT), scheduler_decoder());
}

static void tear_down(void)
{
    loop_checker_release(&checker);
    scheduler_stop(&scheduler);
    model_store_destroy(store);
}

TestSuite(loop_checker, .init = set_up, .fini = tear_down);

/* One operation of a planted transaction: a delete if value is NULL. */
struct planted {
    const char *key;
    const char *value;
};

static bool plant_without_actor(const struct planted *planted, size_t count)
{
    struct store_op ops[8];
    cr_assert_leq(count, 8);
    for (size_t i = 0; i < count; i++)
        ops[i] = (struct store_op){.kind = planted[i].value ? STORE_OP_PUT : STORE_OP_DELETE,
                                   .keys = {.key = span_of(planted[i].key)},
                                   .value = span_of(planted[i].value ? planted[i].value : "")};
    struct store_txn txn = {.success = ops, .success_count = count};
    struct store_txn_result result;
    loop_checker_observe(&checker);
    cr_assert_eq(model_store_txn(store, &txn, &result), 0);
    return loop_checker_check(&checker, scheduler.key, scheduler.state);
}

/* Executes a transaction in the loop's name, and checks it. */
static bool plant(struct planted first, struct planted second)
{
    struct planted all[] = {{SCHEDULER_ACTOR, "planted"}, first, second};
    return plant_without_actor(all, second.key ? 3 : 2);
}

static const struct planted none;

static void expect_fault(const char *text)
{
    cr_assert_not_null(strstr(checker.fault, text), "\"%s\" instead of \"%s\"", checker.fault,
                       text);
}

Test(loop_checker, finds_nothing_wrong_with_what_is_right)
{
    cr_assert(plant((struct planted){"/t/assign/x#c#1#2", NULL},
                    (struct planted){"/t/assign/y#c#1#0", ""}),
              "%s", checker.fault);
    cr_assert(plant((struct planted){"/t/assign/x#b#1#1", NULL}, /* a move */
                    (struct planted){"/t/assign/x#b#1#2", SCHEDULER_CONSISTENT}),
              "%s", checker.fault);
}

Test(loop_checker, finds_a_removal_below_the_replication)
{
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL},
                        (struct planted){"/t/assign/x#b#1#1", NULL}));
    expect_fault("item x is left with 1 of 2 consistent");
}

Test(loop_checker, finds_a_removal_while_a_member_is_gone)
{
    model_store_delete(store, SPAN("/t/members/a#1"));
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL}, none));
    expect_fault("item x is left with 1 of 2 consistent");
}

Test(loop_checker, finds_a_move_that_loses_the_value)
{
    put("/t/items/x", "3");
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL},
                        (struct planted){"/t/assign/x#c#1#3", ""}));
    expect_fault("item x is left with 2 of 3 consistent");
}

Test(loop_checker, finds_a_member_above_its_limit)
{
    cr_assert_not(plant((struct planted){"/t/assign/y#a#1#0", ""}, none));
    expect_fault("member a#1 has 2 of at most 1 assignments");
}

Test(loop_checker, finds_an_addition_to_a_member_that_is_gone)
{
    model_store_delete(store, SPAN("/t/members/d#1"));
    cr_assert_not(plant((struct planted){"/t/assign/y#d#1#0", ""}, none));
    expect_fault("member d#1");
}

Test(loop_checker, forgives_what_nobody_could_see_coming)
{
    model_store_delete(store, SPAN("/t/items/x"));
    scheduler_catch_up(&scheduler);
    put("/t/items/x", "2");
    cr_assert(plant((struct planted){"/t/assign/y#a#1#0", ""}, none), "%s", checker.fault);
}

Test(loop_checker, finds_two_assignments_for_one_member)
{
    cr_assert_not(plant((struct planted){"/t/assign/x#b#1#3", ""}, none));
    expect_fault("two assignments");
}

Test(loop_checker, finds_two_assignments_in_one_slot)
{
    cr_assert_not(plant((struct planted){"/t/assign/x#d#1#0", ""}, none));
    expect_fault("two assignments");
}

Test(loop_checker, finds_an_assignment_put_over)
{
    put("/t/items/x", "1");
    cr_assert_not(plant((struct planted){"/t/assign/x#b#1#1", ""}, none));
    expect_fault("/t/assign/x#b#1#1 is put over");
}

Test(loop_checker, finds_another_than_the_leader)
{
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL}, none));
    expect_fault("isn't the leader");
}

Test(loop_checker, finds_a_former_leader_whose_key_is_younger_by_now)
{
    put("/t/schedulers/two", "{}");
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    (void)scheduler_announce(&scheduler);
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL}, none));
    expect_fault("isn't the leader");
}

Test(loop_checker, finds_what_is_invalid_touched)
{
    put("/t/items/x", "bad");
    scheduler_catch_up(&scheduler);
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL},
                        (struct planted){"/t/assign/x#c#1#3", SCHEDULER_CONSISTENT}));
    expect_fault("is touched");
}

Test(loop_checker, finds_what_has_an_invalid_member_touched)
{
    put("/t/members/c#1", "bad");
    scheduler_catch_up(&scheduler);
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL}, none));
    expect_fault("is touched");
}

Test(loop_checker, finds_what_is_invalid_removed_unseen)
{
    put("/t/items/x", "bad");
    cr_assert_not(plant((struct planted){"/t/assign/x#c#1#2", NULL}, none));
    expect_fault("invalid item x is removed");
}

Test(loop_checker, finds_the_actor_missing)
{
    struct planted planted = {"/t/assign/x#c#1#2", NULL};
    cr_assert_not(plant_without_actor(&planted, 1));
    expect_fault("actor");
}

#define RECORD(number) SCHEDULER_ROUNDS "0000000000000000000-000000000" number

Test(loop_checker, finds_nothing_wrong_with_a_record)
{
    put(RECORD("1"), "");
    put(RECORD("2"), "");
    cr_assert(plant((struct planted){RECORD("3"), ""}, (struct planted){RECORD("1"), NULL}), "%s",
              checker.fault);
}

Test(loop_checker, finds_a_record_by_another_than_the_leader)
{
    cr_assert_eq(model_store_revoke(store, own_lease), 0);
    cr_assert_not(plant((struct planted){RECORD("1"), ""}, none));
    expect_fault("isn't the leader");
}

Test(loop_checker, finds_a_record_that_is_late)
{
    put(RECORD("2"), "");
    cr_assert_not(plant((struct planted){RECORD("1"), ""}, none));
    expect_fault("is not the newest record");
}

Test(loop_checker, finds_a_record_put_over)
{
    put(RECORD("1"), "");
    cr_assert_not(plant((struct planted){RECORD("1"), ""}, none));
    expect_fault("is not the newest record");
}

Test(loop_checker, finds_a_younger_record_deleted)
{
    put(RECORD("1"), "");
    put(RECORD("2"), "");
    cr_assert_not(plant((struct planted){RECORD("3"), ""}, (struct planted){RECORD("2"), NULL}));
    expect_fault("is not the oldest record");
}

Test(loop_checker, finds_a_decision_beside_a_record)
{
    cr_assert_not(
        plant((struct planted){RECORD("1"), ""}, (struct planted){"/t/assign/y#c#1#0", ""}));
    expect_fault("is put with a decision");
}

Test(loop_checker, finds_an_assignment_without_its_item)
{
    cr_assert(loop_checker_check_idle(&checker));
    model_store_delete(store, SPAN("/t/items/x"));
    cr_assert_not(loop_checker_check_idle(&checker));
    expect_fault("/t/assign/x#a#1#0 has no item");
}

Test(loop_checker, finds_a_free_slot)
{
    model_store_delete(store, SPAN("/t/assign/x#b#1#1"));
    cr_assert_not(loop_checker_check_idle(&checker));
    expect_fault("/t/assign/x#c#1#2 has a free slot before it");
}

/* --- the loop's own pass, with its guard down --- */

/* How a member goes without the mirror seeing it. */
enum departure {
    EXPIRES,     /* with all that is under its lease */
    DEREGISTERS, /* its assignments are left behind */
    BECOMES_INVALID,
};

static void make_depart(enum departure departure)
{
    int64_t lease = model_store_grant(store);
    put_under("/t/members/a#1", "1", lease);
    put_under("/t/assign/x#a#1#0", SCHEDULER_CONSISTENT, lease);
    scheduler_catch_up(&scheduler);
    if (departure == EXPIRES)
        cr_assert_eq(model_store_revoke(store, lease), 0);
    else if (departure == DEREGISTERS)
        model_store_delete(store, SPAN("/t/members/a#1"));
    else
        put("/t/members/a#1", "bad");
}

/* A pass that removes the surplus replica of x, when another has just become void. */
static bool remove_after(enum departure departure, bool guarded)
{
    make_depart(departure);
    struct pass_options options = {.fence = span_of(scheduler.key),
                                   .fence_revision = scheduler.state->own->mod_revision,
                                   .actor_key = SPAN(SCHEDULER_ACTOR),
                                   .guarded = guarded,
                                   .split_oversized = true};
    struct solution *solution = NULL;
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    struct store_txn_result result;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, scheduler.state, NULL, &solution), 0);
    cr_assert_eq(pass_create(&options, scheduler.state, solution, &pass), 0);
    cr_assert_eq(pass_next(pass, &txn), 0);
    cr_assert_not_null(txn);
    loop_checker_observe(&checker);
    cr_assert_eq(model_store_txn(store, txn, &result), 0);
    cr_assert_eq(result.succeeded, !guarded);
    pass_done(pass, result.succeeded);
    bool right = loop_checker_check(&checker, scheduler.key, scheduler.state);
    pass_destroy(pass);
    solution_unref(solution);
    return right;
}

Test(loop_checker, finds_that_removals_are_not_guarded)
{
    for (int departure = EXPIRES; departure <= BECOMES_INVALID; departure++) {
        tear_down();
        set_up();
        cr_assert_not(remove_after((enum departure)departure, false));
        expect_fault("item x is left with 1 of 2 consistent");
    }
}

Test(loop_checker, finds_nothing_wrong_with_guarded_removals)
{
    for (int departure = EXPIRES; departure <= BECOMES_INVALID; departure++) {
        tear_down();
        set_up();
        cr_assert(remove_after((enum departure)departure, true), "%s", checker.fault);
    }
}

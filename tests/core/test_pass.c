/* Passes over instances made by hand: what their transactions check and do, and in which order. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/pass.h"
#include "tests/support/describe.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct pass_options NO_OPTIONS = {.fence_revision = 0};
static const struct pass_options LIVE = {
    .fence = {BUILDER_ROOT "/schedulers/x", sizeof BUILDER_ROOT "/schedulers/x" - 1},
    .fence_revision = 99,
    .actor_key = {BUILDER_ROOT "/actor", sizeof BUILDER_ROOT "/actor" - 1},
    .actor_value = {"me", 2},
    .guarded = true,
    .split_oversized = true,
};

/* The transactions of a whole pass, all of which succeed, and what it comes to. Takes over @state
 * and @solution. */
static struct pass_summary run_solution(const struct pass_options *options, struct state *state,
                                        struct solution *solution, struct description *description)
{
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    *description = (struct description){.size = 0};
    cr_assert_eq(pass_create(options, state, solution, &pass), 0);
    while (pass_next(pass, &txn) == 0 && txn) {
        describe_txn(description, txn);
        pass_done(pass, true);
    }
    cr_assert_eq(pass_next(pass, &txn), 0); /* it stays at its end */
    cr_assert_null(txn);
    struct pass_summary summary = pass_summary(pass);
    pass_destroy(pass);
    solution_unref(solution);
    state_unref(state);
    return summary;
}

static struct pass_summary run(const struct pass_options *options, struct state *state,
                               const char *const *desired, struct description *description)
{
    return run_solution(options, state, builder_solution(state, desired), description);
}

static const struct builder_key ALL_KINDS[] = {
    KEY("items/i1", "2"), /* adds though it lacks nothing, so it comes last, and removes a#2 */
    KEY("items/i2", "2"), /* promotes and packs */
    KEY("items/i3", "1"), /* is well */
    {.key = "members/a#1", .value = "9", .mod_revision = 50, .lease = 7},
    KEY("members/a#2", "9"),
    KEY("members/a#3", "9"),
    {.key = "assign/i0#a#1#0", .value = "ok", .mod_revision = 60},
    {.key = "assign/i1#a#2#0", .value = "ok", .mod_revision = 61},
    {.key = "assign/i1#a#3#1", .value = "ok", .mod_revision = 62},
    {.key = "assign/i1#a#gone#2", .value = "ok", .mod_revision = 63},
    {.key = "assign/i2#a#2#4", .value = "ok", .mod_revision = 64, .lease = 8},
    {.key = "assign/i2#a#3#3", .value = "", .mod_revision = 65, .lease = 9},
    {.key = "assign/i3#a#2#0", .value = "ok", .mod_revision = 66},
    {.key = "assign/i4#a#1#0", .value = "", .mod_revision = 67},
    {.key = "assign/i4#a#2#1", .value = "ok", .mod_revision = 68},
    {.key = "assign/i5#a#2#1", .value = "ok", .mod_revision = 69},
};
static const char *const DESIRED[] = {"a#1 a#3", "a#2 a#3", "a#2"};

Test(pass, checks_and_does_all_kinds_of_things)
{
    struct description description;
    struct pass_summary summary = run(&NO_OPTIONS, BUILDER_STATE(ALL_KINDS), DESIRED, &description);
    cr_assert_str_eq(description.text, "if absent items/i0, assign/i0#a#1#0@60, "
                                       "assign/i2#a#2#4@64, assign/i2#a#3#3@65, "
                                       "absent items/i4, assign/i4#a#1#0@67, assign/i4#a#2#1@68, "
                                       "absent items/i5, assign/i5#a#2#1@69, "
                                       "members/a#1@50, items/i1@1, assign/i1#a#gone#2@63 "
                                       "then delete assign/i0#a#1#0, "
                                       "delete assign/i2#a#2#4, put assign/i2#a#2#0=ok@8, "
                                       "delete assign/i2#a#3#3, put assign/i2#a#3#1=@9, "
                                       "delete assign/i4#a#1#0, delete assign/i4#a#2#1, "
                                       "delete assign/i5#a#2#1, "
                                       "put assign/i1#a#1#3=@7, delete assign/i1#a#gone#2.");
    cr_assert_eq(summary.additions, 1);
    cr_assert_eq(summary.removals, 1);
    cr_assert_eq(summary.dead_removals, 4);
    cr_assert_eq(summary.promotions, 1);
    cr_assert_eq(summary.packings, 1);
    cr_assert_eq(summary.transactions, 1);
    cr_assert_eq(summary.failed_transactions, 0);
    cr_assert_eq(summary.skipped, 0);
}

/* The fence is the first check and the only thing that failure reads; the actor is put first; what
 * is kept and consistent is checked with the removals. */
Test(pass, is_fenced_signed_and_guarded)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "2"),         KEY("members/a#1", "9"),   KEY("members/a#2", "9"),
        KEY("members/a#3", "9"),     KEY("members/a#4", "9"),   KEY("assign/i#a#1#0", "ok"),
        KEY("assign/i#a#2#1", "ok"), KEY("assign/i#a#3#2", ""), KEY("assign/i#a#4#3", "ok"),
    };
    static const char *const KEPT[] = {"a#1 a#2 a#3"};
    struct description description;
    run(&LIVE, BUILDER_STATE(KEYS), KEPT, &description);
    cr_assert_str_eq(description.text,
                     "if schedulers/x@99, items/i@1, assign/i#a#1#0@6, members/a#1@2, "
                     "assign/i#a#2#1@7, members/a#2@3, assign/i#a#4#3@9 "
                     "then put actor=me@0, delete assign/i#a#4#3 else get schedulers/x.");
}

/* Its checkpoint checks the item once, however many removals there are. */
Test(pass, checks_the_item_of_removals_once)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "0"),
        KEY("members/a#1", "9"),
        KEY("assign/i#a#1#0", ""),
        KEY("assign/i#a#2#1", ""),
    };
    static const char *const NONE[] = {""};
    struct description description;
    run(&NO_OPTIONS, BUILDER_STATE(KEYS), NONE, &description);
    cr_assert_str_eq(description.text, "if items/i@1, assign/i#a#2#1@4, assign/i#a#1#0@3 "
                                       "then delete assign/i#a#2#1, delete assign/i#a#1#0.");
}

Test(pass, issues_nothing_where_nothing_is_to_do)
{
    static const struct builder_key KEYS[] = {KEY("items/i", "1"), KEY("members/a#1", "9"),
                                              KEY("assign/i#a#1#0", "")};
    static const char *const KEPT[] = {"a#1"};
    struct description description;
    struct pass_summary summary = run(&LIVE, BUILDER_STATE(KEYS), KEPT, &description);
    cr_assert_str_empty(description.text);
    cr_assert_eq(summary.transactions, 0);
    run(&LIVE, builder_observe(builder_keyspace(NULL, 0, false)), NULL, &description);
    cr_assert_str_empty(description.text);
}

/* A member has room again as soon as an earlier item has left it; one that an earlier item has
 * taken has none. */
Test(pass, counts_what_it_has_decided_before)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "1"),         KEY("items/i2", "1"),    KEY("items/i3", "1"),
        KEY("members/a#1", "1"),      KEY("members/a#2", "9"), KEY("assign/i1#a#1#0", "ok"),
        KEY("assign/i1#a#2#1", "ok"),
    };
    static const char *const SAME[] = {"a#2", "a#1", "a#1"};
    struct description description;
    struct pass_summary summary = run(&NO_OPTIONS, BUILDER_STATE(KEYS), SAME, &description);
    cr_assert_eq(summary.additions, 1);
    cr_assert_str_eq(
        description.text,
        "if items/i1@1, assign/i1#a#1#0@6, assign/i1#a#2#1@7, members/a#1@4 "
        "then delete assign/i1#a#1#0, delete assign/i1#a#2#1, put assign/i1#a#2#0=ok@0, "
        "put assign/i2#a#1#0=@0.");
}

/* The first item is to move to a#1, which has room for one, and which the second one lacks. The
 * reference takes them as they come. */
Test(pass, repairs_before_it_moves)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "1"),    KEY("items/i2", "1"),         KEY("members/a#1", "1"),
        KEY("members/a#2", "9"), KEY("assign/i1#a#2#0", "ok"),
    };
    static const char *const SAME[] = {"a#1", "a#1"};
    static const char *const expected[] = {
        [SOLVER_OPTIMAL] = "if members/a#1@3 then put assign/i2#a#1#0=@0.",
        [SOLVER_REFERENCE] = "if members/a#1@3 then put assign/i1#a#1#1=@0.",
    };
    struct description description;
    for (int solver = SOLVER_OPTIMAL; solver <= SOLVER_REFERENCE; solver++) {
        struct state *state = BUILDER_STATE(KEYS);
        struct solution *solution = builder_solution(state, SAME);
        solution->solver = (enum solver_kind)solver;
        run_solution(&NO_OPTIONS, state, solution, &description);
        cr_assert_str_eq(description.text, expected[solver]);
    }
}

/* So does the choice of primaries: the first item makes a#1 one, the second then takes a#2. */
Test(pass, spreads_the_primaries_that_it_chooses)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "2"),         KEY("items/i2", "2"),         KEY("members/a#1", "9"),
        KEY("members/a#2", "9"),      KEY("assign/i1#a#1#1", "ok"), KEY("assign/i1#a#2#2", "ok"),
        KEY("assign/i2#a#1#1", "ok"), KEY("assign/i2#a#2#2", "ok"),
    };
    static const char *const SAME[] = {"a#1 a#2", "a#1 a#2"};
    struct description description;
    struct pass_summary summary = run(&NO_OPTIONS, BUILDER_STATE(KEYS), SAME, &description);
    cr_assert_eq(summary.promotions, 2);
    cr_assert(strstr(description.text, "put assign/i1#a#1#0=ok"));
    cr_assert(strstr(description.text, "put assign/i2#a#2#0=ok"));
}

/* The first item loses its primary a#1, and makes a#2 one: the second then takes a#1. */
Test(pass, takes_the_primaries_that_go_off_the_counts)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "1"),         KEY("items/i2", "2"),         KEY("members/a#1", "9"),
        KEY("members/a#2", "9"),      KEY("assign/i1#a#1#0", "ok"), KEY("assign/i1#a#2#1", "ok"),
        KEY("assign/i2#a#2#1", "ok"), KEY("assign/i2#a#1#2", "ok"),
    };
    static const char *const DESIRED_NOW[] = {"a#2", "a#1 a#2"};
    struct description description;
    run(&NO_OPTIONS, BUILDER_STATE(KEYS), DESIRED_NOW, &description);
    cr_assert(strstr(description.text, "put assign/i1#a#2#0=ok"));
    cr_assert(strstr(description.text, "put assign/i2#a#1#0=ok"));
}

/* Frozen ones stay; of an item that doesn't exist, what isn't frozen goes. */
Test(pass, leaves_frozen_assignments_alone)
{
    static const struct builder_key KEYS[] = {
        KEY("items/bad", "many"),        KEY("members/a#1", "9"),
        KEY("members/a#bad", "much"),    KEY("assign/bad#a#1#3", ""),
        KEY("assign/none#a#1#0", "ok"),  KEY("assign/none#a#bad#1", "ok"),
        KEY("assign/none#a#gone#2", ""), KEY("assign/nought#a#bad#1", "ok"),
    };
    struct description description;
    run(&NO_OPTIONS, builder_observe(builder_keyspace(KEYS, COUNT(KEYS), true)), NULL,
        &description);
    cr_assert_str_eq(description.text,
                     "if absent items/none, assign/none#a#1#0@5, assign/none#a#gone#2@7 "
                     "then delete assign/none#a#1#0, delete assign/none#a#gone#2.");
}

/* In another slot, a replica is still what its member has said; not what a former member of that
 * name has, nor one that may be there meanwhile. */
Test(pass, takes_along_only_what_the_member_itself_has_said)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "1"),
        KEY("items/i2", "1"),
        KEY("items/i3", "2"),
        {.key = "members/a#1", .value = "9", .create_revision = 20, .mod_revision = 30},
        {.key = "assign/i1#a#1#2", .value = "ok", .mod_revision = 19},
        {.key = "assign/i2#a#1#2", .value = "ok", .mod_revision = 21},
        {.key = "assign/i3#a#gone#2", .value = "ok", .mod_revision = 19},
    };
    static const char *const WANTED[] = {"a#1", "a#1", ""};
    struct state_config config = {.gone_members_are_inconsistent = true};
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    struct description description;
    struct state *state = NULL;
    cr_assert_eq(state_observe(&config, keyspace, &state), 0);
    keyspace_unref(keyspace);
    run(&LIVE, state, WANTED, &description);
    cr_assert_str_eq(description.text,
                     "if schedulers/x@99, assign/i1#a#1#2@19, "
                     "assign/i2#a#1#2@21, members/a#1@30, "
                     "assign/i3#a#gone#2@19, absent members/a#gone then put actor=me@0, "
                     "delete assign/i1#a#1#2, put assign/i1#a#1#0=@0, "
                     "delete assign/i2#a#1#2, put assign/i2#a#1#0=ok@0, "
                     "delete assign/i3#a#gone#2, put assign/i3#a#gone#0=ok@0 "
                     "else get schedulers/x.");
}

/* --- failures --- */

/* One transaction removes from a#1, then is full; the next one counts on that. */
static void expect_addition(bool succeeded)
{
    enum { FILLERS = 126 };
    struct builder_key keys[FILLERS + 5] = {
        KEY("items/a", "0"), KEY("members/a#1", "1"),   KEY("assign/a#a#1#0", "ok"),
        KEY("items/z", "1"), KEY("members/b#1", "999"),
    };
    char names[FILLERS][32];
    const char *desired[FILLERS + 2] = {""};
    for (int i = 0; i < FILLERS; i++) {
        snprintf(names[i], sizeof names[i], "items/i%03d", i % 1000);
        keys[i + 5] = (struct builder_key)KEY(names[i], "1");
        desired[i + 1] = "b#1";
    }
    desired[FILLERS + 1] = "a#1";
    struct state *state = BUILDER_STATE(keys);
    struct solution *solution = builder_solution(state, desired);
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    struct description description = {.size = 0};
    cr_assert_eq(pass_create(&NO_OPTIONS, state, solution, &pass), 0);
    cr_assert_eq(pass_next(pass, &txn), 0);
    cr_assert_eq(txn->compare_count, 128);
    pass_done(pass, succeeded);
    cr_assert_eq(pass_next(pass, &txn), 0);
    cr_assert_eq(txn != NULL, succeeded);
    if (txn) {
        cr_assert_str_eq(describe_txn(&description, txn),
                         "if members/a#1@2 then put assign/z#a#1#0=@0.");
        pass_done(pass, true);
    }
    struct pass_summary summary = pass_summary(pass);
    cr_assert_eq(summary.additions, succeeded ? FILLERS + 1 : 0);
    cr_assert_eq(summary.removals, succeeded);
    cr_assert_eq(summary.failed_transactions, !succeeded);
    pass_destroy(pass);
    solution_unref(solution);
    state_unref(state);
}

Test(pass, counts_not_on_what_has_failed)
{
    expect_addition(true);
    expect_addition(false);
}

/* A failure takes back what its own transaction came to, and only that. */
Test(pass, undoes_each_failure_alone)
{
    struct state *state = BUILDER_STATE(ALL_KINDS);
    struct solution *solution = builder_solution(state, DESIRED);
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    cr_assert_eq(pass_create(&NO_OPTIONS, state, solution, &pass), 0);
    cr_assert_eq(pass_next(pass, &txn), 0);
    cr_assert_not_null(txn);
    pass_done(pass, false);
    cr_assert_eq(pass_next(pass, &txn), 0);
    cr_assert_null(txn);
    struct pass_summary summary = pass_summary(pass);
    cr_assert_eq(summary.additions + summary.removals + summary.dead_removals, 0);
    cr_assert_eq(summary.promotions + summary.packings, 0);
    cr_assert_eq(summary.transactions, 1);
    cr_assert_eq(summary.failed_transactions, 1);
    pass_destroy(pass);
    pass_destroy(NULL);
    solution_unref(solution);
    state_unref(state);
}

/* --- memory --- */

/* A whole pass, and what its transactions come to together. */
static int try_pass(struct state *state, struct solution *solution, size_t *ret_operations)
{
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    size_t operations = 0;
    int error = pass_create(&LIVE, state, solution, &pass);
    while (!error && (error = pass_next(pass, &txn)) == 0 && txn) {
        operations += txn->success_count;
        pass_done(pass, true);
    }
    pass_destroy(pass);
    *ret_operations = operations;
    return error;
}

Test(pass, survives_every_allocation_failure)
{
    const struct builder_knobs knobs = {.items = 200,
                                        .members = 30,
                                        .zones = 3,
                                        .most_replication = 20,
                                        .capacity_percent = 150,
                                        .assigned_percent = 60,
                                        .consistent_percent = 50,
                                        .stray_percent = 10};
    struct state *state = builder_observe(builder_random(&knobs, 1, true));
    struct solution *solution = NULL;
    size_t expected;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
    cr_assert_eq(try_pass(state, solution, &expected), 0);
    cr_assert_gt(expected, 500);
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        size_t operations;
        fail_alloc_set(nth);
        error = try_pass(state, solution, &operations);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        cr_assert(error == ALLOT_ENOMEM || operations == expected);
        cr_assert_lt(nth, 1000);
    }
    solution_unref(solution);
    state_unref(state);
}

/* --- limits on moves --- */

/* What a pass over @keys would do within @limits. */
static struct pass_summary limited_by(const struct builder_key *keys, size_t count,
                                      struct move_limits limits)
{
    const struct pass_options options = {.moves_limited = true, .moves = limits};
    struct state *state = builder_observe(builder_keyspace(keys, count, false));
    struct solution *solution = NULL;
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
    cr_assert_eq(pass_create(&options, state, solution, &pass), 0);
    while (pass_next(pass, &txn) == 0 && txn)
        pass_done(pass, true);
    struct pass_summary summary = pass_summary(pass);
    pass_destroy(pass);
    solution_unref(solution);
    state_unref(state);
    return summary;
}

static struct pass_summary limited(const struct builder_key *keys, size_t count, int64_t most)
{
    return limited_by(keys, count, (struct move_limits){most, -1, -1, -1});
}

Test(pass, makes_no_more_moves_at_a_time_than_it_may)
{
    /* Three items leave a member that is exiting; a fourth has no replica so far. */
    const struct builder_key keys[] = {
        KEY("items/i", "1"),
        KEY("items/j", "1"),
        KEY("items/k", "1"),
        KEY("items/new", "1"),
        KEY("members/a#1", "9 exiting"),
        KEY("members/a#2", "9"),
        KEY("assign/i#a#1#0", "ok"),
        KEY("assign/j#a#1#0", "ok"),
        KEY("assign/k#a#1#0", "ok"),
    };
    for (int64_t most = 0; most <= 4; most++) {
        struct pass_summary summary = limited(keys, sizeof keys / sizeof keys[0], most);
        int64_t moves = most < 3 ? most : 3;
        cr_assert_eq(summary.additions, moves + 1); /* what is missing comes in any case */
        cr_assert_eq(summary.throttled, 3 - moves);
    }
}

/* Were its consistency or replication another by then, it might be over the limit. */
Test(pass, moves_within_limits_while_the_item_is_as_it_was)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "1"),     KEY("items/new", "1"),       KEY("members/a#1", "9"),
        KEY("members/a#2", "9"), KEY("assign/i#a#1#0", "ok"),
    };
    static const char *const MOVED[] = {"a#2", "a#1"};
    const struct pass_options limits = {.moves_limited = true, .moves = {1, -1, -1, -1}};
    struct description description;
    run(&limits, BUILDER_STATE(KEYS), MOVED, &description);
    cr_assert_str_eq(description.text, "if members/a#1@3, members/a#2@4, items/i@1 "
                                       "then put assign/new#a#1#0=@0, put assign/i#a#2#1=@0.");
}

Test(pass, counts_the_moves_that_are_under_way)
{
    const struct builder_key keys[] = {
        KEY("items/i", "1"),
        KEY("items/j", "1"),
        KEY("members/a#1", "9 exiting"),
        KEY("members/a#2", "9"),
        KEY("assign/i#a#1#0", "ok"),
        KEY("assign/i#a#2#1", ""), /* not reported yet */
        KEY("assign/j#a#1#0", "ok"),
    };
    struct state *state = BUILDER_STATE(keys);
    cr_assert_eq(moves_in_flight(state), 1);
    state_unref(state);
    cr_assert_eq(limited(keys, sizeof keys / sizeof keys[0], 1).additions, 0);
    cr_assert_eq(limited(keys, sizeof keys / sizeof keys[0], 2).additions, 1);
}

/* What a member that is gone has left is no replica: another in its place is no move. */
Test(pass, repairs_what_members_that_are_gone_have_left)
{
    const struct builder_key keys[] = {
        KEY("items/i", "2"),         KEY("members/a#1", "9"),      KEY("members/a#2", "9"),
        KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#gone#1", ""),
    };
    struct pass_summary summary = limited(keys, sizeof keys / sizeof keys[0], 0);
    cr_assert_eq(summary.additions, 1);
    cr_assert_eq(summary.throttled, 0);
    const struct builder_key repaired[] = {
        KEY("items/i", "2"),         KEY("members/a#1", "9"),      KEY("members/a#2", "9"),
        KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#gone#1", ""), KEY("assign/i#a#2#2", ""),
    };
    struct state *state = BUILDER_STATE(repaired);
    cr_assert_eq(moves_in_flight(state), 0); /* nor does it count as one while it is under way */
    state_unref(state);
}

Test(pass, makes_no_more_moves_to_a_member_or_a_zone_than_it_may)
{
    /* Four items leave one member, for two others of two zones. */
    const struct builder_key keys[] = {
        KEY("items/i", "1"),
        KEY("items/j", "1"),
        KEY("items/k", "1"),
        KEY("items/l", "1"),
        KEY("members/a#1", "9 exiting"),
        KEY("members/b#1", "9"),
        KEY("members/c#1", "9"),
        KEY("assign/i#a#1#0", "ok"),
        KEY("assign/j#a#1#0", "ok"),
        KEY("assign/k#a#1#0", "ok"),
        KEY("assign/l#a#1#0", "ok"),
    };
    const size_t count = sizeof keys / sizeof keys[0];
    for (int64_t most = 0; most <= 2; most++) {
        struct pass_summary by_member =
            limited_by(keys, count, (struct move_limits){-1, most, -1, -1});
        struct pass_summary by_zone =
            limited_by(keys, count, (struct move_limits){-1, -1, most, -1});
        cr_assert_eq(by_member.additions, 2 * most);
        cr_assert_eq(by_member.throttled, 4 - 2 * most);
        cr_assert_eq(by_zone.additions, 2 * most);
    }
    struct pass_summary by_minute = limited_by(keys, count, (struct move_limits){-1, -1, -1, 3});
    cr_assert_eq(by_minute.moves, 3);
    cr_assert_eq(by_minute.throttled, 1);
}

/* What counts as consistent at once is never under way, but is begun all the same. */
Test(pass, limits_the_moves_a_minute_of_what_is_consistent_at_once)
{
    const struct builder_key keys[] = {
        KEY("items/i", "1 once"), KEY("items/j", "1 once"),  KEY("members/a#1", "9 exiting"),
        KEY("members/a#2", "9"),  KEY("assign/i#a#1#0", ""), KEY("assign/j#a#1#0", ""),
    };
    const size_t count = sizeof keys / sizeof keys[0];
    cr_assert_eq(limited_by(keys, count, (struct move_limits){0, 0, 0, -1}).additions, 2);
    cr_assert_eq(limited_by(keys, count, (struct move_limits){0, 0, 0, 1}).additions, 1);
}

/* A checkpoint that doesn't fit any more begins the next transaction, and is then counted once. */
Test(pass, counts_a_move_once_that_comes_in_the_next_transaction)
{
    enum { ITEMS = 200 };
    static struct builder_key keys[2 * ITEMS + 2];
    static char items[ITEMS][32], assignments[ITEMS][32];
    size_t count = 0;
    keys[count++] = (struct builder_key)KEY("members/a#1", "999 exiting");
    keys[count++] = (struct builder_key)KEY("members/a#2", "999");
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(items[i], sizeof items[0], "items/%03d", i);
        (void)snprintf(assignments[i], sizeof items[0], "assign/%03d#a#1#0", i);
        keys[count++] = (struct builder_key)KEY(items[i], "1");
        keys[count++] = (struct builder_key)KEY(assignments[i], "ok");
    }
    struct pass_summary summary = limited(keys, count, ITEMS - 1);
    cr_assert_geq(summary.transactions, 2);
    cr_assert_eq(summary.moves, ITEMS - 1);
    cr_assert_eq(summary.throttled, 1);
}

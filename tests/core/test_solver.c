/* Desired assignments: what must hold of any, and that nothing but the state decides on them. */
#include <criterion/criterion.h>

#include "core/reference_solver.h"
#include "server/executor.h"
#include "tests/support/array.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

static struct solution *solve(const struct state *state)
{
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_REFERENCE, state, NULL, &solution), 0);
    return solution;
}

/* Chunks take shares of a limit that are rounded up, each on its own. */
static int64_t most_of_member(const struct state *state, int32_t member)
{
    int32_t chunks = (state->item_count + SOLVER_CHUNK_ITEMS - 1) / SOLVER_CHUNK_ITEMS;
    int64_t limit = state->effective_limit[member];
    return limit == 0 ? 0 : limit + (chunks > 1 ? chunks - 1 : 0);
}

static void check(const struct state *state, const struct solution *solution)
{
    int64_t *counts = array_create((size_t)state->member_count, sizeof *counts);
    int64_t assigned = 0;
    cr_assert(solution_fits(solution, state));
    cr_assert_eq(solution->item_count, state->item_count);
    for (int32_t item = 0; item < state->item_count; item++) {
        struct desired desired = solution_desired(solution, item);
        cr_assert_geq(desired.count, 0);
        cr_assert_leq(desired.count, state->replication[item]);
        assigned += desired.count;
        for (int32_t d = 0; d < desired.count; d++) {
            int32_t member = desired.members[d];
            cr_assert(member >= 0 && member < state->member_count);
            cr_assert(d == 0 || member > desired.members[d - 1]);
            cr_assert_neq(state->member_zone[member], STATE_NONE);
            counts[member]++;
        }
    }
    for (int32_t member = 0; member < state->member_count; member++)
        cr_assert_leq(counts[member], most_of_member(state, member));
    cr_assert_eq(solution->assigned, assigned);
    cr_assert_eq(solution->unattainable, state->item_slots - assigned);
    free(counts);
}

/* Current assignments one by one: the first to a desired member stays, any other goes. */
static struct change_summary naive_changes(const struct solution *solution,
                                           const struct state *state)
{
    struct change_summary summary = {0};
    for (int32_t item = 0; item < state->item_count; item++) {
        struct desired desired = solution_desired(solution, item);
        int32_t unchanged = 0;
        for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
            int32_t member = state->assignment_member[a];
            bool stays = false;
            for (int32_t d = 0; d < desired.count; d++)
                stays = stays || desired.members[d] == member;
            for (int32_t other = state->assignment_begin[item]; other < a; other++)
                stays = stays && state->assignment_member[other] != member;
            unchanged += stays;
            summary.removed += !stays;
        }
        summary.unchanged += unchanged;
        summary.added += desired.count - unchanged;
    }
    return summary;
}

static void expect_changes(const struct solution *solution, const struct state *state)
{
    struct change_summary summary = solution_changes(solution, state);
    struct change_summary expected = naive_changes(solution, state);
    cr_assert_eq(summary.added, expected.added);
    cr_assert_eq(summary.removed, expected.removed);
    cr_assert_eq(summary.unchanged, expected.unchanged);
}

static void expect_equal(const struct solution *a, const struct solution *b)
{
    cr_assert_eq(a->fingerprint, b->fingerprint);
    cr_assert_eq(a->item_count, b->item_count);
    cr_assert_eq(a->assigned, b->assigned);
    cr_assert_eq(a->unattainable, b->unattainable);
    for (int32_t item = 0; item < a->item_count; item++) {
        struct desired ours = solution_desired(a, item);
        struct desired theirs = solution_desired(b, item);
        cr_assert_eq(ours.count, theirs.count);
        cr_assert_arr_eq(ours.members, theirs.members, (size_t)ours.count * sizeof *ours.members);
    }
}

Test(solver, answers_random_instances_within_the_rules)
{
    struct random random = {.state = 11};
    int64_t assigned = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        struct state *state = builder_observe(builder_random(&knobs, seed, seed % 2));
        struct solution *solution = solve(state);
        struct solution *again = solve(state);
        check(state, solution);
        expect_changes(solution, state);
        expect_equal(solution, again);
        assigned += solution->assigned;
        solution_unref(again);
        solution_unref(solution);
        state_unref(state);
    }
    cr_assert_gt(assigned, 5000);
}

/* --- by hand --- */

/* Solves, checks, and asserts how many replicas there are and are not. */
static void expect_counts(struct state *state, int64_t assigned, int64_t unattainable)
{
    struct solution *solution = solve(state);
    check(state, solution);
    expect_changes(solution, state);
    cr_assert_eq(solution->assigned, assigned);
    cr_assert_eq(solution->unattainable, unattainable);
    solution_unref(solution);
    state_unref(state);
}

Test(solver, has_nothing_to_do_without_items)
{
    static const struct builder_key MEMBERS[] = {KEY("members/a#1", "3")};
    expect_counts(builder_observe(builder_keyspace(NULL, 0, false)), 0, 0);
    expect_counts(BUILDER_STATE(MEMBERS), 0, 0);
}

Test(solver, attains_nothing_without_members)
{
    static const struct builder_key ITEM[] = {KEY("items/i", "3")};
    static const struct builder_key ITEMS[] = {KEY("items/i", "3"), KEY("items/j", "0"),
                                               KEY("items/k", "1")};
    static const struct builder_key IDLE[] = {KEY("items/i", "3"), KEY("members/a#1", "0"),
                                              KEY("members/b#1", "0")};
    expect_counts(BUILDER_STATE(ITEM), 0, 3);
    expect_counts(BUILDER_STATE(ITEMS), 0, 4);
    expect_counts(BUILDER_STATE(IDLE), 0, 3);
}

Test(solver, wants_nothing_for_items_without_replicas)
{
    static const struct builder_key KEYS[] = {KEY("items/i", "0"), KEY("members/a#1", "3"),
                                              KEY("assign/i#a#1#0", "ok")};
    expect_counts(BUILDER_STATE(KEYS), 0, 0);
}

Test(solver, fills_a_single_zone)
{
    static const struct builder_key KEYS[] = {KEY("items/i", "3"), KEY("items/j", "2"),
                                              KEY("members/a#1", "2"), KEY("members/a#2", "2"),
                                              KEY("members/a#3", "2")};
    expect_counts(BUILDER_STATE(KEYS), 5, 0);
}

/* A member holds an item once, whatever its limit. */
Test(solver, tells_what_is_unattainable)
{
    static const struct builder_key FEW[] = {KEY("items/i", "5"), KEY("members/a#1", "9"),
                                             KEY("members/b#1", "9")};
    static const struct builder_key FULL[] = {KEY("items/i", "2"), KEY("items/j", "2"),
                                              KEY("members/a#1", "1"), KEY("members/b#1", "2")};
    expect_counts(BUILDER_STATE(FEW), 2, 3);
    expect_counts(BUILDER_STATE(FULL), 3, 1);
}

/* Asserts that the item of index 0 goes to just these members. */
static void expect_members(struct state *state, const int32_t *members, int32_t count)
{
    struct solution *solution = solve(state);
    check(state, solution);
    struct desired desired = solution_desired(solution, 0);
    cr_assert_eq(desired.count, count);
    cr_assert_arr_eq(desired.members, members, (size_t)count * sizeof *members);
    solution_unref(solution);
    state_unref(state);
}

Test(solver, keeps_what_is_and_spreads_over_zones)
{
    static const struct builder_key KEPT[] = {
        KEY("items/i", "2"),     KEY("members/a#1", "5"),     KEY("members/a#2", "5"),
        KEY("members/b#1", "5"), KEY("members/b#2", "5"),     KEY("members/b#3", "5"),
        KEY("members/b#4", "5"), KEY("assign/i#a#2#0", "ok"), KEY("assign/i#b#4#1", "ok"),
    };
    static const struct builder_key ONE_ZONE[] = {
        KEY("items/i", "2"),         KEY("members/a#1", "5"),
        KEY("members/a#2", "5"),     KEY("members/b#1", "5"),
        KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", "ok"), /* one of these two has to go */
    };
    expect_members(BUILDER_STATE(KEPT), (const int32_t[]){1, 5}, 2);
    struct state *state = BUILDER_STATE(ONE_ZONE);
    struct solution *solution = solve(state);
    cr_assert_eq(solution->assigned, 2);
    cr_assert_eq(solution_desired(solution, 0).members[1], 2);
    cr_assert_eq(solution_changes(solution, state).unchanged, 1);
    solution_unref(solution);
    state_unref(state);
}

/* A new member takes its share, here half, of what another holds; no more moves than that. */
Test(solver, evens_out_the_load)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i1", "1"),         KEY("items/i2", "1"),         KEY("items/i3", "1"),
        KEY("items/i4", "1"),         KEY("members/a#1", "10"),     KEY("members/a#2", "10"),
        KEY("assign/i1#a#1#0", "ok"), KEY("assign/i2#a#1#0", "ok"), KEY("assign/i3#a#1#0", "ok"),
        KEY("assign/i4#a#1#0", "ok"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    struct solution *solution = solve(state);
    struct change_summary changes = solution_changes(solution, state);
    check(state, solution);
    cr_assert_eq(changes.unchanged, 2);
    cr_assert_eq(changes.added, 2);
    cr_assert_eq(changes.removed, 2);
    solution_unref(solution);
    state_unref(state);
}

Test(solver, falls_back_to_one_zone_rather_than_lose_a_replica)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "2"),     KEY("items/j", "2"),     KEY("members/a#1", "2"),
        KEY("members/a#2", "2"), KEY("members/b#1", "0"), KEY("members/b#2", "0"),
    };
    expect_counts(BUILDER_STATE(KEYS), 4, 0);
}

/* --- chunks and threads --- */

enum { MANY_ITEMS = 3 * SOLVER_CHUNK_ITEMS - 500 };

static struct state *many_items(void)
{
    const struct builder_knobs knobs = {.items = MANY_ITEMS,
                                        .members = 60,
                                        .zones = 3,
                                        .most_replication = 3,
                                        .capacity_percent = 130,
                                        .exiting_percent = 5,
                                        .assigned_percent = 50,
                                        .stray_percent = 1};
    return builder_observe(builder_random(&knobs, 1, false));
}

Test(solver, answers_the_same_with_threads)
{
    struct state *state = many_items();
    struct solution *expected = solve(state);
    check(state, expected);
    cr_assert_gt(expected->assigned, MANY_ITEMS);
    for (int width = 1; width <= 4; width++) {
        struct executor *executor = NULL;
        struct solution *solution = NULL;
        cr_assert_eq(executor_create(width, &executor), 0);
        cr_assert_eq(solver_solve(SOLVER_REFERENCE, state, executor, &solution), 0);
        expect_equal(solution, expected);
        solution_unref(solution);
        executor_destroy(executor);
    }
    solution_unref(expected);
    state_unref(state);
}

/* Works off the tasks in reverse, one after the other: all but one find nothing left to do. */
static void run_backwards(void *context, void (*task)(void *argument, int index), void *argument)
{
    int *runs = context;
    for (int index = 2; index >= 0; index--, (*runs)++)
        task(argument, index);
}

Test(solver, needs_no_more_than_one_task_to_run)
{
    int runs = 0;
    struct executor executor = {.width = 3, .run = run_backwards, .context = &runs};
    struct state *state = many_items();
    struct solution *expected = solve(state);
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_REFERENCE, state, &executor, &solution), 0);
    cr_assert_eq(runs, 3);
    expect_equal(solution, expected);
    solution_unref(solution);
    solution_unref(expected);
    state_unref(state);
}

/* --- failures --- */

/* States that are larger than what can be built here: made up of what is looked at before memory
 * is asked for. */
Test(solver, refuses_what_it_cannot_number)
{
    int32_t replication[] = {INT32_MAX, INT32_MAX, INT32_MAX};
    int32_t none[SOLVER_CHUNK_ITEMS] = {0};
    struct solution *solution = NULL;
    struct state replicas = {.item_count = 3,
                             .member_count = INT32_MAX / 3 + 1,
                             .replication = replication,
                             .member_slots = INT64_MAX};
    cr_assert_eq(solver_solve(SOLVER_REFERENCE, &replicas, NULL, &solution), ALLOT_ELIMIT);
    struct state nodes = {.item_count = SOLVER_CHUNK_ITEMS,
                          .zone_count = INT32_MAX / 2,
                          .replication = none,
                          .assignment_begin = none,
                          .assignment_end = none};
    cr_assert_eq(solver_solve(SOLVER_REFERENCE, &nodes, NULL, &solution), ALLOT_ELIMIT);
    cr_assert_null(solution);
}

static void fail_each_allocation(const struct state *state, const struct executor *executor)
{
    struct solution *expected = solve(state);
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct solution *solution = NULL;
        fail_alloc_set(nth);
        error = solver_solve(SOLVER_REFERENCE, state, executor, &solution);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(solution == NULL, error != 0);
        if (solution)
            expect_equal(solution, expected);
        solution_unref(solution);
        cr_assert_lt(nth, 200);
    }
    solution_unref(expected);
}

Test(solver, survives_every_allocation_failure)
{
    struct random random = {.state = 5};
    struct builder_knobs small = builder_random_knobs(&random);
    const struct builder_knobs chunks = {.items = 2 * SOLVER_CHUNK_ITEMS + 1,
                                         .members = 3,
                                         .zones = 2,
                                         .most_replication = 1,
                                         .capacity_percent = 100};
    struct executor *executor = NULL;
    cr_assert_eq(executor_create(2, &executor), 0);
    small.items = 30;
    small.members = 6;
    struct state *state = builder_observe(builder_random(&small, 1, false));
    fail_each_allocation(state, NULL);
    state_unref(state);
    state = builder_observe(builder_random(&chunks, 1, false));
    fail_each_allocation(state, executor);
    state_unref(state);
    executor_destroy(executor);
}

Test(solver, counts_references)
{
    static const struct builder_key KEYS[] = {KEY("items/i", "1"), KEY("members/a#1", "1")};
    struct state *state = BUILDER_STATE(KEYS);
    struct solution *solution = solve(state);
    cr_assert_eq(solution_ref(solution), solution);
    solution_unref(solution);
    cr_assert_eq(solution->assigned, 1);
    solution_unref(solution);
    solution_unref(NULL);
    state_unref(state);
}

static void check_fits_one_only(struct state *one, struct state *two)
{
    struct solution *solution = solve(one);
    cr_assert_eq(state_network_hash(one), state_network_hash(two));
    cr_assert(solution_fits(solution, one));
    cr_assert_not(solution_fits(solution, two));
    cr_assert_not(solution_fits(NULL, one));
    solution_unref(solution);
    state_unref(one);
    state_unref(two);
}

Test(solver, fits_no_state_of_other_counts_though_the_crc_is_equal)
{
    static const struct builder_key ONE[] = {KEY("items/a1/t/items/b", "1"),
                                             KEY("members/m#1", "5")};
    static const struct builder_key TWO[] = {KEY("items/a", "1"), KEY("items/b", "1"),
                                             KEY("members/m#1", "5")};
    check_fits_one_only(BUILDER_STATE(ONE), BUILDER_STATE(TWO));
}

Test(solver, fits_no_state_of_other_names_though_the_crc_is_equal)
{
    static const struct builder_key ONE[] = {KEY("items/a1", "2"), KEY("members/m#1", "5")};
    static const struct builder_key TWO[] = {KEY("items/a", "12"), KEY("members/m#1", "5")};
    check_fits_one_only(BUILDER_STATE(ONE), BUILDER_STATE(TWO));
}

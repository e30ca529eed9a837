/* The optimal solver: that nothing is better than its answers, that its proofs are proofs, and that
 * its checker believes no others. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/levels.h"
#include "core/solver.h"
#include "tests/support/array.h"
#include "tests/support/exact_levels.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

static enum certificate_fault fault_of(const struct state *state, const struct solution *solution)
{
    struct certificate_verdict verdict;
    cr_assert_eq(certificate_check(state, solution, &verdict), 0);
    return verdict.fault;
}

static struct levels levels_of(const struct state *state, const struct solution *solution)
{
    struct levels levels;
    cr_assert_eq(levels_measure(state, solution, &levels), 0);
    return levels;
}

/* Solves, and has the proof checked. */
static struct solution *solve(const struct state *state, uint64_t seed)
{
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
    enum certificate_fault fault = fault_of(state, solution);
    cr_assert_eq(fault, CERTIFICATE_VALID, "seed %" PRIu64 ": %s", seed,
                 certificate_fault_texts[fault]);
    return solution;
}

/* --- against other ways to solve --- */

static struct builder_knobs small_knobs(struct random *random)
{
    struct builder_knobs knobs = builder_random_knobs(random);
    knobs.items = (int32_t)random_below(random, 7);
    knobs.members = (int32_t)random_below(random, 6);
    knobs.most_replication = (int32_t)random_below(random, 5);
    return knobs;
}

static void expect_best(const struct state *state, const struct levels *best, uint64_t seed)
{
    struct solution *solution = solve(state, seed);
    struct levels levels = levels_of(state, solution);
    cr_assert_eq(levels_compare(&levels, best), 0,
                 "seed %" PRIu64 ": assigned %" PRId64 " (%" PRId64 "), zone excess %" PRId64
                 " (%" PRId64 "), overflow %" PRId64 " (%" PRId64 "), kept %" PRId64 " (%" PRId64
                 ")",
                 seed, levels.assigned, best->assigned, levels.zone_excess, best->zone_excess,
                 levels.overflow, best->overflow, levels.kept, best->kept);
    solution_unref(solution);
}

/* Tolerances are from 0 to @most_tolerance. */
static void search(uint64_t instances, int32_t most_tolerance)
{
    struct random random = {.state = 1};
    uint64_t tried = 0;
    for (uint64_t seed = 1; seed <= instances; seed++) {
        struct builder_knobs knobs = small_knobs(&random);
        struct state *state = builder_observe(builder_random(&knobs, seed, seed % 2));
        struct levels best;
        state->balance_tolerance = (int32_t)(seed % ((uint64_t)most_tolerance + 1));
        if (exact_levels(state, &best)) {
            expect_best(state, &best, seed);
            tried++;
        }
        state_unref(state);
    }
    cr_assert_gt(tried, instances * 9 / 10);
}

Test(optimal_solver, reaches_what_exhaustive_search_does)
{
    search(100000, 0);
}

Test(optimal_solver, reaches_what_exhaustive_search_does_with_any_tolerance)
{
    search(20000, 120);
}

/* Larger ones are too many to try; but no answer of the other solver may be better. */
Test(optimal_solver, is_never_worse_than_the_reference)
{
    struct random random = {.state = 2};
    int better = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        if (seed % 10 == 0) {
            knobs.items *= 10;
            knobs.members *= 3;
        }
        struct state *state = builder_observe(builder_random(&knobs, seed, seed % 2));
        struct solution *solution = solve(state, seed);
        struct solution *reference = NULL;
        cr_assert_eq(solver_solve(SOLVER_REFERENCE, state, NULL, &reference), 0);
        struct levels ours = levels_of(state, solution);
        struct levels theirs = levels_of(state, reference);
        cr_assert_geq(levels_compare(&ours, &theirs), 0, "seed %" PRIu64, seed);
        better += levels_compare(&ours, &theirs) > 0;
        solution_unref(solution);
        solution_unref(reference);
        state_unref(state);
    }
    cr_assert_gt(better, 500);
}

/* --- what it must be --- */

/* The state in which what @solution wants is assigned. */
static struct state *settled(const struct state *state, const struct solution *solution)
{
    size_t capacity =
        (size_t)state->member_count + (size_t)state->item_count + (size_t)solution->assigned;
    struct builder_key *keys = array_create(capacity, sizeof *keys);
    char(*texts)[2][64] = array_create(capacity, sizeof *texts);
    size_t count = 0;
    for (int32_t m = 0; m < state->member_count; m++, count++) {
        const struct key_parts *parts = &state->members[m]->parts;
        snprintf(texts[count][0], 64, "members/%.*s#%.*s", (int)parts->zone.size, parts->zone.data,
                 (int)parts->suffix.size, parts->suffix.data);
        snprintf(texts[count][1], 64, "%d%s", state->item_limit[m],
                 state->members[m]->member.exiting ? " exiting" : "");
        keys[count] = (struct builder_key){.create_revision = state->members[m]->create_revision,
                                           .mod_revision = 2000};
    }
    for (int32_t item = 0; item < state->item_count; item++) {
        const struct span id = state->items[item]->parts.item;
        snprintf(texts[count][0], 64, "items/%.*s", (int)id.size, id.data);
        snprintf(texts[count++][1], 64, "%d", state->replication[item]);
        const struct desired desired = solution_desired(solution, item);
        for (int32_t d = 0; d < desired.count; d++, count++) {
            const struct key_parts *parts = &state->members[desired.members[d]]->parts;
            snprintf(texts[count][0], 64, "assign/%.*s#%.*s#%.*s#%d", (int)id.size, id.data,
                     (int)parts->zone.size, parts->zone.data, (int)parts->suffix.size,
                     parts->suffix.data, d);
        }
    }
    for (size_t i = 0; i < count; i++) {
        keys[i].key = texts[i][0];
        keys[i].value = texts[i][1];
    }
    struct state *result = builder_observe(builder_keyspace(keys, count, false));
    free(keys);
    free(texts);
    return result;
}

Test(optimal_solver, changes_nothing_of_its_own_answer)
{
    struct random random = {.state = 3};
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        knobs.capacity_percent = 50 + (int32_t)random_below(&random, 100);
        struct state *state = builder_observe(builder_random(&knobs, seed, false));
        state->balance_tolerance = seed % 2 ? 0 : (int32_t)random_below(&random, 100);
        struct solution *solution = solve(state, seed);
        struct state *then = settled(state, solution);
        then->balance_tolerance = state->balance_tolerance;
        struct solution *again = solve(then, seed);
        cr_assert_eq(again->assigned, solution->assigned, "seed %" PRIu64, seed);
        cr_assert_eq(solution_changes(again, then).unchanged, solution->assigned, "seed %" PRIu64,
                     seed);
        solution_unref(again);
        solution_unref(solution);
        state_unref(then);
        state_unref(state);
    }
}

static void expect_moves(struct state *state, int32_t tolerance, int64_t moves)
{
    state->balance_tolerance = tolerance;
    struct solution *solution = solve(state, 0);
    cr_expect_eq(solution_changes(solution, state).removed, moves, "%d percent", (int)tolerance);
    cr_expect_eq(solution->unattainable, 0);
    solution_unref(solution);
}

/* All of ten are on one member, and each has a fair share of five: what is beyond the bound moves,
 * but no more of it than that. */
Test(optimal_solver, moves_for_balance_only_what_is_beyond_the_tolerance)
{
    struct builder_key keys[22] = {{.key = "members/a#1", .value = "20"},
                                   {.key = "members/a#2", .value = "20"}};
    char texts[20][32];
    for (int i = 0; i < 20; i++) {
        snprintf(texts[i], 32, i % 2 ? "assign/i%d#a#1#0" : "items/i%d", i / 2);
        keys[2 + i] = (struct builder_key){.key = texts[i], .value = i % 2 ? "ok" : "1"};
    }
    struct state *state = builder_observe(builder_keyspace(keys, 22, false));
    expect_moves(state, 0, 5);
    expect_moves(state, 1, 4); /* the bound is 5.05, rounded up */
    expect_moves(state, 20, 4);
    expect_moves(state, 21, 3);
    expect_moves(state, 99, 0);
    expect_moves(state, STATE_MAX_BALANCE_TOLERANCE, 0);
    state_unref(state);
}

/* 30,000 items on 100 members of limit 301, in 3 zones: chunks would round 132 of them away. */
Test(optimal_solver, places_all_where_all_have_room)
{
    struct builder_key *keys = array_create(30100, sizeof *keys);
    char(*texts)[32] = array_create(30100, sizeof *texts);
    for (int i = 0; i < 30100; i++) {
        if (i < 100)
            snprintf(texts[i], 32, "members/z%d#m%02d", i % 3, i);
        else
            snprintf(texts[i], 32, "items/i%05d", i);
        keys[i] = (struct builder_key){.key = texts[i], .value = i < 100 ? "301" : "1"};
    }
    struct state *state = builder_observe(builder_keyspace(keys, 30100, false));
    struct solution *solution = solve(state, 0);
    int32_t load[100] = {0};
    cr_assert_eq(solution->assigned, 30000);
    solution_add_load(solution, 0, 30000, load);
    for (int32_t m = 0; m < 100; m++)
        cr_assert_eq(load[m], 300); /* and evenly */
    solution_unref(solution);
    state_unref(state);
    free(keys);
    free(texts);
}

/* Slots are short: nobody has two replicas while another who could have one has none. */
Test(optimal_solver, gives_first_to_those_that_have_least)
{
    static const struct builder_key KEYS[] = {
        KEY("items/a", "3"),     KEY("items/b", "3"),     KEY("items/c", "3"),
        KEY("members/x#1", "2"), KEY("members/y#1", "2"), KEY("members/z#1", "1"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    struct solution *solution = solve(state, 0);
    cr_assert_eq(solution->assigned, 5);
    for (int32_t item = 0; item < 3; item++)
        cr_assert_eq(solution_desired(solution, item).count, item < 2 ? 2 : 1);
    solution_unref(solution);
    state_unref(state);
}

/* What more replicas than there are members want leaves room for others. */
Test(optimal_solver, wastes_no_slots_on_what_cannot_be)
{
    static const struct builder_key KEYS[] = {
        KEY("items/a", "999999999"), KEY("items/b", "2"),     KEY("items/c", "0"),
        KEY("members/x#1", "2"),     KEY("members/y#1", "2"), KEY("members/z#1", "0"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    struct solution *solution = solve(state, 0);
    cr_assert_eq(solution->assigned, 4);
    cr_assert_eq(solution->unattainable, 999999997);
    solution_unref(solution);
    state_unref(state);
}

Test(optimal_solver, knows_limits_as_large_as_can_be)
{
    static const struct builder_key KEYS[] = {
        KEY("items/a", "2"),
        KEY("items/b", "2"),
        KEY("members/x#1", "999999999"),
        KEY("members/x#2", "999999999"),
        KEY("members/y#1", "999999999"),
        KEY("assign/a#x#1#0", "ok"),
        KEY("assign/a#x#1#1", "ok"), /* one member, twice */
        KEY("assign/b#gone#1#0", "ok"),
        KEY("assign/b#x#1#1", ""),
    };
    struct state *state = BUILDER_STATE(KEYS);
    struct levels levels;
    struct solution *solution = solve(state, 0);
    cr_assert_eq(levels_measure(state, solution, &levels), 0);
    cr_assert_eq(levels.assigned, 4);
    cr_assert_eq(levels.zone_excess, 0);
    cr_assert_eq(levels.overflow, 0);
    cr_assert_eq(levels.kept, 2); /* x#1 may hold both: its fair share is 4/3, rounded up */
    solution_unref(solution);
    state_unref(state);
}

/* --- failures --- */

Test(optimal_solver, refuses_what_it_cannot_number)
{
    enum { MEMBERS = 1 << 18, ITEMS = 1 << 13 };
    int32_t *limits = array_create(MEMBERS + 1, sizeof *limits);
    int32_t *wanted = array_create(ITEMS, sizeof *wanted);
    int32_t zone_begin = 0;
    int32_t zone_end = MEMBERS;
    struct solution *solution = NULL;
    for (int32_t m = 0; m < MEMBERS; m++)
        limits[m] = INT32_MAX;
    for (int32_t item = 0; item < ITEMS; item++)
        wanted[item] = INT32_MAX;
    struct state slots = {.item_count = ITEMS,
                          .replication = wanted,
                          .member_count = MEMBERS,
                          .effective_limit = limits,
                          .zone_count = 1,
                          .zone_member_begin = &zone_begin,
                          .zone_member_end = &zone_end};
    struct state members = {.member_count = MEMBERS + 1, .effective_limit = limits};
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, &slots, NULL, &solution), ALLOT_ELIMIT);
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, &members, NULL, &solution), ALLOT_ELIMIT);
    cr_assert_null(solution);
    free(wanted);
    free(limits);
}

static void fail_each_allocation(const struct builder_knobs *knobs)
{
    struct state *state = builder_observe(builder_random(knobs, 1, false));
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct solution *solution = NULL;
        struct certificate_verdict verdict;
        struct levels levels;
        fail_alloc_set(nth);
        error = solver_solve(SOLVER_OPTIMAL, state, NULL, &solution);
        cr_assert_eq(solution == NULL, error != 0);
        if (!error)
            error = certificate_check(state, solution, &verdict);
        if (!error)
            error = levels_measure(state, solution, &levels);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        solution_unref(solution);
        cr_assert_lt(nth, 200);
    }
    state_unref(state);
}

Test(optimal_solver, survives_every_allocation_failure)
{
    struct random random = {.state = 5};
    for (int i = 0; i < 20; i++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        fail_each_allocation(&knobs);
    }
}

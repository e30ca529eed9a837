/* The checker of certificates believes what is best, and finds planted faults of each kind. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "core/levels.h"
#include "core/solver.h"
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

static struct solution *solve(const struct state *state)
{
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
    cr_assert_eq(fault_of(state, solution), CERTIFICATE_VALID);
    return solution;
}

/* At its best i has a#1 and b#1, j has all that there are and lacks one, k has to leave b#1. */
static struct state *planting_state(void)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "2"),     KEY("items/j", "4"),         KEY("items/k", "1"),
        KEY("members/a#1", "2"), KEY("members/a#2", "2"),     KEY("members/b#1", "2"),
        KEY("members/b#2", "0"), KEY("assign/i#a#1#0", "ok"), KEY("assign/k#b#1#0", "ok"),
    };
    return BUILDER_STATE(KEYS);
}

static struct solution *planting_solution(const struct state *state, const char *i, const char *j,
                                          const char *k)
{
    struct solution *solution = builder_solution(state, (const char *const[]){i, j, k});
    struct solution *best = solve(state);
    solution->certificate = best->certificate;
    best->certificate = NULL;
    solution_unref(best);
    return solution;
}

static void expect_fault(const char *i, const char *j, const char *k, enum certificate_fault fault)
{
    struct state *state = planting_state();
    struct solution *solution = planting_solution(state, i, j, k);
    enum certificate_fault found = fault_of(state, solution);
    cr_expect_eq(found, fault, "[%s] [%s] [%s]: %s, not %s", i, j, k,
                 certificate_fault_texts[found], certificate_fault_texts[fault]);
    solution_unref(solution);
    state_unref(state);
}

Test(certificate, is_of_no_solution_that_is_none)
{
    expect_fault("a#1 b#1", "a#1 a#2 b#1", "a#2", CERTIFICATE_VALID);
    expect_fault("a#1 a#2 b#1", "a#1 a#2 b#1", "", CERTIFICATE_REPLICATION);
    expect_fault("a#1 a#1", "a#1 a#2 b#1", "b#1", CERTIFICATE_MEMBERS);
    expect_fault("a#2 a#1", "a#1 a#2 b#1", "b#1", CERTIFICATE_MEMBERS);
    expect_fault("a#1 b#1", "a#1 a#2 b#1", "b#1", CERTIFICATE_LIMIT);
    expect_fault("a#1 b#2", "a#1 a#2 b#1", "b#1", CERTIFICATE_LIMIT);
}

static void check_tampered(const struct state *state, struct solution *solution, int64_t *number,
                           int64_t value, enum certificate_fault fault)
{
    int64_t former = *number;
    *number = value;
    enum certificate_fault found = fault_of(state, solution);
    cr_expect_eq(found, fault, "%s, not %s", certificate_fault_texts[found],
                 certificate_fault_texts[fault]);
    *number = former;
    cr_assert_eq(fault_of(state, solution), CERTIFICATE_VALID);
}

Test(certificate, is_not_believed_with_other_numbers)
{
    struct state *state = planting_state();
    struct solution *solution = solve(state);
    struct certificate *certificate = solution->certificate;
    check_tampered(state, solution, &solution->assigned, 5, CERTIFICATE_COUNTS);
    check_tampered(state, solution, &solution->unattainable, 0, CERTIFICATE_COUNTS);
    check_tampered(state, solution, &certificate->overflow_price, 8, CERTIFICATE_PRICES);
    check_tampered(state, solution, &certificate->zone_price, certificate->overflow_price,
                   CERTIFICATE_PRICES);
    check_tampered(state, solution, &certificate->overflow_price, INT64_MAX, CERTIFICATE_PRICES);
    check_tampered(state, solution, &certificate->zone_price, INT64_MAX, CERTIFICATE_PRICES);
    check_tampered(state, solution, &certificate->sink_potential, -1, CERTIFICATE_SINK);
    check_tampered(state, solution, &certificate->potential[0], -1, CERTIFICATE_SINK);
    check_tampered(state, solution, &certificate->potential[0], INT64_MAX, CERTIFICATE_SINK);
    solution->certificate = NULL;
    cr_assert_eq(fault_of(state, solution), CERTIFICATE_MISSING);
    solution->certificate = certificate;
    solution_unref(solution);
    state_unref(state);
}

/* Every worse solution is refused, whatever it claims: here with the best one's proof. */
static void expect_refused(struct state *state, const char *const *worse,
                           enum certificate_fault fault)
{
    struct solution *best = solve(state);
    struct solution *solution = builder_solution(state, worse);
    solution->certificate = best->certificate;
    best->certificate = NULL;
    enum certificate_fault found = fault_of(state, solution);
    cr_expect_eq(found, fault, "%s, not %s", certificate_fault_texts[found],
                 certificate_fault_texts[fault]);
    solution_unref(best);
    solution_unref(solution);
    state_unref(state);
}

Test(certificate, is_not_believed_of_a_worse_solution)
{
    static const struct builder_key ROOM[] = {KEY("items/i", "1"), KEY("items/j", "1"),
                                              KEY("members/a#1", "1"), KEY("members/a#2", "1")};
    static const struct builder_key ZONES[] = {KEY("items/i", "2"), KEY("members/a#1", "9"),
                                               KEY("members/a#2", "9"), KEY("members/b#1", "9")};
    static const struct builder_key LOAD[] = {KEY("items/i", "1"), KEY("items/j", "1"),
                                              KEY("members/a#1", "2"), KEY("members/a#2", "2")};
    static const struct builder_key KEPT[] = {KEY("items/i", "1"), KEY("members/a#1", "2"),
                                              KEY("members/a#2", "2"), KEY("assign/i#a#1#0", "")};
    static const struct builder_key SHORT[] = {KEY("items/i", "1"), KEY("items/j", "1"),
                                               KEY("members/a#1", "1"), KEY("assign/i#a#1#0", "")};
    expect_refused(BUILDER_STATE(ROOM), (const char *const[]){"a#1", ""}, CERTIFICATE_CUT_ITEM);
    expect_refused(BUILDER_STATE(ZONES), (const char *const[]){"a#1 a#2"}, CERTIFICATE_SOURCE);
    expect_refused(BUILDER_STATE(LOAD), (const char *const[]){"a#1", "a#1"}, CERTIFICATE_SINK);
    expect_refused(BUILDER_STATE(KEPT), (const char *const[]){"a#2"}, CERTIFICATE_SOURCE);
    expect_refused(BUILDER_STATE(SHORT), (const char *const[]){"", "a#1"}, CERTIFICATE_MOVE);
}

/* Any change of one replica that makes a solution worse is found, with any of its proofs. */
Test(certificate, finds_every_worse_replica)
{
    struct random random = {.state = 4};
    int worse = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        struct state *state = builder_observe(builder_random(&knobs, seed, false));
        struct solution *solution = solve(state);
        struct levels best = levels_of(state, solution);
        for (int32_t item = 0; item < state->item_count; item++) {
            struct desired desired = solution_desired(solution, item);
            if (desired.count != 1)
                continue;
            int32_t *member = (int32_t *)desired.members; /* nobody shares it */
            int32_t former = *member;
            *member = (int32_t)random_below(&random, (uint64_t)state->member_count);
            struct levels levels = levels_of(state, solution);
            enum certificate_fault fault = fault_of(state, solution);
            if (levels_compare(&levels, &best) < 0) {
                cr_assert_neq(fault, CERTIFICATE_VALID, "seed %" PRIu64, seed);
                worse++;
            }
            *member = former;
        }
        solution_unref(solution);
        state_unref(state);
    }
    cr_assert_gt(worse, 1000);
}

/* What may stay within a tolerance has to move without; and the other way round. */
Test(certificate, is_of_one_tolerance)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "1"),     KEY("items/j", "1"),         KEY("members/a#1", "2"),
        KEY("members/a#2", "2"), KEY("assign/i#a#1#0", "ok"), KEY("assign/j#a#1#0", "ok"),
    };
    struct state *state = BUILDER_STATE(KEYS);
    struct solution *balanced = solve(state);
    state->balance_tolerance = 100;
    struct solution *tolerant = solve(state);
    cr_expect_eq(fault_of(state, balanced), CERTIFICATE_SINK);
    state->balance_tolerance = 0;
    cr_expect_eq(fault_of(state, tolerant), CERTIFICATE_SINK);
    solution_unref(balanced);
    solution_unref(tolerant);
    state_unref(state);
}

Test(certificate, is_not_believed_with_room_in_its_cut)
{
    static const struct builder_key KEYS[] = {KEY("items/i", "1"), KEY("members/a#1", "2"),
                                              KEY("members/a#2", "2")};
    struct state *state = BUILDER_STATE(KEYS);
    struct solution *solution = solve(state);
    solution->certificate->cut[1] = true;
    cr_assert_eq(fault_of(state, solution), CERTIFICATE_CUT_MEMBER);
    solution_unref(solution);
    state_unref(state);
}

Test(certificate, has_a_text_for_every_fault)
{
    for (int fault = 0; fault < CERTIFICATE_FAULT_COUNT; fault++)
        cr_assert_not_null(certificate_fault_texts[fault]);
    cr_assert_null(certificate_fault_texts[CERTIFICATE_FAULT_COUNT]);
}

/* Explanations, and that what is called a minimum cut is one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/explain.h"
#include "core/plan.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

struct explained {
    struct state *state;
    struct solution *solution;
    struct explanation explanation;
};

static const struct allocator_rules no_rules = {ALLOCATOR_RUNS, {-1, -1, -1, -1}};

static const struct state_config state_config = {.gone_members_are_inconsistent = true};
static const struct plan_config plan_config = {
    .gone_members_are_inconsistent = true,
    .consistent_value = {BUILDER_CONSISTENT, sizeof BUILDER_CONSISTENT - 1},
    .max_rounds = 1000,
    .max_moves = SIZE_MAX,
    .solver = SOLVER_OPTIMAL,
};

static struct explained explain_of(const struct allocator_rules *rules, struct state *state,
                                   struct solution *solution, const char *item)
{
    struct explained explained = {.state = state, .solution = solution};
    int32_t number = state_find_item(state, span_of(item));
    cr_assert_eq(explanation_make(state, solution, rules, number, &explained.explanation), 0);
    return explained;
}

static struct explained explain_by(const struct allocator_rules *rules, struct state *state,
                                   const char *item)
{
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
    return explain_of(rules, state, solution, item);
}

/* @desired: as builder_solution has it. */
static struct explained explain_solution(struct state *state, const char *const *desired,
                                         const char *item)
{
    return explain_of(&no_rules, state, builder_solution(state, desired), item);
}

static struct explained explain(struct state *state, const char *item)
{
    return explain_by(&no_rules, state, item);
}

static void release(struct explained *explained)
{
    explanation_release(&explained->explanation);
    solution_unref(explained->solution);
    state_unref(explained->state);
}

static enum explain_member verdict(const struct explained *explained, const char *zone,
                                   const char *suffix)
{
    int32_t member = state_find_member(explained->state, span_of(zone), span_of(suffix));
    return explain_member(&explained->explanation, member);
}

Test(explain, says_what_each_member_is_to_an_item)
{
    const struct builder_key keys[] = {
        KEY("items/i", "2"),         KEY("items/j", "1"),         KEY("members/a#1", "2"),
        KEY("members/a#2", "0"),     KEY("members/a#3", "1"),     KEY("members/b#1", "1 exiting"),
        KEY("members/b#2", "1"),     KEY("assign/i#a#1#0", "ok"), KEY("assign/i#b#1#1", "ok"),
        KEY("assign/j#a#3#0", "ok"),
    };
    struct explained explained = explain(BUILDER_STATE(keys), "i");
    cr_assert_eq(verdict(&explained, "a", "1"), EXPLAIN_HOLDS);
    cr_assert_eq(verdict(&explained, "a", "2"), EXPLAIN_LIMIT_ZERO);
    cr_assert_eq(verdict(&explained, "a", "3"), EXPLAIN_FULL);
    cr_assert_eq(verdict(&explained, "b", "1"), EXPLAIN_LEAVES);
    cr_assert_eq(verdict(&explained, "b", "2"), EXPLAIN_ARRIVES);
    const struct explanation *explanation = &explained.explanation;
    cr_assert_eq(explain_replica(explanation, 0), EXPLAIN_KEPT);
    cr_assert_eq(explain_replica_wait(explanation, 0), EXPLAIN_NOTHING);
    cr_assert_eq(explain_replica(explanation, 1), EXPLAIN_MEMBER_DRAINS);
    cr_assert_eq(explain_replica_wait(explanation, 1), EXPLAIN_CONSISTENCY);
    cr_assert_eq(explain_arrival_wait(explanation, 4), EXPLAIN_NEXT_PASS);
    cr_assert_eq(explanation->unattainable, 0);
    release(&explained);
    explained = explain(BUILDER_STATE(keys), "j");
    cr_assert_eq(verdict(&explained, "b", "1"), EXPLAIN_DRAINING);
    cr_assert_eq(verdict(&explained, "a", "1"), EXPLAIN_NOT_NEEDED);
    release(&explained);
}

Test(explain, says_why_replicas_go)
{
    const struct builder_key keys[] = {
        KEY("items/gone", "1"),
        KEY("items/over", "1"),
        KEY("items/over2", "1"),
        KEY("items/surplus", "1"),
        KEY("members/a#1", "1"),
        KEY("members/a#2", "9"),
        KEY("members/a#3", "9"),
        KEY("assign/gone#a#0#0", "ok"),
        KEY("assign/over#a#1#0", "ok"),
        KEY("assign/over2#a#1#0", "ok"),
        KEY("assign/surplus#a#2#0", "ok"),
        KEY("assign/surplus#a#3#1", "ok"),
    };
    const struct {
        const char *item;
        enum explain_replica why;
        enum explain_wait wait;
    } cases[] = {
        {"gone", EXPLAIN_MEMBER_GONE, EXPLAIN_CONSISTENCY},
        {"over", EXPLAIN_OVER_LIMIT, EXPLAIN_CONSISTENCY}, /* or the other */
        {"over2", EXPLAIN_OVER_LIMIT, EXPLAIN_CONSISTENCY},
        {"surplus", EXPLAIN_SURPLUS, EXPLAIN_NEXT_PASS},
    };
    int found = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct explained explained = explain(BUILDER_STATE(keys), cases[i].item);
        const struct explanation *explanation = &explained.explanation;
        int32_t item = explanation->item;
        for (int32_t a = explained.state->assignment_begin[item];
             a < explained.state->assignment_end[item]; a++) {
            if (explain_replica(explanation, a) == EXPLAIN_KEPT)
                continue;
            cr_assert_eq(explain_replica(explanation, a), cases[i].why, "%s", cases[i].item);
            cr_assert_eq(explain_replica_wait(explanation, a), cases[i].wait, "%s", cases[i].item);
            found++;
        }
        release(&explained);
    }
    cr_assert_eq(found, 3);
}

/* x has all that it wants, and yet the solution gives one of its slots to y. */
Test(explain, says_that_a_slot_is_for_another_item)
{
    const struct builder_key keys[] = {
        KEY("items/x", "2"),         KEY("items/y", "1"),         KEY("items/z", "1"),
        KEY("members/a#1", "1"),     KEY("members/a#2", "1"),     KEY("members/b#1", "1"),
        KEY("assign/x#a#1#0", "ok"), KEY("assign/x#a#2#1", "ok"),
    };
    const char *const desired[] = {"a#1", "a#2", "b#1"};
    struct explained explained = explain_solution(BUILDER_STATE(keys), desired, "x");
    cr_assert_eq(explain_replica(&explained.explanation, 0), EXPLAIN_KEPT);
    cr_assert_eq(explain_replica(&explained.explanation, 1), EXPLAIN_DISPLACED);
    cr_assert_eq(explain_replica_wait(&explained.explanation, 1), EXPLAIN_CAPACITY);
    release(&explained);
    explained = explain_solution(BUILDER_STATE(keys), desired, "y"); /* which gets it never */
    cr_assert_eq(explain_arrival_wait(&explained.explanation, 1), EXPLAIN_CAPACITY);
    release(&explained);
    explained = explain_solution(BUILDER_STATE(keys), desired, "z");
    cr_assert_eq(explain_arrival_wait(&explained.explanation, 2), EXPLAIN_NEXT_PASS);
    release(&explained);
}

/* x goes from a#1 to b#1, and so its slot is y's in the end. */
Test(explain, waits_for_slots_that_are_left)
{
    const struct builder_key keys[] = {
        KEY("items/x", "1"),     KEY("items/y", "1"),         KEY("members/a#1", "1"),
        KEY("members/b#1", "1"), KEY("assign/x#a#1#0", "ok"),
    };
    const char *const desired[] = {"b#1", "a#1"};
    struct explained explained = explain_solution(BUILDER_STATE(keys), desired, "x");
    cr_assert_eq(explain_replica_wait(&explained.explanation, 0), EXPLAIN_CONSISTENCY);
    release(&explained);
    explained = explain_solution(BUILDER_STATE(keys), desired, "y");
    cr_assert_eq(explain_arrival_wait(&explained.explanation, 0), EXPLAIN_SLOT);
    release(&explained);
}

static enum explain_wait wait_of(const struct explained *explained, int32_t assignment)
{
    return explain_replica_wait(&explained->explanation, assignment);
}

/* Of x, the fullest member's replica goes first: as it doesn't, nor does the other, consistent or
 * not. */
Test(explain, tells_what_waits_behind_another_removal)
{
    struct builder_key keys[] = {
        KEY("items/x", "1"),       KEY("items/y", "1"),         KEY("members/a#1", "1"),
        KEY("members/a#2", "9"),   KEY("members/b#1", "1"),     KEY("assign/x#a#1#0", "ok"),
        KEY("assign/x#a#2#1", ""), KEY("assign/y#b#1#0", "ok"),
    };
    const char *const desired[] = {"b#1", "a#1"};
    struct explained explained = explain_solution(BUILDER_STATE(keys), desired, "x");
    cr_assert_eq(wait_of(&explained, 0), EXPLAIN_CONSISTENCY);
    cr_assert_eq(wait_of(&explained, 1), EXPLAIN_CONSISTENCY);
    release(&explained);
    keys[0].value = "2";
    keys[6].value = "ok";
    const char *const wanted[] = {"b#1 b#2", "a#1"};
    const struct builder_key more[] = {
        keys[0], keys[1], keys[2],
        keys[3], keys[4], KEY("members/b#2", "9"),
        keys[5], keys[6], KEY("assign/x#b#2#2", "ok"),
        keys[7],
    };
    explained = explain_solution(BUILDER_STATE(more), wanted, "x");
    cr_assert_eq(wait_of(&explained, 0), EXPLAIN_NEXT_PASS);
    cr_assert_eq(wait_of(&explained, 1), EXPLAIN_CONSISTENCY);
    release(&explained);
}

/* That the other one is still to be reported doesn't make a move of it. */
Test(explain, takes_no_loss_for_a_move)
{
    const struct builder_key keys[] = {
        KEY("items/x", "3"),     KEY("items/y", "1"),         KEY("members/a#1", "1"),
        KEY("members/a#2", "1"), KEY("assign/x#a#1#0", "ok"), KEY("assign/x#a#2#1", ""),
    };
    const char *const desired[] = {"a#2", "a#1"};
    struct explained explained = explain_solution(BUILDER_STATE(keys), desired, "x");
    cr_assert_eq(explain_replica(&explained.explanation, 0), EXPLAIN_DISPLACED);
    release(&explained);
}

Test(explain, names_what_is_short)
{
    const struct builder_key keys[] = {
        KEY("items/i", "3"),     KEY("items/j", "3"),     KEY("items/k", "1"),
        KEY("members/a#1", "9"), KEY("members/a#2", "1"), KEY("members/b#1", "1"),
        KEY("members/b#2", "0"), /* has nothing to be full of */
    };
    struct explained explained = explain(BUILDER_STATE(keys), "i");
    const struct explain_cut *cut = &explained.explanation.cut;
    if (explained.explanation.unattainable == 0) { /* then it is the other one that lacks some */
        release(&explained);
        explained = explain(BUILDER_STATE(keys), "j");
    }
    cr_assert(cut->is_tight);
    cr_assert_eq(cut->item_count, 2); /* they can only have what each other has */
    cr_assert_eq(cut->wanted, 6);
    cr_assert_eq(cut->full_count, 2);
    cr_assert_eq(cut->slots, 2);
    cr_assert_eq(cut->sharing, 1);
    cr_assert_eq(cut->unattainable, 2);
    cr_assert(cut->full[1] && cut->full[2] && !cut->full[0] && !cut->full[3]);
    release(&explained);
}

/* The cut names all that its items can have, by the members' limits alone: the slots of the full
 * ones, and one replica of each item on each of the others. If that is what the solution gives
 * them, no solution gives them more. */
static bool proves(const struct explained *explained)
{
    const struct explanation *explanation = &explained->explanation;
    const struct explain_cut *cut = &explanation->cut;
    const struct state *state = explained->state;
    const struct solution *solution = explained->solution;
    int64_t most = 0;
    int64_t wanted = 0;
    int64_t given = 0;
    for (int32_t m = 0; m < state->member_count; m++) {
        int32_t limit = state->effective_limit[m];
        most += cut->full[m] || limit == 0 ? limit : cut->item_count;
        cr_assert(limit > 0 || !cut->full[m]);
    }
    for (int32_t i = 0; i < cut->item_count; i++) {
        int32_t item = cut->items[i];
        wanted += state->replication[item];
        given += solution_desired(solution, item).count;
    }
    cr_assert_eq(cut->items[0], explanation->item);
    cr_assert_eq(cut->wanted, wanted);
    cr_assert_eq(cut->slots + (int64_t)cut->sharing * cut->item_count, most);
    cr_assert_leq(given, most);
    cr_assert_eq(given == most, cut->is_tight);
    cr_assert_eq(cut->unattainable, wanted - most);
    if (!cut->is_tight)
        cr_assert_lt(explanation->desired_load[cut->with_room],
                     state->effective_limit[cut->with_room]);
    return cut->is_tight;
}

struct cuts {
    int tight;
    int loose;
};

static void find_cuts(struct state *state, enum solver_kind solver, struct cuts *cuts)
{
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(solver, state, NULL, &solution), 0);
    for (int32_t item = 0; item < state->item_count; item++) {
        struct explained explained = {.state = state, .solution = solution};
        cr_assert_eq(explanation_make(state, solution, &no_rules, item, &explained.explanation), 0);
        if (explained.explanation.unattainable > 0) {
            bool proven = proves(&explained);
            cuts->tight += proven;
            cuts->loose += !proven;
        }
        explanation_release(&explained.explanation);
    }
    solution_unref(solution);
}

/* The reference's solver may miss a way, and then there is no cut; the optimal one never does. */
Test(explain, finds_minimum_cuts)
{
    struct random random = {.state = 12};
    struct cuts optimal = {0};
    struct cuts reference = {0};
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        knobs.capacity_percent = 50 + (int32_t)random_below(&random, 80);
        struct state *state = builder_observe(builder_random(&knobs, seed, true));
        find_cuts(state, SOLVER_OPTIMAL, &optimal);
        find_cuts(state, SOLVER_REFERENCE, &reference);
        state_unref(state);
    }
    cr_log_info("%d tight, %d loose", reference.tight, reference.loose);
    cr_assert_gt(reference.tight, 1000);
    cr_assert_gt(reference.loose, 0); /* both kinds were met */
    cr_assert_gt(optimal.tight, 1000);
    cr_assert_eq(optimal.loose, 0);
}

static bool is_of(const struct plan_move *move, const struct entry *item,
                  const struct entry *member)
{
    return span_equal(move->parts.item, item->parts.item) &&
           span_equal(move->parts.zone, member->parts.zone) &&
           span_equal(move->parts.suffix, member->parts.suffix);
}

static bool happens(const struct plan *plan, enum plan_operation operation,
                    const struct entry *item, const struct entry *member)
{
    for (size_t i = 0; i < plan->move_count; i++)
        if (plan->moves[i].operation == operation && is_of(&plan->moves[i], item, member))
            return true;
    return false;
}

/* Of what is said never to happen for want of room, nothing does. Returns how much was said so. */
static int expect_no_room(const struct explanation *explanation, const struct plan *plan)
{
    const struct state *state = explanation->state;
    const struct entry *item = state->items[explanation->item];
    int said = 0;
    for (int32_t m = 0; m < state->member_count; m++) {
        if (explain_member(explanation, m) != EXPLAIN_ARRIVES ||
            explain_arrival_wait(explanation, m) != EXPLAIN_CAPACITY)
            continue;
        cr_expect_not(happens(plan, PLAN_ADD, item, state->members[m]));
        said++;
    }
    for (int32_t a = state->assignment_begin[explanation->item];
         a < state->assignment_end[explanation->item]; a++) {
        if (explain_replica_wait(explanation, a) != EXPLAIN_CAPACITY)
            continue;
        cr_expect_gt(explanation->unattainable, 0);
        cr_expect_not(happens(plan, PLAN_REMOVE, item, state->assignments[a]));
        said++;
    }
    return said;
}

/* Who displaces a replica has all slots of its member. */
static void expect_others_there(const struct explanation *explanation)
{
    const struct state *state = explanation->state;
    for (int32_t a = state->assignment_begin[explanation->item];
         a < state->assignment_end[explanation->item]; a++) {
        int32_t member = state->assignment_member[a];
        if (explain_replica(explanation, a) == EXPLAIN_DISPLACED)
            cr_expect_eq(explanation->desired_load[member], state->effective_limit[member]);
    }
}

/* Without members that exit: what these give up, and so what is wanted, changes as they go on. */
Test(explain, says_what_there_is_no_room_for)
{
    struct random random = {.state = 31};
    int said = 0;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        knobs.capacity_percent = 50 + (int32_t)random_below(&random, 80);
        knobs.exiting_percent = 0;
        struct keyspace *keyspace = builder_random(&knobs, seed, false);
        struct state *state = NULL;
        cr_assert_eq(state_observe(&state_config, keyspace, &state), 0);
        keyspace_unref(keyspace);
        struct solution *solution = NULL;
        struct plan *plan = NULL;
        cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
        cr_assert_eq(plan_make(&plan_config, state, NULL, 0, &plan), 0);
        for (int32_t item = 0; item < state->item_count; item++) {
            struct explanation explanation;
            cr_assert_eq(explanation_make(state, solution, &no_rules, item, &explanation), 0);
            said += expect_no_room(&explanation, plan);
            expect_others_there(&explanation);
            explanation_release(&explanation);
        }
        plan_destroy(plan);
        solution_unref(solution);
        state_unref(state);
    }
    cr_assert_gt(said, 1000);
}

/* i moves away from a#1, to b#1 and b#2; one of the two is to make up for what it lacks. */
Test(explain, says_what_operators_put_off)
{
    const struct builder_key keys[] = {
        KEY("items/i", "2"),         KEY("items/j", "1"),       KEY("members/a#1", "2 exiting"),
        KEY("members/b#1", "9"),     KEY("members/b#2", "9"),   KEY("assign/i#a#1#0", "ok"),
        KEY("assign/j#a#1#0", "ok"), KEY("assign/j#b#1#1", ""),
    };
    const struct {
        struct allocator_rules rules;
        enum explain_wait repair, move;
    } cases[] = {
        {{ALLOCATOR_RUNS, {-1, -1, -1, -1}}, EXPLAIN_NEXT_PASS, EXPLAIN_NEXT_PASS},
        {{ALLOCATOR_REPAIRS, {-1, -1, -1, -1}}, EXPLAIN_NEXT_PASS, EXPLAIN_PAUSED},
        {{ALLOCATOR_PAUSES, {-1, -1, -1, -1}}, EXPLAIN_PAUSED, EXPLAIN_PAUSED},
        {{ALLOCATOR_RUNS, {1, -1, -1, -1}}, EXPLAIN_NEXT_PASS, EXPLAIN_THROTTLED},
        {{ALLOCATOR_RUNS, {2, 0, -1, -1}}, EXPLAIN_NEXT_PASS, EXPLAIN_THROTTLED},
        {{ALLOCATOR_RUNS, {2, 1, 1, -1}}, EXPLAIN_NEXT_PASS, EXPLAIN_THROTTLED},
        {{ALLOCATOR_RUNS, {2, 1, 2, 7}}, EXPLAIN_NEXT_PASS, EXPLAIN_TURN},
        {{ALLOCATOR_RUNS, {2, 1, 2, 0}}, EXPLAIN_NEXT_PASS, EXPLAIN_THROTTLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct explained explained = explain_by(&cases[i].rules, BUILDER_STATE(keys), "i");
        const struct explanation *explanation = &explained.explanation;
        cr_assert_eq(verdict(&explained, "b", "1"), EXPLAIN_ARRIVES);
        cr_assert_eq(verdict(&explained, "b", "2"), EXPLAIN_ARRIVES);
        cr_expect_eq(explain_arrival_wait(explanation, 1), cases[i].repair, "%zu", i);
        cr_expect_eq(explain_arrival_wait(explanation, 2), cases[i].move, "%zu", i);
        release(&explained);
    }
    struct explained explained = explain_by(&cases[2].rules, BUILDER_STATE(keys), "i");
    cr_assert_eq(explain_replica_wait(&explained.explanation, 0), EXPLAIN_CONSISTENCY);
    release(&explained);
}

Test(explain, says_that_removals_are_paused)
{
    const struct builder_key keys[] = {
        KEY("items/i", "1"),         KEY("members/a#1", "2 exiting"), KEY("members/b#1", "9"),
        KEY("assign/i#a#1#0", "ok"), KEY("assign/i#b#1#1", "ok"),     KEY("assign/i#b#gone#2", ""),
    };
    struct allocator_rules rules = ALLOCATOR_RULES_NONE;
    rules.pause = ALLOCATOR_REPAIRS;
    struct explained explained = explain_by(&rules, BUILDER_STATE(keys), "i");
    cr_assert_eq(explain_replica_wait(&explained.explanation, 0), EXPLAIN_PAUSED);
    cr_assert_eq(explain_replica_wait(&explained.explanation, 2), EXPLAIN_NEXT_PASS);
    release(&explained);
}

Test(explain, survives_every_allocation_failure)
{
    const struct builder_key keys[] = {KEY("items/i", "2"), KEY("members/a#1", "1")};
    struct state *state = BUILDER_STATE(keys);
    struct solution *solution = NULL;
    cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), 0);
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct explanation explanation;
        fail_alloc_set(nth);
        error = explanation_make(state, solution, &no_rules, 0, &explanation);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        explanation_release(&explanation);
        cr_assert_lt(nth, 100);
    }
    solution_unref(solution);
    state_unref(state);
}

/* What is decided about an item, rule by rule: additions, removals, the primary, packing. */
#include <criterion/criterion.h>

#include "core/convergence.h"
#include "tests/support/array.h"
#include "tests/support/describe.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

/* The members' counts are those of the state, unless a test has changed them. */
struct fixture {
    struct state *state;
    struct load_counts counts;
};

static int32_t *copy(const int32_t *counts, int32_t count)
{
    int32_t *copied = array_create((size_t)count, sizeof *copied);
    for (int32_t i = 0; i < count; i++)
        copied[i] = counts[i];
    return copied;
}

static struct fixture fixture_create(const struct builder_key *keys, size_t count)
{
    struct state *state = builder_observe(builder_keyspace(keys, count, true));
    return (struct fixture){.state = state,
                            .counts = {copy(state->total_count, state->member_count),
                                       copy(state->primary_count, state->member_count)}};
}

static void fixture_destroy(struct fixture *fixture)
{
    free(fixture->counts.total);
    free(fixture->counts.primary);
    state_unref(fixture->state);
}

static int32_t member_of(const struct fixture *fixture, const char *suffix)
{
    int32_t member = state_find_member(fixture->state, SPAN("a"), span_of(suffix));
    cr_assert_neq(member, STATE_NONE);
    return member;
}

/* What is decided about the first item, whose members shall be @desired. */
static void expect_decision_of(enum solver_kind solver, const struct fixture *fixture,
                               const char *desired, const char *expected)
{
    const char *others[16] = {desired};
    cr_assert_leq(fixture->state->item_count, 16);
    for (int32_t i = 1; i < fixture->state->item_count; i++)
        others[i] = "";
    struct solution *solution = builder_solution(fixture->state, others);
    solution->solver = solver;
    struct description description;
    struct convergence convergence;
    convergence_init(&convergence);
    cr_assert_eq(convergence_decide(&convergence, fixture->state, solution, &fixture->counts, 0),
                 0);
    cr_assert_str_eq(describe_convergence(&description, &convergence, fixture->state), expected);
    convergence_release(&convergence);
    solution_unref(solution);
}

static void expect_decision(const struct fixture *fixture, const char *desired,
                            const char *expected)
{
    expect_decision_of(SOLVER_OPTIMAL, fixture, desired, expected);
}

static void expect(enum solver_kind solver, const struct builder_key *keys, size_t count,
                   const char *desired, const char *expected)
{
    struct fixture fixture = fixture_create(keys, count);
    expect_decision_of(solver, &fixture, desired, expected);
    fixture_destroy(&fixture);
}
#define EXPECT_OF(solver, desired, expected, ...)                              \
    do {                                                                       \
        const struct builder_key keys[] = {__VA_ARGS__};                       \
        expect(solver, keys, sizeof keys / sizeof keys[0], desired, expected); \
    } while (0)
#define EXPECT(...) EXPECT_OF(SOLVER_OPTIMAL, __VA_ARGS__)
#define EXPECT_REFERENCE(...) EXPECT_OF(SOLVER_REFERENCE, __VA_ARGS__)

/* Members that most tests have, of one zone. */
#define MEMBERS                                                                   \
    KEY("members/a#1", "10"), KEY("members/a#2", "10"), KEY("members/a#3", "10"), \
        KEY("members/a#4", "10"), KEY("members/a#5", "10")

/* --- additions --- */

Test(convergence, leaves_alone_what_is_as_desired)
{
    EXPECT("", "", KEY("items/i", "2"), MEMBERS);
    EXPECT("a#1 a#2", "keep a#1:0, keep a#2:1", KEY("items/i", "2"), MEMBERS,
           KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", "ok"));
}

Test(convergence, adds_from_slot_0_up_in_the_order_of_members)
{
    EXPECT("a#1 a#3 a#4", "add a#1:0, add a#3:1, add a#4:2", KEY("items/i", "3"), MEMBERS);
}

/* a#1 has two primaries of 10, a#2 one of 5, a#3 one of 10 and a#4 none, but it is full. */
Test(convergence, makes_the_member_with_the_fewest_primaries_for_its_size_the_first)
{
    const struct builder_key keys[] = {
        KEY("items/i", "3"),         KEY("items/j", "4"),         KEY("items/k", "1"),
        KEY("items/l", "1"),         KEY("items/m", "1"),         KEY("members/a#1", "10"),
        KEY("members/a#2", "5"),     KEY("members/a#3", "10"),    KEY("members/a#4", "1"),
        KEY("assign/j#a#1#0", "ok"), KEY("assign/j#a#4#1", "ok"), KEY("assign/k#a#1#0", "ok"),
        KEY("assign/l#a#2#0", "ok"), KEY("assign/m#a#3#0", "ok"),
    };
    struct fixture fixture = fixture_create(keys, sizeof keys / sizeof keys[0]);
    expect_decision(&fixture, "a#1 a#2 a#3", "add a#3:0, add a#1:1, add a#2:2");
    expect_decision(&fixture, "a#1 a#2 a#4", "add a#1:0, add a#2:1");
    expect_decision(&fixture, "a#4", "");
    expect_decision_of(SOLVER_REFERENCE, &fixture, "a#1 a#2 a#3",
                       "add a#1:0, add a#2:1, add a#3:2");
    fixture_destroy(&fixture);
}

/* Also those to be removed, and those that stay only for now, have had their slots. */
Test(convergence, adds_above_all_slots_there_are)
{
    EXPECT("a#1 a#2 a#5", "add a#2:8, add a#5:9, remove a#3:7, keep a#1:0, keep a#4:3",
           KEY("items/i", "2"), MEMBERS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#3#7", ""),
           KEY("assign/i#a#4#3", "ok"));
}

Test(convergence, adds_nothing_to_a_full_member_and_leaves_a_hole)
{
    EXPECT("a#1 a#6 a#7", "add a#1:0, add a#7:2", KEY("items/i", "3"), KEY("items/j", "1"), MEMBERS,
           KEY("members/a#6", "1"), KEY("members/a#7", "2"), KEY("assign/j#a#6#0", "ok"),
           KEY("assign/j#a#7#1", "ok"));
}

Test(convergence, adds_up_to_the_effective_limit)
{
    EXPECT("a#1 a#6", "add a#1:0", KEY("items/i", "1"), MEMBERS, KEY("members/a#6", "9 exiting"));
}

/* The numbers of slots end somewhere: nothing is added until packing has brought them down. */
Test(convergence, adds_nothing_where_slots_run_out)
{
    EXPECT("a#1 a#2 a#3", "add a#2:2147483647, keep a#1:2147483646, promote a#1:2147483646",
           KEY("items/i", "3"), MEMBERS, KEY("assign/i#a#1#2147483646", "ok"));
    EXPECT("a#1 a#2 a#3", "keep a#1:0, keep a#2:2147483647, pack a#2:2147483647>1",
           KEY("items/i", "3"), MEMBERS, KEY("assign/i#a#1#0", "ok"),
           KEY("assign/i#a#2#2147483647", "ok"));
}

/* --- removals --- */

/* Each holds 1 of 10, but a#2 another item, too, and what a#6 and gone members hold is more. */
#define LOADS                                                                       \
    KEY("items/j", "1"), MEMBERS, KEY("members/a#6", "1"), KEY("members/a#7", "0"), \
        KEY("assign/j#a#2#0", "ok")

Test(convergence, removes_from_the_most_loaded_first)
{
    EXPECT("a#5",
           "add a#5:6, remove a#0:3, remove a#7:5, remove a#6:4, remove a#2:1, remove a#1:0, "
           "keep a#3:2, promote a#3:2",
           KEY("items/i", "1"), LOADS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", "ok"),
           KEY("assign/i#a#3#2", "ok"), KEY("assign/i#a#0#3", "ok"), KEY("assign/i#a#6#4", "ok"),
           KEY("assign/i#a#7#5", "ok"));
}

/* Infinity, the greatest number there is for a gone member, and what compares with nothing. */
Test(convergence, removes_in_order_around_what_is_not_a_number)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "0"),         LOADS,
        KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", "ok"),
        KEY("assign/i#a#7#2", "ok"), KEY("assign/i#a#gone#3", "ok"),
        KEY("assign/i#a#6#4", "ok"),
    };
    struct fixture fixture = fixture_create(KEYS, sizeof KEYS / sizeof KEYS[0]);
    expect_decision_of(SOLVER_REFERENCE, &fixture, "",
                       "remove a#7:2, remove a#gone:3, remove a#6:4, remove a#2:1, remove a#1:0");
    expect_decision(&fixture, "",
                    "remove a#gone:3, remove a#7:2, remove a#6:4, remove a#2:1, remove a#1:0");
    /* 0/0: it stays in its place, and nothing moves past it. */
    fixture.counts.total[member_of(&fixture, "7")] = 0;
    expect_decision_of(SOLVER_REFERENCE, &fixture, "",
                       "remove a#6:4, remove a#2:1, remove a#1:0, remove a#7:2, remove a#gone:3");
    fixture_destroy(&fixture);
}

/* a#7 gives up all that it has; just enough are consistent, so that it stays. The primary of a
 * member that is gone would stay behind it. */
Test(convergence, removes_what_is_left_of_gone_members_before_all_else)
{
#define GONE_PRIMARY                                                                     \
    KEY("items/i", "2"), MEMBERS, KEY("members/a#7", "0"), KEY("assign/i#a#gone#0", ""), \
        KEY("assign/i#a#7#1", "ok"), KEY("assign/i#a#2#2", "ok"), KEY("assign/i#a#3#3", "")
    EXPECT("a#2 a#3", "remove a#gone:0, keep a#2:2, keep a#7:1, keep a#3:3, promote a#2:2",
           GONE_PRIMARY);
    EXPECT_REFERENCE("a#2 a#3", "keep a#gone:0, keep a#7:1, keep a#2:2, keep a#3:3", GONE_PRIMARY);
}

Test(convergence, removes_none_while_too_few_are_consistent)
{
    EXPECT("a#4 a#5", "add a#4:3, add a#5:4, keep a#1:0, keep a#2:1, keep a#3:2",
           KEY("items/i", "2"), MEMBERS, KEY("assign/i#a#1#0", ""), KEY("assign/i#a#2#1", "ok"),
           KEY("assign/i#a#3#2", ""));
}

/* With just enough, inconsistent ones go, but none after the first that has to stay. */
Test(convergence, removes_the_inconsistent_while_enough_are_consistent)
{
    EXPECT("a#5", "add a#5:3, remove a#2:1, keep a#1:0, keep a#3:2", KEY("items/i", "1"), LOADS,
           KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", ""), KEY("assign/i#a#3#2", ""));
    EXPECT("a#5", "add a#5:3, remove a#1:0, remove a#3:2, keep a#2:1, promote a#2:1",
           KEY("items/i", "1"), MEMBERS, KEY("assign/i#a#1#0", ""), KEY("assign/i#a#2#1", "ok"),
           KEY("assign/i#a#3#2", ""), KEY("items/x", "0"), KEY("assign/x#a#1#0", ""),
           KEY("assign/x#a#3#0", ""));
}

Test(convergence, removes_consistent_ones_down_to_the_replication)
{
    EXPECT("a#4 a#5", "add a#4:3, add a#5:4, remove a#1:0, keep a#2:1, keep a#3:2, promote a#2:1",
           KEY("items/i", "2"), MEMBERS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", "ok"),
           KEY("assign/i#a#3#2", "ok"));
}

/* What isn't removed yet is kept behind what is desired, and all of it goes by slot. */
Test(convergence, keeps_what_it_may_not_remove_in_order_of_slot)
{
    EXPECT("a#4 a#5", "keep a#2:0, keep a#5:1, keep a#4:2, keep a#1:2, pack a#1:2>3",
           KEY("items/i", "4"), LOADS, KEY("assign/i#a#1#2", ""), KEY("assign/i#a#2#0", "ok"),
           KEY("assign/i#a#4#2", "ok"), KEY("assign/i#a#5#1", "ok"));
}

Test(convergence, removes_the_second_slot_of_a_member)
{
    EXPECT("a#1 a#2", "remove a#1:2, keep a#1:0, keep a#2:1", KEY("items/i", "2"), MEMBERS,
           KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#1#2", "ok"), KEY("assign/i#a#2#1", "ok"));
}

Test(convergence, replaces_gone_members)
{
    EXPECT("a#1 a#2", "add a#1:2, add a#2:3, remove a#0:0, remove z#9:1", KEY("items/i", "0"),
           MEMBERS, KEY("assign/i#a#0#0", "ok"), KEY("assign/i#z#9#1", ""));
}

/* --- the primary --- */

Test(convergence, prefers_a_consistent_primary)
{
    EXPECT("a#1 a#2 a#3", "keep a#3:3, keep a#1:1, keep a#2:2, promote a#3:3", KEY("items/i", "3"),
           MEMBERS, KEY("assign/i#a#1#1", ""), KEY("assign/i#a#2#2", ""),
           KEY("assign/i#a#3#3", "ok"));
}

/* a#2 is the primary of another item, a#4 holds one without being its primary. */
Test(convergence, prefers_the_primary_with_fewer_of_them)
{
    EXPECT("a#2 a#3 a#4", "keep a#4:2, keep a#2:1, keep a#3:3, promote a#4:2, pack a#3:3>2",
           KEY("items/i", "3"), KEY("items/j", "2"), MEMBERS, KEY("assign/i#a#2#1", "ok"),
           KEY("assign/i#a#4#2", "ok"), KEY("assign/i#a#3#3", "ok"), KEY("assign/j#a#2#0", "ok"),
           KEY("assign/j#a#4#1", "ok"));
}

Test(convergence, prefers_the_earlier_primary_of_equals)
{
    EXPECT("a#2 a#3 a#4", "keep a#4:1, keep a#3:2, keep a#2:3, promote a#4:1, pack a#3:2>1",
           KEY("items/i", "3"), MEMBERS, KEY("assign/i#a#4#1", ""), KEY("assign/i#a#3#2", ""),
           KEY("assign/i#a#2#3", ""));
}

/* a#1, the earlier one, is to go as well; but no primary that is consistent is worse. */
Test(convergence, prefers_a_primary_that_stays)
{
    EXPECT("a#2 a#3", "keep a#2:2, keep a#1:1, keep a#3:3, promote a#2:2, pack a#3:3>2",
           KEY("items/i", "3"), MEMBERS, KEY("assign/i#a#1#1", "ok"), KEY("assign/i#a#2#2", "ok"),
           KEY("assign/i#a#3#3", "ok"));
    EXPECT("a#2 a#3", "keep a#1:1, keep a#2:2, keep a#3:3, promote a#1:1, pack a#2:2>1",
           KEY("items/i", "3"), MEMBERS, KEY("assign/i#a#1#1", "ok"), KEY("assign/i#a#2#2", ""),
           KEY("assign/i#a#3#3", ""));
}

/* No limit and no primary is 0/0, of which nothing is less, and which is not less than anything. */
Test(convergence, leaves_out_what_compares_with_nothing)
{
    EXPECT_REFERENCE("a#1 a#2", "keep a#6:1, keep a#1:2, keep a#2:3, promote a#6:1, pack a#1:2>1",
                     KEY("items/i", "3"), MEMBERS, KEY("members/a#6", "0"),
                     KEY("assign/i#a#6#1", "ok"), KEY("assign/i#a#1#2", "ok"),
                     KEY("assign/i#a#2#3", "ok"));
    EXPECT_REFERENCE("a#1 a#2", "keep a#1:1, keep a#6:2, keep a#2:3, promote a#1:1, pack a#6:2>1",
                     KEY("items/i", "3"), MEMBERS, KEY("members/a#6", "0"),
                     KEY("assign/i#a#1#1", "ok"), KEY("assign/i#a#6#2", "ok"),
                     KEY("assign/i#a#2#3", "ok"));
}

/* A primary stays, consistent or not. */
Test(convergence, keeps_the_primary_there_is)
{
    EXPECT("a#1 a#2", "keep a#1:0, keep a#2:1", KEY("items/i", "2"), MEMBERS,
           KEY("assign/i#a#1#0", ""), KEY("assign/i#a#2#1", "ok"));
}

/* --- packing --- */

Test(convergence, packs_one_slot_a_round)
{
    EXPECT("a#1 a#2 a#3", "keep a#1:0, keep a#2:2, keep a#3:5, pack a#2:2>1", KEY("items/i", "3"),
           MEMBERS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#2", "ok"),
           KEY("assign/i#a#3#5", "ok"));
    EXPECT("a#1 a#2 a#3", "keep a#1:0, keep a#2:1, keep a#3:5, pack a#3:5>2", KEY("items/i", "3"),
           MEMBERS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", "ok"),
           KEY("assign/i#a#3#5", "ok"));
}

Test(convergence, packs_not_while_it_adds_or_removes)
{
    EXPECT("a#1 a#2 a#3", "add a#3:6, keep a#1:0, keep a#2:5", KEY("items/i", "3"), MEMBERS,
           KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#5", "ok"));
    EXPECT("a#1 a#2", "remove a#3:6, keep a#1:0, keep a#2:5", KEY("items/i", "2"), MEMBERS,
           KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#5", "ok"), KEY("assign/i#a#3#6", ""));
}

/* An addition that is dropped is none. */
Test(convergence, packs_while_a_full_member_waits)
{
    EXPECT("a#1 a#2 a#6", "keep a#1:0, keep a#2:5, pack a#2:5>1", KEY("items/i", "3"),
           KEY("items/j", "1"), MEMBERS, KEY("members/a#6", "1"), KEY("assign/i#a#1#0", "ok"),
           KEY("assign/i#a#2#5", "ok"), KEY("assign/j#a#6#0", "ok"));
}

Test(convergence, packs_beside_a_promotion)
{
    EXPECT("a#1 a#2 a#3", "keep a#1:2, keep a#2:3, keep a#3:4, promote a#1:2, pack a#2:3>1",
           KEY("items/i", "3"), MEMBERS, KEY("assign/i#a#1#2", "ok"), KEY("assign/i#a#2#3", "ok"),
           KEY("assign/i#a#3#4", "ok"));
}

Test(convergence, packs_what_has_the_same_slot)
{
    EXPECT("a#1 a#2", "keep a#1:0, keep a#2:0, pack a#2:0>1", KEY("items/i", "2"), MEMBERS,
           KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#0", "ok"));
}

/* No store takes a transaction that deletes and puts the same key. A member with two slots of an
 * item could be moved to the one that it leaves: that waits for the next round. */
Test(convergence, moves_nothing_to_a_key_that_goes_away)
{
    EXPECT("", "remove a#1:0, keep a#1:1", KEY("items/i", "1"), MEMBERS,
           KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#1#1", "ok"));
    EXPECT("a#1", "keep a#1:1, keep a#1:2, promote a#1:1", KEY("items/i", "2"), MEMBERS,
           KEY("assign/i#a#1#1", "ok"), KEY("assign/i#a#1#2", "ok"));
    EXPECT("a#1 a#2", "keep a#1:1, keep a#2:2, promote a#1:1, pack a#2:2>1", KEY("items/i", "2"),
           MEMBERS, KEY("assign/i#a#1#1", "ok"), KEY("assign/i#a#2#2", "ok"));
}

/* --- repairs only --- */

static void expect_repairs(const struct builder_key *keys, size_t count, const char *desired,
                           const char *expected)
{
    struct fixture fixture = fixture_create(keys, count);
    struct solution *solution = builder_solution(fixture.state, &desired);
    struct description description;
    struct convergence convergence;
    convergence_init(&convergence);
    convergence.repairs_only = true;
    cr_assert_eq(convergence_decide(&convergence, fixture.state, solution, &fixture.counts, 0), 0);
    cr_assert_str_eq(describe_convergence(&description, &convergence, fixture.state), expected);
    convergence_release(&convergence);
    solution_unref(solution);
    fixture_destroy(&fixture);
}

#define EXPECT_REPAIRS(desired, expected, ...)                                 \
    do {                                                                       \
        const struct builder_key keys[] = {__VA_ARGS__};                       \
        expect_repairs(keys, sizeof keys / sizeof keys[0], desired, expected); \
    } while (0)

Test(convergence, may_be_told_to_repair_only)
{
    EXPECT_REPAIRS("a#1", "keep a#2:0", KEY("items/i", "1"), MEMBERS,
                   KEY("assign/i#a#2#0", "ok")); /* no move */
    EXPECT_REPAIRS("a#1 a#3", "add a#1:1, keep a#2:0", KEY("items/i", "2"), MEMBERS,
                   KEY("assign/i#a#2#0", "ok")); /* one is missing, not two */
    EXPECT_REPAIRS("a#1", "keep a#1:0, keep a#2:1", KEY("items/i", "1"), MEMBERS,
                   KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#1", "ok")); /* nor a removal */
    EXPECT_REPAIRS("a#1 a#2", "add a#2:2, keep a#1:0, keep a#gone:1", KEY("items/i", "2"), MEMBERS,
                   KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#gone#1", "ok"));
    EXPECT_REPAIRS("a#1 a#2", "remove a#gone:1, keep a#1:0, keep a#2:2", KEY("items/i", "2"),
                   MEMBERS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#2", "ok"),
                   KEY("assign/i#a#gone#1", "ok")); /* what members that are gone have left goes */
    EXPECT_REPAIRS("a#1", "keep a#2:1, promote a#2:1", KEY("items/i", "1"), MEMBERS,
                   KEY("assign/i#a#2#1", "ok")); /* it has a primary all the same */
}

/* --- what is invalid --- */

/* Nothing is done about a frozen assignment, nor about the order of those beside it; it counts as a
 * replica, and its slot is taken. */
Test(convergence, leaves_frozen_assignments_alone)
{
    EXPECT("a#1 a#2", "add a#2:8, keep a#1:5", KEY("items/i", "2"), MEMBERS,
           KEY("members/a#bad", "much"), KEY("assign/i#a#1#5", "ok"),
           KEY("assign/i#a#bad#7", "ok"));
    EXPECT("a#1", "keep a#1:5", KEY("items/i", "1"), MEMBERS, KEY("members/a#bad", "much"),
           KEY("assign/i#a#1#5", "ok"), KEY("assign/i#a#bad#7", "ok"));
    EXPECT("a#1", "remove a#2:6, keep a#1:5", KEY("items/i", "1"), MEMBERS,
           KEY("members/a#bad", "much"), KEY("assign/i#a#1#5", ""), KEY("assign/i#a#2#6", ""),
           KEY("assign/i#a#bad#7", "ok"));
}

/* --- memory --- */

static void expect_settled(struct state *state, const char *desired, bool settled)
{
    struct solution *solution = builder_solution(state, &desired);
    cr_expect_eq(convergence_is_settled(state, solution, 0), settled, "%s", desired);
    solution_unref(solution);
    state_unref(state);
}

Test(convergence, is_settled_where_all_is_as_it_should_be)
{
    static const struct builder_key NONE[] = {KEY("items/i", "2"), MEMBERS};
    static const struct builder_key TWO[] = {
        KEY("items/i", "2"), MEMBERS, KEY("assign/i#a#1#1", ""), KEY("assign/i#a#2#0", "ok")};
    static const struct builder_key HOLE[] = {
        KEY("items/i", "2"), MEMBERS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#2", "ok")};
    static const struct builder_key TWICE[] = {
        KEY("items/i", "2"), MEMBERS, KEY("assign/i#a#1#0", "ok"), KEY("assign/i#a#2#0", "ok")};
    static const struct builder_key FROZEN[] = {KEY("items/i", "2"), KEY("members/a#1", "much"),
                                                KEY("members/a#2", "9"),
                                                KEY("assign/i#a#1#0", "ok")};
    expect_settled(BUILDER_STATE(NONE), "", true);
    expect_settled(BUILDER_STATE(NONE), "a#1", false);
    expect_settled(BUILDER_STATE(TWO), "a#1 a#2", true);
    expect_settled(BUILDER_STATE(TWO), "a#1 a#3", false);
    expect_settled(BUILDER_STATE(TWO), "a#1", false);
    expect_settled(BUILDER_STATE(HOLE), "a#1 a#2", false);
    expect_settled(BUILDER_STATE(TWICE), "a#1 a#2", false);
    expect_settled(BUILDER_STATE(FROZEN), "a#2", false);
}

Test(convergence, survives_every_allocation_failure)
{
    static const struct builder_key KEYS[] = {KEY("items/i", "3"), MEMBERS,
                                              KEY("assign/i#a#4#0", "ok")};
    static const char *const DESIRED[] = {"a#1 a#2 a#3"};
    struct fixture fixture = fixture_create(KEYS, sizeof KEYS / sizeof KEYS[0]);
    struct solution *solution = builder_solution(fixture.state, DESIRED);
    for (long nth = 1; nth <= 4; nth++) {
        struct description description;
        struct convergence convergence;
        convergence_init(&convergence);
        fail_alloc_set(nth);
        int error = convergence_decide(&convergence, fixture.state, solution, &fixture.counts, 0);
        cr_assert_eq(error, nth <= 3 ? ALLOT_ENOMEM : 0);
        fail_alloc_set(0);
        /* Then it can be used again, and then without more memory. */
        cr_assert_eq(convergence_decide(&convergence, fixture.state, solution, &fixture.counts, 0),
                     0);
        fail_alloc_set(1);
        cr_assert_eq(convergence_decide(&convergence, fixture.state, solution, &fixture.counts, 0),
                     0);
        fail_alloc_set(0);
        cr_assert_str_eq(describe_convergence(&description, &convergence, fixture.state),
                         "add a#1:1, add a#2:2, add a#3:3, keep a#4:0");
        convergence_release(&convergence);
    }
    solution_unref(solution);
    fixture_destroy(&fixture);
}

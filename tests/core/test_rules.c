#include <criterion/criterion.h>

#include "core/rules.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

/* --- moves under way --- */

/* i has two more than it wants, of which a#3 and b#1 came last; j lacks one; k is where it is to
 * be, and what a#gone has left is no replica. */
static struct state *moving(void)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "2"),         KEY("items/j", "2"),           KEY("items/k", "1"),
        KEY("members/a#1", "9"),     KEY("members/a#2", "9"),       KEY("members/a#3", "9"),
        KEY("members/b#1", "9"),     KEY("assign/i#a#1#0", ""),     KEY("assign/i#a#2#1", "ok"),
        KEY("assign/i#a#3#2", ""),   KEY("assign/i#b#1#3", ""),     KEY("assign/j#a#1#0", ""),
        KEY("assign/k#a#1#0", "ok"), KEY("assign/k#a#gone#1", "ok")};
    return builder_observe(builder_keyspace(KEYS, sizeof KEYS / sizeof KEYS[0], false));
}

Test(rules, counts_moves_where_they_go)
{
    struct state *state = moving();
    struct move_counts counts;
    cr_assert_eq(move_counts_make(state, &counts), 0);
    cr_assert_eq(counts.total, 2);
    cr_assert_eq(moves_in_flight(state), 2);
    const int32_t to_member[] = {0, 0, 1, 1};
    for (int m = 0; m < 4; m++)
        cr_assert_eq(counts.member[m], to_member[m], "%d", m);
    cr_assert_eq(counts.zone[0], 1);
    cr_assert_eq(counts.zone[1], 1);
    const int32_t missing[] = {0, 1, 0};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(moves_missing(state, i), missing[i]);
    move_counts_release(&counts);
    state_unref(state);
}

Test(rules, names_the_first_limit_that_is_reached)
{
    const struct {
        struct move_limits limits;
        enum move_limit to_first, to_third; /* of zone a */
    } cases[] = {
        {{-1, -1, -1, 0}, MOVE_LIMIT_NONE, MOVE_LIMIT_NONE},
        {{3, 2, 2, -1}, MOVE_LIMIT_NONE, MOVE_LIMIT_NONE},
        {{2, 1, 1, -1}, MOVE_LIMIT_IN_FLIGHT, MOVE_LIMIT_IN_FLIGHT},
        {{-1, 1, -1, -1}, MOVE_LIMIT_NONE, MOVE_LIMIT_MEMBER},
        {{-1, 0, -1, -1}, MOVE_LIMIT_MEMBER, MOVE_LIMIT_MEMBER},
        {{-1, -1, 1, -1}, MOVE_LIMIT_ZONE, MOVE_LIMIT_ZONE},
    };
    struct state *state = moving();
    struct move_counts counts;
    cr_assert_eq(move_counts_make(state, &counts), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct move_limits *limits = &cases[i].limits;
        cr_expect_eq(move_limits_reached(limits, &counts, state, 0), cases[i].to_first, "%zu", i);
        cr_expect_eq(move_limits_reached(limits, &counts, state, 2), cases[i].to_third, "%zu", i);
    }
    move_counts_release(&counts);
    state_unref(state);
}

Test(rules, survives_every_allocation_failure)
{
    struct state *state = moving();
    for (long nth = 1; nth <= 3; nth++) {
        struct move_counts counts;
        fail_alloc_set(nth);
        cr_assert_eq(move_counts_make(state, &counts), nth <= 2 ? ALLOT_ENOMEM : 0);
        fail_alloc_set(0);
        move_counts_release(&counts);
    }
    state_unref(state);
}

/* --- moves a minute --- */

Test(rules, lets_nothing_begin_while_it_does_not_know)
{
    struct move_window window;
    move_window_begin(&window, 5000);
    cr_assert_eq(move_window_room(&window, -1, 5000), INT64_MAX);
    cr_assert_eq(move_window_room(&window, 3, 64999), 0);
    cr_assert_eq(move_window_next_room_ms(&window, 3, 5000), 65000);
    cr_assert_eq(move_window_next_room_ms(&window, 0, 5000), INT64_MAX);
    cr_assert_eq(move_window_room(&window, 3, 65000), 3);
}

Test(rules, has_room_for_as_many_as_begin_no_more_in_any_minute)
{
    struct move_window window;
    move_window_begin(&window, 0);
    move_window_note(&window, 100999, 2);
    move_window_note(&window, 110000, 1);
    cr_assert_eq(move_window_room(&window, 5, 110000), 2);
    cr_assert_eq(move_window_next_room_ms(&window, 5, 110000), INT64_MAX);
    cr_assert_eq(move_window_room(&window, 3, 160998), 0);
    cr_assert_eq(move_window_next_room_ms(&window, 3, 160998), 161000);
    cr_assert_eq(move_window_room(&window, 3, 161000), 2);
    cr_assert_eq(move_window_next_room_ms(&window, 1, 161000), 171000);
    cr_assert_eq(move_window_room(&window, 3, 10000000), 3); /* much later */
}

/* Against a list of all of them. */
Test(rules, never_begins_more_in_a_minute_whatever_the_times)
{
    enum { LIMIT = 7, STEPS = 3000 };
    static struct {
        int64_t at_ms, moves;
    } begun[STEPS];
    struct move_window window;
    int64_t now_ms = 0;
    unsigned random = 1;
    move_window_begin(&window, 0);
    for (int i = 0; i < STEPS; i++) {
        random = random * 1664525u + 1013904223u;
        now_ms += (random >> 8) % ((random >> 28) == 0 ? 90000 : 9000);
        int64_t room = move_window_room(&window, LIMIT, now_ms);
        int64_t next_ms = move_window_next_room_ms(&window, LIMIT, now_ms);
        cr_assert(room > 0 ? next_ms == INT64_MAX : next_ms > now_ms && next_ms < INT64_MAX);
        int64_t moves = room > 0 ? 1 + (random >> 16) % room : 0;
        move_window_note(&window, now_ms, moves);
        begun[i].at_ms = now_ms;
        begun[i].moves = moves;
        int64_t in_minute = 0;
        for (int j = i; j >= 0 && begun[j].at_ms > now_ms - 60000; j--)
            in_minute += begun[j].moves;
        cr_assert_leq(in_minute, LIMIT);
    }
}

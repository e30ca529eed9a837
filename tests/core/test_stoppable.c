#include <criterion/criterion.h>

#include "core/stoppable.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

Test(stoppable, goes_by_what_the_items_keep)
{
    const struct builder_key keys[] = {
        KEY("items/i", "2"),
        KEY("items/j", "2"),
        KEY("items/none", "0"),
        KEY("members/a#1", "9"),
        KEY("members/a#2", "9"),
        KEY("members/a#3", "9"),
        KEY("members/a#4", "9"),
        KEY("assign/gone#a#4#0", "ok"),
        KEY("assign/i#a#1#0", "ok"),
        KEY("assign/i#a#2#1", "ok"),
        KEY("assign/j#a#1#0", "ok"),
        KEY("assign/j#a#3#1", ""),
        KEY("assign/none#a#4#0", "ok"),
    };
    struct state *state = BUILDER_STATE(keys);
    const int32_t all[] = {3, 2, 1, 0};
    struct stoppable_verdict verdicts[4];
    cr_assert_eq(stoppable_choose(state, all, 4, 1, verdicts), 0);
    cr_assert(verdicts[0].may_stop); /* has nothing that anybody would miss */
    cr_assert(verdicts[1].may_stop); /* its replica isn't consistent */
    cr_assert(verdicts[2].may_stop);
    cr_assert_not(verdicts[3].may_stop);
    cr_assert_eq(verdicts[3].blocking_items, 2);
    cr_assert_eq(verdicts[3].item, state_find_item(state, SPAN("i")));
    cr_assert_eq(verdicts[3].kept, 0);
    cr_assert_eq(stoppable_choose(state, all, 4, 2, verdicts), 0);
    cr_assert_not(verdicts[2].may_stop);
    cr_assert_eq(verdicts[2].kept, 1);
    cr_assert_eq(stoppable_choose(state, all, 4, 0, verdicts), 0);
    cr_assert(verdicts[3].may_stop);
    state_unref(state);
}

/* Whether all items that have lost a replica keep enough without the members marked. */
static bool is_safe(const struct state *state, const bool *stopped, int32_t least)
{
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t kept = 0;
        bool lost = false;
        for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
            int32_t member = state->assignment_member[a];
            bool stops = member != STATE_NONE && stopped[member];
            kept += state->consistent[a] && !stops;
            lost = lost || (state->consistent[a] && stops);
        }
        if (lost && kept < least && state->replication[item] > 0)
            return false;
    }
    return true;
}

Test(stoppable, is_safe_and_can_not_be_extended)
{
    struct random random = {.state = 5};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        struct state *state = builder_observe(builder_random(&knobs, seed, true));
        int32_t members[64];
        struct stoppable_verdict verdicts[64];
        bool stopped[64] = {false};
        int32_t least = (int32_t)random_below(&random, 3);
        cr_assert_leq(state->member_count, 64);
        for (int32_t m = 0; m < state->member_count; m++)
            members[m] = state->member_count - 1 - m;
        cr_assert_eq(stoppable_choose(state, members, state->member_count, least, verdicts), 0);
        for (int32_t i = 0; i < state->member_count; i++)
            stopped[members[i]] = verdicts[i].may_stop;
        cr_assert(is_safe(state, stopped, least));
        for (int32_t m = 0; m < state->member_count; m++) {
            if (stopped[m])
                continue;
            stopped[m] = true;
            cr_assert_not(is_safe(state, stopped, least));
            stopped[m] = false;
        }
        state_unref(state);
    }
}

Test(stoppable, survives_every_allocation_failure)
{
    const struct builder_key keys[] = {KEY("items/i", "2"), KEY("members/a#1", "1")};
    struct state *state = BUILDER_STATE(keys);
    const int32_t member = 0;
    struct stoppable_verdict verdict;
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        fail_alloc_set(nth);
        error = stoppable_choose(state, &member, 1, 1, &verdict);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_lt(nth, 20);
    }
    state_unref(state);
}

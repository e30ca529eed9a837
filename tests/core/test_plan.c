/* Plans: that their moves, made one after the other, lead from what is to what would be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/plan.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

static const struct plan_config CONFIG = {
    .gone_members_are_inconsistent = true,
    .consistent_value = {BUILDER_CONSISTENT, sizeof BUILDER_CONSISTENT - 1},
    .max_rounds = 100,
    .max_moves = 10000};

static struct store_event put(const char *key, const char *value)
{
    return (struct store_event){.kind = STORE_EVENT_PUT,
                                .kv = {.key = span_of(key), .value = span_of(value)}};
}

static struct store_event removal(const char *key)
{
    return (struct store_event){.kind = STORE_EVENT_DELETE, .kv = {.key = span_of(key)}};
}

static struct plan *make(struct state *before, const struct store_event *events, size_t count)
{
    struct plan *plan = NULL;
    cr_assert_eq(plan_make(&CONFIG, before, events, count, &plan), 0);
    return plan;
}

static const struct builder_key DRAIN[] = {
    KEY("items/i", "1"),         KEY("items/j", "2"),         KEY("members/a#1", "4"),
    KEY("members/a#2", "4"),     KEY("members/b#1", "4"),     KEY("assign/i#a#1#0", "ok"),
    KEY("assign/j#a#1#0", "ok"), KEY("assign/j#b#1#1", "ok"),
};

Test(plan, tells_what_a_drain_moves)
{
    struct state *before = BUILDER_STATE(DRAIN);
    struct store_event event = put(BUILDER_ROOT "/members/a#1", "4 exiting");
    struct plan *plan = make(before, &event, 1);
    cr_assert(plan->converged);
    cr_assert_eq(plan->unattainable_before, 0);
    cr_assert_eq(plan->unattainable_after, 0);
    cr_assert_eq(plan->counts[PLAN_ADD], 2);
    cr_assert_eq(plan->counts[PLAN_REMOVE], 2);
    cr_assert_eq(plan->counts[PLAN_PROMOTE], 2);
    cr_assert_eq(plan->before, before);
    int32_t leaving = state_find_member(plan->after, SPAN("a"), SPAN("1"));
    cr_assert_eq(plan->before->total_count[leaving], 2);
    cr_assert_eq(plan->after->total_count[leaving], 0);
    cr_assert_eq(plan->moves[0].operation, PLAN_ADD);
    cr_assert_eq(plan->moves[0].round, 1);
    cr_assert(span_equal(plan->moves[0].parts.item, SPAN("i")));
    for (size_t i = 1; i < plan->move_count; i++)
        cr_assert_leq(plan->moves[i - 1].round, plan->moves[i].round);
    cr_assert_leq(plan->moves[plan->move_count - 1].round, plan->rounds);
    plan_destroy(plan);
    state_unref(before);
}

/* Three on two members of three slots each: a third member lowers the fair share to one. */
Test(plan, goes_by_the_balance_tolerance)
{
    static const struct builder_key KEYS[] = {
        KEY("items/i", "1"),         KEY("items/j", "1"),         KEY("items/k", "1"),
        KEY("members/a#1", "3"),     KEY("members/a#2", "3"),     KEY("assign/i#a#1#0", "ok"),
        KEY("assign/j#a#1#0", "ok"), KEY("assign/k#a#2#0", "ok"),
    };
    const struct store_event event = put(BUILDER_ROOT "/members/a#3", "3");
    for (int32_t tolerance = 0; tolerance <= 100; tolerance += 100) {
        struct state *before = BUILDER_STATE(KEYS);
        before->balance_tolerance = tolerance;
        struct plan *plan = make(before, &event, 1);
        cr_expect_eq(plan->counts[PLAN_REMOVE], tolerance == 0);
        cr_expect_eq(plan->levels_after.overflow, 0);
        cr_expect_eq(plan->after->balance_tolerance, tolerance);
        plan_destroy(plan);
        state_unref(before);
    }
}

Test(plan, tells_what_can_no_longer_be)
{
    struct state *before = BUILDER_STATE(DRAIN);
    const struct store_event events[] = {removal(BUILDER_ROOT "/members/a#1"),
                                         removal(BUILDER_ROOT "/members/a#2")};
    struct plan *plan = make(before, events, 2);
    cr_assert(plan->converged);
    cr_assert_eq(plan->unattainable_before, 0);
    cr_assert_eq(plan->unattainable_after, 1);
    cr_assert_eq(plan->after->member_count, 1);
    cr_assert_eq(plan->after->total_count[0], 2);
    plan_destroy(plan);
    state_unref(before);
}

Test(plan, of_no_change_is_what_is_left_to_do)
{
    struct state *before = BUILDER_STATE(DRAIN);
    struct plan *first = make(before, NULL, 0);
    struct plan *second = make(first->after, NULL, 0);
    cr_assert(second->converged);
    cr_assert_gt(first->move_count, 0);
    cr_assert_eq(second->move_count, 0);
    cr_assert_eq(second->rounds, 1);
    plan_destroy(first);
    plan_destroy(second);
    state_unref(before);
}

Test(plan, keeps_no_more_moves_and_rounds_than_asked_for)
{
    struct state *before = BUILDER_STATE(DRAIN);
    struct store_event event = put(BUILDER_ROOT "/members/a#1", "4 exiting");
    struct plan_config config = CONFIG;
    struct plan *plan = NULL;
    config.max_moves = 1;
    cr_assert_eq(plan_make(&config, before, &event, 1, &plan), 0);
    cr_assert_eq(plan->move_count, 1);
    cr_assert_eq(plan->counts[PLAN_ADD], 2);
    plan_destroy(plan);
    config.max_rounds = 1;
    cr_assert_eq(plan_make(&config, before, &event, 1, &plan), 0);
    cr_assert_not(plan->converged);
    cr_assert_eq(plan->rounds, 1);
    cr_assert_eq(plan->counts[PLAN_REMOVE], 0);
    plan_destroy(plan);
    state_unref(before);
}

/* --- random ones, made move by move --- */

enum { MOST = 2000, TEXT_SIZE = 96 };

struct assignments {
    char keys[MOST][TEXT_SIZE];
    size_t count;
};

static void name_of(const struct key_parts *parts, char text[TEXT_SIZE])
{
    snprintf(text, TEXT_SIZE, "%.*s#%.*s#%.*s#%d", (int)parts->item.size, parts->item.data,
             (int)parts->zone.size, parts->zone.data, (int)parts->suffix.size, parts->suffix.data,
             parts->slot);
}

static size_t find(const struct assignments *assignments, const char *name, size_t size)
{
    size_t i = 0;
    while (i < assignments->count && strncmp(assignments->keys[i], name, size) != 0)
        i++;
    return i;
}

static void gather(const struct keyspace *keyspace, struct assignments *ret)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, (struct span){0});
    ret->count = 0;
    for (const struct entry *entry; (entry = keyspace_next(&cursor));)
        if (entry->parts.kind == KEY_ASSIGNMENT)
            name_of(&entry->parts, ret->keys[ret->count++]);
}

static void perform(struct assignments *assignments, const struct plan_move *move)
{
    char name[TEXT_SIZE];
    name_of(&move->parts, name);
    size_t whole = strlen(name) + 1;
    if (move->operation == PLAN_ADD) {
        cr_assert_eq(find(assignments, name, whole), assignments->count);
        memcpy(assignments->keys[assignments->count++], name, whole);
        return;
    }
    size_t member = (size_t)(strrchr(name, '#') - name) + 1;
    bool to_a_slot = move->operation != PLAN_REMOVE;
    cr_assert(!to_a_slot || find(assignments, name, whole) == assignments->count);
    size_t at = find(assignments, name, to_a_slot ? member : whole);
    cr_assert_lt(at, assignments->count);
    if (to_a_slot)
        memcpy(assignments->keys[at], name, whole);
    else
        memcpy(assignments->keys[at], assignments->keys[--assignments->count], TEXT_SIZE);
}

Test(plan, of_random_changes_leads_where_it_says)
{
    static struct assignments made;
    static struct assignments wanted;
    struct random random = {.state = 8};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        struct state *before = builder_observe(builder_random(&knobs, seed, true));
        char key[TEXT_SIZE];
        snprintf(key, sizeof key, BUILDER_ROOT "/members/z0#m%03d", (int)random_below(&random, 8));
        struct store_event event = random_below(&random, 2) ? removal(key) : put(key, "3 exiting");
        struct plan *plan = make(before, &event, 1);
        gather(before->keyspace, &made);
        for (size_t i = 0; i < plan->move_count; i++)
            perform(&made, &plan->moves[i]);
        gather(plan->after->keyspace, &wanted);
        cr_assert_eq(made.count, wanted.count, "seed %d", (int)seed);
        for (size_t i = 0; i < made.count; i++)
            cr_assert_lt(find(&wanted, made.keys[i], strlen(made.keys[i]) + 1), wanted.count);
        plan_destroy(plan);
        state_unref(before);
    }
}

Test(plan, survives_every_allocation_failure)
{
    struct state *before = BUILDER_STATE(DRAIN);
    struct store_event event = put(BUILDER_ROOT "/members/a#1", "4 exiting");
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct plan *plan = NULL;
        fail_alloc_set(nth);
        error = plan_make(&CONFIG, before, &event, 1, &plan);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(plan == NULL, error != 0);
        plan_destroy(plan);
        cr_assert_lt(nth, 3000);
    }
    state_unref(before);
}

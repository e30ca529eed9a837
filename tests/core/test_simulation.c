/* The loop run in memory: where it ends, what it tells on the way, and that nothing leaks. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/simulation.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct builder_key KEYS[] = {
    KEY("items/i1", "2"),       KEY("items/i2", "1"),         KEY("members/a#1", "3"),
    KEY("members/b#1", "3"),    KEY("assign/i1#a#1#0", "ok"), KEY("assign/i1#a#gone#1", "ok"),
    KEY("assign/i3#a#1#0", ""),
};

/* What a run tells, as text. */
struct story {
    char text[4096];
};

static void on_operation(void *context, enum store_op_kind kind, struct span key)
{
    struct story *story = context;
    size_t size = strlen(story->text);
    snprintf(story->text + size, sizeof story->text - size, "%s%.*s ",
             kind == STORE_OP_PUT ? "+" : "-", (int)key.size, key.data);
}

static void on_round(void *context, const struct simulation_round *round)
{
    struct story *story = context;
    size_t size = strlen(story->text);
    snprintf(story->text + size, sizeof story->text - size, "%s%s%d | ", round->idle ? "idle " : "",
             round->solved ? "solved " : "", (int)round->marked);
}

static struct simulation_config config_of(struct story *story)
{
    *story = (struct story){{0}};
    return (struct simulation_config){.max_rounds = 100,
                                      .consistent_value = SPAN(BUILDER_CONSISTENT),
                                      .on_operation = on_operation,
                                      .on_round = on_round,
                                      .context = story};
}

/* The keys of a keyspace's assignments, one after the other. */
static void list_assignments(const struct keyspace *keyspace, struct story *ret)
{
    struct span prefix = SPAN(BUILDER_ROOT KEYS_ASSIGNMENTS);
    struct keyspace_cursor cursor = keyspace_seek(keyspace, prefix);
    *ret = (struct story){{0}};
    for (const struct entry *entry; (entry = keyspace_next(&cursor));) {
        size_t size = strlen(ret->text);
        if (span_has_prefix(entry->key, prefix))
            snprintf(ret->text + size, sizeof ret->text - size, "%.*s=%.*s ",
                     (int)(entry->key.size - prefix.size), entry->key.data + prefix.size,
                     (int)entry->value.size, entry->value.data);
    }
}

/* How many primaries the member has that has the fewest of them, and the most. */
static void count_primaries(struct keyspace *keyspace, int32_t *ret_fewest, int32_t *ret_most)
{
    struct state *state = builder_observe(keyspace_ref(keyspace));
    *ret_fewest = INT32_MAX;
    *ret_most = 0;
    for (int32_t m = 0; m < state->member_count; m++) {
        int32_t count = state->primary_count[m];
        *ret_fewest = count < *ret_fewest ? count : *ret_fewest;
        *ret_most = count > *ret_most ? count : *ret_most;
    }
    state_unref(state);
}

/* 4 members in each of 3 zones, and 120 items with 3 replicas each: 10 primaries for each. */
Test(simulation, spreads_primaries_over_all_members)
{
    enum { MEMBERS = 12, ITEMS = 120 };
    static char names[MEMBERS + ITEMS][32];
    static struct builder_key keys[MEMBERS + ITEMS];
    for (int i = 0; i < MEMBERS + ITEMS; i++) {
        bool is_item = i < ITEMS;
        snprintf(names[i], sizeof names[i], is_item ? "items/i%03d" : "members/z%d#%d",
                 is_item ? i : i % 3, i);
        keys[i] = (struct builder_key)KEY(names[i], is_item ? "3" : "40");
    }
    struct keyspace *keyspace = builder_keyspace(keys, COUNT(keys), false);
    struct story story;
    struct simulation_config config = config_of(&story);
    config.on_operation = NULL;
    int32_t fewest, most;
    for (int solver = SOLVER_OPTIMAL; solver <= SOLVER_REFERENCE; solver++) {
        struct simulation_result result;
        config.solver = (enum solver_kind)solver;
        cr_assert_eq(simulation_run(&config, keyspace, &result), 0);
        cr_assert_eq(result.additions, INT64_C(3) * ITEMS);
        count_primaries(result.keyspace, &fewest, &most);
        if (solver == SOLVER_OPTIMAL) {
            cr_assert_geq(fewest, 9);
            cr_assert_leq(most, 11);
        } else { /* exactly as the reference */
            cr_assert_eq(fewest, 0);
            cr_assert_eq(most, 30);
        }
        keyspace_unref(result.keyspace);
    }
    keyspace_unref(keyspace);
}

Test(simulation, runs_until_nothing_is_left_to_do)
{
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    struct story story;
    struct simulation_config config = config_of(&story);
    struct simulation_result result;
    cr_assert_eq(simulation_run(&config, keyspace, &result), 0);
    cr_assert_str_eq(story.text,
                     "+/t/assign/i1#b#1#2 +/t/assign/i2#b#1#0 -/t/assign/i3#a#1#0 solved 0 | "
                     "idle 2 | "
                     "-/t/assign/i1#a#gone#1 0 | "
                     "-/t/assign/i1#b#1#2 +/t/assign/i1#b#1#1 0 | "
                     "idle 0 | ");
    cr_assert(result.idle);
    cr_assert_eq(result.rounds, 5);
    cr_assert_eq(result.additions, 2);
    cr_assert_eq(result.removals, 1);
    cr_assert_eq(result.packings, 1);
    cr_assert_eq(result.transactions, 3);
    list_assignments(result.keyspace, &story);
    cr_assert_str_eq(story.text, "i1#a#1#0=ok i1#b#1#1=ok i2#b#1#0=ok ");
    cr_assert_eq(keyspace_count(keyspace), COUNT(KEYS)); /* what it began with is as it was */
    keyspace_unref(result.keyspace);
    keyspace_unref(keyspace);
}

Test(simulation, stops_after_so_many_rounds)
{
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    for (int64_t rounds = 0; rounds <= 5; rounds++) {
        struct story story;
        struct simulation_config config = config_of(&story);
        struct simulation_result result;
        config.max_rounds = rounds;
        cr_assert_eq(simulation_run(&config, keyspace, &result), 0);
        cr_assert_eq(result.rounds, rounds);
        cr_assert_eq(result.idle, rounds == 5);
        keyspace_unref(result.keyspace);
    }
    keyspace_unref(keyspace);
}

Test(simulation, tells_when_the_value_does_not_make_consistent)
{
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    struct story story;
    struct simulation_config config = config_of(&story);
    struct simulation_result result = {.rounds = 77};
    config.consistent_value = SPAN("");
    cr_assert_eq(simulation_run(&config, keyspace, &result), ALLOT_EVALUE);
    cr_assert_eq(result.rounds, 77);
    keyspace_unref(keyspace);
}

/* Random instances of all kinds come to an end, in which running on changes nothing. */
Test(simulation, comes_to_an_end)
{
    struct random random = {.state = 8};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct builder_knobs knobs = builder_random_knobs(&random);
        knobs.invalid_percent = 0;
        struct keyspace *keyspace = builder_random(&knobs, seed, false);
        struct story story;
        struct simulation_config config = config_of(&story);
        struct simulation_result result;
        struct simulation_result again;
        config.on_operation = NULL;
        config.on_round = NULL;
        cr_assert_eq(simulation_run(&config, keyspace, &result), 0);
        cr_assert(result.idle, "seed %lu", (unsigned long)seed);
        cr_assert_eq(keyspace_revision(result.keyspace) == keyspace_revision(keyspace),
                     result.rounds == 1);
        config.max_rounds = 0;
        cr_assert_eq(simulation_run(&config, result.keyspace, &again), 0);
        cr_assert_eq(again.keyspace, result.keyspace);
        keyspace_unref(again.keyspace);
        keyspace_unref(result.keyspace);
        keyspace_unref(keyspace);
    }
}

Test(simulation, survives_every_allocation_failure)
{
    struct keyspace *keyspace = builder_keyspace(KEYS, COUNT(KEYS), false);
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        struct story story;
        struct simulation_config config = config_of(&story);
        struct simulation_result result = {.keyspace = NULL};
        fail_alloc_set(nth);
        error = simulation_run(&config, keyspace, &result);
        cr_assert_eq(error == 0, fail_alloc_count() < nth);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(result.keyspace == NULL, error != 0);
        keyspace_unref(result.keyspace);
        cr_assert_lt(nth, 5000);
    }
    keyspace_unref(keyspace);
}

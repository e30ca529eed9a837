/* Passes over random instances, executed on a model of a store in which somebody else may write in
 * between: whatever happens, no replica is given up that an item needs, and no member is given more
 * than it may hold; and it all comes to an end. */
#include <criterion/criterion.h>

#include "core/convergence.h"
#include "core/pass.h"
#include "tests/support/instance_builder.h"
#include "tests/support/model_store.h"

enum { MOST_ROUNDS = 300 };

struct world {
    struct model_store *store;
    struct random random;
    bool keep_invalid;
    bool disturbed; /* somebody else writes */
    struct pass_options options;
    struct solution *solution; /* of the last round */
    uint64_t seed;
};

/* The keyspace of what stands in the store. */
static struct keyspace *load(const struct world *world)
{
    const struct model_table *table = model_store_table(world->store);
    struct keyspace_config config = {.root = SPAN(BUILDER_ROOT),
                                     .decoder = builder_decoder(),
                                     .keep_invalid = world->keep_invalid};
    struct keyspace *empty = NULL;
    struct keyspace *keyspace = NULL;
    struct keyspace_loader *loader = NULL;
    cr_assert_eq(keyspace_create(&config, &empty), 0);
    cr_assert_eq(keyspace_loader_create(empty, &loader), 0);
    cr_assert_eq(keyspace_loader_add(loader, table->kvs, table->count), 0);
    cr_assert_eq(keyspace_loader_finish(loader, MODEL_STORE_CLUSTER_ID,
                                        model_store_revision(world->store), &keyspace),
                 0);
    keyspace_loader_destroy(loader);
    keyspace_unref(empty);
    return keyspace;
}

static struct state *observe(const struct world *world)
{
    struct keyspace *keyspace = load(world);
    struct state_config config = {.candidates = SPAN(BUILDER_ROOT KEYS_MEMBERS),
                                  .gone_members_are_inconsistent = true};
    struct state *state = NULL;
    cr_assert_eq(state_observe(&config, keyspace, &state), 0);
    keyspace_unref(keyspace);
    return state;
}

static const struct span FENCE = {BUILDER_ROOT "/schedulers/x",
                                  sizeof BUILDER_ROOT "/schedulers/x" - 1};

static struct world world_create(uint64_t seed)
{
    struct world world = {.store = model_store_create(), .random = {.state = seed}, .seed = seed};
    struct builder_knobs knobs = builder_random_knobs(&world.random);
    world.keep_invalid = random_below(&world.random, 2);
    if (!world.keep_invalid)
        knobs.invalid_percent = 0; /* else the check that an item is absent would fail for ever */
    struct keyspace *keyspace = builder_random(&knobs, seed, true);
    struct keyspace_cursor cursor = keyspace_seek(keyspace, (struct span){0});
    for (int lease = 0; lease < 2; lease++)
        model_store_grant(world.store);
    for (const struct entry *entry; (entry = keyspace_next(&cursor));)
        model_store_put(world.store, entry->key, entry->value, entry->lease);
    keyspace_unref(keyspace);

    model_store_put(world.store, FENCE, SPAN(""), 0);
    world.options = (struct pass_options){.guarded = true, .split_oversized = true};
    if (random_below(&world.random, 2)) {
        world.options.fence = FENCE;
        world.options.fence_revision = model_store_revision(world.store);
        world.options.actor_key = SPAN(BUILDER_ROOT "/actor");
    }
    return world;
}

/* --- what must always hold --- */

static int32_t consistent_count(const struct state *state, int32_t item)
{
    int32_t count = 0;
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++)
        count += state->consistent[a];
    return count;
}

/* The replicas (members, not slots) of @before that are consistent, and those that still have some
 * assignment @after, consistent or not. */
static bool lost_one(const struct state *before, int32_t item, const struct state *after)
{
    for (int32_t a = before->assignment_begin[item]; a < before->assignment_end[item]; a++) {
        const struct key_parts *parts = &before->assignments[a]->parts;
        int32_t now = state_find_item(after, parts->item);
        if (before->consistent[a] && now != STATE_NONE &&
            state_find_assignment(after, now, parts->zone, parts->suffix) == STATE_NONE)
            return true;
    }
    return false;
}

/* A transaction that took a consistent replica away has left as many as are wanted. Where it
 * depends on all assignments whether one is consistent, an addition makes all of them inconsistent.
 */
static void expect_no_item_below(const struct world *world, const struct state *before,
                                 const struct state *after)
{
    for (int32_t item = 0; item < before->item_count; item++) {
        int32_t now = state_find_item(after, before->items[item]->parts.item);
        if (now == STATE_NONE || before->items[item]->item.user || !lost_one(before, item, after))
            continue;
        cr_assert_geq(consistent_count(after, now), after->replication[now], "seed %lu: %.*s",
                      (unsigned long)world->seed, (int)before->items[item]->key.size,
                      before->items[item]->key.data);
    }
}

static void expect_no_member_above(const struct world *world, const struct state *decided_on,
                                   const struct state *before, const struct state *after)
{
    for (int32_t member = 0; member < after->member_count; member++) {
        const struct key_parts *parts = &after->members[member]->parts;
        int32_t then = state_find_member(before, parts->zone, parts->suffix);
        int32_t limit =
            decided_on->effective_limit[state_find_member(decided_on, parts->zone, parts->suffix)];
        if (after->total_count[member] > before->total_count[then])
            cr_assert_leq(after->total_count[member], limit, "seed %lu: %.*s",
                          (unsigned long)world->seed, (int)after->members[member]->key.size,
                          after->members[member]->key.data);
    }
}

/* --- what happens --- */

/* Somebody writes: an assignment goes away, or changes its mind; any key is put again. */
static void disturb(struct world *world)
{
    const struct model_table *table = model_store_table(world->store);
    if (table->count == 0)
        return;
    const struct store_kv kv = table->kvs[random_below(&world->random, table->count)];
    bool assignment = span_has_prefix(kv.key, SPAN(BUILDER_ROOT KEYS_ASSIGNMENTS));
    bool consistent = span_equal(kv.value, SPAN(BUILDER_CONSISTENT));
    if (assignment && random_below(&world->random, 2))
        model_store_delete(world->store, kv.key);
    else if (assignment)
        model_store_put(world->store, kv.key, consistent ? SPAN("") : SPAN(BUILDER_CONSISTENT),
                        kv.lease);
    else if (!span_equal(kv.key, FENCE))
        model_store_put(world->store, kv.key, kv.value, kv.lease);
}

/* Executes and checks one transaction. Whether its checks held. */
static bool execute(struct world *world, const struct state *decided_on,
                    const struct store_txn *txn)
{
    struct store_txn_result result;
    for (uint64_t i = random_below(&world->random, 4); world->disturbed && i > 0; i--)
        disturb(world);
    struct state *before = observe(world);
    cr_assert_eq(model_store_txn(world->store, txn, &result), 0, "seed %lu",
                 (unsigned long)world->seed);
    cr_assert(world->disturbed || result.succeeded);
    bool succeeded = result.succeeded;
    struct state *after = observe(world);
    if (succeeded) {
        expect_no_item_below(world, before, after);
        expect_no_member_above(world, decided_on, before, after);
    }
    state_unref(after);
    state_unref(before);
    return succeeded;
}

/* Of an item that is settled nothing can be decided. */
static void expect_settled(const struct world *world, const struct state *state)
{
    const struct load_counts counts = {state->total_count, state->primary_count};
    struct convergence convergence;
    convergence_init(&convergence);
    for (int32_t item = 0; item < state->item_count; item++) {
        if (!convergence_is_settled(state, world->solution, item))
            continue;
        cr_assert_eq(convergence_decide(&convergence, state, world->solution, &counts, item), 0);
        cr_assert(convergence.addition_count == 0 && convergence.removal_count == 0 &&
                      convergence.promoted == STATE_NONE && convergence.packed == STATE_NONE,
                  "seed %lu", (unsigned long)world->seed);
    }
    convergence_release(&convergence);
}

/* Whether it issued nothing. */
static bool run_pass(struct world *world, struct state *state)
{
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    expect_settled(world, state);
    cr_assert_eq(pass_create(&world->options, state, world->solution, &pass), 0);
    int64_t transactions = 0;
    int64_t failed = 0;
    while (pass_next(pass, &txn) == 0 && txn) {
        bool succeeded = execute(world, state, txn);
        transactions++;
        failed += !succeeded;
        pass_done(pass, succeeded);
    }
    struct pass_summary summary = pass_summary(pass);
    cr_assert_eq(summary.transactions, transactions);
    cr_assert_eq(summary.failed_transactions, failed);
    pass_destroy(pass);
    return transactions == 0;
}

static bool run_round(struct world *world)
{
    struct state *state = observe(world);
    if (!solution_fits(world->solution, state)) {
        solution_unref(world->solution);
        cr_assert_eq(solver_solve(SOLVER_OPTIMAL, state, NULL, &world->solution), 0);
    }
    bool idle = run_pass(world, state);
    state_unref(state);
    return idle;
}

static bool mark_consistent(struct world *world)
{
    struct state *state = observe(world);
    bool marked = false;
    for (int32_t a = 0; a < state->assignment_count; a++) {
        const struct entry *entry = state->assignments[a];
        if (span_equal(entry->value, SPAN(BUILDER_CONSISTENT)))
            continue;
        model_store_put(world->store, entry->key, SPAN(BUILDER_CONSISTENT), entry->lease);
        marked = true;
    }
    state_unref(state);
    return marked;
}

/* In the end, slots are numbered without holes, and nothing is left of what does not exist. */
static void expect_order(const struct world *world)
{
    struct state *state = observe(world);
    for (int32_t a = 0; a < state->assignment_count; a++)
        cr_assert(state->assignment_item[a] != STATE_NONE || state->frozen[a]);
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t begin = state->assignment_begin[item];
        int32_t count = state->assignment_end[item] - begin;
        int64_t slots = 0;
        bool frozen = false;
        for (int32_t a = begin; a < begin + count; a++) {
            frozen = frozen || state->frozen[a];
            slots |= INT64_C(1) << state->assignments[a]->parts.slot;
        }
        cr_assert(frozen || slots == (INT64_C(1) << count) - 1, "seed %lu",
                  (unsigned long)world->seed);
    }
    state_unref(state);
}

Test(pass_random, loses_and_overloads_nothing)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world world = world_create(seed);
        world.disturbed = true;
        for (int round = 0; round < 8; round++) {
            run_round(&world);
            disturb(&world);
        }
        world.disturbed = false;
        int rounds = 0;
        while (!run_round(&world) || mark_consistent(&world))
            cr_assert_lt(++rounds, MOST_ROUNDS, "seed %lu", (unsigned long)seed);
        expect_order(&world);
        solution_unref(world.solution);
        model_store_destroy(world.store);
    }
}

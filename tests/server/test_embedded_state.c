/* The embedded store's memory: whatever is done, undoing it restores what was. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "server/embedded_state.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random.h"

enum { KEYS = 40, LEASES = 6, ROUNDS = 3000, DUMP_SIZE = 1 << 16 };

static struct span key_of(uint64_t number, char *buffer)
{
    return (struct span){buffer, (size_t)snprintf(buffer, 16, "/%02d", (int)number)};
}

static void add(char *dump, size_t *size, const char *format, long long a, long long b, long long c)
{
    int added = snprintf(dump + *size, DUMP_SIZE - *size, format, a, b, c);
    cr_assert(added > 0 && *size + (size_t)added < DUMP_SIZE);
    *size += (size_t)added;
}

/* Everything that can be seen of the state, as text; checks on the way that it is consistent. */
static char *describe(const struct embedded_state *state)
{
    char *dump = malloc(DUMP_SIZE);
    size_t size = 0, keys = 0, attached = 0, listed = 0;
    cr_assert_not_null(dump);
    add(dump, &size, "%lld %lld %lld\n", state->revision, (long long)state->map.count,
        (long long)state->leases.count);
    const struct embedded_node *last = NULL;
    for (const struct embedded_node *node = state->map.first[0]; node; node = node->next[0]) {
        const struct store_kv *kv = &node->version->kv;
        cr_assert(!last || span_compare(embedded_node_key(last), kv->key) < 0);
        cr_assert_eq(kv->lease, node->lease ? node->lease->id : 0);
        cr_assert_eq(embedded_map_find(&state->map, kv->key), node);
        add(dump, &size, "%lld %lld %lld ", kv->create_revision, kv->mod_revision, kv->version);
        add(dump, &size, "%lld %lld %lld\n", kv->lease, 10 * kv->key.data[1] + kv->key.data[2],
            kv->value.data[0]);
        attached += node->lease != NULL;
        keys++;
        last = node;
    }
    for (size_t i = 0; i < state->leases.count; i++) {
        const struct embedded_lease *lease = state->leases.all[i];
        size_t count = 0;
        for (const struct embedded_node *node = lease->first; node; node = node->lease_next)
            count++;
        cr_assert_eq(count, lease->attached);
        cr_assert_eq(embedded_leases_find(&state->leases, lease->id), lease);
        listed += count;
        add(dump, &size, "%lld %lld %lld\n", lease->id, lease->ttl, (long long)count);
    }
    cr_assert_eq(keys, state->map.count);
    cr_assert_eq(listed, attached);
    return dump;
}

static int put(struct embedded_state *state, struct random *random)
{
    char key[16], value = (char)('a' + random_below(random, 26));
    struct store_op op = {.kind = STORE_OP_PUT,
                          .keys.key = key_of(random_below(random, KEYS), key),
                          .value = {&value, 1}};
    uint64_t how = random_below(random, 3);
    op.keep_lease = how == 0;
    op.lease = how == 1 ? 1 + (int64_t)random_below(random, LEASES) : 0;
    return embedded_state_put(state, &op);
}

static int delete (struct embedded_state *state, struct random *random)
{
    char key[16], end[16];
    uint64_t from = random_below(random, KEYS);
    struct store_keys keys = {.key = key_of(from, key)};
    int64_t deleted = 0;
    if (random_below(random, 4) == 0)
        keys.range_end = key_of(from + random_below(random, 5), end);
    return embedded_state_delete(state, &keys, &deleted);
}

static int grant_or_revoke(struct embedded_state *state, struct random *random)
{
    int64_t id = 1 + (int64_t)random_below(random, LEASES);
    struct embedded_lease *lease = embedded_leases_find(&state->leases, id);
    return lease ? embedded_state_revoke(state, lease)
                 : embedded_state_grant(state, id, 60, 0, &lease);
}

/* A few steps, of which those that fail are undone; as transactions do. */
static void do_some(struct embedded_state *state, struct random *random)
{
    for (uint64_t steps = random_below(random, 6); steps > 0; steps--) {
        size_t first = embedded_state_begin(state);
        int error = 0;
        if (random_below(random, 5) == 0) {
            error = grant_or_revoke(state, random);
        } else {
            for (uint64_t ops = random_below(random, 6); ops > 0 && !error; ops--)
                error = random_below(random, 3) ? put(state, random) : delete (state, random);
        }
        if (error)
            embedded_state_undo(state, first);
        else
            embedded_state_end(state);
    }
}

static void run_random(uint64_t seed, bool fails)
{
    struct random random = {seed};
    struct embedded_state state;
    embedded_state_init(&state);
    for (int round = 0; round < ROUNDS; round++) {
        char *before = describe(&state);
        if (fails)
            fail_alloc_set((long)random_below(&random, 20));
        do_some(&state, &random);
        fail_alloc_set(0);
        if (random_below(&random, 2)) {
            embedded_state_undo(&state, 0);
            char *after = describe(&state);
            cr_assert_str_eq(after, before, "seed %llu, round %d", (unsigned long long)seed, round);
            free(after);
        } else {
            embedded_state_settle(&state);
        }
        free(before);
    }
    embedded_state_release(&state);
}

Test(embedded_state, undoing_restores_what_was)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        run_random(seed, false);
}

Test(embedded_state, undoing_restores_what_was_when_memory_is_out)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        run_random(seed, true);
}

Test(embedded_state, numbers_changes_within_their_revision)
{
    struct embedded_state state;
    struct store_op a = {.kind = STORE_OP_PUT, .keys.key = SPAN("/a")};
    struct store_op b = {.kind = STORE_OP_PUT, .keys.key = SPAN("/b")};
    embedded_state_init(&state);
    embedded_state_begin(&state);
    cr_assert_eq(embedded_state_put(&state, &a), 0);
    cr_assert_eq(embedded_state_put(&state, &b), 0);
    embedded_state_end(&state);
    cr_assert_eq(state.revision, 2);
    cr_assert_eq(state.changes[0].position, embedded_first_position(2));
    cr_assert_eq(state.changes[1].position, embedded_first_position(2) + 1);
    cr_assert_eq(embedded_revision_at(state.changes[1].position), 2);
    embedded_state_settle(&state);
    state.revision = EMBEDDED_MAX_REVISION;
    embedded_state_begin(&state);
    cr_assert_eq(embedded_state_put(&state, &a), ALLOT_ELIMIT);
    embedded_state_end(&state);
    embedded_state_release(&state);
}

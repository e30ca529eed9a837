#include "tests/support/fake_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/values.h"
#include "tests/support/array.h"

enum { MAX_KEY = 1024 };

struct fake_entry {
    char key[MAX_KEY];
    char *value; /* owned */
    size_t value_size;
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
    int64_t lease;
};

static void require(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "fake_store: %s\n", what);
        abort();
    }
}

static void copy_text(char *target, size_t capacity, struct span text)
{
    require(text.size < capacity, "too long");
    if (text.size > 0)
        memcpy(target, text.data, text.size);
    target[text.size] = '\0';
}

void fake_store_init(struct fake_store *store)
{
    *store = (struct fake_store){.revision = 1, .next_lease = 100, .solves = true};
}

void fake_store_release(struct fake_store *store)
{
    for (size_t i = 0; i < store->entry_count; i++)
        free(store->entries[i].value);
    free(store->entries);
    for (size_t i = 0; i < store->kept_count; i++)
        snapshot_unref(store->kept[i]);
    snapshot_unref(store->newest);
    *store = (struct fake_store){0};
}

/* --- entries --- */

static struct fake_entry *find(const struct fake_store *store, struct span key)
{
    for (size_t i = 0; i < store->entry_count; i++) {
        if (span_equal(span_of(store->entries[i].key), key))
            return &store->entries[i];
    }
    return NULL;
}

static struct fake_entry *add(struct fake_store *store, struct span key)
{
    if (store->entry_count == store->entry_capacity) {
        store->entry_capacity = store->entry_capacity ? store->entry_capacity * 2 : 16;
        store->entries = realloc(store->entries, store->entry_capacity * sizeof store->entries[0]);
        require(store->entries, "out of memory");
    }
    struct fake_entry *entry = &store->entries[store->entry_count++];
    *entry = (struct fake_entry){.create_revision = store->revision};
    copy_text(entry->key, sizeof entry->key, key);
    return entry;
}

/* At the store's revision, which the caller has raised. */
static void put(struct fake_store *store, struct span key, struct span value, int64_t lease)
{
    struct fake_entry *entry = find(store, key);
    if (!entry)
        entry = add(store, key);
    char *copy = array_create(value.size, 1);
    memcpy(copy, value.data ? value.data : "", value.size);
    free(entry->value);
    entry->value = copy;
    entry->value_size = value.size;
    entry->mod_revision = store->revision;
    entry->version++;
    entry->lease = lease;
}

static int64_t drop(struct fake_store *store, struct span key)
{
    struct fake_entry *entry = find(store, key);
    if (!entry)
        return 0;
    free(entry->value);
    *entry = store->entries[--store->entry_count];
    return 1;
}

static struct span rooted(const char *key, char buffer[MAX_KEY])
{
    int size = snprintf(buffer, MAX_KEY, "%s%s", FAKE_ROOT, key);
    require(size > 0 && size < MAX_KEY, "key too long");
    return (struct span){buffer, (size_t)size};
}

void fake_store_put_leased(struct fake_store *store, const char *key, const char *value,
                           int64_t lease)
{
    char buffer[MAX_KEY];
    store->revision++;
    put(store, rooted(key, buffer), span_of(value), lease);
}

void fake_store_put(struct fake_store *store, const char *key, const char *value)
{
    fake_store_put_leased(store, key, value, 0);
}

void fake_store_delete(struct fake_store *store, const char *key)
{
    char buffer[MAX_KEY];
    store->revision++;
    require(drop(store, rooted(key, buffer)) == 1, "nothing to delete");
}

struct span fake_store_value(const struct fake_store *store, const char *key)
{
    char buffer[MAX_KEY];
    const struct fake_entry *entry = find(store, rooted(key, buffer));
    return entry ? (struct span){entry->value, entry->value_size} : (struct span){NULL, 0};
}

int64_t fake_store_lease_of(const struct fake_store *store, const char *key)
{
    char buffer[MAX_KEY];
    const struct fake_entry *entry = find(store, rooted(key, buffer));
    return entry ? entry->lease : 0;
}

int64_t fake_store_mod_revision(const struct fake_store *store, const char *key)
{
    char buffer[MAX_KEY];
    const struct fake_entry *entry = find(store, rooted(key, buffer));
    return entry ? entry->mod_revision : 0;
}

/* --- snapshots --- */

static struct keyspace *load(const struct fake_store *store)
{
    const struct keyspace_config config = {
        .root = SPAN(FAKE_ROOT), .decoder = api_decoder(), .keep_invalid = true};
    struct keyspace *empty = NULL;
    struct keyspace *keyspace = NULL;
    struct keyspace_loader *loader = NULL;
    require(!keyspace_create(&config, &empty), "keyspace_create");
    require(!keyspace_loader_create(empty, &loader), "keyspace_loader_create");
    for (size_t i = 0; i < store->entry_count; i++) {
        const struct fake_entry *entry = &store->entries[i];
        struct store_kv kv = {.key = span_of(entry->key),
                              .value = {entry->value, entry->value_size},
                              .create_revision = entry->create_revision,
                              .mod_revision = entry->mod_revision,
                              .version = entry->version,
                              .lease = entry->lease};
        require(!keyspace_loader_add(loader, &kv, 1), "keyspace_loader_add");
    }
    require(!keyspace_loader_finish(loader, 1, store->revision, &keyspace), "finish");
    keyspace_loader_destroy(loader);
    keyspace_unref(empty);
    return keyspace;
}

void fake_store_publish(struct fake_store *store)
{
    const struct state_config config = {.candidates = SPAN(FAKE_ROOT "/schedulers/"),
                                        .own_key = SPAN(FAKE_ROOT "/schedulers/here"),
                                        .gone_members_are_inconsistent = true};
    struct keyspace *keyspace = load(store);
    struct state *state = NULL;
    struct solution *solution = NULL;
    struct snapshot *snapshot = NULL;
    require(!state_observe(&config, keyspace, &state), "state_observe");
    if (store->solves)
        require(!solver_solve(SOLVER_OPTIMAL, state, NULL, &solution), "solver_solve");
    require(!snapshot_create(state, solution, &snapshot), "snapshot_create");
    snapshot_unref(store->newest);
    store->newest = snapshot;
    solution_unref(solution);
    state_unref(state);
    keyspace_unref(keyspace);
}

/* --- transactions: the compares and operations that api/ uses --- */

static bool holds(const struct fake_store *store, const struct store_compare *compare)
{
    const struct fake_entry *entry = find(store, compare->keys.key);
    require(compare->relation == STORE_EQUAL && compare->keys.range_end.size == 0,
            "a compare that it doesn't know");
    switch (compare->target) {
    case STORE_CREATE_REVISION:
        return compare->number == (entry ? entry->create_revision : 0);
    case STORE_MOD_REVISION:
        return compare->number == (entry ? entry->mod_revision : 0);
    case STORE_VERSION:
    case STORE_VALUE:
    case STORE_LEASE:
        break;
    }
    require(false, "a compare that it doesn't know");
    return false;
}

static void run_operation(struct fake_store *store, const struct store_op *operation)
{
    const struct fake_entry *entry = find(store, operation->keys.key);
    require(operation->kind != STORE_OP_GET && operation->keys.range_end.size == 0,
            "an operation that it doesn't know");
    if (operation->kind == STORE_OP_DELETE) {
        (void)drop(store, operation->keys.key);
        return;
    }
    require(!operation->keep_lease || entry, "keeps the lease of nothing");
    put(store, operation->keys.key, operation->value,
        operation->keep_lease ? entry->lease : operation->lease);
}

static struct api_outcome run_txn(struct fake_store *store, const struct store_txn *txn)
{
    bool good = true;
    for (size_t i = 0; i < txn->compare_count && good; i++)
        good = holds(store, &txn->compares[i]);
    if (good) {
        store->revision++;
        for (size_t i = 0; i < txn->success_count; i++)
            run_operation(store, &txn->success[i]);
    }
    store->txn = (struct api_txn_outcome){.succeeded = good, .revision = store->revision};
    return (struct api_outcome){.txn = &store->txn};
}

/* --- leases --- */

int64_t fake_store_grant(struct fake_store *store, int64_t ttl)
{
    require(store->lease_count < FAKE_MAX_LEASES, "too many leases");
    store->leases[store->lease_count++] = (struct fake_lease){store->next_lease, ttl};
    return store->next_lease++;
}

static struct fake_lease *find_lease(const struct fake_store *store, int64_t id)
{
    for (size_t i = 0; i < store->lease_count; i++) {
        if (store->leases[i].id == id)
            return (struct fake_lease *)&store->leases[i];
    }
    return NULL;
}

bool fake_store_has_lease(const struct fake_store *store, int64_t id)
{
    return find_lease(store, id) != NULL;
}

static void revoke(struct fake_store *store, struct fake_lease *lease)
{
    store->revision++;
    for (size_t i = 0; i < store->entry_count;) {
        if (store->entries[i].lease == lease->id)
            (void)drop(store, span_of(store->entries[i].key));
        else
            i++;
    }
    *lease = store->leases[--store->lease_count];
}

static struct api_outcome run_lease(struct fake_store *store, enum api_step step,
                                    const union api_action *action)
{
    int64_t id = action->lease.id;
    if (step == API_LEASE_GRANT)
        id = fake_store_grant(store, action->lease.ttl);
    struct fake_lease *lease = find_lease(store, id);
    if (!lease)
        return (struct api_outcome){.error = ALLOT_ELEASE};
    store->lease = (struct store_lease_result){lease->id, lease->ttl, lease->ttl};
    if (step == API_LEASE_REVOKE)
        revoke(store, lease);
    return (struct api_outcome){.lease = &store->lease};
}

struct api_outcome fake_store_perform(struct fake_store *store, enum api_step step,
                                      const union api_action *action)
{
    if (step == API_WAIT_REVISION) {
        bool reached = store->newest && store->newest->state->revision >= action->revision;
        return (struct api_outcome){.error = reached ? 0 : ALLOT_EUNAVAILABLE};
    }
    struct api_outcome outcome =
        step == API_TXN ? run_txn(store, &action->txn) : run_lease(store, step, action);
    fake_store_publish(store);
    return outcome;
}

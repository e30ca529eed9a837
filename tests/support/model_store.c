#include "tests/support/model_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    char bytes[];
};

struct model_store {
    int64_t revision;
    struct model_table table;
    struct block *blocks; /* every key and value that was ever put */
    struct store_event *events;
    size_t event_count, event_capacity;
    bool *leases; /* by id: whether it lives */
    size_t lease_count, lease_capacity;
    /* Of the last transaction. */
    struct store_op_result results[STORE_MAX_OPS];
    struct store_kv *read;
    size_t read_count, read_capacity;
};

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "model_store: %s\n", what);
    abort();
}

/* *@array with room for one more element of @size bytes. */
static void reserve(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return;
    size_t more = *capacity ? 2 * *capacity : 16;
    void *grown = realloc(*(void **)array, more * size);
    check(grown, "out of memory");
    *(void **)array = grown;
    *capacity = more;
}

/* --- tables --- */

/* The place of the first key >= @key. */
static size_t find_place(const struct model_table *table, struct span key)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(table->kvs[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands_at(const struct model_table *table, size_t place, struct span key)
{
    return place < table->count && span_equal(table->kvs[place].key, key);
}

void model_table_apply(struct model_table *table, const struct store_event *event)
{
    size_t place = find_place(table, event->kv.key);
    bool found = stands_at(table, place, event->kv.key);
    if (event->kind == STORE_EVENT_DELETE) {
        check(found, "a delete of an absent key");
        table->count--;
        memmove(table->kvs + place, table->kvs + place + 1,
                (table->count - place) * sizeof *table->kvs);
        return;
    }
    if (!found) {
        reserve(&table->kvs, table->count, &table->capacity, sizeof *table->kvs);
        memmove(table->kvs + place + 1, table->kvs + place,
                (table->count - place) * sizeof *table->kvs);
        table->count++;
    }
    table->kvs[place] = event->kv;
}

const struct store_kv *model_table_find(const struct model_table *table, struct span key)
{
    size_t place = find_place(table, key);
    return stands_at(table, place, key) ? &table->kvs[place] : NULL;
}

struct model_table model_table_copy(const struct model_table *table)
{
    struct model_table copy = {.count = table->count, .capacity = table->count};
    copy.kvs = malloc((table->count + 1) * sizeof *copy.kvs);
    check(copy.kvs != NULL, "out of memory");
    if (table->count)
        memcpy(copy.kvs, table->kvs, table->count * sizeof *copy.kvs);
    return copy;
}

void model_table_release(struct model_table *table)
{
    free(table->kvs);
    *table = (struct model_table){0};
}

/* The places of @keys: from *@ret_begin up to (without) *@ret_end. */
static void find_keys(const struct model_table *table, const struct store_keys *keys,
                      size_t *ret_begin, size_t *ret_end)
{
    *ret_begin = find_place(table, keys->key);
    if (keys->range_end.size == 0)
        *ret_end = *ret_begin + stands_at(table, *ret_begin, keys->key);
    else
        *ret_end = find_place(table, keys->range_end);
    if (*ret_end < *ret_begin)
        *ret_end = *ret_begin;
}

/* --- lifecycle --- */

struct model_store *model_store_create(void)
{
    struct model_store *store = calloc(1, sizeof *store);
    check(store, "out of memory");
    store->revision = 1;
    return store;
}

void model_store_destroy(struct model_store *store)
{
    if (!store)
        return;
    for (struct block *block = store->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    model_table_release(&store->table);
    free(store->events);
    free(store->leases);
    free(store->read);
    free(store);
}

int64_t model_store_revision(const struct model_store *store)
{
    return store->revision;
}

const struct model_table *model_store_table(const struct model_store *store)
{
    return &store->table;
}

/* --- changes --- */

static struct span keep(struct model_store *store, struct span bytes)
{
    struct block *block = malloc(sizeof *block + bytes.size + 1);
    check(block != NULL, "out of memory");
    block->next = store->blocks;
    store->blocks = block;
    if (bytes.size)
        memcpy(block->bytes, bytes.data, bytes.size);
    block->bytes[bytes.size] = '\0';
    return (struct span){block->bytes, bytes.size};
}

static void record(struct model_store *store, const struct store_event *event)
{
    reserve(&store->events, store->event_count, &store->event_capacity, sizeof *store->events);
    store->events[store->event_count++] = *event;
    model_table_apply(&store->table, event);
}

/* What a transaction under way changes gets the next revision, which is the store's at its end. */
static void put(struct model_store *store, struct span key, struct span value, int64_t lease)
{
    const struct store_kv *former = model_table_find(&store->table, key);
    int64_t revision = store->revision + 1;
    struct store_event event = {
        .kind = STORE_EVENT_PUT,
        .kv = {.key = former ? former->key : keep(store, key),
               .value = keep(store, value),
               .create_revision = former ? former->create_revision : revision,
               .mod_revision = revision,
               .version = former ? former->version + 1 : 1,
               .lease = lease},
    };
    record(store, &event);
}

static void delete (struct model_store *store, size_t place)
{
    struct store_event event = {
        .kind = STORE_EVENT_DELETE,
        .kv = {.key = store->table.kvs[place].key, .mod_revision = store->revision + 1}};
    record(store, &event);
}

/* --- transactions --- */

static int64_t target_of(const struct store_kv *kv, enum store_compare_target target)
{
    if (!kv)
        return 0;
    switch (target) {
    case STORE_CREATE_REVISION:
        return kv->create_revision;
    case STORE_MOD_REVISION:
        return kv->mod_revision;
    case STORE_VERSION:
        return kv->version;
    case STORE_LEASE:
        return kv->lease;
    case STORE_VALUE:
        break;
    }
    check(false, "not a number to compare with");
    return 0;
}

static bool compare(const struct store_compare *compare, const struct store_kv *kv)
{
    if (compare->target == STORE_VALUE && !kv)
        return false;
    int order;
    if (compare->target == STORE_VALUE) {
        order = span_compare(kv->value, compare->value);
    } else {
        int64_t number = target_of(kv, compare->target);
        order = (number > compare->number) - (number < compare->number);
    }
    switch (compare->relation) {
    case STORE_EQUAL:
        return order == 0;
    case STORE_NOT_EQUAL:
        return order != 0;
    case STORE_GREATER:
        return order > 0;
    case STORE_LESS:
        return order < 0;
    }
    return false;
}

static bool holds(const struct model_store *store, const struct store_compare *wanted)
{
    size_t begin, end;
    find_keys(&store->table, &wanted->keys, &begin, &end);
    if (begin == end)
        return compare(wanted, NULL);
    for (size_t i = begin; i < end; i++)
        if (!compare(wanted, &store->table.kvs[i]))
            return false;
    return true;
}

static bool contains(const struct store_keys *keys, struct span key)
{
    if (keys->range_end.size == 0)
        return span_equal(keys->key, key);
    return span_compare(keys->key, key) <= 0 && span_compare(key, keys->range_end) < 0;
}

/* Whether the operations may stand in one transaction, by themselves and with each other. */
static int validate(const struct model_store *store, const struct store_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ops[i].keys.key.size == 0)
            return ALLOT_EINVAL;
        if (ops[i].kind != STORE_OP_PUT)
            continue;
        if (ops[i].keep_lease && !model_table_find(&store->table, ops[i].keys.key))
            return ALLOT_EINVAL;
        if (!ops[i].keep_lease && ops[i].lease && !model_store_has_lease(store, ops[i].lease))
            return ALLOT_ELEASE;
        for (size_t other = 0; other < count; other++)
            if (other != i && ops[other].kind != STORE_OP_GET &&
                contains(&ops[other].keys, ops[i].keys.key))
                return ALLOT_EINVAL;
    }
    return 0;
}

static void read_keys(struct model_store *store, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        reserve(&store->read, store->read_count, &store->read_capacity, sizeof *store->read);
        store->read[store->read_count++] = store->table.kvs[i];
    }
}

static void execute(struct model_store *store, const struct store_op *op,
                    struct store_op_result *ret)
{
    size_t begin, end;
    find_keys(&store->table, &op->keys, &begin, &end);
    *ret = (struct store_op_result){0};
    switch (op->kind) {
    case STORE_OP_PUT:
        put(store, op->keys.key, op->value,
            op->keep_lease ? store->table.kvs[begin].lease : op->lease);
        break;
    case STORE_OP_DELETE:
        ret->deleted = (int64_t)(end - begin);
        for (; end > begin; end--)
            delete (store, begin);
        break;
    case STORE_OP_GET:
        ret->kv_count = end - begin;
        read_keys(store, begin, end);
        break;
    }
}

int model_store_txn(struct model_store *store, const struct store_txn *txn,
                    struct store_txn_result *ret)
{
    if (txn->compare_count > STORE_MAX_COMPARES || txn->success_count > STORE_MAX_OPS ||
        txn->failure_count > STORE_MAX_OPS)
        return ALLOT_ELIMIT;
    bool succeeded = true;
    for (size_t i = 0; succeeded && i < txn->compare_count; i++)
        succeeded = holds(store, &txn->compares[i]);
    const struct store_op *ops = succeeded ? txn->success : txn->failure;
    size_t count = succeeded ? txn->success_count : txn->failure_count;
    int error = validate(store, ops, count);
    if (error)
        return error;

    size_t event_count = store->event_count;
    store->read_count = 0;
    for (size_t i = 0; i < count; i++)
        execute(store, &ops[i], &store->results[i]);
    for (size_t i = 0, next = 0; i < count; i++) { /* only now do they stay where they are */
        if (store->results[i].kv_count)
            store->results[i].kvs = &store->read[next];
        next += store->results[i].kv_count;
    }
    store->revision += store->event_count != event_count;
    *ret = (struct store_txn_result){.cluster_id = MODEL_STORE_CLUSTER_ID,
                                     .succeeded = succeeded,
                                     .revision = store->revision,
                                     .results = store->results,
                                     .result_count = count};
    return 0;
}

static void execute_alone(struct model_store *store, const struct store_op *op)
{
    struct store_txn txn = {.success = op, .success_count = 1};
    struct store_txn_result result;
    check(model_store_txn(store, &txn, &result) == 0, "a single operation is refused");
}

void model_store_put(struct model_store *store, struct span key, struct span value, int64_t lease)
{
    struct store_op op = {
        .kind = STORE_OP_PUT, .keys = {.key = key}, .value = value, .lease = lease};
    execute_alone(store, &op);
}

void model_store_delete(struct model_store *store, struct span key)
{
    struct store_op op = {.kind = STORE_OP_DELETE, .keys = {.key = key}};
    execute_alone(store, &op);
}

void model_store_replay(struct model_store *store, const struct store_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct store_event event = events[i];
        event.kv.key = keep(store, event.kv.key);
        event.kv.value = keep(store, event.kv.value);
        record(store, &event);
        store->revision = event.kv.mod_revision;
    }
}

/* --- leases --- */

int64_t model_store_grant(struct model_store *store)
{
    reserve(&store->leases, store->lease_count, &store->lease_capacity, sizeof *store->leases);
    store->leases[store->lease_count++] = true;
    return (int64_t)store->lease_count;
}

bool model_store_has_lease(const struct model_store *store, int64_t lease)
{
    return lease > 0 && (size_t)lease <= store->lease_count && store->leases[lease - 1];
}

int model_store_revoke(struct model_store *store, int64_t lease)
{
    if (!model_store_has_lease(store, lease))
        return ALLOT_ELEASE;
    store->leases[lease - 1] = false;
    size_t event_count = store->event_count;
    for (size_t i = store->table.count; i-- > 0;)
        if (store->table.kvs[i].lease == lease)
            delete (store, i);
    store->revision += store->event_count != event_count;
    return 0;
}

/* --- history --- */

const struct store_event *model_store_events_since(const struct model_store *store,
                                                   int64_t revision, size_t *ret_count)
{
    size_t low = 0;
    size_t high = store->event_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->events[middle].kv.mod_revision < revision)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_count = store->event_count - low;
    return store->events + low;
}

#include "server/history_keys.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "api/hash.h"

enum { MIN_CAPACITY = 1024 };

/* A key with its bytes, and room for a value of that size. */
struct slot {
    struct history_key key; /* first, so that it has the same address */
    uint64_t hash;
    size_t room;
    char bytes[];
};

/* Open addressing; more than half of the slots are free. */
struct history_keys {
    struct slot **slots; /* owned */
    size_t capacity;     /* a power of two */
    size_t count;
    uint64_t seed; /* so that nobody can choose keys that hash alike */
};

/* --- life --- */

int history_keys_create(struct history_keys **ret)
{
    struct history_keys *keys = calloc(1, sizeof *keys);
    if (keys)
        keys->slots = calloc(MIN_CAPACITY, sizeof(struct slot *));
    if (!keys || !keys->slots) {
        free(keys);
        return ALLOT_ENOMEM;
    }
    keys->capacity = MIN_CAPACITY;
    sqlite3_randomness(sizeof keys->seed, &keys->seed);
    *ret = keys;
    return 0;
}

static void clear(struct history_keys *keys)
{
    for (size_t i = 0; i < keys->capacity; i++) {
        free(keys->slots[i]);
        keys->slots[i] = NULL;
    }
    keys->count = 0;
}

void history_keys_destroy(struct history_keys *keys)
{
    if (!keys)
        return;
    clear(keys);
    free(keys->slots);
    free(keys);
}

size_t history_keys_count(const struct history_keys *keys)
{
    return keys->count;
}

/* --- one key --- */

/* The place of the key, or the free one where it would be. */
static size_t find_place(const struct history_keys *keys, uint64_t hash, struct span key)
{
    size_t place = hash & (keys->capacity - 1);
    for (const struct slot *slot; (slot = keys->slots[place]);
         place = (place + 1) & (keys->capacity - 1))
        if (slot->hash == hash && span_equal(slot->key.kv.key, key))
            break;
    return place;
}

struct history_key *history_keys_find(const struct history_keys *keys, struct span key)
{
    size_t place = find_place(keys, hash_seeded(keys->seed, key), key);
    return keys->slots[place] ? &keys->slots[place]->key : NULL;
}

static int grow(struct history_keys *keys)
{
    assert(keys->capacity >= MIN_CAPACITY);
    size_t capacity = 2 * keys->capacity;
    struct slot **slots = calloc(capacity, sizeof(struct slot *));
    if (!slots)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < keys->capacity; i++) {
        if (!keys->slots[i])
            continue;
        size_t place = keys->slots[i]->hash & (capacity - 1);
        while (slots[place])
            place = (place + 1) & (capacity - 1);
        slots[place] = keys->slots[i];
    }
    free(keys->slots);
    keys->slots = slots;
    keys->capacity = capacity;
    return 0;
}

static struct span copy(char *to, struct span from)
{
    if (from.size > 0)
        memcpy(to, from.data, from.size);
    return (struct span){to, from.size};
}

/* A slot with room for the value, in the place of @former (NULL: none), which is freed. */
static struct slot *make_slot(struct slot *former, uint64_t hash, const struct store_kv *kv)
{
    struct slot *slot = malloc(sizeof *slot + kv->key.size + kv->value.size);
    if (!slot)
        return NULL;
    *slot = (struct slot){.hash = hash, .room = kv->value.size, .key.names.era = -1};
    if (former)
        slot->key.names = former->key.names;
    slot->key.kv.key = copy(slot->bytes, kv->key);
    free(former);
    return slot;
}

struct history_key *history_keys_put(struct history_keys *keys, const struct store_kv *kv)
{
    if (2 * (keys->count + 1) > keys->capacity && grow(keys) != 0)
        return NULL;
    uint64_t hash = hash_seeded(keys->seed, kv->key);
    struct slot **place = &keys->slots[find_place(keys, hash, kv->key)];
    bool is_new = !*place;
    if (is_new || (*place)->room < kv->value.size) {
        struct slot *slot = make_slot(*place, hash, kv);
        if (!slot)
            return NULL;
        *place = slot;
        keys->count += is_new;
    }
    struct slot *slot = *place;
    struct span key = slot->key.kv.key;
    slot->key.kv = *kv;
    slot->key.kv.key = key;
    slot->key.kv.value = copy(slot->bytes + key.size, kv->value);
    return &slot->key;
}

/* What stands behind the gap moves up to it, unless it is where it belongs. */
static void close_gap(struct history_keys *keys, size_t gap)
{
    size_t mask = keys->capacity - 1;
    for (size_t place = (gap + 1) & mask; keys->slots[place]; place = (place + 1) & mask) {
        size_t wanted = keys->slots[place]->hash & mask;
        if (((place - wanted) & mask) < ((place - gap) & mask))
            continue;
        keys->slots[gap] = keys->slots[place];
        keys->slots[place] = NULL;
        gap = place;
    }
}

void history_keys_remove(struct history_keys *keys, struct span key)
{
    size_t place = find_place(keys, hash_seeded(keys->seed, key), key);
    if (!keys->slots[place])
        return;
    free(keys->slots[place]);
    keys->slots[place] = NULL;
    keys->count--;
    close_gap(keys, place);
}

/* --- all keys --- */

int history_keys_load(struct history_keys *keys, const struct keyspace *keyspace)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, (struct span){NULL, 0});
    clear(keys);
    for (const struct entry *entry; (entry = keyspace_next(&cursor));) {
        const struct store_kv kv = {.key = entry->key,
                                    .value = entry->value,
                                    .create_revision = entry->create_revision,
                                    .mod_revision = entry->mod_revision,
                                    .version = entry->version,
                                    .lease = entry->lease};
        if (!history_keys_put(keys, &kv))
            return ALLOT_ENOMEM;
    }
    return 0;
}

static int compare(const void *first, const void *second)
{
    const struct store_kv *a = *(const struct store_kv *const *)first;
    const struct store_kv *b = *(const struct store_kv *const *)second;
    return span_compare(a->key, b->key);
}

int history_keys_sort(const struct history_keys *keys, const struct store_kv ***ret)
{
    const struct store_kv **sorted = malloc((keys->count + 1) * sizeof *sorted);
    size_t count = 0;
    if (!sorted)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < keys->capacity; i++)
        if (keys->slots[i])
            sorted[count++] = &keys->slots[i]->key.kv;
    qsort(sorted, count, sizeof *sorted, compare);
    *ret = sorted;
    return 0;
}

/* Readers walk versions of a keyspace while a writer makes new ones: each version must stay what it
 * was when it was made, and the last one who lets go of it frees it. Run under TSan and ASan. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/keyspace.h"

enum { KEYS = 1200, ROUNDS = 300, CHANGES = 40, READERS = 3, KEY_SIZE = 24 };

#define REQUIRE(condition)                                                            \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

struct shared {
    pthread_mutex_t lock;
    struct keyspace *current; /* under the lock */
    atomic_bool done;
    atomic_int walks;
};

static int decode_item(void *context, const struct key_parts *key, struct span value,
                       struct item_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    ret->replication = (int32_t)value.size;
    return 0;
}

static struct keyspace *take(struct shared *shared)
{
    pthread_mutex_lock(&shared->lock);
    struct keyspace *keyspace = keyspace_ref(shared->current);
    pthread_mutex_unlock(&shared->lock);
    return keyspace;
}

static void publish(struct shared *shared, struct keyspace *keyspace)
{
    pthread_mutex_lock(&shared->lock);
    struct keyspace *former = shared->current;
    shared->current = keyspace;
    pthread_mutex_unlock(&shared->lock);
    keyspace_unref(former);
}

/* As many keys as it says, none newer than itself, the newest as new as itself. */
static void walk(const struct keyspace *keyspace)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, keyspace_root(keyspace));
    int64_t newest = 0;
    size_t count = 0;
    for (const struct entry *entry; (entry = keyspace_next(&cursor)); count++) {
        REQUIRE(entry->item.replication == (int32_t)entry->value.size);
        if (newest < entry->mod_revision)
            newest = entry->mod_revision;
    }
    REQUIRE(count == keyspace_count(keyspace));
    REQUIRE(newest == keyspace_revision(keyspace));
}

static void *read_versions(void *argument)
{
    struct shared *shared = argument;
    do {
        struct keyspace *keyspace = take(shared);
        walk(keyspace);
        atomic_fetch_add(&shared->walks, 1);
        keyspace_unref(keyspace);
    } while (!atomic_load(&shared->done));
    return NULL;
}

/* Puts CHANGES keys, and deletes the one after them. */
static void write_round(struct shared *shared, int64_t revision)
{
    char keys[CHANGES + 1][KEY_SIZE];
    struct store_event events[CHANGES + 1];
    for (int i = 0; i <= CHANGES; i++) {
        snprintf(keys[i], KEY_SIZE, "/r/items/i%05d", (int)(revision * 37 + i) % KEYS);
        events[i] = (struct store_event){
            .kind = i < CHANGES ? STORE_EVENT_PUT : STORE_EVENT_DELETE,
            .kv = {.key = span_of(keys[i]),
                   .value = {"xxxxxxxx", (size_t)revision % 8},
                   .create_revision = revision,
                   .mod_revision = revision,
                   .version = 1},
        };
    }
    struct store_watch_response response = {
        .cluster_id = 1, .revision = revision, .events = events, .event_count = CHANGES + 1};
    struct keyspace *next = NULL;
    REQUIRE(keyspace_apply(shared->current, &response, 1, &next) == 0);
    publish(shared, next);
}

int main(void)
{
    struct keyspace_config config = {.root = SPAN("/r"), .decoder = {.item = decode_item}};
    struct shared shared = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t readers[READERS];
    REQUIRE(keyspace_create(&config, &shared.current) == 0);
    for (int i = 0; i < READERS; i++)
        REQUIRE(pthread_create(&readers[i], NULL, read_versions, &shared) == 0);
    for (int64_t revision = 1; revision <= ROUNDS; revision++)
        write_round(&shared, revision);
    atomic_store(&shared.done, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    REQUIRE(atomic_load(&shared.walks) >= READERS);
    keyspace_unref(shared.current);
    pthread_mutex_destroy(&shared.lock);
    return 0;
}

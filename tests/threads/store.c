/* The embedded store under many threads at once: counters that count by compare-and-put, leases
 * that come and go, watches that begin anywhere and are cancelled at any time, compaction. In the
 * end every increment is there, and the one watch that saw it all has every revision once, in
 * order (in which sync_watch finds gaps and repetitions by itself). For TSan.
 *
 *     thread_store [SEED] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "server/embedded_store.h"
#include "tests/support/random.h"
#include "tests/support/store_sync.h"
#include "tests/support/temporary.h"

enum {
    COUNTERS = 3,
    COUNTING_THREADS = 4,
    INCREMENTS = 500, /* of each thread */
    LEASE_THREADS = 2,
    LEASES = 60, /* of each thread */
    WATCH_THREADS = 2,
    WATCHES = 40, /* of each thread */
    COMPACTIONS = 20,
    THREADS = COUNTING_THREADS + LEASE_THREADS + WATCH_THREADS + 1,
};

struct worker {
    struct store *store;
    struct random random;
    int number;
    int64_t increments[COUNTERS];
};

static void require_at(bool holds, int line)
{
    if (!holds) {
        fprintf(stderr, "tests/threads/store.c:%d: does not hold\n", line);
        exit(1);
    }
}
#define REQUIRE(holds) require_at((holds), __LINE__)

static struct span counter_key(int counter, char *buffer, size_t size)
{
    return (struct span){buffer, (size_t)snprintf(buffer, size, "/counter/%d", counter)};
}

/* One try, and whether it came through. The counter is the key's version. */
static bool increment(struct worker *worker, int counter)
{
    char buffer[32];
    struct span key = counter_key(counter, buffer, sizeof buffer);
    struct store_kv kv = {0};
    struct sync_answer answer;
    (void)sync_exists(worker->store, key, &kv);
    struct store_compare unchanged = {
        .keys.key = key, .target = STORE_VERSION, .number = kv.version};
    struct store_op put = {.kind = STORE_OP_PUT, .keys.key = key, .value = key};
    struct store_txn txn = {
        .compares = &unchanged, .compare_count = 1, .success = &put, .success_count = 1};
    REQUIRE(sync_txn(worker->store, &txn, &answer) == 0);
    bool succeeded = answer.succeeded;
    sync_answer_release(&answer);
    return succeeded;
}

static void *count(void *argument)
{
    struct worker *worker = argument;
    for (int done = 0; done < INCREMENTS;) {
        int counter = (int)random_below(&worker->random, COUNTERS);
        if (increment(worker, counter)) {
            worker->increments[counter]++;
            done++;
        }
    }
    return NULL;
}

static void *lease(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < LEASES; i++) {
        struct store_lease_result granted;
        char buffer[32];
        REQUIRE(sync_grant(worker->store, 0, 60, &granted) == 0);
        for (uint64_t keys = random_below(&worker->random, 4); keys > 0; keys--) {
            int size = snprintf(buffer, sizeof buffer, "/leased/%d/%" PRIu64, worker->number, keys);
            struct span key = {buffer, (size_t)size};
            REQUIRE(sync_put(worker->store, key, key, granted.id, NULL) == 0);
        }
        REQUIRE(sync_keep_alive(worker->store, granted.id, NULL) == 0);
        if (random_below(&worker->random, 8) > 0)
            REQUIRE(sync_revoke(worker->store, granted.id) == 0);
    }
    return NULL;
}

static void *watch(void *argument)
{
    struct worker *worker = argument;
    struct store_keys all = {SPAN("/"), SPAN("0")};
    for (int i = 0; i < WATCHES; i++) {
        struct sync_watch watch;
        int64_t newest = sync_revision(worker->store);
        int64_t from = 1 + (int64_t)random_below(&worker->random, (uint64_t)newest + 4);
        REQUIRE(sync_watch_start(&watch, worker->store, all, from) == 0);
        if (random_below(&worker->random, 2))
            REQUIRE(sync_watch_wait_revision(&watch, newest < from ? 0 : newest));
        sync_watch_stop(&watch);
        REQUIRE(watch.error == 0 || watch.error == ALLOT_ECOMPACTED);
        for (size_t k = 1; k < watch.count; k++)
            REQUIRE(watch.events[k].kv.mod_revision - watch.events[k - 1].kv.mod_revision <= 1);
        sync_watch_release(&watch);
    }
    return NULL;
}

static void *compact(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < COMPACTIONS; i++) {
        struct store_range range = {.keys = {SPAN("/"), SPAN("0")}};
        int64_t newest = sync_revision(worker->store);
        int64_t revision = 1 + (int64_t)random_below(&worker->random, (uint64_t)newest);
        int error = sync_compact(worker->store, revision);
        REQUIRE(error == 0 || error == ALLOT_ECOMPACTED);
        range.revision = 1 + (int64_t)random_below(&worker->random, (uint64_t)newest);
        error = sync_range(worker->store, &range, NULL);
        REQUIRE(error == 0 || error == ALLOT_ECOMPACTED);
    }
    return NULL;
}

static void run_workers(struct store *store, uint64_t seed, int64_t *ret_increments)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){.store = store, .number = i, .random = {seed * 100 + (uint64_t)i}};
        void *(*run)(void *) = i < COUNTING_THREADS                   ? count
                               : i < COUNTING_THREADS + LEASE_THREADS ? lease
                               : i < THREADS - 1                      ? watch
                                                                      : compact;
        REQUIRE(pthread_create(&threads[i], NULL, run, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (int counter = 0; counter < COUNTERS; counter++)
            ret_increments[counter] += workers[i].increments[counter];
    }
}

static void check_increments(struct store *store, const int64_t *increments)
{
    for (int counter = 0; counter < COUNTERS; counter++) {
        char buffer[32];
        struct store_kv kv;
        REQUIRE(sync_exists(store, counter_key(counter, buffer, sizeof buffer), &kv));
        REQUIRE(kv.version == increments[counter]);
    }
}

static struct store *must_open(const char *directory)
{
    struct store *store;
    struct error_message why;
    struct embedded_store_config config = {.data_dir = directory, .retention = 500};
    if (embedded_store_open(&config, &store, &why) != 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    return store;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    char directory[TEMPORARY_SIZE];
    int64_t increments[COUNTERS] = {0};
    struct sync_watch watch;
    struct store *store = must_open(temporary_directory(directory));
    printf("seed %" PRIu64 "\n", seed);
    REQUIRE(sync_watch_start(&watch, store, (struct store_keys){SPAN("/"), SPAN("0")}, 2) == 0);
    run_workers(store, seed, increments);
    check_increments(store, increments);

    int64_t last = sync_revision(store);
    REQUIRE(sync_watch_wait_revision(&watch, last));
    sync_watch_stop(&watch);
    REQUIRE(watch.error == 0);
    REQUIRE(watch.events[0].kv.mod_revision == 2);
    for (size_t i = 1; i < watch.count; i++)
        REQUIRE(watch.events[i].kv.mod_revision - watch.events[i - 1].kv.mod_revision <= 1);
    REQUIRE(watch.events[watch.count - 1].kv.mod_revision == last);
    sync_watch_release(&watch);

    store->operations->destroy(store);
    store = must_open(directory);
    REQUIRE(sync_revision(store) == last);
    check_increments(store, increments);
    store->operations->destroy(store);
    temporary_remove(directory);
    return 0;
}

/* The etcd store under many threads at once, while etcd is killed and comes back: writers, readers,
 * and watches that are cancelled at any time. In the end nothing that was acknowledged is missing,
 * and nothing was done twice. Then the store is destroyed with requests under way. For TSan.
 *
 *     thread_etcd [SEED] */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/error.h"
#include "server/etcd_store.h"
#include "tests/support/etcd_server.h"
#include "tests/support/random.h"
#include "tests/support/store_sync.h"

enum { WRITERS = 3, WATCHERS = 2, THREADS = WRITERS + WATCHERS, RESTARTS = 3, LAST_REQUESTS = 200 };

struct worker {
    struct store *store;
    struct random random;
    atomic_bool *stop;
    int number;
    int64_t done;    /* puts that were acknowledged */
    int64_t unknown; /* that may have been done */
    int64_t watched;
};

static void require_at(bool holds, int line)
{
    if (!holds) {
        fprintf(stderr, "tests/threads/etcd.c:%d: does not hold\n", line);
        exit(1);
    }
}
#define REQUIRE(holds) require_at((holds), __LINE__)

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static struct span key_of(int number, char *buffer, size_t size)
{
    return (struct span){buffer, (size_t)snprintf(buffer, size, "/writers/%d", number)};
}

/* The key's version counts how often it was put. */
static void *write_on(void *argument)
{
    struct worker *worker = argument;
    char buffer[32];
    struct span key = key_of(worker->number, buffer, sizeof buffer);
    while (!atomic_load(worker->stop)) {
        const struct store_range range = {.keys.key = key};
        int error = sync_put(worker->store, key, key, 0, NULL);
        REQUIRE(error == 0 || error == ALLOT_EUNKNOWN || error == ALLOT_EUNAVAILABLE);
        worker->done += error == 0;
        worker->unknown += error == ALLOT_EUNKNOWN;
        if (error == ALLOT_EUNAVAILABLE)
            pause_ms(5);
        error = sync_range(worker->store, &range, NULL);
        REQUIRE(error == 0 || error == ALLOT_EUNAVAILABLE);
    }
    return NULL;
}

static void *watch_on(void *argument)
{
    struct worker *worker = argument;
    const struct store_keys all = {SPAN("/writers/"), SPAN("/writers0")};
    while (!atomic_load(worker->stop)) {
        struct sync_watch watch;
        REQUIRE(sync_watch_start(&watch, worker->store, all, 1) == 0);
        pause_ms((int)random_below(&worker->random, 60));
        sync_watch_stop(&watch);
        REQUIRE(watch.error == 0 || watch.error == ALLOT_EUNAVAILABLE);
        for (size_t i = 1; i < watch.count; i++)
            REQUIRE(watch.events[i].kv.mod_revision == watch.events[i - 1].kv.mod_revision + 1);
        worker->watched += (int64_t)watch.count;
        sync_watch_release(&watch);
    }
    return NULL;
}

static void check_puts(struct store *store, const struct worker *worker)
{
    char buffer[32];
    struct store_kv kv = {0};
    (void)sync_exists(store, key_of(worker->number, buffer, sizeof buffer), &kv);
    printf("writer %d: %" PRId64 " done, %" PRId64 " unknown, version %" PRId64 "\n",
           worker->number, worker->done, worker->unknown, kv.version);
    REQUIRE(kv.version >= worker->done && kv.version <= worker->done + worker->unknown);
}

static void count_answer(void *context, int error, const struct store_range_result *result)
{
    (void)error, (void)result;
    atomic_fetch_add((atomic_int *)context, 1);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    struct etcd_server server;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    atomic_int answers = 0;
    struct store *store = NULL;
    struct error_message why = {""};
    printf("seed %" PRIu64 "\n", seed);
    etcd_server_start(&server, NULL);
    const struct etcd_store_config config = {
        .endpoints = server.url, .refresh_ms = 10, .resume_timeout_ms = 30000};
    REQUIRE(etcd_store_open(&config, &store, &why) == 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){
            .store = store, .random = {seed * 100 + (uint64_t)i}, .stop = &stop, .number = i};
        REQUIRE(pthread_create(&threads[i], NULL, i < WRITERS ? write_on : watch_on, &workers[i]) ==
                0);
    }
    for (int i = 0; i < RESTARTS; i++) {
        pause_ms(300);
        etcd_server_kill(&server);
        pause_ms(50);
        etcd_server_restart(&server, NULL);
    }
    pause_ms(300);
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    const struct store_range range = {.keys = {SPAN("/"), SPAN("0")}};
    while (sync_range(store, &range, NULL) != 0)
        pause_ms(5);
    for (int i = 0; i < WRITERS; i++)
        check_puts(store, &workers[i]);
    for (int i = WRITERS; i < THREADS; i++)
        REQUIRE(workers[i].watched > 0);
    for (int i = 0; i < LAST_REQUESTS; i++)
        REQUIRE(store->operations->range(store, &range, count_answer, &answers) == 0);
    store->operations->destroy(store);
    REQUIRE(atomic_load(&answers) == LAST_REQUESTS);
    etcd_server_remove(&server);
    return 0;
}

/* The history under many threads at once: a store changes, the history follows and prunes, readers
 * ask for events, rounds, states and how it is, and it is stopped and started in between. For TSan.
 *
 *     thread_history [SEED] */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/embedded_store.h"
#include "server/history.h"
#include "tests/support/random.h"
#include "tests/support/store_sync.h"
#include "tests/support/temporary.h"

enum { READERS = 3, WRITERS = 2, LIVES = 4, WRITES = 250, ITEMS = 20 };

static void require_at(bool holds, int line)
{
    if (!holds) {
        fprintf(stderr, "tests/threads/history.c:%d: does not hold\n", line);
        exit(1);
    }
}
#define REQUIRE(holds) require_at((holds), __LINE__)

static const atomic_bool never;

struct stage {
    struct store *store;
    struct history *history;
    atomic_bool done;
    atomic_long asked;
};

struct worker {
    struct stage *stage;
    struct random random;
};

static bool count(void *context, const struct history_event *event)
{
    long *seen = context;
    REQUIRE(event->position.revision > 0);
    ++*seen;
    return true;
}

static bool ignore(void *context, const struct history_round *round)
{
    (void)context, (void)round;
    return true;
}

static void ask(struct worker *worker)
{
    const struct api_history *api = history_api(worker->stage->history);
    const struct history_query events = {
        .filter = {.kinds = ~0u, .to_revision = INT64_MAX, .to_ms = INT64_MAX}, .limit = 50};
    const struct history_round_query rounds = {
        .to_revision = INT64_MAX, .to_ms = INT64_MAX, .limit = 5};
    struct history_moment at = {.revision = 1 + (int64_t)random_below(&worker->random, 500)};
    struct history_status status;
    struct history_page page;
    struct snapshot *snapshot = NULL;
    long seen = 0;
    api->status(api->context, &status);
    int error = api->events(api->context, &events, &never, count, &seen, &page);
    REQUIRE(error == 0 || error == ALLOT_EUNAVAILABLE);
    error = api->rounds(api->context, &rounds, &never, ignore, NULL, &page);
    REQUIRE(error == 0 || error == ALLOT_EUNAVAILABLE);
    error = api->state(api->context, &at, 0, &never, &snapshot);
    REQUIRE(error == 0 || error == ALLOT_EUNAVAILABLE || error == ALLOT_EFUTURE ||
            error == ALLOT_ELIMIT);
    snapshot_unref(snapshot);
    atomic_fetch_add(&worker->stage->asked, 1);
}

static void *read_on(void *context)
{
    struct worker *worker = context;
    while (!atomic_load(&worker->stage->done))
        ask(worker);
    return NULL;
}

static void *write_on(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < WRITES; i++) {
        char key[64];
        snprintf(key, sizeof key, "/allot/items/i%d", (int)random_below(&worker->random, ITEMS));
        REQUIRE(sync_put(worker->stage->store, span_of(key), SPAN("{\"replication\":1}"), 0,
                         NULL) == 0);
    }
    return NULL;
}

static void live(struct stage *stage, const struct history_config *config, struct random *random)
{
    pthread_t readers[READERS], writers[WRITERS];
    struct worker workers[READERS + WRITERS];
    struct history_status status = {0};
    atomic_store(&stage->done, false);
    REQUIRE(history_start(config, &stage->history) == 0);
    for (int i = 0; i < READERS + WRITERS; i++)
        workers[i] = (struct worker){stage, {random_next(random)}};
    for (int i = 0; i < READERS; i++)
        REQUIRE(pthread_create(&readers[i], NULL, read_on, &workers[i]) == 0);
    for (int i = 0; i < WRITERS; i++)
        REQUIRE(pthread_create(&writers[i], NULL, write_on, &workers[READERS + i]) == 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    int64_t last = sync_revision(stage->store);
    const struct api_history *api = history_api(stage->history);
    while (status.reached < last)
        api->status(api->context, &status);
    atomic_store(&stage->done, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    history_stop(stage->history);
}

int main(int argc, char **argv)
{
    char directory[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 16];
    struct random random = {argc > 1 ? strtoull(argv[1], NULL, 10) : 1};
    struct stage stage = {.store = NULL};
    struct error_message why;
    temporary_directory(directory);
    snprintf(path, sizeof path, "%s/history.db", directory);
    const struct embedded_store_config store = {.data_dir = directory};
    REQUIRE(embedded_store_open(&store, &stage.store, &why) == 0);
    const struct history_config config = {.store = stage.store,
                                          .path = path,
                                          .root = SPAN("/allot"),
                                          .limits = {.max_bytes = 1},
                                          .gather_ms = 1,
                                          .longest_retry_ms = 50,
                                          .look_ms = 50};
    for (int i = 0; i < LIVES; i++)
        live(&stage, &config, &random);
    printf("history: %d lives, revision %" PRId64 ", asked %ld times\n", LIVES,
           sync_revision(stage.store), atomic_load(&stage.asked));
    REQUIRE(atomic_load(&stage.asked) > 0);
    stage.store->operations->destroy(stage.store);
    temporary_remove(directory);
    return 0;
}

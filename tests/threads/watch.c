/* The hub under many threads at once: changes are heard and published, and now and then the mirror
 * starts over, while watchers come, read, sleep, are woken, go, and come again where they were.
 * None misses a change or sees one twice, unless it is told that it may have. And workers, to whom
 * tasks are given from all sides. For TSan.
 *
 *     thread_watch [SEED] */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/watch_hub.h"
#include "server/workers.h"
#include "tests/support/random.h"

enum { WATCHERS = 4, REVISIONS = 20000, BREAK_EVERY = 5000, TASKS = 2000 };

static void require_at(bool holds, int line)
{
    if (!holds) {
        fprintf(stderr, "tests/threads/watch.c:%d: does not hold\n", line);
        exit(1);
    }
}
#define REQUIRE(holds) require_at((holds), __LINE__)

/* --- a reader that sleeps and is woken --- */

struct reader {
    struct watch_hub *hub;
    struct random random;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool asleep;
    int64_t seen;
    int64_t told;
};

static void on_sleep(void *context)
{
    struct reader *reader = context;
    pthread_mutex_lock(&reader->mutex);
    reader->asleep = true;
    pthread_mutex_unlock(&reader->mutex);
}

static void on_wake(void *context)
{
    struct reader *reader = context;
    pthread_mutex_lock(&reader->mutex);
    reader->asleep = false;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->mutex);
}

static void wait_awake(struct reader *reader)
{
    pthread_mutex_lock(&reader->mutex);
    while (reader->asleep)
        pthread_cond_wait(&reader->changed, &reader->mutex);
    pthread_mutex_unlock(&reader->mutex);
}

/* Every revision changes something, so each must be told after the one before. */
static void take_message(struct reader *reader, const struct buffer *out)
{
    int64_t revision;
    char text[64];
    size_t size = out->size < sizeof text - 1 ? out->size : sizeof text - 1;
    memcpy(text, out->data, size);
    text[size] = '\0';
    if (strncmp(text, "{\"gone\"", 7) == 0) {
        reader->seen = -1;
        return;
    }
    REQUIRE(sscanf(text, "{\"revision\":%" SCNd64, &revision) == 1);
    REQUIRE(reader->seen < 0 || revision == reader->seen + 1);
    reader->seen = revision;
    reader->told++;
}

/* Reads for a while; false at the end of it all. */
static bool watch_once(struct reader *reader)
{
    const struct watch_stream stream = {.from = reader->seen, .filter = {.kinds = ~0U}};
    const struct watch_sleep sleep = {on_sleep, on_wake, reader};
    struct watcher *watcher = NULL;
    struct buffer out;
    if (watch_hub_open(reader->hub, &stream, &sleep, &watcher) != 0)
        return false; /* it is stopped */
    enum watch_next next = WATCH_MORE;
    buffer_init(&out, 1 << 20);
    for (uint64_t left = 1 + random_below(&reader->random, 200); left > 0 && next != WATCH_ENDS;
         left--) {
        buffer_clear(&out);
        next = watch_hub_next(watcher, &out);
        if (next == WATCH_SLEEPS)
            wait_awake(reader);
        else if (out.size > 0)
            take_message(reader, &out);
    }
    watch_hub_close(watcher);
    buffer_release(&out);
    return true;
}

static void *read_on(void *context)
{
    while (watch_once(context)) {
    }
    return NULL;
}

/* --- the changes --- */

static void hear(struct watch_hub *hub, int64_t revision)
{
    const struct store_event event = {.kind = STORE_EVENT_PUT,
                                      .kv = {.key = SPAN("/t/items/a"),
                                             .value = SPAN("{\"replication\":1}"),
                                             .create_revision = 1,
                                             .mod_revision = revision}};
    const struct store_watch_response response = {
        .revision = revision, .events = &event, .event_count = 1};
    watch_hub_hear(hub, &response);
}

static void make_changes(struct watch_hub *hub)
{
    for (int64_t revision = 1; revision <= REVISIONS; revision++) {
        if (revision % BREAK_EVERY == 0)
            watch_hub_break(hub);
        else
            hear(hub, revision);
        if (revision % 3 == 0 || revision == REVISIONS) { /* several are applied together */
            watch_hub_reach(hub, revision);
            watch_hub_publish(hub, revision);
        }
    }
}

static void try_hub(uint64_t seed)
{
    const struct watch_hub_config config = {.root = SPAN("/t"),
                                            .max_bytes = 64 << 10,
                                            .max_watchers = WATCHERS,
                                            .bookmark_ms = 1000000};
    struct watch_hub *hub = NULL;
    struct reader readers[WATCHERS];
    pthread_t threads[WATCHERS];
    REQUIRE(watch_hub_create(&config, &hub) == 0);
    watch_hub_reach(hub, 0);
    for (int i = 0; i < WATCHERS; i++) {
        readers[i] =
            (struct reader){.hub = hub, .random = {.state = seed + (uint64_t)i}, .seen = -1};
        REQUIRE(pthread_mutex_init(&readers[i].mutex, NULL) == 0);
        REQUIRE(pthread_cond_init(&readers[i].changed, NULL) == 0);
        REQUIRE(pthread_create(&threads[i], NULL, read_on, &readers[i]) == 0);
    }
    make_changes(hub);
    watch_hub_stop(hub);
    int64_t told = 0;
    for (int i = 0; i < WATCHERS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        told += readers[i].told;
        pthread_cond_destroy(&readers[i].changed);
        pthread_mutex_destroy(&readers[i].mutex);
    }
    watch_hub_destroy(hub);
    REQUIRE(told > 0);
}

/* --- workers --- */

static atomic_int done;

static void work(void *context)
{
    int *place = context;
    *place = 1;
    atomic_fetch_add(&done, 1);
}

struct giver {
    struct workers *workers;
    int places[TASKS];
    int given;
};

static void *give(void *context)
{
    struct giver *giver = context;
    for (int i = 0; i < TASKS; i++)
        giver->given += workers_submit(giver->workers, work, &giver->places[i]) == 0;
    return NULL;
}

static void try_workers(void)
{
    static struct giver givers[2];
    pthread_t threads[2];
    struct workers *workers = NULL;
    REQUIRE(workers_create(2, 16, &workers) == 0);
    for (int i = 0; i < 2; i++) {
        givers[i].workers = workers;
        REQUIRE(pthread_create(&threads[i], NULL, give, &givers[i]) == 0);
    }
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    workers_destroy(workers); /* after all that was given is done */
    int did = 0;
    for (int i = 0; i < TASKS; i++)
        did += givers[0].places[i] + givers[1].places[i];
    REQUIRE(did == givers[0].given + givers[1].given);
    REQUIRE(did == atomic_load(&done));
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    try_hub(seed);
    try_workers();
    return 0;
}

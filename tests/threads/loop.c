/* The loop's threads under a thread sanitizer: two instances on one embedded store, one of which
 * comes and goes, while keys change and readers read snapshots. At the end everything is assigned.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/embedded_store.h"
#include "server/loop.h"
#include "server/store_wait.h"
#include "tests/support/instance_builder.h"
#include "tests/support/temporary.h"

enum { ITEMS = 60, MEMBERS = 6, CHANGES = 400, TURNS = 3, WAIT_MS = 60000, TIMEOUT_MS = 30000 };

static struct store *store;
static atomic_bool reading = true;

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "thread loop: %s\n", what);
    exit(1);
}

struct instance {
    struct publisher *publisher;
    struct candidate *candidate;
    struct loop *loop;
};

/* Reads every field that readers read, of whatever is newest. */
static void *read_snapshots(void *argument)
{
    struct publisher *publisher = argument;
    int64_t last = 0;
    while (atomic_load(&reading)) {
        struct snapshot *snapshot = publisher_snapshot(publisher);
        if (!snapshot) {
            sched_yield();
            continue;
        }
        const struct state *state = snapshot->state;
        require(state->revision >= last, "revisions go back");
        last = state->revision;
        int64_t total = 0;
        for (int32_t item = 0; item < state->item_count; item++)
            total += state->assignment_end[item] - state->assignment_begin[item];
        require(total <= state->assignment_count, "more assignments of items than there are");
        if (snapshot->solution)
            require(snapshot->solution->item_count == state->item_count, "solution of another");
        snapshot_unref(snapshot);
    }
    return NULL;
}

static struct instance start(const char *name)
{
    struct instance instance = {0};
    struct error_message why;
    struct decoder decoder = builder_decoder();
    instance.candidate = malloc(sizeof *instance.candidate);
    require(instance.candidate && candidate_init_scheduler(instance.candidate, SPAN(BUILDER_ROOT),
                                                           span_of(name), &why) == 0,
            "candidate");
    require(publisher_create(&instance.publisher) == 0, "publisher");
    struct loop_config config = {
        .store = store,
        .publisher = instance.publisher,
        .decoder = &decoder,
        .root = SPAN(BUILDER_ROOT),
        .candidate = instance.candidate,
        .ttl_seconds = 10,
        .gather_ms = 1,
        .threads = 2,
    };
    require(loop_start(&config, &instance.loop) == 0, "loop");
    return instance;
}

static void put(const char *key, const char *value)
{
    char full[128];
    snprintf(full, sizeof full, "%s/%s", BUILDER_ROOT, key);
    struct store_op op = {
        .kind = STORE_OP_PUT, .keys = {.key = span_of(full)}, .value = span_of(value)};
    struct store_txn txn = {.success = &op, .success_count = 1};
    require(store_wait_txn(store, &txn, TIMEOUT_MS, NULL, NULL) == 0, key);
}

static void put_number(const char *format, int number, const char *value)
{
    char key[64];
    snprintf(key, sizeof key, format, number);
    put(key, value);
}

/* Other replications and limits, over and over; in the end 2 for each item and 30 for each member.
 */
static void change_keys(void)
{
    for (int i = 0; i < CHANGES; i++) {
        put_number("items/i%d", i % ITEMS, i % 3 ? "2" : "1");
        if (i % 20 == 0)
            put_number(i % 40 ? "members/a#%d" : "members/b#%d", i / 20 % MEMBERS, "10 exiting");
    }
    for (int i = 0; i < ITEMS; i++)
        put_number("items/i%d", i, "2");
    for (int i = 0; i < MEMBERS; i++) {
        put_number("members/a#%d", i, "30");
        put_number("members/b#%d", i, "30");
    }
}

static bool all_assigned(const struct snapshot *snapshot)
{
    const struct state *state = snapshot->state;
    for (int32_t item = 0; item < state->item_count; item++)
        if (state->assignment_end[item] - state->assignment_begin[item] < 2)
            return false;
    return state->item_count == ITEMS;
}

/* As a watchdog does. */
static void look_after(struct loop *loop)
{
    const char *thread = "";
    (void)loop_overdue_ms(loop, &thread);
}

int main(void)
{
    char directory[TEMPORARY_SIZE];
    struct error_message why;
    temporary_directory(directory);
    struct embedded_store_config config = {.data_dir = directory};
    require(embedded_store_open(&config, &store, &why) == 0, why.text);

    struct instance first = start("first");
    pthread_t reader;
    require(pthread_create(&reader, NULL, read_snapshots, first.publisher) == 0, "reader");
    for (int turn = 0; turn < TURNS; turn++) {
        struct instance second = start("second");
        look_after(second.loop);
        change_keys();
        look_after(second.loop);
        loop_stop(second.loop);
        publisher_destroy(second.publisher);
    }
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    bool done = false;
    while (!done && clock_monotonic_ms() < deadline) {
        struct snapshot *snapshot = publisher_snapshot(first.publisher);
        done = snapshot && all_assigned(snapshot);
        snapshot_unref(snapshot);
        look_after(first.loop);
        sched_yield();
    }
    require(done, "not all assigned in the end");

    atomic_store(&reading, false);
    pthread_join(reader, NULL);
    loop_stop(first.loop);
    publisher_destroy(first.publisher);
    store->operations->destroy(store);
    temporary_remove(directory);
    return 0;
}

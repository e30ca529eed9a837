/* Measures the embedded store: transactions of one compare and two puts, as items are written, by
 * clients that each have one in flight; then ranges, and opening it again.
 *
 *     bench_store [DIRECTORY]
 *
 * A client is a chain of callbacks, as in the server, where requests wait without a thread. */
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/embedded_store.h"
#include "tests/support/random.h"
#include "tests/support/store_sync.h"
#include "tests/support/temporary.h"

enum { MAX_CLIENTS = 256, KEYS = 20000, MEASURE_MS = 3000, VALUE_SIZE = 100 };

static int64_t end_ms;

struct client {
    struct store *store;
    struct random random;
    int64_t done;
    sem_t finished;
};

static void must(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "bench_store: %s: %s\n", what, allot_error_text(error));
        exit(1);
    }
}

/* A transaction as the API writes an item: at a random key, and who did it. */
struct write {
    char key[64];
    char value[VALUE_SIZE];
    struct store_compare compare;
    struct store_op puts[2];
    struct store_txn txn;
};

static const struct store_txn *make_write(struct client *client, struct write *write)
{
    memset(write, 0, sizeof *write);
    unsigned number = (unsigned)random_below(&client->random, KEYS);
    int size = snprintf(write->key, sizeof write->key, "/allot/items/item-%06u", number);
    struct span item = {write->key, (size_t)size}, value = {write->value, VALUE_SIZE};
    write->compare = (struct store_compare){
        .keys.key = item, .target = STORE_VERSION, .relation = STORE_GREATER, .number = -1};
    write->puts[0] =
        (struct store_op){.kind = STORE_OP_PUT, .keys.key = SPAN("/allot/actor"), .value = value};
    write->puts[1] = (struct store_op){.kind = STORE_OP_PUT, .keys.key = item, .value = value};
    write->txn = (struct store_txn){.compares = &write->compare,
                                    .compare_count = 1,
                                    .success = write->puts,
                                    .success_count = 2};
    return &write->txn;
}

static void on_done(void *context, int error, const struct store_txn_result *result);

static void submit(struct client *client)
{
    struct write write;
    const struct store_txn *txn = make_write(client, &write);
    must(client->store->operations->txn(client->store, txn, on_done, client), "submitting");
}

static void on_done(void *context, int error, const struct store_txn_result *result)
{
    struct client *client = context;
    (void)result;
    must(error, "a transaction");
    client->done++;
    if (clock_monotonic_ms() < end_ms)
        submit(client);
    else
        sem_post(&client->finished);
}

static void measure_txns(struct store *store, int client_count)
{
    static struct client clients[MAX_CLIENTS];
    struct embedded_store_statistics before, after;
    int64_t done = 0;
    embedded_store_statistics(store, &before);
    int64_t start_ms = clock_monotonic_ms();
    end_ms = start_ms + MEASURE_MS;
    for (int i = 0; i < client_count; i++) {
        clients[i] = (struct client){.store = store, .random = {(uint64_t)i}};
        sem_init(&clients[i].finished, 0, 0);
        submit(&clients[i]);
    }
    for (int i = 0; i < client_count; i++) {
        sem_wait(&clients[i].finished);
        done += clients[i].done;
    }
    int64_t took_ms = clock_monotonic_ms() - start_ms;
    embedded_store_statistics(store, &after);
    int64_t commits = after.commits - before.commits;
    printf("%3d clients: %7.0f txn/s, %5.1f a commit\n", client_count,
           (double)done * 1000 / (double)took_ms, (double)done / (double)commits);
}

/* The same with a thread for each client, that waits for its answer. */
static void *run_thread(void *context)
{
    struct client *client = context;
    struct write write;
    while (clock_monotonic_ms() < end_ms) {
        must(sync_txn(client->store, make_write(client, &write), NULL), "a transaction");
        client->done++;
    }
    return NULL;
}

static void measure_threads(struct store *store, int client_count)
{
    static struct client clients[MAX_CLIENTS];
    static pthread_t threads[MAX_CLIENTS];
    int64_t done = 0, start_ms = clock_monotonic_ms();
    end_ms = start_ms + MEASURE_MS;
    for (int i = 0; i < client_count; i++) {
        clients[i] = (struct client){.store = store, .random = {(uint64_t)i}};
        must(pthread_create(&threads[i], NULL, run_thread, &clients[i]), "a thread");
    }
    for (int i = 0; i < client_count; i++) {
        pthread_join(threads[i], NULL);
        done += clients[i].done;
    }
    printf("%3d threads: %7.0f txn/s\n", client_count,
           (double)done * 1000 / (double)(clock_monotonic_ms() - start_ms));
}

static struct store *must_open(const char *directory)
{
    struct embedded_store_config config = {.data_dir = directory,
                                           .retention = EMBEDDED_STORE_RETENTION};
    struct store *store = NULL;
    struct error_message why;
    int64_t start_ms = clock_monotonic_ms();
    if (embedded_store_open(&config, &store, &why) != 0) {
        fprintf(stderr, "bench_store: %s\n", why.text);
        exit(1);
    }
    printf("opening: %" PRId64 " ms\n", clock_monotonic_ms() - start_ms);
    return store;
}

static void measure_range(struct store *store, int64_t revisions_ago)
{
    int64_t start_ms = clock_monotonic_ms();
    struct sync_answer answer;
    struct store_range range = {.keys = {SPAN("/allot/"), SPAN("/allot0")}};
    if (revisions_ago)
        range.revision = sync_revision(store) - revisions_ago;
    must(sync_range(store, &range, &answer), "a range");
    printf("range of %zu keys, %" PRId64 " revisions ago: %" PRId64 " ms\n", answer.kv_count,
           revisions_ago, clock_monotonic_ms() - start_ms);
    sync_answer_release(&answer);
}

int main(int argc, char **argv)
{
    static const int client_counts[] = {1, 4, 16, 64, 256};
    char directory[TEMPORARY_SIZE];
    const char *where = argc > 1 ? argv[1] : temporary_directory(directory);
    struct store *store = must_open(where);
    for (size_t i = 0; i < sizeof client_counts / sizeof *client_counts; i++)
        measure_txns(store, client_counts[i]);
    measure_threads(store, 64);
    measure_range(store, 0);
    measure_range(store, 10);
    measure_range(store, EMBEDDED_STORE_RETENTION / 2);
    store->operations->destroy(store);
    store = must_open(where);
    store->operations->destroy(store);
    if (argc <= 1)
        temporary_remove(directory);
    return 0;
}

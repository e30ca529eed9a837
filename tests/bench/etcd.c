/* Measures the etcd store over a real etcd, over gRPC and over its gateway: transactions with one
 * and more in flight, a range of 100,000 keys (20,000 items of four replicas), the same as the
 * mirror loads them, and how long a put takes to become a watch's event, or its progress.
 *
 *     bench_etcd */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/values.h"
#include "server/clock.h"
#include "server/etcd_store.h"
#include "server/mirror_load.h"
#include "tests/support/etcd_server.h"
#include "tests/support/store_sync.h"

enum {
    ASSIGNMENTS = 80000,
    LOADS = 3,
    OPS = 100,
    TXNS = 400,
    PUTS = 200,
    ELSEWHERE = 20,
    MAX_THREADS = 16
};

static void must(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "bench_etcd: %s: %s\n", what, allot_error_text(error));
        exit(1);
    }
}

struct client {
    struct store *store;
    int number;
    int txns;
};

/* Transactions as the loop's: 64 compares, 128 puts. */
static void *write_txns(void *argument)
{
    const struct client *client = argument;
    char keys[STORE_MAX_OPS][64];
    struct store_compare compares[64];
    struct store_op ops[STORE_MAX_OPS];
    for (int i = 0; i < STORE_MAX_OPS; i++) {
        int size =
            snprintf(keys[i], sizeof keys[i], "/bench/%d/some-longer-name-%d", client->number, i);
        ops[i] = (struct store_op){.kind = STORE_OP_PUT,
                                   .keys.key = {keys[i], (size_t)size},
                                   .value = SPAN("{\"some\":\"value of a usual size\",\"n\":1}")};
    }
    for (int i = 0; i < 64; i++)
        compares[i] = (struct store_compare){
            .keys = ops[i].keys, .target = STORE_MOD_REVISION, .relation = STORE_GREATER};
    struct store_txn txn = {.compares = compares,
                            .compare_count = 64,
                            .success = ops,
                            .success_count = STORE_MAX_OPS,
                            .failure = ops,
                            .failure_count = STORE_MAX_OPS};
    for (int i = 0; i < client->txns; i++)
        must(sync_txn(client->store, &txn, NULL), "a transaction");
    return NULL;
}

static void measure_txns(struct store *store, int threads)
{
    pthread_t ids[MAX_THREADS];
    struct client clients[MAX_THREADS];
    int64_t start_ms = clock_monotonic_ms();
    for (int i = 0; i < threads; i++) {
        clients[i] = (struct client){store, i, TXNS / threads};
        must(pthread_create(&ids[i], NULL, write_txns, &clients[i]), "a thread");
    }
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    printf("%2d in flight: %5.0f txn/s of 64 compares and 128 puts\n", threads,
           TXNS * 1000.0 / (double)(clock_monotonic_ms() - start_ms));
}

static void fill(struct store *store)
{
    char keys[OPS][64];
    struct store_op ops[OPS];
    struct store_txn txn = {.success = ops, .success_count = OPS};
    for (int i = 0; i < ASSIGNMENTS; i += OPS) {
        for (int k = 0; k < OPS; k++) {
            int size =
                snprintf(keys[k], sizeof keys[k], "/range/assign/item-%06d#zone-a#member-%02d#%d",
                         (i + k) / 4, (i + k) % 4, (i + k) % 4);
            ops[k] =
                (struct store_op){.kind = STORE_OP_PUT,
                                  .keys.key = {keys[k], (size_t)size},
                                  .value = SPAN("{\"some\":\"value of a usual size\",\"n\":1}")};
        }
        must(sync_txn(store, &txn, NULL), "a transaction");
        for (int k = 0; k < OPS / 4; k++) {
            (void)snprintf(keys[k], sizeof keys[k], "/range/items/item-%06d", i / 4 + k);
            ops[k].keys.key = span_of(keys[k]);
        }
        struct store_txn items = {.success = ops, .success_count = OPS / 4};
        must(sync_txn(store, &items, NULL), "a transaction");
    }
}

struct page {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool answered;
    int error;
    bool more;
    size_t count;
    char next[256];
    size_t next_size;
};

static void on_page(void *context, int error, const struct store_range_result *result)
{
    struct page *page = context;
    pthread_mutex_lock(&page->mutex);
    page->answered = true;
    page->error = error;
    page->more = !error && result->more;
    if (!error && result->kv_count) {
        struct span last = result->kvs[result->kv_count - 1].key;
        page->count += result->kv_count;
        memcpy(page->next, last.data, last.size);
        page->next[last.size] = 0;
        page->next_size = last.size + 1;
    }
    pthread_cond_signal(&page->changed);
    pthread_mutex_unlock(&page->mutex);
}

static void measure_range(struct store *store, int64_t limit)
{
    struct page page = {.more = true};
    struct store_range range = {.keys = {SPAN("/range/"), SPAN("/range0")}, .limit = limit};
    int64_t start_ms = clock_monotonic_ms();
    pthread_mutex_init(&page.mutex, NULL);
    must(clock_condition_init(&page.changed), "a condition");
    while (page.more) {
        page.answered = false;
        must(store->operations->range(store, &range, on_page, &page), "a range");
        pthread_mutex_lock(&page.mutex);
        while (!page.answered)
            pthread_cond_wait(&page.changed, &page.mutex);
        pthread_mutex_unlock(&page.mutex);
        must(page.error, "a range");
        range.keys.key = (struct span){page.next, page.next_size};
    }
    printf("range of %zu keys in pages of %" PRId64 ": %" PRId64 " ms\n", page.count, limit,
           clock_monotonic_ms() - start_ms);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void measure_load(struct store *store)
{
    struct keyspace *empty = NULL;
    struct keyspace *keyspace = NULL;
    const struct keyspace_config config = {
        .root = SPAN("/range"), .decoder = api_decoder(), .keep_invalid = true};
    must(keyspace_create(&config, &empty), "a keyspace");
    const struct mirror_load_config load = {.store = store,
                                            .empty = empty,
                                            .keys = {SPAN("/range/"), SPAN("/range0")},
                                            .stopping = never};
    int64_t start_ms = clock_monotonic_ms();
    must(mirror_load(&load, &keyspace), "a load");
    printf("the same, loaded by the mirror: %" PRId64 " ms\n", clock_monotonic_ms() - start_ms);
    keyspace_unref(keyspace);
    keyspace_unref(empty);
}

static void measure_watch(struct store *store, const char *key, const char *what, int puts)
{
    struct sync_watch watch;
    struct store_keys keys = {SPAN("/watch/"), SPAN("/watch0")};
    int64_t first;
    must(sync_put(store, SPAN("/watch/key"), SPAN("value"), 0, &first), "a put");
    must(sync_watch_start(&watch, store, keys, first), "a watch");
    sync_watch_wait(&watch, 1);
    int64_t waited_us = 0;
    for (int i = 0; i < puts; i++) {
        int64_t revision;
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        must(sync_put(store, span_of(key), SPAN("value"), 0, &revision), "a put");
        sync_watch_wait_revision(&watch, revision);
        clock_gettime(CLOCK_MONOTONIC, &end);
        waited_us += (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000;
    }
    printf("put to %s: %.2f ms\n", what, (double)waited_us / puts / 1000);
    sync_watch_stop(&watch);
    sync_watch_release(&watch);
}

static void measure(enum etcd_protocol protocol)
{
    struct etcd_server server;
    struct store *store = NULL;
    struct error_message why = {""};
    etcd_server_start(&server, NULL);
    const struct etcd_store_config config = {.endpoints = server.url, .protocol = protocol};
    must(etcd_store_open(&config, &store, &why), why.text);
    measure_watch(store, "/watch/key", "event", PUTS);
    measure_watch(store, "/elsewhere", "progress", ELSEWHERE);
    static const int threads[] = {1, 4, 8, 16};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        measure_txns(store, threads[i]);
    fill(store);
    measure_range(store, 20000);
    measure_range(store, 0);
    for (int i = 0; i < LOADS; i++)
        measure_load(store);
    store->operations->destroy(store);
    etcd_server_remove(&server);
}

int main(void)
{
    printf("-- over gRPC\n");
    measure(ETCD_GRPC);
    printf("-- over the gateway\n");
    measure(ETCD_GATEWAY);
    return 0;
}

/* Measures how long a cluster on a real etcd takes to converge: 10,000 items of three replicas from
 * nothing over 100 members, then a tenth of the members draining; with the loop over etcd's
 * gateway, and over gRPC. Each against what writing as many operations takes by itself, in full
 * transactions with a check for each operation, one in flight, over the gateway, and over gRPC; and
 * against what the loop's own transactions, with the checks that they have, take when they are
 * written again.
 *
 * Medians of several runs, each on an etcd of its own.
 *
 *     bench_converge */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/values.h"
#include "server/clock.h"
#include "server/etcd_store.h"
#include "server/log.h"
#include "server/loop.h"
#include "tests/support/etcd_server.h"
#include "tests/support/loop_idle.h"
#include "tests/support/store_sync.h"

enum {
    ITEMS = 10000,
    MEMBERS = 100,
    ZONES = 4,
    REPLICATION = 3,
    LIMIT = 450,              /* what 90 members need is 334 */
    FULL = STORE_MAX_OPS - 1, /* the loop's first operation is the actor */
    KEY = 96,
    RUNS = 5,
};

static void must(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "bench_converge: %s: %s\n", what, allot_error_text(error));
        exit(1);
    }
}

/* --- writing by itself --- */

static char member_keys[MEMBERS][KEY];

/* A transaction that fills up, and is executed when it is full. */
struct batch {
    struct store *store;
    char keys[STORE_MAX_OPS][KEY];
    struct store_compare checks[STORE_MAX_OPS];
    struct store_op ops[STORE_MAX_OPS];
    size_t count;
};

static void flush(struct batch *batch)
{
    struct store_txn txn = {.compares = batch->checks,
                            .compare_count = batch->count,
                            .success = batch->ops,
                            .success_count = batch->count};
    if (batch->count)
        must(sync_txn(batch->store, &txn, NULL), "a transaction");
    batch->count = 0;
}

/* Each operation with the check of one key that there is, a member's, as the loop's have. */
static void add(struct batch *batch, enum store_op_kind kind, const char *value)
{
    size_t at = batch->count++;
    struct store_keys keys = {.key = span_of(batch->keys[at])};
    batch->checks[at] = (struct store_compare){.keys = {.key = span_of(member_keys[at % MEMBERS])},
                                               .target = STORE_MOD_REVISION,
                                               .relation = STORE_NOT_EQUAL,
                                               .number = -1};
    batch->ops[at] = (struct store_op){.kind = kind, .keys = keys, .value = span_of(value)};
    if (batch->count == FULL)
        flush(batch);
}

/* Below @root, where no other writes. */
static int64_t write_alone(struct store *store, const char *root, int puts, int deletes)
{
    static struct batch batch;
    int64_t begin_ms = clock_monotonic_ms();
    batch = (struct batch){.store = store};
    for (int i = 0; i < puts + deletes; i++) {
        (void)snprintf(batch.keys[batch.count], KEY, "%s/assign/item-%06d#zone-1#member-001#0",
                       root, i < puts ? i : i - puts);
        add(&batch, i < puts ? STORE_OP_PUT : STORE_OP_DELETE, "");
    }
    flush(&batch);
    return clock_monotonic_ms() - begin_ms;
}

/* --- what the loop does --- */

struct recorded {
    struct recorded *next;
    size_t check_count;
    size_t op_count;
    struct store_compare checks[STORE_MAX_COMPARES];
    struct store_op ops[STORE_MAX_OPS];
};

/* The transactions of the loop, from begin_record on. */
static struct {
    const struct store_operations *original;
    struct store_operations operations;
    struct recorded *first;
    struct recorded **last;
    bool on;
} record;

static struct span copy(struct span span)
{
    char *data = malloc(span.size + 1);
    if (!data)
        must(ALLOT_ENOMEM, "a copy");
    if (span.size)
        memcpy(data, span.data, span.size);
    return (struct span){data, span.size};
}

/* A key of assignments, or of a round's record, moves to where they are written again; members and
 * items are there. */
static struct span copy_key(struct span key)
{
    struct span moved = copy(key);
    if (span_has_prefix(key, SPAN("/bench/assign/")) ||
        span_has_prefix(key, SPAN("/bench/rounds/")))
        memcpy((char *)moved.data, "/again", 6);
    return moved;
}

static int record_txn(struct store *store, const struct store_txn *txn, store_txn_done *done,
                      void *context)
{
    struct recorded *recorded = record.on ? calloc(1, sizeof *recorded) : NULL;
    if (recorded) {
        recorded->check_count = txn->compare_count;
        recorded->op_count = txn->success_count;
        for (size_t i = 0; i < txn->compare_count; i++)
            recorded->checks[i] =
                (struct store_compare){.keys = {.key = copy_key(txn->compares[i].keys.key)},
                                       .target = txn->compares[i].target,
                                       .relation = STORE_NOT_EQUAL,
                                       .number = -1};
        for (size_t i = 0; i < txn->success_count; i++)
            recorded->ops[i] =
                (struct store_op){.kind = txn->success[i].kind,
                                  .keys = {.key = copy_key(txn->success[i].keys.key)},
                                  .value = copy(txn->success[i].value)};
        *record.last = recorded;
        record.last = &recorded->next;
    }
    return record.original->txn(store, txn, done, context);
}

static void watch_over(struct store *store)
{
    record.original = store->operations;
    record.operations = *store->operations;
    record.operations.txn = record_txn;
    store->operations = &record.operations;
}

static void begin_record(void)
{
    record.first = NULL;
    record.last = &record.first;
    record.on = true;
}

/* Writes the same transactions again, with checks that hold. */
static int64_t write_again(struct store *store)
{
    int64_t begin_ms = clock_monotonic_ms();
    for (const struct recorded *at = record.first; at; at = at->next) {
        struct store_txn txn = {.compares = at->checks,
                                .compare_count = at->check_count,
                                .success = at->ops,
                                .success_count = at->op_count};
        must(sync_txn(store, &txn, NULL), "a transaction");
    }
    return clock_monotonic_ms() - begin_ms;
}

static void release_record(void)
{
    while (record.first) {
        struct recorded *recorded = record.first;
        record.first = recorded->next;
        for (size_t i = 0; i < recorded->check_count; i++)
            free((char *)recorded->checks[i].keys.key.data);
        for (size_t i = 0; i < recorded->op_count; i++) {
            free((char *)recorded->ops[i].keys.key.data);
            free((char *)recorded->ops[i].value.data);
        }
        free(recorded);
    }
}

/* One etcd, asked in both ways, and in one of them by the loop. */
struct stores {
    struct store *loop;
    struct store *grpc;
    struct store *gateway;
};

/* How long the loop took; its operations by themselves, one check each, over the gateway and over
 * gRPC; and its own transactions, as it sent them. */
struct times {
    int64_t took_ms;
    int64_t gateway_ms;
    int64_t grpc_ms;
    int64_t again_ms;
};

static struct times end_record(const struct stores *stores, int64_t took_ms)
{
    int puts = 0;
    int deletes = 0;
    record.on = false;
    for (const struct recorded *at = record.first; at; at = at->next)
        for (size_t i = 0; i < at->op_count; i++) {
            puts += at->ops[i].kind == STORE_OP_PUT;
            deletes += at->ops[i].kind == STORE_OP_DELETE;
        }
    struct times times = {
        .took_ms = took_ms,
        .gateway_ms = write_alone(stores->gateway, "/alone/gateway", puts, deletes),
        .grpc_ms = write_alone(stores->grpc, "/alone/grpc", puts, deletes),
        .again_ms = write_again(stores->loop),
    };
    release_record();
    return times;
}

/* --- a cluster --- */

static void put_members(struct store *store, int first, const char *value)
{
    static struct batch batch;
    batch = (struct batch){.store = store};
    for (int m = first; m < MEMBERS; m++) {
        memcpy(batch.keys[batch.count], member_keys[m], KEY);
        add(&batch, STORE_OP_PUT, value);
    }
    flush(&batch);
}

static void put_items(struct store *store)
{
    static struct batch batch;
    batch = (struct batch){.store = store};
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(batch.keys[batch.count], KEY, "/bench/items/item-%06d", i);
        add(&batch, STORE_OP_PUT, "{\"replication\":3}");
    }
    flush(&batch);
}

static void await_idle(struct loop *loop, int64_t revision)
{
    must(loop_idle_wait(loop, revision) ? 0 : ALLOT_EUNAVAILABLE, "an idle loop");
}

static struct times from_nothing(const struct stores *stores, const struct loop_config *config,
                                 struct loop **ret_loop)
{
    int64_t begin_ms = clock_monotonic_ms();
    begin_record();
    must(loop_start(config, ret_loop), "loop");
    await_idle(*ret_loop, 1);
    return end_record(stores, clock_monotonic_ms() - begin_ms);
}

static struct times drain(const struct stores *stores, struct loop *loop)
{
    char value[64];
    (void)snprintf(value, sizeof value, "{\"item_limit\":%d,\"exiting\":true}", LIMIT);
    int64_t begin_ms = clock_monotonic_ms();
    put_members(stores->loop, MEMBERS - MEMBERS / 10, value);
    begin_record();
    await_idle(loop, sync_revision(stores->loop));
    return end_record(stores, clock_monotonic_ms() - begin_ms);
}

static struct store *open_store(const struct etcd_server *server, enum etcd_protocol protocol)
{
    struct store *store = NULL;
    struct error_message why = {""};
    const struct etcd_store_config config = {.endpoints = server->url, .protocol = protocol};
    must(etcd_store_open(&config, &store, &why), "cannot open the store");
    return store;
}

static void measure(enum etcd_protocol protocol, struct times *ret_from_nothing,
                    struct times *ret_drain)
{
    struct etcd_server server;
    struct publisher *publisher = NULL;
    struct loop *loop = NULL;
    struct candidate candidate;
    struct decoder decoder = api_decoder();
    struct error_message why;
    char value[64];
    etcd_server_start(&server, NULL);
    struct stores stores = {.grpc = open_store(&server, ETCD_GRPC),
                            .gateway = open_store(&server, ETCD_GATEWAY)};
    stores.loop = protocol == ETCD_GRPC ? stores.grpc : stores.gateway;
    watch_over(stores.loop);
    must(publisher_create(&publisher), "publisher");
    must(candidate_init_scheduler(&candidate, SPAN("/bench"), SPAN("one"), &why), "candidate");
    (void)snprintf(value, sizeof value, "{\"item_limit\":%d}", LIMIT);
    put_members(stores.loop, 0, value);
    put_items(stores.loop);
    struct loop_config config = {.store = stores.loop,
                                 .publisher = publisher,
                                 .decoder = &decoder,
                                 .root = SPAN("/bench"),
                                 .candidate = &candidate,
                                 .ttl_seconds = 60,
                                 .gather_ms = 30,
                                 .threads = 2};
    *ret_from_nothing = from_nothing(&stores, &config, &loop);
    *ret_drain = drain(&stores, loop);
    loop_stop(loop);
    candidate_release(&candidate);
    stores.grpc->operations->destroy(stores.grpc);
    stores.gateway->operations->destroy(stores.gateway);
    publisher_destroy(publisher);
    etcd_server_remove(&server);
}

static double ratio(int64_t took_ms, int64_t other_ms)
{
    return (double)took_ms / (double)other_ms;
}

static int by_ratio(const void *a, const void *b)
{
    const struct times *one = a;
    const struct times *other = b;
    double x = ratio(one->took_ms, one->gateway_ms);
    double y = ratio(other->took_ms, other->gateway_ms);
    return (x > y) - (x < y);
}

static void report_ratio(const char *what, int64_t took_ms, int64_t other_ms)
{
    printf("    %-46s %.2f s: %.2f times\n", what, (double)other_ms / 1000,
           ratio(took_ms, other_ms));
}

/* The run whose ratio to the gateway is the median. */
static void report(const char *what, struct times *times)
{
    qsort(times, RUNS, sizeof *times, by_ratio);
    const struct times *first = &times[0];
    const struct times *median = &times[RUNS / 2];
    const struct times *last = &times[RUNS - 1];
    printf("%s: %.2f s, %.2f to %.2f times its operations over the gateway\n", what,
           (double)median->took_ms / 1000, ratio(first->took_ms, first->gateway_ms),
           ratio(last->took_ms, last->gateway_ms));
    report_ratio("its operations by themselves, over the gateway", median->took_ms,
                 median->gateway_ms);
    report_ratio("its operations by themselves, over gRPC", median->took_ms, median->grpc_ms);
    report_ratio("its own transactions again", median->took_ms, median->again_ms);
}

int main(void)
{
    struct times nothing[RUNS];
    struct times draining[RUNS];
    log_configure(LOG_ERROR, LOG_FORMAT_LOGFMT, 2);
    for (int m = 0; m < MEMBERS; m++)
        (void)snprintf(member_keys[m], KEY, "/bench/members/zone-%d#member-%03d", m % ZONES, m);
    for (int protocol = ETCD_GATEWAY; protocol <= ETCD_GRPC; protocol++) {
        printf("-- the loop over %s\n", protocol == ETCD_GRPC ? "gRPC" : "the gateway");
        for (int i = 0; i < RUNS; i++)
            measure((enum etcd_protocol)protocol, &nothing[i], &draining[i]);
        report("from nothing", nothing);
        report("a tenth draining", draining);
    }
    return 0;
}

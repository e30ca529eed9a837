/* Measures how long a cluster on a real etcd takes to converge: 10,000 items of three replicas from
 * nothing over 100 members, then a tenth of the members draining; each against what writing as many
 * operations takes by itself, over the same gateway, in full transactions, one in flight.
 *
 *     bench_converge */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/values.h"
#include "server/clock.h"
#include "server/etcd_store.h"
#include "server/log.h"
#include "server/loop.h"
#include "tests/support/etcd_server.h"
#include "tests/support/store_sync.h"

enum {
    ITEMS = 10000,
    MEMBERS = 100,
    ZONES = 4,
    REPLICATION = 3,
    LIMIT = 450,              /* what 90 members need is 334 */
    FULL = STORE_MAX_OPS - 1, /* the loop's first operation is the actor */
    KEY = 96,
};

static void must(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "bench_converge: %s: %s\n", what, allot_error_text(error));
        exit(1);
    }
}

/* --- writing by itself --- */

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
    struct store_txn txn = {batch->checks, batch->count, batch->ops, batch->count, NULL, 0};
    if (batch->count)
        must(sync_txn(batch->store, &txn, NULL), "a transaction");
    batch->count = 0;
}

/* Each operation with the check of one key, as the loop's have. */
static void add(struct batch *batch, enum store_op_kind kind, const char *value)
{
    size_t at = batch->count++;
    struct store_keys keys = {.key = span_of(batch->keys[at])};
    batch->checks[at] = (struct store_compare){.keys = {.key = SPAN("/another/key")},
                                               .target = STORE_MOD_REVISION,
                                               .relation = STORE_EQUAL};
    batch->ops[at] = (struct store_op){.kind = kind, .keys = keys, .value = span_of(value)};
    if (batch->count == FULL)
        flush(batch);
}

static int64_t write_alone(struct store *store, int puts, int deletes)
{
    static struct batch batch;
    int64_t begin_ms = clock_monotonic_ms();
    batch = (struct batch){.store = store};
    for (int i = 0; i < puts + deletes; i++) {
        (void)snprintf(batch.keys[batch.count], KEY, "/alone/assign/item-%06d#zone-1#member-001#0",
                       i < puts ? i : i - puts);
        add(&batch, i < puts ? STORE_OP_PUT : STORE_OP_DELETE, "");
    }
    flush(&batch);
    return clock_monotonic_ms() - begin_ms;
}

/* --- what a cluster does --- */

/* Counts what happens to assignments, from now on. */
static void begin_count(struct store *store, struct sync_watch *watch)
{
    struct store_keys assignments = {SPAN("/bench/assign/"), SPAN("/bench/assign0")};
    must(sync_watch_start(watch, store, assignments, 0), "a watch");
}

/* … up to now; and writes as much by itself. How long that took. */
static int64_t write_as_much(struct store *store, struct sync_watch *watch)
{
    int puts = 0;
    if (!sync_watch_wait_revision(watch, sync_revision(store)))
        must(ALLOT_EUNAVAILABLE, "a watch");
    sync_watch_stop(watch);
    for (size_t i = 0; i < watch->count; i++)
        puts += watch->events[i].kind == STORE_EVENT_PUT;
    int deletes = (int)watch->count - puts;
    sync_watch_release(watch);
    return write_alone(store, puts, deletes);
}

/* --- a cluster --- */

static void put_members(struct store *store, int first, const char *value)
{
    static struct batch batch;
    batch = (struct batch){.store = store};
    for (int m = first; m < MEMBERS; m++) {
        (void)snprintf(batch.keys[batch.count], KEY, "/bench/members/zone-%d#member-%03d",
                       m % ZONES, m);
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

static bool is_full(const struct state *state)
{
    return state->assignment_count == ITEMS * REPLICATION;
}

static bool is_drained(const struct state *state)
{
    int32_t exiting = 0;
    int32_t left = 0;
    for (int32_t m = 0; m < state->member_count; m++) {
        exiting += state->members[m]->member.exiting;
        left += state->members[m]->member.exiting ? state->total_count[m] : 0;
    }
    return exiting == MEMBERS / 10 && left == 0 && is_full(state);
}

static void await(struct publisher *publisher, bool (*holds)(const struct state *state))
{
    for (bool held = false; !held;) {
        struct snapshot *snapshot = publisher_snapshot(publisher);
        held = snapshot && holds(snapshot->state);
        snapshot_unref(snapshot);
        (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static void report(const char *what, int64_t took_ms, int64_t alone_ms)
{
    printf("%-24s %6.2f s, its operations by themselves %6.2f s: %.2f times\n", what,
           (double)took_ms / 1000, (double)alone_ms / 1000, (double)took_ms / (double)alone_ms);
    fflush(stdout);
}

int main(void)
{
    struct etcd_server server;
    struct store *store = NULL;
    struct publisher *publisher = NULL;
    struct loop *loop = NULL;
    struct candidate candidate;
    struct decoder decoder = api_decoder();
    struct error_message why;
    log_configure(LOG_ERROR, LOG_FORMAT_LOGFMT, 2);
    etcd_server_start(&server, NULL);
    must(etcd_store_open(&(struct etcd_store_config){.endpoints = server.url}, &store, &why),
         "cannot open the store");
    must(publisher_create(&publisher), "publisher");
    must(candidate_init_scheduler(&candidate, SPAN("/bench"), SPAN("one"), &why), "candidate");
    must(sync_put(store, SPAN("/bench/actor"), SPAN("{}"), 0, NULL), "a put");

    struct sync_watch watch;
    char value[64];
    (void)snprintf(value, sizeof value, "{\"item_limit\":%d}", LIMIT);
    put_members(store, 0, value);
    put_items(store);
    struct loop_config config = {.store = store,
                                 .publisher = publisher,
                                 .decoder = &decoder,
                                 .root = SPAN("/bench"),
                                 .candidate = &candidate,
                                 .ttl_seconds = 60,
                                 .gather_ms = 30,
                                 .threads = 2};
    begin_count(store, &watch);
    int64_t begin_ms = clock_monotonic_ms();
    must(loop_start(&config, &loop), "loop");
    await(publisher, is_full);
    int64_t took_ms = clock_monotonic_ms() - begin_ms;
    report("from nothing", took_ms, write_as_much(store, &watch));

    (void)snprintf(value, sizeof value, "{\"item_limit\":%d,\"exiting\":true}", LIMIT);
    begin_count(store, &watch);
    begin_ms = clock_monotonic_ms();
    put_members(store, MEMBERS - MEMBERS / 10, value);
    await(publisher, is_drained);
    took_ms = clock_monotonic_ms() - begin_ms;
    report("a tenth draining", took_ms, write_as_much(store, &watch));

    loop_stop(loop);
    candidate_release(&candidate);
    store->operations->destroy(store);
    publisher_destroy(publisher);
    etcd_server_remove(&server);
    return 0;
}

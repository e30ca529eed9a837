/* The mirror over a store whose watch tells what a test says. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>

#include "server/clock.h"
#include "server/mirror.h"
#include "tests/support/instance_builder.h"

enum { WAIT_MS = 20000, REVISION = 10 };
#define ROOT "/t"
#define ITEM SPAN(ROOT "/items/one")

/* --- a store with one key, whose watch is the test's --- */

static atomic_int loads;
static _Atomic(store_watch_event *) watching;
static void *watching_context;

static struct store_kv item(int64_t mod_revision, int64_t version)
{
    return (struct store_kv){.key = ITEM,
                             .value = SPAN("1"),
                             .create_revision = 2,
                             .mod_revision = mod_revision,
                             .version = version};
}

static int range(struct store *store, const struct store_range *asked, store_range_done *done,
                 void *context)
{
    (void)store, (void)asked;
    const struct store_kv kv = item(2, 1);
    const struct store_range_result result = {
        .cluster_id = 7, .revision = REVISION, .kvs = &kv, .kv_count = 1};
    atomic_fetch_add(&loads, 1);
    done(context, 0, &result);
    return 0;
}

static int watch(struct store *store, const struct store_keys *keys, int64_t start_revision,
                 store_watch_event *event, void *context, struct store_watch **ret)
{
    (void)store, (void)keys, (void)start_revision;
    *ret = NULL;
    watching_context = context;
    atomic_store(&watching, event);
    return 0;
}

static void watch_cancel(struct store *store, struct store_watch *cancelled)
{
    (void)store, (void)cancelled;
    atomic_store(&watching, NULL);
}

static const struct store_operations operations = {
    .range = range, .watch = watch, .watch_cancel = watch_cancel};
static struct store store = {&operations};

/* --- what the mirror tells --- */

static atomic_int applied, anomalies, broken;

static int on_applied(void *context, struct keyspace *keyspace)
{
    (void)context, (void)keyspace;
    atomic_fetch_add(&applied, 1);
    return 0;
}

static void on_broken(void *context, int error)
{
    (void)context;
    atomic_store(&broken, error);
}

static void on_anomaly(void *context, enum keyspace_anomaly anomaly, struct span key,
                       int64_t mod_revision, const char *why)
{
    (void)anomaly, (void)key, (void)mod_revision, (void)why;
    atomic_fetch_add((atomic_int *)context, 1);
}

/* Tells of one event at the revision after the load's. */
static void tell(enum store_event_kind kind, struct store_kv kv)
{
    const struct store_event event = {kind, kv};
    const struct store_watch_response response = {
        .cluster_id = 7, .revision = kv.mod_revision, .events = &event, .event_count = 1};
    store_watch_event *told = atomic_load(&watching);
    cr_assert_not_null(told);
    told(watching_context, &response);
}

static void await(const atomic_int *number, int value)
{
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    while (atomic_load(number) != value && clock_monotonic_ms() < deadline)
        sched_yield();
    cr_assert_eq(atomic_load(number), value);
}

static struct mirror *start(void)
{
    const struct mirror_config config = {
        .store = &store,
        .keyspace = {.root = SPAN(ROOT),
                     .decoder = builder_decoder(),
                     .keep_invalid = true,
                     .report = on_anomaly,
                     .report_context = &anomalies},
        .applied = on_applied,
        .broken = on_broken,
    };
    struct mirror *mirror = NULL;
    cr_assert_eq(mirror_start(&config, &mirror), 0);
    await(&applied, 1);
    return mirror;
}

Test(mirror, applies_what_follows)
{
    struct mirror *mirror = start();
    tell(STORE_EVENT_PUT, item(REVISION + 1, 2));
    await(&applied, 2);
    mirror_stop(mirror);
    cr_expect_eq(loads, 1);
    cr_expect_eq(anomalies, 0);
}

/* What it has is another past than the event's: it loads anew. */
static void expect_reload(enum store_event_kind kind, struct store_kv kv)
{
    struct mirror *mirror = start();
    tell(kind, kv);
    await(&broken, ALLOT_EORDER);
    await(&applied, 2);
    mirror_stop(mirror);
    cr_expect_eq(loads, 2);
    cr_expect_eq(anomalies, 1);
}

Test(mirror, loads_anew_when_a_version_is_skipped)
{
    expect_reload(STORE_EVENT_PUT, item(REVISION + 1, 5));
}

Test(mirror, loads_anew_when_what_is_deleted_is_not_there)
{
    struct store_kv kv = {.key = SPAN(ROOT "/items/two"), .mod_revision = REVISION + 1};
    expect_reload(STORE_EVENT_DELETE, kv);
}

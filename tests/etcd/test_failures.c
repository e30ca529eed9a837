/* The etcd store while a real etcd dies, comes back, stands still, or is full. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/etcd/fixture.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static struct store *open_store(const char *endpoints, enum etcd_protocol protocol)
{
    return must_open(&(struct etcd_store_config){.endpoints = endpoints, .protocol = protocol});
}

static void destroy(struct store *store)
{
    store->operations->destroy(store);
}

static const struct store_range one_key = {.keys.key = {"/a/key", 6}};

/* --- watches --- */

Test(etcd_store_watches, pass_what_is_written_elsewhere)
{
    struct fixture fixture;
    struct sync_watch watch;
    fixture_open(&fixture);
    int64_t first = must_put(fixture.store, SPAN("/a/1"), "value", 0);
    cr_assert_eq(sync_watch_start(&watch, fixture.store, conformance_all("/a/"), first), 0);
    cr_assert(sync_watch_wait(&watch, 1));
    for (int i = 0; i < 3; i++) {
        int64_t elsewhere = must_put(fixture.store, SPAN("/b/1"), "value", 0);
        cr_assert(sync_watch_wait_revision(&watch, elsewhere));
        int64_t here = must_put(fixture.store, SPAN("/a/2"), "value", 0);
        cr_assert(sync_watch_wait_revision(&watch, here));
    }
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    cr_assert_eq(watch.count, 4);
    sync_watch_release(&watch);
    fixture_remove(&fixture);
}

/* Another process writes, so that no answer of ours tells. */
Test(etcd_store_watches, pass_what_is_written_by_others)
{
    struct fixture fixture;
    struct sync_watch watch;
    fixture_open(&fixture);
    struct store *other = open_store(fixture.server.url, ETCD_GRPC);
    int64_t first = must_put(fixture.store, SPAN("/a/1"), "value", 0);
    cr_assert_eq(sync_watch_start(&watch, fixture.store, conformance_all("/a/"), first), 0);
    cr_assert(sync_watch_wait(&watch, 1));
    int64_t elsewhere = must_put(other, SPAN("/b/1"), "value", 0);
    cr_assert(sync_watch_wait_revision(&watch, elsewhere));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    sync_watch_release(&watch);
    destroy(other);
    fixture_remove(&fixture);
}

/* What it saw last is gone. */
Test(etcd_store_watches, live_through_the_compaction_of_what_they_saw)
{
    struct fixture fixture;
    struct sync_watch watch;
    fixture_open(&fixture);
    int64_t first = must_put(fixture.store, SPAN("/a/1"), "value", 0);
    cr_assert_eq(sync_watch_start(&watch, fixture.store, conformance_all("/a/"), first), 0);
    cr_assert(sync_watch_wait(&watch, 1));
    for (int i = 0; i < 3; i++) {
        int64_t elsewhere = must_put(fixture.store, SPAN("/b/1"), "value", 0);
        cr_assert_eq(sync_compact(fixture.store, elsewhere), 0);
        elsewhere = must_put(fixture.store, SPAN("/b/1"), "value", 0);
        cr_assert(sync_watch_wait_revision(&watch, elsewhere));
    }
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    cr_assert_eq(watch.count, 1);
    sync_watch_release(&watch);
    fixture_remove(&fixture);
}

/* It has never seen anything, and much is written elsewhere: more than etcd sends at a time. */
Test(etcd_store_watches, pass_much_that_is_written_elsewhere)
{
    enum { WRITES = 2300 };
    struct fixture fixture;
    struct sync_watch watch;
    fixture_open(&fixture);
    int64_t first = sync_revision(fixture.store) + 1;
    int64_t last = first;
    for (int i = 0; i < WRITES; i++)
        last = must_put(fixture.store, SPAN("/b/1"), "value", 0);
    cr_assert_eq(sync_watch_start(&watch, fixture.store, conformance_all("/a/"), first), 0);
    cr_assert(sync_watch_wait_revision(&watch, last));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    cr_assert_eq(watch.count, 0);
    sync_watch_release(&watch);
    fixture_remove(&fixture);
}

Test(etcd_store_watches, go_on_after_a_restart)
{
    struct fixture fixture;
    struct sync_watch watch;
    etcd_server_start(&fixture.server, NULL);
    fixture.store = must_open(
        &(struct etcd_store_config){.endpoints = fixture.server.url, .resume_timeout_ms = 30000});
    cr_assert_eq(sync_watch_start(&watch, fixture.store, conformance_all("/a/"),
                                  sync_revision(fixture.store) + 1),
                 0);
    for (int round = 0; round < 3; round++) {
        must_put(fixture.store, SPAN("/a/1"), "before", 0);
        etcd_server_kill(&fixture.server);
        cr_assert_eq(sync_range(fixture.store, &one_key, NULL), ALLOT_EUNAVAILABLE);
        etcd_server_restart(&fixture.server, NULL);
        struct store *other = open_store(fixture.server.url, ETCD_GRPC);
        must_put(other, SPAN("/a/1"), "after", 0);
        destroy(other);
        cr_assert(sync_watch_wait(&watch, 2 * ((size_t)round + 1)));
        while (sync_range(fixture.store, &one_key, NULL) != 0)
            pause_ms(5);
    }
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    cr_assert_eq(watch.count, 6);
    sync_watch_release(&watch);
    fixture_remove(&fixture);
}

Test(etcd_store_watches, end_when_etcd_stays_away)
{
    struct fixture fixture;
    struct sync_watch watch;
    etcd_server_start(&fixture.server, NULL);
    fixture.store = must_open(
        &(struct etcd_store_config){.endpoints = fixture.server.url, .resume_timeout_ms = 200});
    cr_assert_eq(sync_watch_start(&watch, fixture.store, conformance_all("/a/"), 1), 0);
    int64_t revision = must_put(fixture.store, SPAN("/a/1"), "value", 0);
    cr_assert(sync_watch_wait(&watch, 1));
    etcd_server_kill(&fixture.server);
    cr_assert(sync_watch_wait(&watch, 2));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, ALLOT_EUNAVAILABLE);
    cr_assert_eq(watch.revision, revision);
    sync_watch_release(&watch);
    fixture_remove(&fixture);
}

Test(etcd_store_watches, end_when_etcd_stands_still)
{
    struct fixture fixture;
    struct sync_watch watch;
    etcd_server_start(&fixture.server, NULL);
    fixture.store = must_open(&(struct etcd_store_config){.endpoints = fixture.server.url,
                                                          .request_timeout_ms = 300,
                                                          .refresh_ms = 50,
                                                          .resume_timeout_ms = 300});
    cr_assert_eq(sync_watch_start(&watch, fixture.store, conformance_all("/a/"), 1), 0);
    while (sync_put(fixture.store, SPAN("/a/1"), SPAN("value"), 0, NULL) != 0)
        ;
    cr_assert(sync_watch_wait(&watch, 1));
    etcd_server_freeze(&fixture.server);
    cr_assert(sync_watch_wait(&watch, 1000));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, ALLOT_EUNAVAILABLE);
    sync_watch_release(&watch);
    etcd_server_thaw(&fixture.server);
    fixture_remove(&fixture);
}

/* It is the same cluster, at a revision that the watch has left behind. */
TEST_OVER_BOTH(etcd_store_watches, end_when_etcd_comes_back_empty)
{
    struct fixture fixture;
    struct sync_watch watches[2];
    fixture_open_over(&fixture, protocol);
    int64_t former = 0;
    for (int i = 0; i < 5; i++)
        former = must_put(fixture.store, SPAN("/a/1"), "before", 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(sync_watch_start(&watches[i], fixture.store, conformance_all("/a/"), 1), 0);
        cr_assert(sync_watch_wait_revision(&watches[i], former));
    }
    etcd_server_kill(&fixture.server);
    etcd_server_empty(&fixture.server);
    etcd_server_restart(&fixture.server, NULL);
    for (int i = 0; i < 2; i++) {
        cr_assert(sync_watch_wait(&watches[i], 1000));
        sync_watch_stop(&watches[i]);
        cr_assert_eq(watches[i].error, ALLOT_EORDER);
        sync_watch_release(&watches[i]);
    }
    int64_t now = must_put(fixture.store, SPAN("/a/1"), "after", 0);
    cr_assert_lt(now, former);
    cr_assert_eq(sync_watch_start(&watches[0], fixture.store, conformance_all("/a/"), now), 0);
    for (int i = 1; i < 20; i++) {
        cr_assert(sync_watch_wait(&watches[0], (size_t)i));
        now = must_put(fixture.store, SPAN("/a/1"), "after", 0);
    }
    cr_assert(sync_watch_wait_revision(&watches[0], now));
    sync_watch_stop(&watches[0]);
    cr_assert_eq(watches[0].error, 0);
    sync_watch_release(&watches[0]);
    fixture_remove(&fixture);
}

/* --- requests --- */

TEST_OVER_BOTH(etcd_store_requests, fail_fast_and_recover)
{
    struct fixture fixture;
    fixture_open_over(&fixture, protocol);
    must_put(fixture.store, SPAN("/a/key"), "value", 0);
    etcd_server_kill(&fixture.server);
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(sync_range(fixture.store, &one_key, NULL), ALLOT_EUNAVAILABLE);
        cr_assert_eq(sync_put(fixture.store, SPAN("/a/key"), SPAN("2"), 0, NULL),
                     ALLOT_EUNAVAILABLE);
    }
    etcd_server_restart(&fixture.server, NULL);
    while (sync_put(fixture.store, SPAN("/a/key"), SPAN("3"), 0, NULL) == ALLOT_EUNAVAILABLE)
        pause_ms(5);
    struct store_kv kv;
    cr_assert(sync_exists(fixture.store, SPAN("/a/key"), &kv));
    cr_assert_eq(kv.version, 2);
    fixture_remove(&fixture);
}

TEST_OVER_BOTH(etcd_store_requests, are_late_when_etcd_stands_still)
{
    struct fixture fixture;
    struct store_lease_result lease;
    int sent = 0;
    etcd_server_start(&fixture.server, NULL);
    fixture.store = must_open(&(struct etcd_store_config){
        .endpoints = fixture.server.url, .protocol = protocol, .request_timeout_ms = 1000});
    cr_assert_eq(sync_grant(fixture.store, 0, 60, &lease), 0);
    etcd_server_freeze(&fixture.server);
    cr_assert_eq(sync_keep_alive(fixture.store, lease.id, NULL), ALLOT_EUNKNOWN);
    etcd_server_thaw(&fixture.server);
    while (sync_range(fixture.store, &one_key, NULL) != 0)
        pause_ms(5);
    etcd_server_freeze(&fixture.server);
    cr_assert_eq(sync_put(fixture.store, SPAN("/a/key"), SPAN("2"), 0, NULL), ALLOT_EUNKNOWN);
    /* From then on it is taken for one that can't be reached: only now and then one is sent. */
    for (int i = 0; i < 1000; i++) {
        int error = sync_put(fixture.store, SPAN("/a/key"), SPAN("3"), 0, NULL);
        cr_assert(error == ALLOT_EUNAVAILABLE || error == ALLOT_EUNKNOWN);
        sent += error == ALLOT_EUNKNOWN;
    }
    cr_assert_lt(sent, 10);
    cr_assert_eq(sync_time_to_live(fixture.store, lease.id, NULL), ALLOT_EUNAVAILABLE);
    etcd_server_thaw(&fixture.server);
    while (sync_range(fixture.store, &one_key, NULL) != 0)
        pause_ms(5);
    fixture_remove(&fixture);
}

TEST_OVER_BOTH(etcd_store_requests, turn_to_the_endpoint_that_works)
{
    struct etcd_server server, dead;
    char endpoints[256];
    etcd_server_start(&dead, NULL);
    etcd_server_start(&server, NULL);
    snprintf(endpoints, sizeof endpoints, "%s,%s/,%s", dead.url, server.url, dead.url);
    etcd_server_kill(&dead);
    for (int i = 0; i < 5; i++) { /* it begins with any of them */
        struct store *store = open_store(endpoints, protocol);
        must_put(store, SPAN("/a/key"), "value", 0);
        cr_assert_eq(sync_range(store, &one_key, NULL), 0);
        destroy(store);
    }
    etcd_server_remove(&server);
    etcd_server_remove(&dead);
}

static void count_error(void *context, int error, const struct store_range_result *result)
{
    (void)result;
    atomic_int *counts = context;
    atomic_fetch_add(&counts[-error], 1);
}

TEST_OVER_BOTH(etcd_store_requests, are_bounded_and_all_answered_in_the_end)
{
    struct fixture fixture;
    atomic_int counts[32] = {0};
    int refused = 0, made = 0;
    fixture_open_over(&fixture, protocol);
    must_put(fixture.store, SPAN("/a/key"), "value", 0);
    etcd_server_freeze(&fixture.server);
    while (!refused && made < 100000) {
        refused = fixture.store->operations->range(fixture.store, &one_key, count_error, counts);
        made += !refused;
    }
    cr_assert_eq(refused, ALLOT_ELIMIT);
    destroy(fixture.store);
    fixture.store = NULL;
    cr_assert_eq(counts[-ALLOT_ECANCELED] + counts[-ALLOT_EUNAVAILABLE] + counts[0], made);
    cr_assert_gt(counts[-ALLOT_ECANCELED], 0);
    etcd_server_thaw(&fixture.server);
    fixture_remove(&fixture);
}

TEST_OVER_BOTH(etcd_store_requests, have_answers_of_a_bounded_size)
{
    struct fixture fixture;
    struct store_range all = {.keys = conformance_all("/a/")};
    char value[1000] = "";
    etcd_server_start(&fixture.server, NULL);
    fixture.store = must_open(&(struct etcd_store_config){
        .endpoints = fixture.server.url, .protocol = protocol, .max_answer = 8192});
    memset(value, 'x', sizeof value - 1);
    for (int i = 0; i < 4; i++)
        must_put(fixture.store, conformance_numbered("/a/", i), value, 0);
    cr_assert_eq(sync_range(fixture.store, &all, NULL), 0);
    for (int i = 4; i < 10; i++)
        must_put(fixture.store, conformance_numbered("/a/", i), value, 0);
    cr_assert_eq(sync_range(fixture.store, &all, NULL), ALLOT_ELIMIT);
    all.limit = 4;
    cr_assert_eq(sync_range(fixture.store, &all, NULL), 0);
    fixture_remove(&fixture);
}

TEST_OVER_BOTH(etcd_store_requests, are_not_done_when_etcd_is_full)
{
    const char *const arguments[] = {"--quota-backend-bytes", "1000000", NULL};
    struct etcd_server server;
    etcd_server_start(&server, arguments);
    struct store *store = open_store(server.url, protocol);
    char *value = calloc(1, 200001);
    int error = 0;
    cr_assert_not_null(value);
    memset(value, 'x', 200000);
    for (int i = 0; i < 50 && !error; i++)
        error = sync_put(store, conformance_numbered("/a/", i), span_of(value), 0, NULL);
    cr_assert_eq(error, ALLOT_EUNAVAILABLE);
    cr_assert_eq(sync_range(store, &one_key, NULL), 0);
    free(value);
    destroy(store);
    etcd_server_remove(&server);
}

/* What is larger than a message may be is refused before all of it has come: then libcurl 7.88
 * loses the answer over gRPC. */
TEST_OVER_BOTH(etcd_store_requests, are_refused_when_etcd_takes_less)
{
    enum { LARGE = 5000, LARGER = 1000000 };
    const char *const arguments[] = {"--max-request-bytes", "1000", NULL};
    struct etcd_server server;
    etcd_server_start(&server, arguments);
    struct store *store = open_store(server.url, protocol);
    char *value = calloc(1, LARGER);
    cr_assert_not_null(value);
    struct span large = {value, LARGE};
    struct span larger = {value, LARGER};
    cr_expect_eq(sync_put(store, SPAN("/a/key"), large, 0, NULL), ALLOT_ELIMIT);
    int error = sync_put(store, SPAN("/a/key"), larger, 0, NULL);
    cr_expect(error == ALLOT_ELIMIT || (error == ALLOT_EUNKNOWN && protocol == ETCD_GRPC));
    cr_expect_not(sync_exists(store, SPAN("/a/key"), NULL));
    cr_expect_eq(sync_put(store, SPAN("/a/key"), SPAN("value"), 0, NULL), 0);
    free(value);
    destroy(store);
    etcd_server_remove(&server);
}

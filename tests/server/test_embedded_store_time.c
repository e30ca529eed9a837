/* The embedded store and time, on a clock of the test's. */
#include <criterion/criterion.h>
#include <semaphore.h>

#include "tests/server/embedded_fixture.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

enum { STEP_MS = 400 };

struct test_clock {
    atomic_llong now_ms;
};

static int64_t read_clock(void *context)
{
    struct test_clock *clock = context;
    return atomic_load(&clock->now_ms);
}

static void open_with(struct embedded_fixture *fixture, struct test_clock *clock)
{
    atomic_store(&clock->now_ms, 1000000);
    embedded_fixture_open(fixture, (struct embedded_store_config){.monotonic_ms = read_clock,
                                                                  .clock_context = clock});
}

/* A request makes the thread look at the clock; another one, answered after that, sees what came
 * of it. */
static void let_it_look(struct store *store)
{
    sync_revision(store);
    sync_revision(store);
}

/* Lets time pass as it does: never much between two looks of the thread. */
static void pass(struct store *store, struct test_clock *clock, int64_t ms)
{
    for (; ms > 0; ms -= STEP_MS) {
        atomic_fetch_add(&clock->now_ms, ms < STEP_MS ? ms : STEP_MS);
        let_it_look(store);
    }
}

/* The process was stopped, the machine paused. */
static void stand_still(struct store *store, struct test_clock *clock, int64_t ms)
{
    atomic_fetch_add(&clock->now_ms, ms);
    let_it_look(store);
}

static void put_under(struct store *store, struct span key, int64_t lease, int64_t ttl)
{
    cr_assert_eq(sync_grant(store, lease, ttl, NULL), 0);
    must_put(store, key, "value", lease);
}

Test(embedded_store_time, leases_expire_when_due)
{
    struct embedded_fixture fixture;
    struct test_clock clock;
    struct store_lease_result left;
    open_with(&fixture, &clock);
    struct store *store = fixture.store;
    put_under(store, SPAN("/short"), 1, 5);
    put_under(store, SPAN("/long"), 2, 10);
    pass(store, &clock, 4999);
    cr_assert(sync_exists(store, SPAN("/short"), NULL));
    cr_assert_eq(sync_time_to_live(store, 2, &left), 0);
    cr_assert_eq(left.ttl, 6); /* 5.001, rounded up */
    pass(store, &clock, 1);
    cr_assert_not(sync_exists(store, SPAN("/short"), NULL));
    cr_assert(sync_exists(store, SPAN("/long"), NULL));
    cr_assert_eq(sync_keep_alive(store, 1, NULL), ALLOT_ELEASE);
    cr_assert_eq(sync_keep_alive(store, 2, NULL), 0);
    pass(store, &clock, 9999);
    cr_assert(sync_exists(store, SPAN("/long"), NULL));
    pass(store, &clock, 1);
    cr_assert_not(sync_exists(store, SPAN("/long"), NULL));
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_time, many_leases_expire_at_once)
{
    enum { LEASES = 100 };
    struct embedded_fixture fixture;
    struct test_clock clock;
    open_with(&fixture, &clock);
    struct store *store = fixture.store;
    for (int i = 0; i < LEASES; i++)
        put_under(store, conformance_numbered("/key/", i), 1 + i, i % 2 ? 5 : 500);
    pass(store, &clock, 5000);
    for (int i = 0; i < LEASES; i++)
        cr_assert_eq(sync_exists(store, conformance_numbered("/key/", i), NULL), i % 2 == 0);
    cr_assert_eq(sync_revision(store), 1 + LEASES + LEASES / 2); /* each one in its revision */
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_time, standing_still_costs_no_lease)
{
    struct embedded_fixture fixture;
    struct test_clock clock;
    struct store_lease_result left;
    open_with(&fixture, &clock);
    struct store *store = fixture.store;
    put_under(store, SPAN("/a"), 1, 10);
    put_under(store, SPAN("/b"), 2, 100);
    pass(store, &clock, 6000);
    stand_still(store, &clock, 3600000);
    cr_assert(sync_exists(store, SPAN("/a"), NULL));
    cr_assert_eq(sync_time_to_live(store, 1, &left), 0);
    cr_assert_eq(left.ttl, 4);
    cr_assert_eq(sync_time_to_live(store, 2, &left), 0);
    cr_assert_eq(left.ttl, 94);
    pass(store, &clock, 3999);
    cr_assert(sync_exists(store, SPAN("/a"), NULL));
    pass(store, &clock, 1);
    cr_assert_not(sync_exists(store, SPAN("/a"), NULL));
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_time, leases_are_full_after_a_restart)
{
    struct embedded_fixture fixture;
    struct test_clock clock;
    struct store_lease_result left;
    open_with(&fixture, &clock);
    put_under(fixture.store, SPAN("/a"), 1, 10);
    pass(fixture.store, &clock, 9000);
    embedded_fixture_reopen(&fixture);
    cr_assert_eq(sync_time_to_live(fixture.store, 1, &left), 0);
    cr_assert_eq(left.granted_ttl, 10);
    cr_assert_eq(left.ttl, 10);
    pass(fixture.store, &clock, 9999);
    cr_assert(sync_exists(fixture.store, SPAN("/a"), NULL));
    pass(fixture.store, &clock, 1);
    cr_assert_not(sync_exists(fixture.store, SPAN("/a"), NULL));
    embedded_fixture_remove(&fixture);
}

/* --- what was queued comes first --- */

struct gate {
    sem_t reached;
    sem_t open;
};

static void hold_thread(void *context, int error, const struct store_range_result *result)
{
    struct gate *gate = context;
    (void)error, (void)result;
    sem_post(&gate->reached);
    sem_wait(&gate->open);
}

static void note_lease(void *context, int error, const struct store_lease_result *result)
{
    (void)result;
    atomic_store((atomic_int *)context, error ? error : 1);
}

Test(embedded_store_time, a_queued_keep_alive_is_in_time)
{
    struct embedded_fixture fixture;
    struct test_clock clock;
    struct gate gate;
    atomic_int kept = 0;
    struct store_range range = {.keys.key = SPAN("/a")};
    open_with(&fixture, &clock);
    struct store *store = fixture.store;
    sem_init(&gate.reached, 0, 0);
    sem_init(&gate.open, 0, 0);
    put_under(store, SPAN("/a"), 1, 5);
    pass(store, &clock, 4800);
    cr_assert_eq(store->operations->range(store, &range, hold_thread, &gate), 0);
    sem_wait(&gate.reached);
    atomic_fetch_add(&clock.now_ms, STEP_MS);
    cr_assert_eq(store->operations->lease_keep_alive(store, 1, note_lease, &kept), 0);
    sem_post(&gate.open);
    let_it_look(store);
    cr_assert_eq(atomic_load(&kept), 1);
    cr_assert(sync_exists(store, SPAN("/a"), NULL));
    embedded_fixture_remove(&fixture);
}

/* --- watches --- */

Test(embedded_store_time, a_watch_hears_of_progress)
{
    struct embedded_fixture fixture;
    struct test_clock clock;
    struct sync_watch watch;
    open_with(&fixture, &clock);
    struct store *store = fixture.store;
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/watched/"), 0), 0);
    int64_t revision = must_put(store, SPAN("/other"), "1", 0);
    pass(store, &clock, STORE_PROGRESS_MS - 1);
    pthread_mutex_lock(&watch.mutex);
    cr_assert_eq(watch.messages, 0);
    pthread_mutex_unlock(&watch.mutex);
    pass(store, &clock, 1);
    cr_assert(sync_watch_wait_revision(&watch, revision));
    pass(store, &clock, STORE_PROGRESS_MS - 1);
    sync_watch_stop(&watch);
    cr_assert_eq(watch.messages, 1);
    cr_assert_eq(watch.count, 0);
    cr_assert_eq(watch.revision, revision);
    sync_watch_release(&watch);
    embedded_fixture_remove(&fixture);
}

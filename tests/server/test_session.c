/* Sessions over a real embedded store, some of whose answers get lost. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/session.h"
#include "server/store_wait.h"
#include "tests/server/embedded_fixture.h"
#include "tests/support/store_sync.h"

enum { WAIT_MS = 20000, TIMEOUT_MS = 5000, TTL = 600, TTL_MS = TTL * 1000 };
#define KEY SPAN("/t/schedulers/one")

/* --- a store that loses answers --- */

static struct embedded_fixture fixture;
static struct store_operations lossy_operations;
static struct store lossy = {&lossy_operations};
static atomic_int answers_to_lose;

struct awaited {
    store_txn_done *done;
    void *context;
    bool lost;
};

static void pass_on(void *context, int error, const struct store_txn_result *result)
{
    struct awaited *awaited = context;
    awaited->done(awaited->context, awaited->lost ? ALLOT_EUNKNOWN : error,
                  awaited->lost ? NULL : result);
    free(awaited);
}

static int lossy_txn(struct store *store, const struct store_txn *txn, store_txn_done *done,
                     void *context)
{
    (void)store;
    struct awaited *awaited = malloc(sizeof *awaited);
    cr_assert_not_null(awaited);
    *awaited = (struct awaited){done, context, atomic_fetch_sub(&answers_to_lose, 1) > 0};
    int error = fixture.store->operations->txn(fixture.store, txn, pass_on, awaited);
    if (error)
        free(awaited);
    return error;
}

static int lossy_grant(struct store *store, int64_t id, int64_t ttl, store_lease_done *done,
                       void *context)
{
    (void)store;
    return fixture.store->operations->lease_grant(fixture.store, id, ttl, done, context);
}

static int lossy_keep_alive(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    (void)store;
    return fixture.store->operations->lease_keep_alive(fixture.store, id, done, context);
}

static int lossy_revoke(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    (void)store;
    return fixture.store->operations->lease_revoke(fixture.store, id, done, context);
}

static void setup(void)
{
    embedded_fixture_open(&fixture, (struct embedded_store_config){0});
    lossy_operations = (struct store_operations){.txn = lossy_txn,
                                                 .lease_grant = lossy_grant,
                                                 .lease_keep_alive = lossy_keep_alive,
                                                 .lease_revoke = lossy_revoke};
}

static void teardown(void)
{
    embedded_fixture_remove(&fixture);
}

TestSuite(session, .init = setup, .fini = teardown, .timeout = 60);

/* --- what stands at the key --- */

struct standing {
    bool exists;
    char value[64];
    struct store_kv kv; /* its spans are gone */
};

static void read_key(void *context, const struct store_range_result *result)
{
    struct standing *standing = context;
    if (result->kv_count == 0)
        return;
    standing->exists = true;
    standing->kv = result->kvs[0];
    cr_assert_lt(result->kvs[0].value.size, sizeof standing->value);
    memcpy(standing->value, result->kvs[0].value.data, result->kvs[0].value.size);
}

static struct standing look(void)
{
    struct standing standing = {0};
    struct store_range range = {.keys = {.key = KEY}};
    cr_assert_eq(store_wait_range(fixture.store, &range, TIMEOUT_MS, read_key, &standing), 0);
    return standing;
}

/* Waits until the key stands, or doesn't. */
static struct standing await(bool exists, const char *what)
{
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    struct standing standing = look();
    while (standing.exists != exists && clock_monotonic_ms() < deadline) {
        sched_yield();
        standing = look();
    }
    cr_assert_eq(standing.exists, exists, "%s", what);
    return standing;
}

static int64_t grant(void)
{
    struct store_lease_result lease;
    cr_assert_eq(sync_grant(fixture.store, 0, TTL, &lease), 0);
    return lease.id;
}

static void put(const char *value, int64_t lease)
{
    cr_assert_eq(sync_put(fixture.store, KEY, span_of(value), lease, NULL), 0);
}

static void count_failure(void *context, const char *what, int error)
{
    (void)what, (void)error;
    atomic_fetch_add((atomic_int *)context, 1);
}

static atomic_int failures;

static struct session *start(bool exclusive, int64_t ttl)
{
    struct session *session = NULL;
    struct session_config config = {.store = &lossy,
                                    .key = KEY,
                                    .value = SPAN("first"),
                                    .ttl_seconds = ttl,
                                    .exclusive = exclusive,
                                    .absent_prefix = SPAN("/t/others/"),
                                    .failed = count_failure,
                                    .context = &failures};
    cr_assert_eq(session_start(&config, &session), 0);
    session_check(session);
    return session;
}

/* --- announcing --- */

Test(session, announces_for_a_term_and_withdraws)
{
    int64_t begin_ms = clock_monotonic_ms();
    struct session *session = start(false, TTL);
    struct standing standing = await(true, "announced");
    struct allocator_term term = session_term(session);
    cr_assert_str_eq(standing.value, "first");
    cr_assert_eq(standing.kv.lease, term.lease);
    cr_assert_geq(term.until_ms, begin_ms + TTL_MS);
    cr_assert_leq(term.until_ms, clock_monotonic_ms() + TTL_MS);
    session_withdraw(session);
    cr_assert_not(look().exists);
    cr_assert_lt(session_term(session).until_ms, begin_ms);
    session_destroy(session);
}

Test(session, waits_for_another_owner_to_go)
{
    int64_t lease = grant();
    put("another", lease);
    struct session *session = start(false, TTL);
    while (atomic_load(&failures) == 0)
        sched_yield();
    cr_assert_eq(look().kv.lease, lease);
    cr_assert_eq(sync_revoke(fixture.store, lease), 0);
    cr_assert_str_eq(await(true, "announced then").value, "first");
    session_destroy(session);
}

Test(session, takes_over_what_only_a_former_run_can_have_left)
{
    int64_t lease = grant();
    put("former", lease);
    struct session *session = start(true, TTL);
    struct standing standing = look();
    while (!standing.exists || standing.kv.lease == lease)
        standing = look();
    cr_assert_str_eq(standing.value, "first");
    cr_assert_eq(sync_revoke(fixture.store, lease), ALLOT_ELEASE);
    session_destroy(session);
}

/* The one that came last has the key; the other one doesn't take it back, but waits until it goes.
 */
Test(session, leaves_its_key_to_another_process_that_takes_it_for_its_own)
{
    struct session *first = start(true, TTL);
    int64_t lease = await(true, "announced").kv.lease;
    struct session *second = start(true, TTL);
    while (!session_is_displaced(first)) {
        session_check(first);
        sched_yield();
    }
    struct standing taken = await(true, "taken");
    cr_expect_neq(taken.kv.lease, lease);
    cr_expect_eq(taken.kv.lease, session_term(second).lease);
    int before = atomic_load(&failures);
    int64_t end_ms = clock_monotonic_ms() + 1000;
    while (clock_monotonic_ms() < end_ms) {
        session_check(first);
        session_check(second);
        sched_yield();
    }
    cr_expect_eq(look().kv.create_revision, taken.kv.create_revision);
    cr_expect_not(session_is_displaced(second));
    cr_expect_eq(atomic_load(&failures), before, "it says so once");
    session_destroy(second);
    session_check(first);
    (void)await(true, "announced again");
    while (session_is_displaced(first))
        sched_yield();
    session_destroy(first);
}

Test(session, announces_nothing_until_it_is_checked)
{
    struct session *session = NULL;
    struct session_config config = {.store = &lossy, .key = KEY, .ttl_seconds = TTL};
    cr_assert_eq(session_start(&config, &session), 0);
    cr_assert_eq(session_term(session).lease, 0);
    session_destroy(session);
    cr_assert_not(look().exists);
}

Test(session, waits_while_there_are_keys_that_should_be_absent)
{
    cr_assert_eq(sync_put(fixture.store, SPAN("/t/others/x"), SPAN(""), 0, NULL), 0);
    struct session *session = start(true, TTL);
    while (atomic_load(&failures) == 0)
        sched_yield();
    cr_assert_not(look().exists);
    cr_assert_eq(sync_delete(fixture.store, SPAN("/t/others/x"), NULL), 0);
    (void)await(true, "announced then");
    session_destroy(session);
}

Test(session, adopts_its_own_key_after_a_lost_answer)
{
    atomic_store(&answers_to_lose, 1);
    struct session *session = start(false, TTL);
    struct standing standing = await(true, "put, though the answer was lost");
    while (atomic_load(&answers_to_lose) >= 0) /* until it has asked again */
        sched_yield();
    cr_assert_eq(look().kv.create_revision, standing.kv.create_revision);
    cr_assert_eq(look().kv.lease, session_term(session).lease);
    session_destroy(session);
}

Test(session, announces_again_when_asked_to_look)
{
    struct session *session = start(false, TTL);
    int64_t lease = await(true, "announced").kv.lease;
    cr_assert_eq(sync_revoke(fixture.store, lease), 0);
    session_check(session); /* finds no lease to put the key under, and tries again with another */
    cr_assert_neq(await(true, "announced again").kv.lease, lease);
    session_destroy(session);
}

Test(session, keeps_its_lease_alive_however_often_it_is_asked_to_look)
{
    struct session *session = start(false, 2);
    struct standing standing = await(true, "announced");
    int64_t end_ms = clock_monotonic_ms() + 4000;
    while (clock_monotonic_ms() < end_ms) {
        session_check(session);
        sched_yield();
    }
    cr_assert_eq(look().kv.create_revision, standing.kv.create_revision);
    cr_assert_gt(session_term(session).until_ms, end_ms);
    session_destroy(session);
}

Test(session, retracts_its_key_until_it_is_asked_to_look)
{
    struct session *session = start(true, 2);
    int64_t lease = await(true, "announced").kv.lease;
    session_retract(session);
    (void)await(false, "retracted");
    cr_assert_eq(session_term(session).until_ms, INT64_MIN);
    cr_assert_eq(sync_revoke(fixture.store, lease), ALLOT_ELEASE);
    int64_t end_ms = clock_monotonic_ms() + 1000; /* its lease would have been renewed */
    while (clock_monotonic_ms() < end_ms) {
        session_retract(session);
        sched_yield();
    }
    cr_assert_not(look().exists);
    session_check(session);
    cr_assert_neq(await(true, "announced again").kv.lease, lease);
    session_destroy(session);
}

/* --- another value --- */

/* Adds its context to the value, unless that ends so. */
static int add(void *context, struct span former, struct arena *arena, struct span *ret)
{
    struct span suffix = span_of(context);
    char text[64];
    bool ends_so = former.size >= suffix.size &&
                   memcmp(former.data + former.size - suffix.size, suffix.data, suffix.size) == 0;
    int size = snprintf(text, sizeof text, "%.*s%s", (int)former.size, former.data,
                        ends_so ? "" : (const char *)context);
    *ret = arena_copy(arena, (struct span){text, (size_t)size});
    return ret->data ? 0 : ALLOT_ENOMEM;
}

static int update(struct session *session, char *suffix)
{
    return session_update(session, add, suffix);
}

Test(session, updates_its_value_under_the_same_lease)
{
    struct session *session = start(false, TTL);
    struct standing before = await(true, "announced");
    cr_assert_eq(update(session, "+1"), 0);
    struct standing after = look();
    cr_assert_str_eq(after.value, "first+1");
    cr_assert_eq(after.kv.lease, before.kv.lease);
    cr_assert_eq(after.kv.create_revision, before.kv.create_revision);
    cr_assert_eq(update(session, "+2"), 0);
    cr_assert_str_eq(look().value, "first+1+2");
    session_destroy(session);
}

Test(session, updates_what_somebody_else_has_put_under_its_lease)
{
    struct session *session = start(false, TTL);
    int64_t lease = await(true, "announced").kv.lease;
    put("another's", lease);
    cr_assert_eq(update(session, "+1"), 0);
    cr_assert_str_eq(look().value, "another's+1");
    cr_assert_eq(look().kv.lease, lease);
    session_destroy(session);
}

Test(session, updates_nothing_that_is_under_another_lease)
{
    struct session *session = start(false, TTL);
    (void)await(true, "announced");
    put("another's", grant());
    cr_assert_eq(update(session, "+1"), ALLOT_EFENCE);
    cr_assert_str_eq(look().value, "another's");
    session_destroy(session);
}

Test(session, updates_nothing_where_its_key_is_gone)
{
    struct session *session = start(false, TTL);
    int64_t lease = await(true, "announced").kv.lease;
    cr_assert_eq(sync_revoke(fixture.store, lease), 0);
    cr_assert_eq(update(session, "+1"), ALLOT_EFENCE);
    cr_assert_not(look().exists);
    session_destroy(session);
}

Test(session, announces_the_new_value_when_the_key_has_gone)
{
    struct session *session = start(false, TTL);
    int64_t lease = await(true, "announced").kv.lease;
    cr_assert_eq(update(session, "+1"), 0);
    cr_assert_eq(sync_revoke(fixture.store, lease), 0);
    session_check(session);
    cr_assert_str_eq(await(true, "announced again").value, "first+1");
    session_destroy(session);
}

Test(session, updates_again_after_a_lost_answer)
{
    struct session *session = start(false, TTL);
    (void)await(true, "announced");
    while (atomic_load(&answers_to_lose) >= 0)
        sched_yield();
    atomic_store(&answers_to_lose, 1);
    cr_assert_eq(update(session, "+1"), ALLOT_EUNKNOWN);
    cr_assert_eq(update(session, "+1"), 0);
    cr_assert_str_eq(look().value, "first+1");
    session_destroy(session);
}

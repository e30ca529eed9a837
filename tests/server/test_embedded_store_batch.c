/* The embedded store's batches: what is shared, bounded, and taken back. */
#include <criterion/criterion.h>
#include <sched.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdio.h>

#include "server/clock.h"
#include "tests/server/embedded_fixture.h"
#include "tests/server/store_conformance.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/store_sync.h"

static const struct embedded_store_config usual = {.retention = EMBEDDED_STORE_RETENTION};

static struct embedded_store_statistics statistics_of(struct store *store)
{
    struct embedded_store_statistics statistics;
    embedded_store_statistics(store, &statistics);
    return statistics;
}

/* --- holding the store's thread, to queue what it then finds at once --- */

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

static void close_gate(struct gate *gate, struct store *store)
{
    struct store_range range = {.keys.key = SPAN("/gate")};
    sem_init(&gate->reached, 0, 0);
    sem_init(&gate->open, 0, 0);
    cr_assert_eq(store->operations->range(store, &range, hold_thread, gate), 0);
    sem_wait(&gate->reached);
}

static void open_gate(struct gate *gate)
{
    sem_post(&gate->open);
}

/* What was answered, in order. */
struct answers {
    sem_t answered;
    atomic_int count;
    int errors[2 * EMBEDDED_STORE_MAX_QUEUE];
    int64_t revisions[2 * EMBEDDED_STORE_MAX_QUEUE];
    int64_t versions; /* of all keys of the last range, added up */
};

static struct answers answers;

static void answers_init(void)
{
    sem_init(&answers.answered, 0, 0);
    atomic_store(&answers.count, 0);
}

static void answers_wait(int count)
{
    for (int i = 0; i < count; i++)
        sem_wait(&answers.answered);
}

static void answered(int error, int64_t revision)
{
    int at = atomic_load(&answers.count);
    answers.errors[at] = error;
    answers.revisions[at] = revision;
    atomic_store(&answers.count, at + 1);
    sem_post(&answers.answered);
}

static void on_txn(void *context, int error, const struct store_txn_result *result)
{
    (void)context;
    answered(error, error ? 0 : result->revision);
}

static void on_range(void *context, int error, const struct store_range_result *result)
{
    (void)context;
    answers.versions = 0;
    for (size_t i = 0; !error && i < result->kv_count; i++)
        answers.versions += result->kvs[i].version;
    answered(error, error ? 0 : result->revision);
}

static void on_lease(void *context, int error, const struct store_lease_result *result)
{
    (void)context, (void)result;
    answered(error, 0);
}

static void on_compact(void *context, int error)
{
    (void)context;
    answered(error, 0);
}

static int submit_op(struct store *store, struct store_op op)
{
    struct store_txn txn = txn_of(&op, 1);
    return store->operations->txn(store, &txn, on_txn, NULL);
}

/* --- the group commit --- */

Test(embedded_store_batch, shares_one_commit)
{
    enum { TXNS = 64 };
    struct embedded_fixture fixture;
    struct gate gate;
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    answers_init();
    close_gate(&gate, store);
    struct embedded_store_statistics before = statistics_of(store);
    for (int i = 0; i < TXNS; i++)
        cr_assert_eq(submit_op(store, op_put(conformance_numbered("/key/", i), "value")), 0);
    open_gate(&gate);
    answers_wait(TXNS);
    struct embedded_store_statistics after = statistics_of(store);
    cr_assert_eq(after.commits, before.commits + 1);
    cr_assert_eq(after.requests, before.requests + TXNS);
    for (int i = 0; i < TXNS; i++) {
        cr_assert_eq(answers.errors[i], 0);
        cr_assert_eq(answers.revisions[i], 2 + i); /* in order */
    }
    sync_revision(store);
    sync_keep_alive(store, 1, NULL);
    cr_assert_eq(statistics_of(store).commits, after.commits); /* reading takes none */
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_batch, a_range_of_the_past_sees_what_was_queued_before)
{
    struct embedded_fixture fixture;
    struct gate gate;
    struct store_range range = {.keys = conformance_all("/"), .revision = 3};
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    answers_init();
    close_gate(&gate, store);
    cr_assert_eq(submit_op(store, op_put(SPAN("/a"), "1")), 0);
    cr_assert_eq(submit_op(store, op_put(SPAN("/b"), "1")), 0);
    cr_assert_eq(submit_op(store, op_put(SPAN("/a"), "2")), 0);
    cr_assert_eq(store->operations->range(store, &range, on_range, NULL), 0);
    cr_assert_eq(submit_op(store, op_delete(SPAN("/b"))), 0);
    open_gate(&gate);
    answers_wait(5);
    cr_assert_eq(answers.errors[3], 0);
    cr_assert_eq(answers.revisions[3], 3);
    cr_assert_eq(answers.versions, 2); /* each key's first */
    cr_assert_eq(answers.revisions[4], 5);
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_batch, the_queue_is_bounded)
{
    struct embedded_fixture fixture;
    struct gate gate;
    int queued = 0, error;
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    answers_init();
    close_gate(&gate, store);
    while ((error = submit_op(store, op_get(SPAN("/a")))) == 0)
        queued++;
    cr_assert_eq(error, ALLOT_ELIMIT);
    cr_assert_eq(queued, EMBEDDED_STORE_MAX_QUEUE);
    open_gate(&gate);
    answers_wait(queued);

    static char value[STORE_MAX_REQUEST - 64];
    struct store_op op = op_put(SPAN("/a"), "");
    op.value = (struct span){value, sizeof value};
    close_gate(&gate, store);
    for (queued = 0; (error = submit_op(store, op)) == 0; queued++)
        ;
    cr_assert_eq(error, ALLOT_ELIMIT);
    cr_assert_lt(queued, EMBEDDED_STORE_MAX_QUEUED_BYTES / (int)sizeof value + 1);
    open_gate(&gate);
    answers_wait(queued);
    must_put(store, SPAN("/a"), "1", 0);
    embedded_fixture_remove(&fixture);
}

/* --- the disk fails --- */

/* One batch with everything that changes something, and some that doesn't. */
static int submit_everything(struct store *store)
{
    struct store_op all = {.kind = STORE_OP_DELETE, .keys = conformance_all("/some/")};
    struct store_range range = {.keys = conformance_all("/")};
    cr_assert_eq(submit_op(store, op_put(SPAN("/some/old"), "new")), 0);
    cr_assert_eq(submit_op(store, op_put_under(SPAN("/some/new"), "new", 5)), 0);
    cr_assert_eq(submit_op(store, op_put_under(SPAN("/moved"), "new", 6)), 0);
    cr_assert_eq(submit_op(store, all), 0);
    cr_assert_eq(submit_op(store, op_put(SPAN("/some/old"), "again")), 0);
    cr_assert_eq(store->operations->lease_grant(store, 7, 60, on_lease, NULL), 0);
    cr_assert_eq(submit_op(store, op_put_under(SPAN("/late"), "new", 7)), 0);
    cr_assert_eq(store->operations->lease_revoke(store, 5, on_lease, NULL), 0);
    cr_assert_eq(store->operations->lease_revoke(store, 7, on_lease, NULL), 0);
    cr_assert_eq(store->operations->compact(store, 3, on_compact, NULL), 0);
    cr_assert_eq(store->operations->range(store, &range, on_range, NULL), 0);
    cr_assert_eq(submit_op(store, op_get(SPAN("/some/old"))), 0);
    return 12;
}

Test(embedded_store_batch, nothing_remains_of_a_batch_that_cannot_be_written)
{
    struct embedded_fixture fixture;
    struct gate gate;
    struct rlimit former;
    struct sync_watch watch;
    struct store_kv kv;
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    answers_init();
    cr_assert_eq(sync_grant(store, 5, 60, NULL), 0);
    cr_assert_eq(sync_grant(store, 6, 60, NULL), 0);
    must_put(store, SPAN("/some/old"), "old", 5);
    must_put(store, SPAN("/moved"), "old", 5);
    int64_t revision = must_put(store, SPAN("/plain"), "old", 0);

    close_gate(&gate, store);
    embedded_fixture_break_disk(&former);
    int count = submit_everything(store);
    /* from what would have been the next revision */
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/"), 0), 0);
    open_gate(&gate);
    answers_wait(count);
    embedded_fixture_mend_disk(&former);
    for (int i = 0; i < count - 2; i++)
        cr_assert(answers.errors[i] == ALLOT_EIO || answers.errors[i] == ALLOT_EUNKNOWN);
    cr_assert_eq(answers.errors[count - 2], ALLOT_EIO);
    cr_assert_eq(answers.errors[count - 1], ALLOT_EIO);
    cr_assert_eq(atomic_load(&fixture.failures), 1);
    cr_assert_eq(statistics_of(store).failed_commits, 1);

    for (int i = 0; i < 2; i++) {
        store = fixture.store;
        cr_assert_eq(sync_revision(store), revision + i);
        cr_assert(sync_exists(store, SPAN("/some/old"), &kv));
        cr_assert_eq(kv.version, 1);
        cr_assert_eq(kv.lease, 5);
        cr_assert(sync_exists(store, SPAN("/moved"), &kv));
        cr_assert_eq(kv.lease, 5);
        cr_assert_not(sync_exists(store, SPAN("/some/new"), NULL));
        cr_assert_not(sync_exists(store, SPAN("/late"), NULL));
        cr_assert_eq(sync_keep_alive(store, 7, NULL), ALLOT_ELEASE);
        cr_assert_eq(statistics_of(store).compact_revision, 0);
        if (i == 0) {
            cr_assert_eq(must_put(store, SPAN("/works"), "again", 0), revision + 1);
            cr_assert(sync_watch_wait(&watch, 1));
            sync_watch_stop(&watch);
            cr_assert_eq(watch.count, 1);
            cr_assert(span_equal(watch.events[0].kv.key, SPAN("/works")));
            sync_watch_release(&watch);
            embedded_fixture_reopen(&fixture);
        }
    }
    cr_assert_eq(sync_revoke(store, 5), 0); /* what is attached to it was restored, too */
    cr_assert_not(sync_exists(store, SPAN("/some/old"), NULL));
    cr_assert_not(sync_exists(store, SPAN("/moved"), NULL));
    embedded_fixture_remove(&fixture);
}

/* A write that fails before the commit: more changes than SQLite's cache holds. */
Test(embedded_store_batch, a_large_transaction_that_cannot_be_written)
{
    struct embedded_fixture fixture;
    struct rlimit former;
    static char value[STORE_MAX_REQUEST - 64];
    struct gate gate;
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    answers_init();
    must_put(store, SPAN("/a"), "1", 0);
    struct store_op op = op_put(SPAN("/large"), "");
    op.value = (struct span){value, sizeof value};
    close_gate(&gate, store);
    embedded_fixture_break_disk(&former);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(submit_op(store, op), 0);
    open_gate(&gate);
    answers_wait(4);
    embedded_fixture_mend_disk(&former);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(answers.errors[i], ALLOT_EIO);
    cr_assert_not(sync_exists(store, SPAN("/large"), NULL));
    cr_assert_eq(must_put(store, SPAN("/a"), "2", 0), 3);
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_batch, leases_expire_once_the_disk_is_back)
{
    struct embedded_fixture fixture;
    struct rlimit former;
    struct sync_watch watch;
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    cr_assert_eq(sync_grant(store, 1, 1, NULL), 0);
    must_put(store, SPAN("/a"), "1", 1);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/"), 3), 0);
    embedded_fixture_break_disk(&former);
    while (atomic_load(&fixture.failures) == 0)
        sched_yield();
    cr_assert(sync_exists(store, SPAN("/a"), NULL));
    embedded_fixture_mend_disk(&former);
    cr_assert(sync_watch_wait(&watch, 1));
    cr_assert_not(sync_exists(store, SPAN("/a"), NULL));
    sync_watch_release(&watch);
    embedded_fixture_remove(&fixture);
}

/* --- compaction --- */

static int64_t count_rows(const struct embedded_fixture *fixture)
{
    char path[512];
    sqlite3 *database;
    sqlite3_stmt *statement;
    snprintf(path, sizeof path, "%s/store.sqlite", fixture->directory);
    cr_assert_eq(sqlite3_open(path, &database), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(database, "SELECT count(*) FROM history", -1, &statement, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return count;
}

Test(embedded_store_batch, keeps_as_much_of_the_past_as_it_is_told_to)
{
    enum { RETENTION = 20, KEYS = 5, PUTS = 1000 };
    struct embedded_fixture fixture;
    struct store_range range = {.keys = conformance_all("/")};
    struct sync_answer answer;
    embedded_fixture_open(&fixture, (struct embedded_store_config){.retention = RETENTION});
    struct store *store = fixture.store;
    int64_t revision = 0;
    for (int i = 0; i < PUTS; i++) {
        struct span key = conformance_numbered("/key/", i % KEYS);
        if (i % 10 == 9)
            cr_assert_eq(sync_delete(store, key, &revision), 0);
        else
            revision = must_put(store, key, "value", 0);
    }
    int64_t deadline_ms = clock_monotonic_ms() + 20000;
    while (statistics_of(store).sweeping > 0) {
        cr_assert_lt(clock_monotonic_ms(), deadline_ms);
        sched_yield();
    }
    cr_assert_eq(statistics_of(store).compact_revision, revision - RETENTION);
    range.revision = revision - RETENTION;
    cr_assert_eq(sync_range(store, &range, &answer), 0);
    cr_assert_eq(answer.kv_count, KEYS - 1);
    sync_answer_release(&answer);
    range.revision--;
    cr_assert_eq(sync_range(store, &range, NULL), ALLOT_ECOMPACTED);
    embedded_fixture_close(&fixture);
    cr_assert_leq(count_rows(&fixture), RETENTION + KEYS);
    embedded_fixture_reopen(&fixture);
    range.revision = 0;
    cr_assert_eq(sync_range(fixture.store, &range, &answer), 0);
    cr_assert_eq(answer.revision, revision);
    cr_assert_eq(answer.kv_count, KEYS - 1);
    for (size_t i = 0; i < answer.kv_count; i++)
        cr_assert_gt(answer.kvs[i].mod_revision, revision - 10);
    sync_answer_release(&answer);
    embedded_fixture_remove(&fixture);
}

/* --- on the store's own thread --- */

struct chain {
    struct store *store;
    struct store_watch *watch;
    int left;
    int events;
    int error;
    sem_t finished;
};

static void go_on(void *context, int error, const struct store_txn_result *result)
{
    struct chain *chain = context;
    (void)result;
    cr_assert_eq(error, 0);
    if (chain->left-- > 0) {
        struct store_op op = op_put(SPAN("/chain"), "value");
        struct store_txn txn = txn_of(&op, 1);
        chain->error = chain->store->operations->txn(chain->store, &txn, go_on, chain);
    }
    if (chain->left < 0 || chain->error)
        sem_post(&chain->finished);
}

static void cancel_at_once(void *context, const struct store_watch_response *response)
{
    struct chain *chain = context;
    cr_assert_eq(response->error, 0);
    chain->events++;
    chain->store->operations->watch_cancel(chain->store, chain->watch);
}

Test(embedded_store_batch, callbacks_may_make_requests_and_cancel)
{
    struct embedded_fixture fixture;
    embedded_fixture_open(&fixture, usual);
    struct chain chain = {.store = fixture.store, .left = 10};
    struct store_keys all = conformance_all("/");
    struct store_op op = op_put(SPAN("/chain"), "value");
    struct store_txn txn = txn_of(&op, 1);
    sem_init(&chain.finished, 0, 0);
    cr_assert_eq(fixture.store->operations->watch(fixture.store, &all, 0, cancel_at_once, &chain,
                                                  &chain.watch),
                 0);
    cr_assert_eq(fixture.store->operations->txn(fixture.store, &txn, go_on, &chain), 0);
    sem_wait(&chain.finished);
    cr_assert_eq(chain.error, 0);
    cr_assert_eq(sync_revision(fixture.store), 12);
    cr_assert_eq(chain.events, 1);
    cr_assert_eq(statistics_of(fixture.store).watches, 0);
    embedded_fixture_remove(&fixture);
}

struct held {
    sem_t entered;
    sem_t go;
    atomic_bool returned;
};

static void hold(void *context, const struct store_watch_response *response)
{
    struct held *held = context;
    (void)response;
    sem_post(&held->entered);
    sem_wait(&held->go);
    atomic_store(&held->returned, true);
}

static void *let_go(void *context)
{
    struct held *held = context;
    sem_post(&held->go);
    return NULL;
}

Test(embedded_store_batch, cancelling_waits_for_an_event_under_way)
{
    struct embedded_fixture fixture;
    struct held held = {.returned = false};
    struct store_keys all = conformance_all("/");
    struct store_watch *watch;
    pthread_t other;
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    answers_init();
    sem_init(&held.entered, 0, 0);
    sem_init(&held.go, 0, 0);
    cr_assert_eq(store->operations->watch(store, &all, 0, hold, &held, &watch), 0);
    cr_assert_eq(submit_op(store, op_put(SPAN("/a"), "1")), 0);
    sem_wait(&held.entered);
    cr_assert_eq(pthread_create(&other, NULL, let_go, &held), 0);
    store->operations->watch_cancel(store, watch);
    cr_assert(atomic_load(&held.returned));
    pthread_join(other, NULL);
    answers_wait(1);
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_batch, destroying_answers_what_is_queued)
{
    struct embedded_fixture fixture;
    struct gate gate;
    embedded_fixture_open(&fixture, usual);
    struct chain chain = {.store = fixture.store, .left = 1000000};
    struct store_op op = op_put(SPAN("/chain"), "value");
    struct store_txn txn = txn_of(&op, 1);
    sem_init(&chain.finished, 0, 0);
    answers_init();
    close_gate(&gate, fixture.store);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(submit_op(fixture.store, op_put(SPAN("/a"), "value")), 0);
    cr_assert_eq(fixture.store->operations->txn(fixture.store, &txn, go_on, &chain), 0);
    open_gate(&gate);
    embedded_fixture_close(&fixture);
    cr_assert_eq(atomic_load(&answers.count), 10);
    sem_wait(&chain.finished);
    cr_assert_eq(chain.error, ALLOT_ECANCELED);
    cr_assert_eq(embedded_fixture_try(&fixture), 0);
    struct store_kv kv;
    cr_assert(sync_exists(fixture.store, SPAN("/a"), &kv));
    cr_assert_eq(kv.version, 10);
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_batch, watches_are_bounded_and_freed)
{
    static struct store_watch *watches[EMBEDDED_STORE_MAX_WATCHES];
    struct embedded_fixture fixture;
    struct chain chain = {.left = 0};
    struct store_watch *more = NULL;
    struct store_keys all = conformance_all("/");
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    const struct store_operations *operations = store->operations;
    chain.store = store;
    for (int i = 0; i < EMBEDDED_STORE_MAX_WATCHES; i++)
        cr_assert_eq(operations->watch(store, &all, 0, cancel_at_once, &chain, &watches[i]), 0);
    cr_assert_eq(operations->watch(store, &all, 0, cancel_at_once, &chain, &more), ALLOT_ELIMIT);
    cr_assert_null(more);
    for (int i = 0; i < EMBEDDED_STORE_MAX_WATCHES; i++)
        operations->watch_cancel(store, watches[i]);
    must_put(store, SPAN("/a"), "1", 0);
    sync_revision(store);
    cr_assert_eq(chain.events, 0);
    cr_assert_eq(operations->watch(store, &all, 0, cancel_at_once, &chain, &more), 0);
    operations->watch_cancel(store, more);
    embedded_fixture_remove(&fixture);
}

/* --- memory runs out --- */

static int64_t past_revision;

/* Each submits one request. */
static int try_range(struct store *store)
{
    struct store_range range = {.keys = {SPAN("/"), SPAN("0")}};
    return store->operations->range(store, &range, on_range, NULL);
}

static int try_past_range(struct store *store)
{
    struct store_range range = {.keys = {SPAN("/"), SPAN("0")}, .revision = past_revision};
    return store->operations->range(store, &range, on_range, NULL);
}

static int try_txn(struct store *store)
{
    struct store_op ops[] = {op_put_under(SPAN("/new"), "1", 5),
                             op_put(SPAN("/old"), "2"),
                             {.kind = STORE_OP_GET, .keys = {SPAN("/"), SPAN("0")}},
                             op_delete(SPAN("/gone"))};
    struct store_txn txn = txn_of(ops, 4);
    return store->operations->txn(store, &txn, on_txn, NULL);
}

static int try_grant(struct store *store)
{
    return store->operations->lease_grant(store, 9, 60, on_lease, NULL);
}

static int try_revoke(struct store *store)
{
    return store->operations->lease_revoke(store, 5, on_lease, NULL);
}

static int try_compact(struct store *store)
{
    return store->operations->compact(store, 2, on_compact, NULL);
}

static void fill(struct store *store)
{
    cr_assert_eq(sync_grant(store, 5, 60, NULL), 0);
    must_put(store, SPAN("/old"), "1", 5);
    past_revision = must_put(store, SPAN("/gone"), "1", 5);
    must_put(store, SPAN("/gone"), "2", 5);
}

Test(embedded_store_batch, requests_survive_every_failed_allocation)
{
    static int (*const tries[])(struct store *) = {try_range, try_past_range, try_txn,
                                                   try_grant, try_revoke,     try_compact};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct embedded_fixture fixture;
        embedded_fixture_open(&fixture, usual);
        struct store *store = fixture.store;
        fill(store);
        int64_t revision = sync_revision(store);
        long nth = 0, count = 0;
        int error;
        answers_init();
        do {
            fail_alloc_set(++nth);
            error = tries[i](store);
            if (!error) {
                answers_wait(1);
                error = answers.errors[atomic_load(&answers.count) - 1];
            }
            count = fail_alloc_count();
            fail_alloc_set(0);
            cr_assert_eq(error, count >= nth ? ALLOT_ENOMEM : 0, "%zu, allocation %ld", i, nth);
            if (error) {
                cr_assert_eq(sync_revision(store), revision);
                cr_assert(sync_exists(store, SPAN("/gone"), NULL));
            }
        } while (error);
        cr_assert_gt(nth, 1);
        embedded_fixture_remove(&fixture);
    }
}

/* A watch that needs no memory for its answers. */
struct heard {
    sem_t heard;
    int events;
    int error;
};

static void on_event(void *context, const struct store_watch_response *response)
{
    struct heard *heard = context;
    heard->events += (int)response->event_count;
    heard->error = response->error;
    sem_post(&heard->heard);
}

/* The watch catches up, or follows: it hears of everything, or that memory was out. */
static void try_watch(bool follows, long nth, bool *ret_failed)
{
    struct embedded_fixture fixture;
    struct heard heard = {.events = 0};
    struct store_keys all = {SPAN("/"), SPAN("0")};
    struct store_watch *watch = NULL;
    embedded_fixture_open(&fixture, usual);
    struct store *store = fixture.store;
    sem_init(&heard.heard, 0, 0);
    answers_init();
    fill(store);
    int64_t from = follows ? sync_revision(store) + 1 : 2;
    fail_alloc_set(nth);
    int error = store->operations->watch(store, &all, from, on_event, &heard, &watch);
    if (!error && follows)
        error = try_txn(store);
    if (!error) {
        if (follows)
            answers_wait(1);
        if (!follows || answers.errors[0] == 0)
            sem_wait(&heard.heard);
    }
    *ret_failed = fail_alloc_count() >= nth;
    fail_alloc_set(0);
    store->operations->watch_cancel(store, watch);
    bool succeeded = !error && !heard.error && (!follows || answers.errors[0] == 0);
    cr_assert_eq(succeeded, !*ret_failed);
    cr_assert_eq(heard.events, succeeded ? 3 : 0);
    embedded_fixture_remove(&fixture);
}

Test(embedded_store_batch, watches_survive_every_failed_allocation)
{
    for (int follows = 0; follows < 2; follows++) {
        bool failed = true;
        for (long nth = 1; failed; nth++)
            try_watch(follows, nth, &failed);
    }
}

Test(embedded_store_batch, opening_survives_every_failed_allocation)
{
    struct embedded_fixture fixture;
    long nth = 0;
    int error;
    embedded_fixture_open(&fixture, usual);
    fill(fixture.store);
    embedded_fixture_close(&fixture);
    do {
        fail_alloc_set(++nth);
        error = embedded_fixture_try(&fixture);
        long count = fail_alloc_count();
        fail_alloc_set(0);
        cr_assert_eq(error, count >= nth ? ALLOT_ENOMEM : 0, "allocation %ld", nth);
        cr_assert(!error || strstr(fixture.why.text, "out of memory"), "%s", fixture.why.text);
    } while (error);
    cr_assert_gt(nth, 5);
    cr_assert(sync_exists(fixture.store, SPAN("/old"), NULL));
    embedded_fixture_remove(&fixture);
}

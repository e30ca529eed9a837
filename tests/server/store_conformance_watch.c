/* Conformance of leases, watches and compaction. */
#include <criterion/criterion.h>

#include "core/error.h"
#include "server/clock.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { PATIENCE_MS = 20000 };

static int64_t must_grant(struct store *store, int64_t ttl)
{
    struct store_lease_result lease;
    cr_assert_eq(sync_grant(store, 0, ttl, &lease), 0);
    cr_assert_gt(lease.id, 0);
    return lease.id;
}

/* --- leases --- */

void store_conformance_put_keeps_the_lease(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key");
    struct store_op keep = op_put(key, "value");
    struct store_op ops[] = {op_put(conformance_key(prefix, "other"), "1"), keep};
    struct store_txn txn = txn_of(ops, 2);
    struct store_kv kv;
    keep.keep_lease = ops[1].keep_lease = true;
    cr_assert_eq(sync_txn(store, &txn, NULL), ALLOT_EINVAL); /* no such key */
    cr_assert_not(sync_exists(store, ops[0].keys.key, NULL));

    int64_t lease = must_grant(store, 60);
    must_put(store, key, "1", lease);
    cr_assert_eq(sync_txn(store, &txn, NULL), 0);
    cr_assert(sync_exists(store, key, &kv));
    cr_assert_eq(kv.lease, lease);
    cr_assert_eq(kv.version, 2);
    cr_assert_eq(sync_revoke(store, lease), 0);
    cr_assert_not(sync_exists(store, key, NULL));

    must_put(store, key, "1", 0);
    cr_assert_eq(sync_txn(store, &txn, NULL), 0);
    cr_assert(sync_exists(store, key, &kv));
    cr_assert_eq(kv.lease, 0);
}

void store_conformance_lease_grant(struct store *store, const char *prefix)
{
    struct store_lease_result first, second, third;
    (void)prefix;
    cr_assert_eq(sync_grant(store, 0, 60, &first), 0);
    cr_assert_eq(sync_grant(store, 0, 60, &second), 0);
    cr_assert_gt(first.id, 0);
    cr_assert_neq(first.id, second.id);
    cr_assert_eq(first.granted_ttl, 60);
    cr_assert_eq(sync_grant(store, first.id, 60, NULL), ALLOT_EEXISTS);
    cr_assert_eq(sync_revoke(store, first.id), 0);
    cr_assert_eq(sync_grant(store, first.id, STORE_MAX_TTL, &third), 0);
    cr_assert_eq(third.id, first.id);
    cr_assert_eq(third.granted_ttl, STORE_MAX_TTL);

    cr_assert_eq(sync_time_to_live(store, second.id, &second), 0);
    cr_assert_eq(second.granted_ttl, 60);
    cr_assert(second.ttl > 0 && second.ttl <= 60);
    cr_assert_eq(sync_keep_alive(store, second.id, &second), 0);
    cr_assert_eq(second.ttl, 60);

    cr_assert_eq(sync_grant(store, 0, STORE_MIN_TTL - 1, NULL), ALLOT_EINVAL);
    cr_assert_eq(sync_grant(store, 0, STORE_MAX_TTL + 1, NULL), ALLOT_EINVAL);
    cr_assert_eq(sync_grant(store, -1, 60, NULL), ALLOT_EINVAL);
    cr_assert_eq(sync_revoke(store, second.id), 0);
    cr_assert_eq(sync_revoke(store, third.id), 0);
}

void store_conformance_lease_that_is_unknown(struct store *store, const char *prefix)
{
    int64_t lease = must_grant(store, 60);
    struct span key = conformance_key(prefix, "key");
    cr_assert_eq(sync_revoke(store, lease), 0);
    cr_assert_eq(sync_revoke(store, lease), ALLOT_ELEASE);
    cr_assert_eq(sync_keep_alive(store, lease, NULL), ALLOT_ELEASE);
    cr_assert_eq(sync_time_to_live(store, lease, NULL), ALLOT_ELEASE);
    cr_assert_eq(sync_put(store, key, SPAN("value"), lease, NULL), ALLOT_ELEASE);
    cr_assert_not(sync_exists(store, key, NULL));
}

void store_conformance_lease_revoke_deletes_its_keys(struct store *store, const char *prefix)
{
    enum { KEYS = 5 };
    int64_t lease = must_grant(store, 60), other = must_grant(store, 60);
    struct sync_watch watch;
    for (int i = 0; i < KEYS; i++)
        must_put(store, conformance_numbered(prefix, KEYS - i), "value", lease);
    must_put(store, conformance_key(prefix, "other"), "value", other);
    int64_t revision = must_put(store, conformance_key(prefix, "none"), "value", 0);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all(prefix), revision + 1), 0);
    cr_assert_eq(sync_revoke(store, lease), 0);
    cr_assert(sync_watch_wait(&watch, KEYS));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.count, KEYS);
    for (int i = 0; i < KEYS; i++) {
        cr_assert_eq(watch.events[i].kind, STORE_EVENT_DELETE);
        cr_assert_eq(watch.events[i].kv.mod_revision, revision + 1);
        cr_assert_not(sync_exists(store, watch.events[i].kv.key, NULL));
    }
    cr_assert(sync_exists(store, conformance_key(prefix, "other"), NULL));
    cr_assert(sync_exists(store, conformance_key(prefix, "none"), NULL));
    cr_assert_eq(sync_revoke(store, other), 0);
    cr_assert_not(sync_exists(store, conformance_key(prefix, "other"), NULL));
    revision = sync_revision(store);
    lease = must_grant(store, 60);
    cr_assert_eq(sync_revoke(store, lease), 0);
    cr_assert_eq(sync_revision(store), revision);
    sync_watch_release(&watch);
}

void store_conformance_lease_of_a_key_changes(struct store *store, const char *prefix)
{
    struct span moved = conformance_key(prefix, "moved"), freed = conformance_key(prefix, "freed");
    struct span renewed = conformance_key(prefix, "renewed");
    int64_t first = must_grant(store, 60), second = must_grant(store, 60);
    struct store_kv kv;
    must_put(store, moved, "1", first);
    must_put(store, moved, "2", second);
    must_put(store, freed, "1", first);
    must_put(store, freed, "2", 0);
    must_put(store, renewed, "1", first);
    cr_assert_eq(sync_delete(store, renewed, NULL), 0);
    must_put(store, renewed, "2", 0);
    cr_assert_eq(sync_revoke(store, first), 0);
    cr_assert(sync_exists(store, moved, &kv));
    cr_assert_eq(kv.lease, second);
    cr_assert(sync_exists(store, freed, &kv));
    cr_assert_eq(kv.lease, 0);
    cr_assert(sync_exists(store, renewed, NULL));
    cr_assert_eq(sync_revoke(store, second), 0);
    cr_assert_not(sync_exists(store, moved, NULL));
}

void store_conformance_lease_expires_unless_kept_alive(struct store *store, const char *prefix)
{
    struct span dead = conformance_key(prefix, "dead"), late = conformance_key(prefix, "dead too");
    struct span alive = conformance_key(prefix, "alive");
    int64_t kept = must_grant(store, 1), left = must_grant(store, 1);
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    struct sync_watch watch;
    must_put(store, alive, "value", kept);
    must_put(store, late, "value", left);
    int64_t revision = must_put(store, dead, "value", left);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all(prefix), revision + 1), 0);
    while (sync_exists(store, dead, NULL)) {
        cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the lease doesn't expire");
        cr_assert_eq(sync_keep_alive(store, kept, NULL), 0);
    }
    cr_assert(sync_exists(store, alive, NULL));
    cr_assert_eq(sync_keep_alive(store, left, NULL), ALLOT_ELEASE);
    cr_assert(sync_watch_wait(&watch, 2));
    cr_assert(sync_watch_wait(&watch, 3)); /* nobody keeps it alive any more */
    sync_watch_stop(&watch);
    cr_assert_eq(watch.count, 3);
    cr_assert(span_equal(watch.events[0].kv.key, dead));
    cr_assert(span_equal(watch.events[1].kv.key, late));
    cr_assert_eq(watch.events[0].kv.mod_revision, watch.events[1].kv.mod_revision);
    cr_assert(span_equal(watch.events[2].kv.key, alive));
    sync_watch_release(&watch);
}

/* --- watches --- */

static void assert_event(const struct store_event *event, enum store_event_kind kind,
                         struct span key, const char *value, int64_t revision)
{
    cr_assert_eq(event->kind, kind);
    cr_assert(span_equal(event->kv.key, key));
    cr_assert(span_equal(event->kv.value, span_of(value)));
    cr_assert_eq(event->kv.mod_revision, revision);
}

/* Writes five revisions, of which the fourth is of other keys, and returns the first. */
static int64_t write_some(struct store *store, const char *prefix)
{
    struct span a = conformance_key(prefix, "in/a"), b = conformance_key(prefix, "in/b");
    struct span c = conformance_key(prefix, "in/c"), out = conformance_key(prefix, "out");
    struct store_op ops[] = {op_put(b, "b1"), op_put(out, "1"), op_delete(a), op_put(c, "c1")};
    struct store_op all = {.kind = STORE_OP_DELETE, .keys = {a, conformance_key(prefix, "in/z")}};
    struct store_txn txn = txn_of(ops, COUNT(ops)), last = txn_of(&all, 1);
    int64_t first = must_put(store, a, "a1", 0);
    must_put(store, a, "a2", 0);
    cr_assert_eq(sync_txn(store, &txn, NULL), 0);
    must_put(store, out, "2", 0);
    cr_assert_eq(sync_txn(store, &last, NULL), 0);
    return first;
}

/* What a watch of in/ must have of it. */
static void assert_some(const struct store_event *events, const char *prefix, int64_t first)
{
    struct span a = conformance_key(prefix, "in/a"), b = conformance_key(prefix, "in/b");
    struct span c = conformance_key(prefix, "in/c");
    assert_event(&events[0], STORE_EVENT_PUT, a, "a1", first);
    assert_event(&events[1], STORE_EVENT_PUT, a, "a2", first + 1);
    assert_event(&events[2], STORE_EVENT_PUT, b, "b1", first + 2);
    assert_event(&events[3], STORE_EVENT_DELETE, a, "", first + 2);
    assert_event(&events[4], STORE_EVENT_PUT, c, "c1", first + 2);
    assert_event(&events[5], STORE_EVENT_DELETE, b, "", first + 4);
    assert_event(&events[6], STORE_EVENT_DELETE, c, "", first + 4);
    cr_assert_eq(events[0].kv.version, 1);
    cr_assert_eq(events[0].kv.create_revision, first);
    cr_assert_eq(events[1].kv.version, 2);
    cr_assert_eq(events[1].kv.create_revision, first);
    cr_assert_eq(events[3].kv.version, 0);
    cr_assert_eq(events[3].kv.create_revision, 0);
}

static struct store_keys inside(const char *prefix)
{
    static char end[256];
    struct span key = conformance_key(prefix, "in/");
    return (struct store_keys){key, store_range_end_of_prefix(key, end)};
}

void store_conformance_watch_follows(struct store *store, const char *prefix)
{
    struct sync_watch watch;
    cr_assert_eq(sync_watch_start(&watch, store, inside(prefix), sync_revision(store) + 1), 0);
    int64_t first = write_some(store, prefix);
    cr_assert(sync_watch_wait(&watch, 7));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    cr_assert_eq(watch.count, 7);
    assert_some(watch.events, prefix, first);
    sync_watch_release(&watch);
}

void store_conformance_watch_from_the_past(struct store *store, const char *prefix)
{
    struct sync_watch all, last;
    must_put(store, conformance_key(prefix, "in/before"), "value", 0);
    int64_t first = write_some(store, prefix);
    cr_assert_eq(sync_watch_start(&all, store, inside(prefix), first), 0);
    cr_assert_eq(sync_watch_start(&last, store, inside(prefix), first + 4), 0);
    int64_t live = must_put(store, conformance_key(prefix, "in/live"), "value", 0);
    cr_assert(sync_watch_wait(&all, 9));
    cr_assert(sync_watch_wait(&last, 4));
    sync_watch_stop(&all);
    sync_watch_stop(&last);
    cr_assert_eq(all.count, 9); /* in/before is among what was deleted */
    cr_assert_eq(last.count, 4);
    for (int i = 0; i < 5; i++)
        cr_assert_lt(all.events[i].kv.mod_revision, first + 4);
    for (int i = 0; i < 4; i++) {
        cr_assert(span_equal(last.events[i].kv.key, all.events[5 + i].kv.key));
        cr_assert_eq(last.events[i].kv.mod_revision, i < 3 ? first + 4 : live);
    }
    sync_watch_release(&all);
    sync_watch_release(&last);
}

void store_conformance_watch_catches_up_on_much(struct store *store, const char *prefix)
{
    enum { TXNS = 60, OPS = 100 };
    struct span keys[OPS];
    struct store_op ops[OPS];
    struct sync_watch watch;
    int64_t first = 0;
    for (int i = 0; i < OPS; i++) {
        keys[i] = conformance_numbered(prefix, i);
        ops[i] = op_put(keys[i], "some value");
    }
    struct store_txn txn = txn_of(ops, OPS);
    for (int i = 0; i < TXNS; i++) {
        struct sync_answer answer;
        cr_assert_eq(sync_txn(store, &txn, &answer), 0);
        first = i == 0 ? answer.revision : first;
        sync_answer_release(&answer);
    }
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all(prefix), first), 0);
    must_put(store, conformance_key(prefix, "last"), "value", 0);
    cr_assert(sync_watch_wait(&watch, TXNS * OPS + 1));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.count, TXNS * OPS + 1);
    for (int i = 0; i < TXNS * OPS; i++) {
        cr_assert(span_equal(watch.events[i].kv.key, keys[i % OPS]));
        cr_assert_eq(watch.events[i].kv.mod_revision, first + i / OPS);
        cr_assert_eq(watch.events[i].kv.version, 1 + i / OPS);
    }
    sync_watch_release(&watch);
}

void store_conformance_watch_from_the_future(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key");
    struct sync_watch watch;
    int64_t revision = sync_revision(store);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all(prefix), revision + 3), 0);
    for (int i = 0; i < 4; i++)
        must_put(store, key, "value", 0);
    cr_assert(sync_watch_wait(&watch, 2));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.count, 2);
    cr_assert_eq(watch.events[0].kv.mod_revision, revision + 3);
    cr_assert_eq(watch.events[1].kv.mod_revision, revision + 4);
    sync_watch_release(&watch);
}

void store_conformance_watch_one_key(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key");
    struct sync_watch watch;
    struct store_keys keys = {.key = key};
    must_put(store, key, "before", 0);
    cr_assert_eq(sync_watch_start(&watch, store, keys, 0), 0);
    /* A watch from "the next one on" may begin a little later, so go on until it has begun. */
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    bool begun = false;
    int64_t revision = 0;
    while (!begun) {
        cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the watch doesn't begin");
        must_put(store, conformance_key(prefix, "key2"), "beside", 0);
        must_put(store, conformance_key(prefix, "ke"), "beside", 0);
        revision = must_put(store, key, "value", 0);
        pthread_mutex_lock(&watch.mutex);
        begun = watch.count > 0;
        pthread_mutex_unlock(&watch.mutex);
    }
    cr_assert(sync_watch_wait_revision(&watch, revision));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    for (size_t i = 0; i < watch.count; i++)
        assert_event(&watch.events[i], STORE_EVENT_PUT, key, "value",
                     revision - 3 * (int64_t)(watch.count - 1 - i));
    sync_watch_release(&watch);
}

void store_conformance_watch_cancelled(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key");
    struct sync_watch cancelled, other;
    int64_t next = sync_revision(store) + 1;
    store->operations->watch_cancel(store, NULL);
    cr_assert_eq(sync_watch_start(&cancelled, store, conformance_all(prefix), next), 0);
    cr_assert_eq(sync_watch_start(&other, store, conformance_all(prefix), next), 0);
    must_put(store, key, "value", 0);
    cr_assert(sync_watch_wait(&cancelled, 1));
    sync_watch_stop(&cancelled);
    size_t messages = cancelled.messages;
    must_put(store, key, "value", 0);
    cr_assert(sync_watch_wait(&other, 2));
    cr_assert_eq(cancelled.messages, messages);
    cr_assert_eq(cancelled.count, 1);
    sync_watch_release(&other);
    sync_watch_release(&cancelled);
}

void store_conformance_watch_that_is_wrong(struct store *store, const char *prefix)
{
    struct sync_watch watch;
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all(prefix), -1), ALLOT_EINVAL);
    cr_assert_null(watch.watch);
    sync_watch_release(&watch);
    cr_assert_eq(sync_watch_start(&watch, store, (struct store_keys){0}, 0), ALLOT_EINVAL);
    sync_watch_release(&watch);
}

enum { WRITERS = 4, WRITES = 50, WRITES_OF_ALL = WRITERS * WRITES };

struct writing {
    struct store *store;
    struct span key;
};

static void *write_many(void *context)
{
    const struct writing *writing = context;
    for (int i = 0; i < WRITES; i++)
        must_put(writing->store, writing->key, "value", 0);
    return NULL;
}

void store_conformance_watches_see_what_many_threads_write(struct store *store, const char *prefix)
{
    struct writing writing[WRITERS];
    pthread_t threads[WRITERS];
    struct sync_watch early, late;
    int64_t first = sync_revision(store) + 1;
    cr_assert_eq(sync_watch_start(&early, store, conformance_all(prefix), first), 0);
    for (int i = 0; i < WRITERS; i++) {
        writing[i] = (struct writing){store, conformance_numbered(prefix, i)};
        cr_assert_eq(pthread_create(&threads[i], NULL, write_many, &writing[i]), 0);
    }
    cr_assert(sync_watch_wait(&early, WRITES_OF_ALL / 2));
    cr_assert_eq(sync_watch_start(&late, store, conformance_all(prefix), first), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    cr_assert(sync_watch_wait(&early, WRITES_OF_ALL));
    cr_assert(sync_watch_wait(&late, WRITES_OF_ALL));
    sync_watch_stop(&early);
    sync_watch_stop(&late);
    cr_assert_eq(early.count, WRITES_OF_ALL);
    cr_assert_eq(late.count, WRITES_OF_ALL);
    for (int i = 0; i < WRITES_OF_ALL; i++) {
        cr_assert_eq(early.events[i].kv.mod_revision, first + i);
        cr_assert_eq(late.events[i].kv.mod_revision, first + i);
        cr_assert(span_equal(early.events[i].kv.key, late.events[i].kv.key));
    }
    sync_watch_release(&early);
    sync_watch_release(&late);
}

/* --- compaction --- */

void store_conformance_compact(struct store *store, const char *prefix)
{
    struct span key = conformance_key(prefix, "key"), gone = conformance_key(prefix, "gone");
    struct store_range range = {.keys = conformance_all(prefix)};
    struct sync_watch follows, late, from_there;
    struct sync_answer answer;
    int64_t first = must_put(store, gone, "1", 0);
    must_put(store, key, "1", 0);
    int64_t kept = must_put(store, key, "2", 0);
    cr_assert_eq(sync_delete(store, gone, NULL), 0);
    int64_t compacted = must_put(store, conformance_key(prefix, "other"), "1", 0);
    must_put(store, key, "3", 0);
    cr_assert_eq(sync_watch_start(&follows, store, range.keys, first), 0);
    cr_assert(sync_watch_wait(&follows, 6));

    cr_assert_eq(sync_compact(store, compacted), 0);
    cr_assert_eq(sync_compact(store, compacted), ALLOT_ECOMPACTED);
    cr_assert_eq(sync_compact(store, sync_revision(store) + 1000), ALLOT_EFUTURE);
    range.revision = compacted - 1;
    cr_assert_eq(sync_range(store, &range, NULL), ALLOT_ECOMPACTED);
    range.revision = compacted;
    cr_assert_eq(sync_range(store, &range, &answer), 0);
    cr_assert_eq(answer.kv_count, 2);
    cr_assert_eq(answer.kvs[0].mod_revision, kept);
    cr_assert(span_equal(answer.kvs[0].value, SPAN("2")));
    sync_answer_release(&answer);

    cr_assert_eq(sync_watch_start(&late, store, range.keys, first), 0);
    cr_assert(sync_watch_wait(&late, 1));
    sync_watch_stop(&late);
    cr_assert_eq(late.error, ALLOT_ECOMPACTED);
    cr_assert_eq(late.compact_revision, compacted);
    cr_assert_eq(late.count, 0);
    cr_assert_eq(sync_watch_start(&from_there, store, range.keys, compacted + 1), 0);
    int64_t last = must_put(store, key, "4", 0);
    cr_assert(sync_watch_wait(&from_there, 2));
    cr_assert(sync_watch_wait(&follows, 7));
    sync_watch_stop(&from_there);
    sync_watch_stop(&follows);
    assert_event(&from_there.events[0], STORE_EVENT_PUT, key, "3", compacted + 1);
    assert_event(&from_there.events[1], STORE_EVENT_PUT, key, "4", last);
    cr_assert_eq(follows.error, 0);
    cr_assert_eq(follows.count, 7);
    sync_watch_release(&follows);
    sync_watch_release(&late);
    sync_watch_release(&from_there);
}

/* What was deleted in the revision that was compacted is forgotten with it: who has not heard of it
 * must be told so. */
void store_conformance_compact_at_a_deletion(struct store *store, const char *prefix)
{
    struct span gone = conformance_key(prefix, "gone");
    struct sync_watch watch;
    must_put(store, gone, "1", 0);
    cr_assert_eq(sync_delete(store, gone, NULL), 0);
    int64_t compacted = sync_revision(store);
    must_put(store, conformance_key(prefix, "other"), "1", 0);
    cr_assert_eq(sync_compact(store, compacted), 0);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all(prefix), compacted), 0);
    cr_assert(sync_watch_wait(&watch, 1));
    sync_watch_stop(&watch);
    cr_expect_eq(watch.error, ALLOT_ECOMPACTED);
    cr_expect_eq(watch.compact_revision, compacted);
    cr_expect_eq(watch.count, 0);
    sync_watch_release(&watch);
}

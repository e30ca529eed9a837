/* Snapshots of a root in etcd, and from an embedded store to etcd and back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/backup_restore.h"
#include "server/backup_take.h"
#include "server/embedded_store.h"
#include "tests/etcd/fixture.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

static struct fixture fixture;

static void set_up(void)
{
    fixture_open(&fixture);
}

static void tear_down(void)
{
    fixture_remove(&fixture);
}

TestSuite(backup, .init = set_up, .fini = tear_down, .timeout = 120);

static struct backup taken(struct store *store, struct span root)
{
    struct backup backup;
    struct error_message why = {""};
    cr_assert_eq(backup_take_store(store, root, &backup, &why), 0, "%s", why.text);
    return backup;
}

static void restore(struct store *store, struct span root, const struct backup *backup)
{
    struct error_message why = {""};
    struct backup_restored restored;
    const struct backup_restore_config config = {
        .store = store, .root = root, .backup = backup, .digest = "0123", .hold_ms = 1};
    cr_assert_eq(backup_restore(&config, &restored, &why), 0, "%s", why.text);
}

/* But for what is new: revisions, and the numbers of leases. */
static void expect_equal(const struct backup *a, const struct backup *b)
{
    cr_assert_eq(a->key_count, b->key_count);
    for (size_t i = 0; i < a->key_count; i++) {
        const struct backup_key *x = &a->keys[i], *y = &b->keys[i];
        cr_assert(span_equal(x->name, y->name), "%zu", i);
        cr_assert(span_equal(x->value, y->value), "%zu", i);
        cr_assert_eq(!x->lease, !y->lease, "%zu", i);
        cr_assert(!x->lease || a->ttls[x->lease - 1] == b->ttls[y->lease - 1], "%zu", i);
    }
}

static void fill(struct store *store)
{
    struct store_lease_result lease;
    cr_assert_eq(sync_grant(store, 0, 60, &lease), 0);
    must_put(store, SPAN("/allot/items/a"), "{\"replication\":1}", 0);
    must_put(store, SPAN("/allot/members/z#y"), "{\"item_limit\":1}", lease.id);
    must_put(store, SPAN("/allot/members/a#b"), "{\"item_limit\":1}", 0);
    must_put(store, SPAN("/allot/assign/a#z#y#0"), "", lease.id);
    must_put(store, SPAN("/allot/odd"), "\xFF\x01", 0);
    must_put(store, SPAN("/allot0"), "not under the root", 0);
}

Test(backup, moves_between_the_stores)
{
    char directory[TEMPORARY_SIZE];
    struct error_message why = {""};
    struct store *embedded;
    const struct embedded_store_config config = {.data_dir = temporary_directory(directory)};
    cr_assert_eq(embedded_store_open(&config, &embedded, &why), 0, "%s", why.text);
    fill(embedded);
    struct backup first = taken(embedded, SPAN("/allot"));
    cr_expect_eq(first.key_count, 5);
    cr_expect_eq(first.revision, sync_revision(embedded));
    restore(fixture.store, SPAN("/other/root"), &first);
    struct backup second = taken(fixture.store, SPAN("/other/root"));
    expect_equal(&first, &second);
    restore(embedded, SPAN("/back"), &second);
    struct backup third = taken(embedded, SPAN("/back"));
    expect_equal(&first, &third);
    backup_release(&first);
    backup_release(&second);
    backup_release(&third);
    embedded->operations->destroy(embedded);
    temporary_remove(directory);
}

/* Of keys that take several pages, and several hundred transactions. */
Test(backup, of_many_keys)
{
    enum { KEYS = 20500, BATCH = 100 };
    for (int i = 0; i < KEYS; i += BATCH) {
        struct store_op ops[BATCH];
        char names[BATCH][40];
        for (int k = 0; k < BATCH; k++) {
            (void)snprintf(names[k], sizeof names[k], "/allot/items/%06d", i + k);
            ops[k] = op_put(span_of(names[k]), "1");
        }
        const struct store_txn txn = txn_of(ops, BATCH);
        cr_assert_eq(sync_txn(fixture.store, &txn, NULL), 0);
    }
    int64_t before = sync_revision(fixture.store);
    struct backup backup = taken(fixture.store, SPAN("/allot"));
    cr_expect_eq(backup.revision, before);
    cr_assert_eq(backup.key_count, KEYS);
    restore(fixture.store, SPAN("/other"), &backup);
    struct backup again = taken(fixture.store, SPAN("/other"));
    expect_equal(&backup, &again);
    backup_release(&backup);
    backup_release(&again);
}

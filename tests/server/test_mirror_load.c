/* What is loaded, whatever the pages and ranges that it comes in: over an embedded store. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>

#include "server/mirror_load.h"
#include "tests/server/embedded_fixture.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/instance_builder.h"
#include "tests/support/store_sync.h"

enum { ITEMS = 700, KEYS = 3 * ITEMS + 4 };

static struct embedded_fixture fixture;
static struct keyspace *empty;
static atomic_int asked; /* whether to stop */

static void put(const char *key, const char *value)
{
    cr_assert_eq(sync_put(fixture.store, span_of(key), span_of(value), 0, NULL), 0);
}

/* Transactions of keys: an item and two assignments each. */
static void fill(void)
{
    put(BUILDER_ROOT "/actor", "somebody");
    put(BUILDER_ROOT "/members/a#1", "9");
    put(BUILDER_ROOT "/members/b#1", "9");
    put(BUILDER_ROOT "/schedulers/one", "");
    for (int i = 0; i < ITEMS; i++) {
        char keys[3][64];
        struct store_op ops[3];
        snprintf(keys[0], sizeof keys[0], BUILDER_ROOT "/items/i%04d", i);
        snprintf(keys[1], sizeof keys[1], BUILDER_ROOT "/assign/i%04d#a#1#0", i);
        snprintf(keys[2], sizeof keys[2], BUILDER_ROOT "/assign/i%04d#b#1#1", i);
        for (int k = 0; k < 3; k++)
            ops[k] = (struct store_op){.kind = STORE_OP_PUT,
                                       .keys = {.key = span_of(keys[k])},
                                       .value = k ? SPAN(BUILDER_CONSISTENT) : SPAN("2")};
        struct store_txn txn = {.success = ops, .success_count = 3};
        cr_assert_eq(sync_txn(fixture.store, &txn, NULL), 0);
    }
}

static void setup(void)
{
    const struct keyspace_config config = {
        .root = SPAN(BUILDER_ROOT), .decoder = builder_decoder(), .keep_invalid = true};
    embedded_fixture_open(&fixture, (struct embedded_store_config){0});
    cr_assert_eq(keyspace_create(&config, &empty), 0);
    fill();
    put("/u/items/another", "1");
    asked = 0;
}

static void teardown(void)
{
    keyspace_unref(empty);
    embedded_fixture_remove(&fixture);
}

TestSuite(mirror_load, .init = setup, .fini = teardown, .timeout = 60);

static bool never(void *context)
{
    (void)context;
    return false;
}

static int load(int64_t first_page, int64_t page, bool (*stopping)(void *), struct keyspace **ret)
{
    const struct mirror_load_config config = {.store = fixture.store,
                                              .empty = empty,
                                              .keys = {SPAN(BUILDER_ROOT "/"), SPAN("/t0")},
                                              .stopping = stopping,
                                              .first_page = first_page,
                                              .page = page};
    return mirror_load(&config, ret);
}

static int count(const struct keyspace *keyspace)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN(""));
    int entries = 0;
    while (keyspace_next(&cursor))
        entries++;
    return entries;
}

static void check_pages(int64_t first_page, int64_t page)
{
    struct keyspace *keyspace = NULL;
    struct keyspace *at_once = NULL;
    cr_assert_eq(load(first_page, page, never, &keyspace), 0);
    cr_assert_eq(load(1000000, 0, never, &at_once), 0);
    cr_assert_eq(keyspace_revision(keyspace), keyspace_revision(at_once));
    struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN(""));
    struct keyspace_cursor other = keyspace_seek(at_once, SPAN(""));
    const struct entry *entry;
    while ((entry = keyspace_next(&cursor))) {
        const struct entry *same = keyspace_next(&other);
        cr_assert(same && span_equal(entry->key, same->key) &&
                      span_equal(entry->value, same->value) &&
                      entry->mod_revision == same->mod_revision,
                  "pages of %d and %d: %.*s", (int)first_page, (int)page, (int)entry->key.size,
                  entry->key.data);
    }
    cr_assert_null(keyspace_next(&other));
    keyspace_unref(keyspace);
    keyspace_unref(at_once);
}

Test(mirror_load, takes_all_in_pages_of_any_size)
{
    struct keyspace *keyspace = NULL;
    cr_assert_eq(load(0, 0, never, &keyspace), 0);
    int all = count(keyspace);
    cr_assert_geq(all, 3 * ITEMS + 2);
    keyspace_unref(keyspace);
    /* The first page ends before the assignments, within, at their end, after, and at the end. */
    static const int first_pages[] = {1,    2,    500,      1399, 1400,    1401,
                                      1402, 1900, KEYS - 1, KEYS, KEYS + 1};
    for (size_t i = 0; i < sizeof first_pages / sizeof *first_pages; i++) {
        check_pages(first_pages[i], 7);
        check_pages(first_pages[i], 100);
        check_pages(first_pages[i], 0);
    }
}

Test(mirror_load, takes_assignments_without_items)
{
    struct store_op remove = {.kind = STORE_OP_DELETE,
                              .keys = {SPAN(BUILDER_ROOT "/items/"), SPAN(BUILDER_ROOT "/items0")}};
    struct store_txn txn = {.success = &remove, .success_count = 1};
    cr_assert_eq(sync_txn(fixture.store, &txn, NULL), 0);
    check_pages(1, 7);
    check_pages(500, 100);
}

static bool interfere(void *context)
{
    (void)context;
    char key[64];
    snprintf(key, sizeof key, BUILDER_ROOT "/assign/i%04d#c#1#2", atomic_fetch_add(&asked, 1));
    put(key, "");
    return false;
}

Test(mirror_load, is_as_of_one_revision)
{
    struct keyspace *keyspace = NULL;
    cr_assert_eq(load(10, 50, interfere, &keyspace), 0);
    cr_assert_gt(asked, 10);
    struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN(""));
    for (const struct entry *entry; (entry = keyspace_next(&cursor));)
        cr_assert_leq(entry->mod_revision, keyspace_revision(keyspace));
    cr_assert_not_null(keyspace_find(keyspace, SPAN(BUILDER_ROOT "/assign/i0000#c#1#2")));
    cr_assert_null(keyspace_find(keyspace, SPAN(BUILDER_ROOT "/assign/i0001#c#1#2")));
    keyspace_unref(keyspace);
}

static bool stop_later(void *context)
{
    (void)context;
    return atomic_fetch_add(&asked, 1) >= 5;
}

Test(mirror_load, ends_when_told_to)
{
    struct keyspace *keyspace = NULL;
    cr_assert_eq(load(10, 10, stop_later, &keyspace), ALLOT_ECANCELED);
    cr_assert_null(keyspace);
}

Test(mirror_load, is_out_of_memory)
{
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth += 1 + nth / 20) {
        struct keyspace *keyspace = NULL;
        fail_alloc_set(nth);
        error = load(10, 100, never, &keyspace);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM, "%ld: %s", nth, allot_error_text(error));
        cr_assert_eq(keyspace == NULL, error != 0);
        keyspace_unref(keyspace);
    }
}

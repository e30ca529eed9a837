#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/history_keys.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/model_store.h"
#include "tests/support/random.h"

/* The table of keys, against a sorted one. */

enum { STEPS = 20000, NAMES = 3000 };

static void expect_same(const struct history_keys *keys, const struct model_table *table)
{
    const struct store_kv **sorted = NULL;
    cr_assert_eq(history_keys_count(keys), table->count);
    cr_assert_eq(history_keys_sort(keys, &sorted), 0);
    for (size_t i = 0; i < table->count; i++) {
        cr_assert(span_equal(sorted[i]->key, table->kvs[i].key));
        cr_assert(span_equal(sorted[i]->value, table->kvs[i].value));
        cr_assert_eq(sorted[i]->mod_revision, table->kvs[i].mod_revision);
    }
    free(sorted);
}

/* Changes a key of the store, and tells of it. */
static const struct store_event *change(struct model_store *store, struct random *random,
                                        uint64_t deletions)
{
    char name[16], value[64];
    size_t size = random_below(random, sizeof value), count = 0;
    (void)snprintf(name, sizeof name, "/k%d", (int)random_below(random, NAMES));
    memset(value, 'a' + (int)(size % 26), sizeof value);
    int64_t before = model_store_revision(store);
    if (random_below(random, 5) >= deletions)
        model_store_put(store, span_of(name), (struct span){value, size}, 0);
    else
        model_store_delete(store, span_of(name));
    const struct store_event *event = model_store_events_since(store, before + 1, &count);
    return count > 0 ? event : NULL;
}

Test(history_keys, follow_what_happens)
{
    struct history_keys *keys = NULL;
    struct model_store *store = model_store_create();
    struct random random = {3};
    cr_assert_eq(history_keys_create(&keys), 0);
    for (int i = 0; i < STEPS; i++) { /* which first has more and more of them */
        const struct store_event *event = change(store, &random, i < STEPS / 2 ? 1 : 3);
        if (event && event->kind == STORE_EVENT_PUT) {
            const struct history_key *known = history_keys_find(keys, event->kv.key);
            cr_assert_eq(known ? known->kv.version : 0, event->kv.version - 1);
            cr_assert_not_null(history_keys_put(keys, &event->kv));
        } else if (event) {
            history_keys_remove(keys, event->kv.key);
        }
        if (i % (STEPS / 20) == 0)
            expect_same(keys, model_store_table(store));
    }
    cr_expect_gt(history_keys_count(keys), 500);
    model_store_destroy(store);
    history_keys_destroy(keys);
}

Test(history_keys, keep_the_names_of_a_key_as_it_changes)
{
    struct history_keys *keys = NULL;
    const struct store_kv first = {.key = SPAN("/a"), .value = SPAN("short")};
    const struct store_kv second = {.key = SPAN("/a"), .value = SPAN("longer than that")};
    cr_assert_eq(history_keys_create(&keys), 0);
    struct history_key *key = history_keys_put(keys, &first);
    cr_assert_eq(key->names.era, -1);
    key->names = (struct history_key_names){.era = 2, .item = 7};
    key = history_keys_put(keys, &second);
    cr_expect_eq(key->names.era, 2);
    cr_expect_eq(key->names.item, 7);
    cr_expect(span_equal(key->kv.value, second.value));
    history_keys_remove(keys, first.key);
    key = history_keys_put(keys, &first);
    cr_expect_eq(key->names.era, -1);
    history_keys_destroy(keys);
}

Test(history_keys, running_out_of_memory_leaves_what_was)
{
    struct history_keys *keys = NULL;
    const struct store_kv first = {.key = SPAN("/a"), .value = SPAN("1")};
    const struct store_kv second = {.key = SPAN("/a"), .value = SPAN("22")};
    fail_alloc_set(2);
    cr_expect_eq(history_keys_create(&keys), ALLOT_ENOMEM);
    fail_alloc_set(0);
    cr_assert_eq(history_keys_create(&keys), 0);
    cr_assert_not_null(history_keys_put(keys, &first));
    fail_alloc_set(1);
    cr_expect_null(history_keys_put(keys, &second));
    fail_alloc_set(0);
    cr_expect(span_equal(history_keys_find(keys, first.key)->kv.value, first.value));
    history_keys_destroy(keys);
}

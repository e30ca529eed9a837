/* The pages of a keyspace stay well filled, and every allocation of it may fail. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/keyspace_internal.h"
#include "tests/core/keyspace_fixture.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random.h"

enum { KEYS = 20000, KEY_SIZE = 24 };

struct keys {
    char texts[KEYS][KEY_SIZE];
};

static struct keys *make_keys(struct random *shuffle)
{
    struct keys *keys = malloc(sizeof *keys);
    cr_assert_not_null(keys);
    for (size_t i = 0; i < KEYS; i++)
        snprintf(keys->texts[i], KEY_SIZE, "/r/items/i%05zu", i);
    for (size_t i = KEYS - 1; shuffle && i > 0; i--) {
        size_t j = random_below(shuffle, i + 1);
        char text[KEY_SIZE];
        memcpy(text, keys->texts[i], KEY_SIZE);
        memcpy(keys->texts[i], keys->texts[j], KEY_SIZE);
        memcpy(keys->texts[j], text, KEY_SIZE);
    }
    return keys;
}

/* Puts or deletes the keys in the order given, @step at a time, checking the pages on the way. */
static void change_all(struct keyspace **keyspace, const struct keys *keys, size_t step,
                       bool deletes)
{
    struct store_event *events = calloc(step, sizeof *events);
    cr_assert_not_null(events);
    size_t before = keyspace_count(*keyspace);
    for (size_t i = 0; i < KEYS; i += step) {
        int64_t revision = keyspace_revision(*keyspace) + 1;
        size_t count = KEYS - i < step ? KEYS - i : step;
        for (size_t j = 0; j < count; j++)
            events[j] = deletes ? fixture_delete(keys->texts[i + j], revision)
                                : fixture_put(keys->texts[i + j], "1", revision, revision, 1);
        cr_assert_eq(fixture_apply(keyspace, events, count), 0);
        cr_assert_eq(keyspace_count(*keyspace), deletes ? before - i - count : before + i + count);
        if (i / step % 64 == 0)
            fixture_check_pages(*keyspace);
    }
    fixture_check_pages(*keyspace);
    free(events);
}

static void grow_and_shrink(struct random *grow, struct random *shrink, size_t step)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    struct keys *keys = make_keys(grow);
    change_all(&keyspace, keys, step, false);
    cr_assert_leq(keyspace->list.count, KEYS / PAGE_MIN);
    struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN(""));
    char key[KEY_SIZE];
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "/r/items/i%05zu", i);
        cr_assert(span_equal(keyspace_next(&cursor)->key, span_of(key)), "%s", key);
    }
    free(keys);
    keys = make_keys(shrink);
    change_all(&keyspace, keys, step, true);
    cr_assert_eq(keyspace->list.count, 0);
    cr_assert_eq(fixture_report_count(&fixture), 0);
    free(keys);
    keyspace_unref(keyspace);
}

Test(keyspace_pages, split_and_join_in_sorted_order)
{
    grow_and_shrink(NULL, NULL, 16);
}

Test(keyspace_pages, split_and_join_in_random_order)
{
    struct random grow = {.state = 21};
    struct random shrink = {.state = 22};
    grow_and_shrink(&grow, &shrink, 16);
}

Test(keyspace_pages, split_and_join_one_by_one)
{
    struct random shrink = {.state = 23};
    grow_and_shrink(NULL, &shrink, 1);
}

Test(keyspace_pages, split_and_join_in_large_batches)
{
    struct random grow = {.state = 24};
    struct random shrink = {.state = 25};
    grow_and_shrink(&grow, &shrink, 7777);
}

Test(keyspace_pages, that_did_not_change_are_shared)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    struct keys *keys = make_keys(NULL);
    change_all(&keyspace, keys, KEYS, false);
    struct keyspace *former = keyspace_ref(keyspace);
    struct store_event event = fixture_put(keys->texts[KEYS / 2], "2", 1, 2, 2);
    cr_assert_eq(fixture_apply(&keyspace, &event, 1), 0);
    cr_assert_eq(former->list.count, keyspace->list.count);
    size_t changed = 0;
    for (size_t i = 0; i < former->list.count; i++)
        changed += former->list.pages[i] != keyspace->list.pages[i];
    cr_assert_eq(changed, 1);
    keyspace_unref(former);
    keyspace_unref(keyspace);
    free(keys);
}

/* --- allocation failures --- */

enum { FEW_KEYS = 700 };

/* The first FEW_KEYS keys with @value, in reverse, and one that does not parse. */
static void make_kvs(const struct keys *keys, const char *value, struct store_kv *kvs)
{
    for (size_t i = 0; i < FEW_KEYS; i++)
        kvs[i] = fixture_put(keys->texts[FEW_KEYS - 1 - i], value, 1, 1, 1).kv;
    kvs[FEW_KEYS] = fixture_put("/r/items/", value, 1, 1, 1).kv;
}

static int load(const struct keyspace *former, const struct store_kv *kvs, struct keyspace **ret)
{
    struct keyspace_loader *loader = NULL;
    int error = keyspace_loader_create(former, &loader);
    for (size_t i = 0; !error && i <= FEW_KEYS; i += 100)
        error = keyspace_loader_add(loader, kvs + i, i + 100 <= FEW_KEYS ? 100 : FEW_KEYS + 1 - i);
    if (!error)
        error = keyspace_loader_finish(loader, 1, 1, ret);
    keyspace_loader_destroy(loader);
    return error;
}

Test(keyspace_pages, creation_survives_every_allocation_failure)
{
    struct fixture fixture = {0};
    struct keyspace_config config = fixture_config(&fixture, false);
    long failures = 0;
    for (int error = ALLOT_ENOMEM; error; failures++) {
        struct keyspace *keyspace = NULL;
        fail_alloc_set(failures + 1);
        error = keyspace_create(&config, &keyspace);
        fail_alloc_set(0);
        cr_assert_eq(keyspace == NULL, error == ALLOT_ENOMEM);
        keyspace_unref(keyspace);
    }
    cr_assert_gt(failures, 1);
}

Test(keyspace_pages, loading_survives_every_allocation_failure)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, true);
    struct keys *keys = make_keys(NULL);
    struct store_kv kvs[FEW_KEYS + 1];
    make_kvs(keys, "1", kvs);
    long failures = 0;
    for (int error = ALLOT_ENOMEM; error; failures++) {
        struct keyspace *loaded = NULL;
        fail_alloc_set(failures + 1);
        error = load(keyspace, kvs, &loaded);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(loaded == NULL, error != 0);
        cr_assert_eq(keyspace_count(keyspace), 0);
        if (loaded)
            cr_assert_eq(keyspace_count(loaded), FEW_KEYS + 1);
        keyspace_unref(loaded);
    }
    cr_assert_gt(failures, FEW_KEYS);
    keyspace_unref(keyspace);
    free(keys);
}

/* A batch that changes, adds and removes, so that pages are copied, split, joined and shared. */
static size_t make_changes(const struct keys *keys, struct store_event *events)
{
    size_t count = 0;
    for (size_t i = 0; i < 5; i++)
        events[count++] = fixture_put(keys->texts[i], "2", 1, 2, 2);
    for (size_t i = FEW_KEYS - 300; i < FEW_KEYS; i++)
        events[count++] = fixture_delete(keys->texts[i], 3);
    for (size_t i = FEW_KEYS; i < FEW_KEYS + 150; i++) {
        events[count++] = fixture_put(keys->texts[i], "3", 4, 4, 1);
        events[count++] = fixture_put(keys->texts[i], "4", 4, 4, 2);
    }
    return count;
}

Test(keyspace_pages, applying_survives_every_allocation_failure)
{
    struct fixture fixture = {0};
    struct keyspace *empty = fixture_keyspace(&fixture, true);
    struct keyspace *keyspace = NULL;
    struct keys *keys = make_keys(NULL);
    struct store_kv kvs[FEW_KEYS + 1];
    struct store_event events[FEW_KEYS];
    make_kvs(keys, "1", kvs);
    cr_assert_eq(load(empty, kvs, &keyspace), 0);
    struct store_watch_response response = {.cluster_id = 1,
                                            .revision = 4,
                                            .events = events,
                                            .event_count = make_changes(keys, events)};
    long failures = 0;
    for (int error = ALLOT_ENOMEM; error; failures++) {
        struct keyspace *next = NULL;
        fail_alloc_set(failures + 1);
        error = keyspace_apply(keyspace, &response, 1, &next);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        cr_assert_eq(next == NULL, error != 0);
        cr_assert_eq(keyspace_count(keyspace), FEW_KEYS + 1);
        if (next)
            cr_assert_eq(keyspace_count(next), FEW_KEYS + 1 - 300 + 150);
        keyspace_unref(next);
    }
    cr_assert_gt(failures, 300);
    fixture_check_pages(keyspace);
    for (size_t i = 0; i < FEW_KEYS; i++)
        cr_assert(span_equal(keyspace_find(keyspace, span_of(keys->texts[i]))->value, SPAN("1")));
    keyspace_unref(keyspace);
    keyspace_unref(empty);
    free(keys);
}

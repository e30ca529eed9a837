#include <criterion/criterion.h>

#include "tests/core/keyspace_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define APPLY(keyspace, ...)                                           \
    fixture_apply(keyspace, (const struct store_event[]){__VA_ARGS__}, \
                  COUNT(((const struct store_event[]){__VA_ARGS__})))

/* Loads @kvs as of revision @revision of the cluster 1, and replaces *@keyspace. */
static int load(struct keyspace **keyspace, const struct store_kv *kvs, size_t count,
                int64_t revision)
{
    struct keyspace_loader *loader = NULL;
    struct keyspace *next = NULL;
    cr_assert_eq(keyspace_loader_create(*keyspace, &loader), 0);
    int error = keyspace_loader_add(loader, kvs, count);
    if (!error)
        error = keyspace_loader_finish(loader, 1, revision, &next);
    keyspace_loader_destroy(loader);
    if (error)
        return error;
    keyspace_unref(*keyspace);
    *keyspace = next;
    return 0;
}

static struct store_kv kv(const char *key, const char *value)
{
    return fixture_put(key, value, 5, 6, 2).kv;
}

static void check_value(const struct keyspace *keyspace, const char *key, const char *value)
{
    const struct entry *entry = keyspace_find(keyspace, span_of(key));
    cr_assert_not_null(entry, "%s", key);
    cr_assert(span_equal(entry->key, span_of(key)));
    cr_assert(span_equal(entry->value, span_of(value)), "%s = %.*s", key, (int)entry->value.size,
              entry->value.data);
}

/* --- an empty one --- */

Test(keyspace, begins_empty)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    cr_assert_eq(keyspace_count(keyspace), 0);
    cr_assert_eq(keyspace_revision(keyspace), 0);
    cr_assert_eq(keyspace_seen_revision(keyspace), 0);
    cr_assert_eq(keyspace_cluster_id(keyspace), 0);
    cr_assert(span_equal(keyspace_root(keyspace), FIXTURE_ROOT));
    cr_assert_null(keyspace_find(keyspace, SPAN("/r/items/a")));
    struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN(""));
    cr_assert_eq(keyspace_rank(&cursor), 0);
    cr_assert_null(keyspace_next(&cursor));
    cr_assert_null(keyspace_next(&cursor));
    keyspace_unref(keyspace);
    keyspace_unref(NULL);
}

Test(keyspace, keeps_its_own_root)
{
    struct fixture fixture = {0};
    struct keyspace_config config = fixture_config(&fixture, false);
    char root[] = "/root";
    config.root = (struct span){root, 5};
    struct keyspace *keyspace = NULL;
    cr_assert_eq(keyspace_create(&config, &keyspace), 0);
    memset(root, 'x', 5);
    cr_assert(span_equal(keyspace_root(keyspace), SPAN("/root")));
    cr_assert_eq(keyspace_decoder(keyspace)->item, config.decoder.item);
    keyspace_unref(keyspace);
}

Test(keyspace, refuses_a_root_that_is_none)
{
    struct fixture fixture = {0};
    struct keyspace_config config = fixture_config(&fixture, false);
    struct keyspace *keyspace = NULL;
    config.root = SPAN("/root/");
    cr_assert_eq(keyspace_create(&config, &keyspace), ALLOT_EINVAL);
    cr_assert_null(keyspace);
}

/* --- loading --- */

Test(keyspace, loads_in_steps_and_any_order)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    struct keyspace_loader *loader = NULL;
    struct keyspace *loaded = NULL;
    cr_assert_eq(keyspace_loader_create(keyspace, &loader), 0);
    cr_assert_eq(
        keyspace_loader_add(
            loader, (struct store_kv[]){kv("/r/members/z#m", "7"), kv("/r/items/b", "2")}, 2),
        0);
    cr_assert_eq(keyspace_loader_add(loader, NULL, 0), 0);
    cr_assert_eq(
        keyspace_loader_add(loader,
                            (struct store_kv[]){kv("/r/items/a", "1"), kv("/r/assign/a#z#m#3", "9"),
                                                kv("/r/other", "text"), kv("/s/items/c", "1"),
                                                kv("/rr/items/c", "1"), kv("/r", "1")},
                            6),
        0);
    cr_assert_eq(keyspace_loader_finish(loader, 42, 10, &loaded), 0);
    keyspace_loader_destroy(loader);
    keyspace_unref(keyspace); /* what was loaded doesn't need it */

    cr_assert_eq(keyspace_count(loaded), 5);
    cr_assert_eq(keyspace_cluster_id(loaded), 42);
    cr_assert_eq(keyspace_revision(loaded), 10);
    cr_assert_eq(keyspace_seen_revision(loaded), 10);
    cr_assert_eq(fixture_report_count(&fixture), 0);
    fixture_check_pages(loaded);
    const char *const order[] = {"/r/assign/a#z#m#3", "/r/items/a", "/r/items/b", "/r/members/z#m",
                                 "/r/other"};
    struct keyspace_cursor cursor = keyspace_seek(loaded, SPAN(""));
    for (size_t i = 0; i < COUNT(order); i++)
        cr_assert(span_equal(keyspace_next(&cursor)->key, span_of(order[i])), "%s", order[i]);
    cr_assert_null(keyspace_next(&cursor));
    keyspace_unref(loaded);
}

Test(keyspace, decodes_each_kind)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    const struct store_kv kvs[] = {kv("/r/assign/a#z#m#3", "9"), kv("/r/items/a", "1"),
                                   kv("/r/members/z#m", "7"), kv("/r/members/z#n", "8"),
                                   kv("/r/other", "text")};
    cr_assert_eq(load(&keyspace, kvs, COUNT(kvs), 10), 0);

    const struct entry *item = keyspace_item(keyspace, SPAN("a"));
    const struct entry *member = keyspace_member(keyspace, SPAN("z"), SPAN("m"));
    const struct entry *assignment = keyspace_find(keyspace, SPAN("/r/assign/a#z#m#3"));
    const struct entry *other = keyspace_find(keyspace, SPAN("/r/other"));
    cr_assert(item && member && assignment && other);
    cr_assert(item->valid && member->valid && assignment->valid && other->valid);
    cr_assert_eq(item->parts.kind, KEY_ITEM);
    cr_assert(span_equal(item->parts.item, SPAN("a")));
    cr_assert_eq(item->item.replication, 1);
    cr_assert_eq(item->create_revision, 5);
    cr_assert_eq(item->mod_revision, 6);
    cr_assert_eq(item->version, 2);
    cr_assert_eq(item->lease, 60);
    cr_assert_eq(member->parts.kind, KEY_MEMBER);
    cr_assert_eq(member->member.item_limit, 7);
    cr_assert_eq(assignment->parts.slot, 3);
    cr_assert_eq(assignment->assignment.user, 9);
    cr_assert_eq(other->parts.kind, KEY_OTHER);
    cr_assert(span_equal(other->value, SPAN("text")));

    cr_assert_not_null(keyspace_member(keyspace, SPAN("z"), SPAN("n")));
    cr_assert_null(keyspace_item(keyspace, SPAN("")));
    cr_assert_null(keyspace_item(keyspace, SPAN("b")));
    cr_assert_null(keyspace_item(keyspace, SPAN("aa")));
    cr_assert_null(keyspace_member(keyspace, SPAN("z"), SPAN("mm")));
    cr_assert_null(keyspace_member(keyspace, SPAN("z"), SPAN("")));
    cr_assert_null(keyspace_member(keyspace, SPAN("z#m"), SPAN("")));
    keyspace_unref(keyspace);
}

Test(keyspace, copies_what_it_is_given)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    char key[] = "/r/items/a";
    char value[] = "12";
    struct store_event event = fixture_put(key, value, 1, 1, 1);
    cr_assert_eq(fixture_apply(&keyspace, &event, 1), 0);
    memset(key, 'x', sizeof key - 1);
    memset(value, 'x', sizeof value - 1);
    check_value(keyspace, "/r/items/a", "12");
    keyspace_unref(keyspace);
}

Test(keyspace, loading_replaces_everything)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    const struct store_kv before[] = {kv("/r/items/a", "1"), kv("/r/items/b", "1")};
    const struct store_kv after[] = {kv("/r/items/b", "2"), kv("/r/items/c", "3")};
    cr_assert_eq(load(&keyspace, before, 2, 10), 0);
    cr_assert_eq(load(&keyspace, after, 2, 20), 0);
    cr_assert_eq(keyspace_count(keyspace), 2);
    check_value(keyspace, "/r/items/b", "2");
    check_value(keyspace, "/r/items/c", "3");
    cr_assert_eq(load(&keyspace, NULL, 0, 30), 0);
    cr_assert_eq(keyspace_count(keyspace), 0);
    cr_assert_eq(keyspace_revision(keyspace), 30);
    keyspace_unref(keyspace);
}

Test(keyspace, loading_refuses_a_key_twice_and_another_cluster)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    const struct store_kv good[] = {kv("/r/items/a", "1")};
    const struct store_kv twice[] = {kv("/r/items/a", "1"), kv("/r/items/a", "1")};
    const struct store_kv twice_apart[] = {kv("/r/items/b", "1"), kv("/r/items/a", "1"),
                                           kv("/r/items/b", "1")};
    cr_assert_eq(load(&keyspace, good, 1, 10), 0);
    cr_assert_eq(load(&keyspace, twice, 2, 20), ALLOT_EEXISTS);
    cr_assert_eq(load(&keyspace, twice_apart, 3, 20), ALLOT_EEXISTS);

    struct keyspace_loader *loader = NULL;
    struct keyspace *next = NULL;
    cr_assert_eq(keyspace_loader_create(keyspace, &loader), 0);
    cr_assert_eq(keyspace_loader_add(loader, good, 1), 0);
    cr_assert_eq(keyspace_loader_finish(loader, 2, 20, &next), ALLOT_ECLUSTER);
    cr_assert_null(next);
    keyspace_loader_destroy(loader);
    keyspace_loader_destroy(NULL);
    cr_assert_eq(keyspace_revision(keyspace), 10);
    keyspace_unref(keyspace);
}

Test(keyspace, loading_leaves_out_what_does_not_decode)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    const struct store_kv kvs[] = {kv("/r/items/a", "bad"), kv("/r/items/b#", "1"),
                                   kv("/r/items/c", "1")};
    cr_assert_eq(load(&keyspace, kvs, COUNT(kvs), 10), 0);
    cr_assert_eq(keyspace_count(keyspace), 1);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_KEY], 1);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_VALUE], 1);
    cr_assert_eq(fixture_report_count(&fixture), 2);
    keyspace_unref(keyspace);
}

Test(keyspace, loading_can_keep_what_does_not_decode)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, true);
    const struct store_kv kvs[] = {kv("/r/items/a", "bad"), kv("/r/members/z", "1"),
                                   kv("/r/members/z#m", ""), kv("/r/assign/a#z#m#x", "1")};
    cr_assert_eq(load(&keyspace, kvs, COUNT(kvs), 10), 0);
    cr_assert_eq(keyspace_count(keyspace), 4);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_KEY], 2);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_VALUE], 2);

    const struct entry *bad_value = keyspace_find(keyspace, SPAN("/r/items/a"));
    cr_assert_not(bad_value->valid);
    cr_assert_eq(bad_value->parts.kind, KEY_ITEM);
    cr_assert(span_equal(bad_value->parts.item, SPAN("a")));
    cr_assert(span_equal(bad_value->value, SPAN("bad")));
    cr_assert_eq(bad_value->mod_revision, 6);
    const struct entry *bad_key = keyspace_find(keyspace, SPAN("/r/assign/a#z#m#x"));
    cr_assert_not(bad_key->valid);
    cr_assert_eq(bad_key->parts.kind, KEY_ASSIGNMENT);
    cr_assert_eq(bad_key->parts.item.size, 0);
    cr_assert_eq(bad_key->parts.slot, -1);
    cr_assert_null(keyspace_item(keyspace, SPAN("a")));
    cr_assert_null(keyspace_member(keyspace, SPAN("z"), SPAN("m")));
    keyspace_unref(keyspace);
}

Test(keyspace, a_decoder_without_memory_ends_a_load_and_an_apply)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, true);
    const struct store_kv kvs[] = {kv("/r/items/a", "1"), kv("/r/items/b", "enomem")};
    cr_assert_eq(load(&keyspace, kvs, 2, 10), ALLOT_ENOMEM);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "1", 1, 1, 1),
                       fixture_put("/r/items/b", "enomem", 1, 1, 1)),
                 ALLOT_ENOMEM);
    cr_assert_eq(keyspace_count(keyspace), 0);
    keyspace_unref(keyspace);
}

/* --- applying: every order of events within a batch --- */

Test(keyspace, nets_the_events_of_a_key)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    const struct entry *entry;

    /* Put, put. */
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "1", 1, 1, 1),
                       fixture_put("/r/items/a", "2", 1, 2, 2)),
                 0);
    check_value(keyspace, "/r/items/a", "2");
    entry = keyspace_find(keyspace, SPAN("/r/items/a"));
    cr_assert_eq(entry->create_revision, 1);
    cr_assert_eq(entry->mod_revision, 2);
    cr_assert_eq(entry->version, 2);
    cr_assert_eq(entry->item.replication, 2);

    /* Delete, put. */
    cr_assert_eq(
        APPLY(&keyspace, fixture_delete("/r/items/a", 3), fixture_put("/r/items/a", "3", 4, 4, 1)),
        0);
    check_value(keyspace, "/r/items/a", "3");
    cr_assert_eq(keyspace_find(keyspace, SPAN("/r/items/a"))->create_revision, 4);

    /* Put, delete: gone; and of a key that was absent before: never there. */
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "5", 4, 5, 2),
                       fixture_put("/r/items/b", "5", 5, 5, 1), fixture_delete("/r/items/b", 6),
                       fixture_delete("/r/items/a", 6)),
                 0);
    cr_assert_eq(keyspace_count(keyspace), 0);
    cr_assert_eq(keyspace_revision(keyspace), 6);

    /* Put, delete, put. */
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "7", 7, 7, 1),
                       fixture_delete("/r/items/a", 8), fixture_put("/r/items/a", "9", 9, 9, 1)),
                 0);
    check_value(keyspace, "/r/items/a", "9");

    /* Delete, put, delete. */
    cr_assert_eq(APPLY(&keyspace, fixture_delete("/r/items/a", 10),
                       fixture_put("/r/items/a", "1", 11, 11, 1), fixture_delete("/r/items/a", 12)),
                 0);
    cr_assert_eq(keyspace_count(keyspace), 0);
    cr_assert_eq(fixture_report_count(&fixture), 0);
    keyspace_unref(keyspace);
}

Test(keyspace, keeps_the_order_of_events_within_one_revision)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/b", "1", 1, 1, 1),
                       fixture_put("/r/items/a", "1", 1, 1, 1),
                       fixture_put("/r/items/b", "2", 1, 1, 2), fixture_delete("/r/items/a", 1)),
                 0);
    cr_assert_eq(keyspace_count(keyspace), 1);
    check_value(keyspace, "/r/items/b", "2");
    cr_assert_eq(fixture_report_count(&fixture), 0);
    keyspace_unref(keyspace);
}

Test(keyspace, merges_the_events_of_several_responses)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    struct keyspace *next = NULL;
    const struct store_event first[] = {fixture_put("/r/items/a", "1", 1, 1, 1),
                                        fixture_put("/r/items/b", "1", 2, 2, 1)};
    const struct store_event second[] = {fixture_put("/r/items/a", "2", 1, 3, 2),
                                         fixture_delete("/r/items/b", 4)};
    const struct store_watch_response responses[] = {
        {.cluster_id = 1, .revision = 2, .events = first, .event_count = 2},
        {.cluster_id = 1, .revision = 2},
        {.cluster_id = 1, .revision = 9, .events = second, .event_count = 2},
        {.cluster_id = 1, .revision = 12},
    };
    cr_assert_eq(keyspace_apply(keyspace, responses, COUNT(responses), &next), 0);
    cr_assert_eq(keyspace_count(next), 1);
    check_value(next, "/r/items/a", "2");
    cr_assert_eq(keyspace_revision(next), 4);
    cr_assert_eq(keyspace_seen_revision(next), 12);
    cr_assert_eq(fixture_report_count(&fixture), 0);
    keyspace_unref(keyspace);
    keyspace_unref(next);
}

/* --- applying: anomalies --- */

Test(keyspace, ignores_a_put_that_does_not_decode)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "1", 1, 1, 1)), 0);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "bad", 1, 2, 2)), 0);
    check_value(keyspace, "/r/items/a", "1");
    cr_assert_eq(keyspace_find(keyspace, SPAN("/r/items/a"))->mod_revision, 1);
    cr_assert_eq(keyspace_revision(keyspace), 2);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_VALUE], 1);
    cr_assert_str_eq(fixture.last_key, "/r/items/a");
    cr_assert_str_eq(fixture.last_why, "not a number");
    cr_assert_eq(fixture.last_revision, 2);

    /* A later good put repairs it. */
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "3", 1, 3, 3)), 0);
    check_value(keyspace, "/r/items/a", "3");

    /* The decoder had no story to tell. */
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "", 1, 4, 4)), 0);
    cr_assert_str_eq(fixture.last_why, allot_error_text(ALLOT_EVALUE));
    keyspace_unref(keyspace);
}

Test(keyspace, ignores_a_bad_key)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a b", "1", 1, 1, 1),
                       fixture_put("/r/members/z", "1", 1, 1, 1),
                       fixture_put("/r/assign/a#z#m#-1", "1", 1, 1, 1)),
                 0);
    cr_assert_eq(keyspace_count(keyspace), 0);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_KEY], 3);
    cr_assert_eq(fixture_report_count(&fixture), 3);
    keyspace_unref(keyspace);
}

Test(keyspace, keeps_what_does_not_decode_if_told_to)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, true);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "1", 1, 1, 1)), 0);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "bad", 1, 2, 2),
                       fixture_put("/r/members/z", "1", 2, 2, 1)),
                 0);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_VALUE], 1);
    cr_assert_eq(fixture.reports[KEYSPACE_BAD_KEY], 1);
    check_value(keyspace, "/r/items/a", "bad");
    cr_assert_not(keyspace_find(keyspace, SPAN("/r/items/a"))->valid);
    cr_assert_eq(keyspace_find(keyspace, SPAN("/r/items/a"))->mod_revision, 2);
    cr_assert_null(keyspace_item(keyspace, SPAN("a")));

    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "3", 1, 3, 3),
                       fixture_delete("/r/members/z", 3)),
                 0);
    cr_assert_eq(keyspace_item(keyspace, SPAN("a"))->item.replication, 3);
    cr_assert_eq(keyspace_count(keyspace), 1);
    cr_assert_eq(fixture_report_count(&fixture), 2);
    keyspace_unref(keyspace);
}

Test(keyspace, ignores_the_delete_of_an_absent_key)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "1", 1, 1, 1)), 0);
    cr_assert_eq(APPLY(&keyspace, fixture_delete("/r/items/b", 2), fixture_delete("/r/items/a", 3),
                       fixture_delete("/r/items/a", 4)),
                 0);
    cr_assert_eq(keyspace_count(keyspace), 0);
    cr_assert_eq(fixture.reports[KEYSPACE_ABSENT_DELETE], 2);
    cr_assert_eq(fixture_report_count(&fixture), 2);
    cr_assert_str_eq(fixture.last_key, "/r/items/b");
    keyspace_unref(keyspace);
}

Test(keyspace, applies_a_version_that_skips)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "1", 1, 1, 4)), 0);
    cr_assert_eq(fixture.reports[KEYSPACE_VERSION_SKIP], 1);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "2", 1, 2, 5),
                       fixture_put("/r/items/a", "3", 1, 3, 7)),
                 0);
    cr_assert_eq(fixture.reports[KEYSPACE_VERSION_SKIP], 2);
    cr_assert_eq(fixture.last_revision, 3);
    check_value(keyspace, "/r/items/a", "3");
    cr_assert_eq(keyspace_find(keyspace, SPAN("/r/items/a"))->version, 7);
    keyspace_unref(keyspace);
}

Test(keyspace, needs_nobody_to_report_to)
{
    struct fixture fixture = {0};
    struct keyspace_config config = fixture_config(&fixture, false);
    struct keyspace *keyspace = NULL;
    config.report = NULL;
    cr_assert_eq(keyspace_create(&config, &keyspace), 0);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "bad", 1, 1, 1),
                       fixture_delete("/r/items/a", 2), fixture_put("/r/items/a", "1", 3, 3, 8)),
                 0);
    cr_assert_eq(keyspace_count(keyspace), 1);
    keyspace_unref(keyspace);
}

Test(keyspace, is_not_concerned_with_other_roots)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, true);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/q/items/a", "1", 1, 1, 1),
                       fixture_delete("/rr/items/a", 2), fixture_put("/r", "1", 3, 3, 1),
                       fixture_put("", "1", 4, 4, 1)),
                 0);
    cr_assert_eq(keyspace_count(keyspace), 0);
    cr_assert_eq(keyspace_revision(keyspace), 4);
    cr_assert_eq(fixture_report_count(&fixture), 0);
    keyspace_unref(keyspace);
}

/* --- applying: what is refused --- */

/* A keyspace of the cluster 1 at revision 10, seen up to 20. */
static struct keyspace *at_revision_10(struct fixture *fixture)
{
    struct keyspace *keyspace = fixture_keyspace(fixture, false);
    struct keyspace *next = NULL;
    const struct store_kv kvs[] = {kv("/r/items/a", "1")};
    const struct store_watch_response progress = {.cluster_id = 1, .revision = 20};
    cr_assert_eq(load(&keyspace, kvs, 1, 10), 0);
    cr_assert_eq(keyspace_apply(keyspace, &progress, 1, &next), 0);
    keyspace_unref(keyspace);
    return next;
}

static void check_apply(const struct store_watch_response *responses, size_t count, int expected)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = at_revision_10(&fixture);
    struct keyspace *next = NULL;
    cr_assert_eq(keyspace_revision(keyspace), 10);
    cr_assert_eq(keyspace_seen_revision(keyspace), 20);
    int error = keyspace_apply(keyspace, responses, count, &next);
    cr_expect_eq(error, expected, "%s, not %s", allot_error_name(error),
                 allot_error_name(expected));
    cr_expect_eq(next == NULL, expected != 0);
    cr_expect_eq(keyspace_count(keyspace), 1);
    check_value(keyspace, "/r/items/a", "1");
    if (expected)
        cr_expect_eq(fixture_report_count(&fixture), 0);
    keyspace_unref(keyspace);
    keyspace_unref(next);
}

Test(keyspace, refuses_another_cluster)
{
    const struct store_event event = fixture_put("/r/items/a", "1", 1, 21, 3);
    struct store_watch_response responses[] = {
        {.cluster_id = 1, .revision = 21, .events = &event, .event_count = 1},
        {.cluster_id = 2, .revision = 22},
    };
    check_apply(responses, 1, 0);
    check_apply(responses, 2, ALLOT_ECLUSTER);
    responses[0].cluster_id = 0;
    check_apply(responses, 1, ALLOT_ECLUSTER);
}

Test(keyspace, belongs_to_the_cluster_that_came_first)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    struct keyspace *next = NULL;
    const struct store_watch_response responses[] = {{.cluster_id = 7, .revision = 1},
                                                     {.cluster_id = 8, .revision = 2}};
    cr_assert_eq(keyspace_apply(keyspace, responses, 2, &next), ALLOT_ECLUSTER);
    cr_assert_eq(keyspace_apply(keyspace, responses, 1, &next), 0);
    cr_assert_eq(keyspace_cluster_id(next), 7);
    cr_assert_eq(keyspace_cluster_id(keyspace), 0);
    keyspace_unref(keyspace);
    keyspace_unref(next);
}

Test(keyspace, refuses_revisions_out_of_order)
{
    const struct store_event at_10 = fixture_put("/r/items/a", "2", 1, 10, 3);
    const struct store_event at_11 = fixture_put("/r/items/a", "2", 1, 11, 3);
    const struct store_event at_25 = fixture_put("/r/items/a", "2", 1, 25, 3);
    const struct store_event falling[] = {at_25, at_11};
    const struct store_event rising[] = {at_11, at_25};
    const struct store_event unheld[] = {fixture_put("/q", "", 26, 26, 1), at_25};
    const struct {
        struct store_watch_response responses[2];
        int expected;
    } cases[] = {
        /* The first event must be newer than what was applied; progress told nothing of events. */
        {{{.cluster_id = 1, .revision = 30, .events = &at_10, .event_count = 1}}, ALLOT_EORDER},
        {{{.cluster_id = 1, .revision = 30, .events = &at_11, .event_count = 1}}, 0},
        {{{.cluster_id = 1, .revision = 30, .events = rising, .event_count = 2}}, 0},
        {{{.cluster_id = 1, .revision = 30, .events = falling, .event_count = 2}}, ALLOT_EORDER},
        {{{.cluster_id = 1, .revision = 30, .events = unheld, .event_count = 2}}, ALLOT_EORDER},
        /* A response's revision never falls, and is never before its events. */
        {{{.cluster_id = 1, .revision = 19}}, ALLOT_EORDER},
        {{{.cluster_id = 1, .revision = 20}}, 0},
        {{{.cluster_id = 1, .revision = 19, .events = &at_11, .event_count = 1}}, ALLOT_EORDER},
        {{{.cluster_id = 1, .revision = 24, .events = &at_25, .event_count = 1}}, ALLOT_EORDER},
        {{{.cluster_id = 1, .revision = 30}, {.cluster_id = 1, .revision = 29}}, ALLOT_EORDER},
        /* Across responses. */
        {{{.cluster_id = 1, .revision = 25, .events = &at_25, .event_count = 1},
          {.cluster_id = 1, .revision = 25, .events = &at_25, .event_count = 1}},
         ALLOT_EORDER},
        {{{.cluster_id = 1, .revision = 25, .events = &at_11, .event_count = 1},
          {.cluster_id = 1, .revision = 25, .events = &at_25, .event_count = 1}},
         0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = cases[i].responses[1].cluster_id ? 2 : 1;
        check_apply(cases[i].responses, count, cases[i].expected);
    }
}

Test(keyspace, hands_on_the_error_of_a_response)
{
    const struct store_event event = fixture_put("/r/items/a", "2", 1, 21, 3);
    const struct store_watch_response responses[] = {
        {.cluster_id = 1, .revision = 21, .events = &event, .event_count = 1},
        {.error = ALLOT_ECOMPACTED, .compact_revision = 50},
    };
    check_apply(responses, 2, ALLOT_ECOMPACTED);
}

Test(keyspace, progress_advances_only_what_was_seen)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = at_revision_10(&fixture);
    cr_assert_eq(keyspace_revision(keyspace), 10);
    cr_assert_eq(keyspace_seen_revision(keyspace), 20);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/b", "1", 21, 21, 1)), 0);
    cr_assert_eq(keyspace_revision(keyspace), 21);
    cr_assert_eq(keyspace_seen_revision(keyspace), 21);

    /* The revision of a response with events is the store's: this watch may not be as far. */
    const struct store_event event = fixture_put("/r/items/b", "2", 21, 22, 2);
    const struct store_watch_response ahead = {
        .cluster_id = 1, .revision = 99, .events = &event, .event_count = 1};
    struct keyspace *next = NULL;
    cr_assert_eq(keyspace_apply(keyspace, &ahead, 1, &next), 0);
    cr_assert_eq(keyspace_seen_revision(next), 22);
    keyspace_unref(keyspace);
    keyspace_unref(next);
}

Test(keyspace, a_version_lives_as_long_as_its_readers)
{
    struct fixture fixture = {0};
    struct keyspace *keyspace = fixture_keyspace(&fixture, false);
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "1", 1, 1, 1)), 0);
    struct keyspace *reader = keyspace_ref(keyspace);
    const struct entry *entry = keyspace_item(reader, SPAN("a"));
    cr_assert_eq(APPLY(&keyspace, fixture_put("/r/items/a", "2", 1, 2, 2)), 0);
    cr_assert_eq(APPLY(&keyspace, fixture_delete("/r/items/a", 3)), 0);
    keyspace_unref(keyspace);
    cr_assert_eq(entry->item.replication, 1);
    cr_assert_eq(keyspace_item(reader, SPAN("a")), entry);
    cr_assert_eq(keyspace_revision(reader), 1);
    keyspace_unref(reader);
}

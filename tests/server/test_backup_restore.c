/* What is taken from a store and restored into another. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/root_format.h"
#include "server/backup_restore.h"
#include "server/backup_take.h"
#include "tests/server/embedded_fixture.h"
#include "tests/server/store_conformance.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/store_sync.h"

static const struct embedded_store_config usual = {.retention = EMBEDDED_STORE_RETENTION};

static struct backup taken(const struct embedded_fixture *fixture, struct span root)
{
    struct backup backup;
    struct error_message why = {""};
    char path[TEMPORARY_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/store.sqlite", fixture->directory);
    cr_assert_eq(backup_take_file(path, root, &backup, &why), 0, "%s", why.text);
    return backup;
}

static int restore(struct store *store, struct span root, const struct backup *backup,
                   struct error_message *why)
{
    struct backup_restored restored;
    const struct backup_restore_config config = {
        .store = store, .root = root, .backup = backup, .digest = "0123"};
    return backup_restore(&config, &restored, why);
}

static const struct backup_key *find(const struct backup *backup, const char *name)
{
    for (size_t i = 0; i < backup->key_count; i++)
        if (span_equal(backup->keys[i].name, span_of(name)))
            return &backup->keys[i];
    return NULL;
}

/* A cluster with members of whom the last by name is the oldest; in two roots, one within the name
 * of the other. */
static void fill(struct store *store)
{
    struct store_lease_result one, two;
    cr_assert_eq(sync_grant(store, 0, 60, &one), 0);
    cr_assert_eq(sync_grant(store, 0, 120, &two), 0);
    must_put(store, SPAN("/allot/schedulers/x"), "{}", one.id);
    must_put(store, SPAN("/allot/actor"), "{}", 0);
    must_put(store, SPAN("/allot/rounds/1-1"), "{}", 0);
    must_put(store, SPAN("/allot/items/a"), "{\"replication\":2,\"of a later version\":1}", 0);
    must_put(store, SPAN("/allot/of a later version"), "\xFF", 0);
    must_put(store, SPAN("/allot/allocator"), "{\"paused\":\"no\"}", 0);
    must_put(store, SPAN("/allot/members/z#old"), "{\"item_limit\":1}", two.id);
    must_put(store, SPAN("/allot/members/a#b"), "{\"item_limit\":2}", 0);
    must_put(store, SPAN("/allot/members/a#a"), "{\"item_limit\":3}", 0);
    must_put(store, SPAN("/allot/members/a#c"), "{\"item_limit\":4}", 0);
    must_put(store, SPAN("/allot/assign/a#z#old#0"), "{\"consistent\":true}", two.id);
    must_put(store, SPAN("/allot/assign/a#a#b#1"), "", 0);
    must_put(store, SPAN("/allot2/items/a"), "{}", 0);
}

Test(backup_restore, what_is_restored_is_what_was_taken)
{
    struct embedded_fixture from, to;
    struct error_message why = {""};
    embedded_fixture_open(&from, usual);
    embedded_fixture_open(&to, usual);
    fill(from.store);
    struct backup backup = taken(&from, SPAN("/allot")); /* while the store is open */
    cr_expect_eq(backup.revision, sync_revision(from.store));
    cr_expect_eq(backup.key_count, 12);
    cr_expect_eq(backup.lease_count, 2);
    must_put(to.store, SPAN("/elsewher"), "", 0);
    must_put(to.store, SPAN("/elsewhere0"), "", 0); /* neither is under the root */
    cr_assert_eq(restore(to.store, SPAN("/elsewhere"), &backup, &why), 0, "%s", why.text);

    struct backup again = taken(&to, SPAN("/elsewhere"));
    cr_expect_eq(again.key_count, 9);
    cr_expect_eq(again.lease_count, 1);
    cr_expect_null(find(&again, "/schedulers/x"));
    cr_expect_null(find(&again, "/actor"));
    cr_expect_null(find(&again, "/rounds/1-1"));
    cr_expect_null(find(&again, "/format"));
    for (size_t i = 0; i < again.key_count; i++) {
        struct backup_key key = again.keys[i];
        const struct backup_key *former = find(&backup, key.name.data);
        cr_assert_not_null(former, "%s", key.name.data);
        cr_expect(span_equal(key.value, former->value), "%s", key.name.data);
        cr_expect_eq(!key.lease, !former->lease, "%s", key.name.data);
        cr_expect(!key.lease || again.ttls[key.lease - 1] == backup.ttls[former->lease - 1]);
    }
    backup_release(&backup);
    backup_release(&again);
    embedded_fixture_remove(&from);
    embedded_fixture_remove(&to);
}

/* Whether @a comes before @b, as the oldest go first: by create revision, and then by name. */
static bool is_older(const struct backup *backup, const char *a, const char *b)
{
    int64_t first = find(backup, a)->create_revision, second = find(backup, b)->create_revision;
    return first < second || (first == second && strcmp(a, b) < 0);
}

Test(backup_restore, members_are_as_old_among_each_other_as_before)
{
    static const char *const names[] = {"/members/z#old", "/members/a#b", "/members/a#a",
                                        "/members/a#c"};
    struct embedded_fixture from, to;
    struct error_message why = {""};
    embedded_fixture_open(&from, usual);
    embedded_fixture_open(&to, usual);
    fill(from.store);
    struct backup backup = taken(&from, SPAN("/allot"));
    cr_assert_eq(restore(to.store, SPAN("/allot"), &backup, &why), 0, "%s", why.text);
    struct backup again = taken(&to, SPAN("/allot"));
    for (int i = 0; i < 3; i++) {
        cr_assert(is_older(&backup, names[i], names[i + 1]));
        cr_expect(is_older(&again, names[i], names[i + 1]), "%s", names[i]);
    }
    backup_release(&backup);
    backup_release(&again);
    embedded_fixture_remove(&from);
    embedded_fixture_remove(&to);
}

/* What counts as reported, and only that, does afterwards: members are older than assignments, and
 * what another member of that name has said before is left out. */
Test(backup_restore, keeps_the_reports_of_the_members_that_are_there)
{
    struct embedded_fixture from, to;
    struct error_message why = {""};
    embedded_fixture_open(&from, usual);
    embedded_fixture_open(&to, usual);
    must_put(from.store, SPAN("/allot/members/a#b"), "{\"item_limit\":1}", 0);
    must_put(from.store, SPAN("/allot/assign/i#a#a#0"), "{\"consistent\":true}", 0);
    must_put(from.store, SPAN("/allot/assign/i#a#b#1"), "{\"consistent\":true}", 0);
    must_put(from.store, SPAN("/allot/assign/i#a#gone#2"), "{\"consistent\":true}", 0);
    must_put(from.store, SPAN("/allot/members/a#a"), "{\"item_limit\":1}", 0);
    struct backup backup = taken(&from, SPAN("/allot"));
    cr_assert_eq(restore(to.store, SPAN("/allot"), &backup, &why), 0, "%s", why.text);
    struct backup again = taken(&to, SPAN("/allot"));
    const struct backup_key *void_one = find(&again, "/assign/i#a#a#0");
    const struct backup_key *good = find(&again, "/assign/i#a#b#1");
    cr_expect_eq(void_one->value.size, 0);
    cr_expect_geq(good->mod_revision, find(&again, "/members/a#b")->create_revision);
    cr_expect(span_equal(good->value, SPAN("{\"consistent\":true}")));
    cr_expect(span_equal(find(&again, "/assign/i#a#gone#2")->value, good->value));
    backup_release(&backup);
    backup_release(&again);
    embedded_fixture_remove(&from);
    embedded_fixture_remove(&to);
}

Test(backup_restore, many_keys_take_several_transactions)
{
    enum { ITEMS = 300 };
    struct embedded_fixture to;
    struct error_message why = {""};
    struct backup backup;
    char *large = malloc(STORE_MAX_REQUEST / 2);
    cr_assert_not_null(large);
    memset(large, 'x', STORE_MAX_REQUEST / 2);
    embedded_fixture_open(&to, usual);
    backup_init(&backup);
    cr_assert_eq(backup_set_root(&backup, SPAN("/a")), 0);
    for (int i = 0; i < ITEMS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "/items/%05d", i);
        const struct backup_key key = {.name = span_of(name),
                                       .value = {large, i < 5 ? STORE_MAX_REQUEST / 2 : 1},
                                       .create_revision = 1,
                                       .mod_revision = 1,
                                       .version = 1};
        cr_assert_eq(backup_add_key(&backup, &key), 0);
    }
    cr_assert_eq(restore(to.store, SPAN("/a"), &backup, &why), 0, "%s", why.text);
    struct backup again = taken(&to, SPAN("/a"));
    cr_assert_eq(again.key_count, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        cr_assert(span_equal(again.keys[i].value, backup.keys[i].value), "%d", i);
    backup_release(&backup);
    backup_release(&again);
    embedded_fixture_remove(&to);
    free(large);
}

/* --- what is refused --- */

Test(backup_restore, refuses_a_root_that_is_not_empty)
{
    struct embedded_fixture to;
    struct error_message why = {""};
    struct backup backup;
    embedded_fixture_open(&to, usual);
    fill(to.store);
    backup = taken(&to, SPAN("/allot"));
    int64_t revision = sync_revision(to.store);
    cr_expect_eq(restore(to.store, SPAN("/allot"), &backup, &why), ALLOT_EEXISTS);
    cr_expect_str_eq(why.text, "/allot: expected an empty root, found /allot/actor");
    cr_expect_eq(sync_revision(to.store), revision);
    must_put(to.store, SPAN("/served/schedulers/x"), "{}", 0);
    cr_expect_eq(restore(to.store, SPAN("/served"), &backup, &why), ALLOT_EEXISTS);
    cr_expect_str_eq(why.text, "/served: expected an empty root, found /served/schedulers/x: stop "
                               "the servers and members that run on it");
    cr_expect_eq(restore(to.store, SPAN("/allot/"), &backup, &why), ALLOT_EINVAL);
    backup_release(&backup);
    embedded_fixture_remove(&to);
}

Test(backup_restore, refuses_backups_that_it_does_not_understand)
{
    static const struct {
        const char *format;
        const char *why;
    } cases[] = {
        {"{\"version\":2}", "in a format of a newer version"},
        {"{\"version\":1,\"restoring\":\"12\"}", "it was itself being restored"},
        {"nonsense", "format key"},
    };
    struct embedded_fixture fixture;
    embedded_fixture_open(&fixture, usual);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error_message why = {""};
        must_put(fixture.store, SPAN("/allot/format"), cases[i].format, 0);
        struct backup backup = taken(&fixture, SPAN("/allot"));
        cr_expect_eq(restore(fixture.store, SPAN("/new"), &backup, &why), ALLOT_EVALUE);
        cr_expect(strstr(why.text, cases[i].why), "%s", why.text);
        backup_release(&backup);
    }
    embedded_fixture_remove(&fixture);
}

Test(backup_restore, keeps_a_format_that_it_knows)
{
    struct embedded_fixture fixture;
    struct error_message why = {""};
    embedded_fixture_open(&fixture, usual);
    must_put(fixture.store, SPAN("/allot/format"), "{\"version\":1,\"more\":2}", 0);
    struct backup backup = taken(&fixture, SPAN("/allot"));
    cr_assert_eq(restore(fixture.store, SPAN("/new"), &backup, &why), 0, "%s", why.text);
    struct backup again = taken(&fixture, SPAN("/new"));
    cr_assert_eq(again.key_count, 1);
    cr_expect(span_equal(again.keys[0].value, SPAN("{\"version\":1,\"more\":2}")));
    backup_release(&backup);
    backup_release(&again);
    embedded_fixture_remove(&fixture);
}

/* --- interrupted --- */

/* As a restore that was killed leaves it. */
static void leave_half(struct store *store, const char *digest)
{
    char value[128];
    (void)snprintf(value, sizeof value, "{\"version\":1,\"restoring\":\"%s\"}", digest);
    must_put(store, SPAN("/new/format"), value, 0);
    must_put(store, SPAN("/new/assign/x#y#z#0"), "", 0);
    must_put(store, SPAN("/new/items/half"), "{}", 0);
}

Test(backup_restore, begins_anew_what_was_interrupted)
{
    struct embedded_fixture fixture;
    struct error_message why = {""};
    embedded_fixture_open(&fixture, usual);
    fill(fixture.store);
    leave_half(fixture.store, "0123");
    struct backup backup = taken(&fixture, SPAN("/allot"));
    cr_assert_eq(restore(fixture.store, SPAN("/new"), &backup, &why), 0, "%s", why.text);
    struct backup again = taken(&fixture, SPAN("/new"));
    cr_expect_eq(again.key_count, 9);
    cr_expect_null(find(&again, "/items/half"));
    cr_expect_null(find(&again, "/assign/x#y#z#0"));
    backup_release(&backup);
    backup_release(&again);
    embedded_fixture_remove(&fixture);
}

Test(backup_restore, leaves_alone_what_another_backup_was_interrupted_at)
{
    struct embedded_fixture fixture;
    struct error_message why = {""};
    embedded_fixture_open(&fixture, usual);
    fill(fixture.store);
    leave_half(fixture.store, "4567");
    struct backup backup = taken(&fixture, SPAN("/allot"));
    int64_t revision = sync_revision(fixture.store);
    cr_expect_eq(restore(fixture.store, SPAN("/new"), &backup, &why), ALLOT_EEXISTS);
    cr_expect(strstr(why.text, "interrupted"), "%s", why.text);
    cr_expect_eq(sync_revision(fixture.store), revision);
    backup_release(&backup);
    embedded_fixture_remove(&fixture);
}

/* --- a store that meddles --- */

/* Passes requests on to another store. */
struct meddler {
    struct store store;
    struct store *real;
    int64_t revoked;     /* a lease that ends just before the first is asked for; 0: none */
    bool loses_answers;  /* … of every other transaction, which are done all the same */
    size_t transactions; /* so far */
    size_t renewals;     /* of leases, so far */
    const char *rival;   /* put over the format key before transaction number 2; NULL: nothing */
    store_txn_done *done;
    void *context;
};

static int pass_range(struct store *store, const struct store_range *range, store_range_done *done,
                      void *context)
{
    struct store *real = ((struct meddler *)store)->real;
    return real->operations->range(real, range, done, context);
}

static void lose_answer(void *context, int error, const struct store_txn_result *result)
{
    struct meddler *meddler = context;
    (void)error;
    (void)result;
    meddler->done(meddler->context, ALLOT_EUNKNOWN, NULL);
}

static int pass_txn(struct store *store, const struct store_txn *txn, store_txn_done *done,
                    void *context)
{
    struct meddler *meddler = (struct meddler *)store;
    struct store *real = meddler->real;
    size_t number = meddler->transactions++;
    if (meddler->rival && number == 2)
        must_put(real, SPAN("/new/format"), meddler->rival, 0);
    if (!meddler->loses_answers || number % 2 == 1)
        return real->operations->txn(real, txn, done, context);
    meddler->done = done;
    meddler->context = context;
    return real->operations->txn(real, txn, lose_answer, meddler);
}

static int pass_grant(struct store *store, int64_t id, int64_t ttl, store_lease_done *done,
                      void *context)
{
    struct store *real = ((struct meddler *)store)->real;
    return real->operations->lease_grant(real, id, ttl, done, context);
}

static int pass_keep_alive(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    struct meddler *meddler = (struct meddler *)store;
    meddler->renewals++;
    return meddler->real->operations->lease_keep_alive(meddler->real, id, done, context);
}

static int pass_time_to_live(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    struct meddler *meddler = (struct meddler *)store;
    if (meddler->revoked)
        cr_assert_eq(sync_revoke(meddler->real, meddler->revoked), 0);
    meddler->revoked = 0;
    return meddler->real->operations->lease_time_to_live(meddler->real, id, done, context);
}

static const struct store_operations meddling = {.range = pass_range,
                                                 .txn = pass_txn,
                                                 .lease_grant = pass_grant,
                                                 .lease_keep_alive = pass_keep_alive,
                                                 .lease_time_to_live = pass_time_to_live};

Test(backup_take, leaves_out_what_expires_meanwhile)
{
    struct embedded_fixture fixture;
    struct error_message why = {""};
    struct backup backup;
    struct store_kv member;
    embedded_fixture_open(&fixture, usual);
    fill(fixture.store);
    cr_assert(sync_exists(fixture.store, SPAN("/allot/schedulers/x"), &member));
    struct meddler meddler = {.store = {&meddling}, .real = fixture.store, .revoked = member.lease};
    cr_assert_eq(backup_take_store(&meddler.store, SPAN("/allot"), &backup, &why), 0, "%s",
                 why.text);
    cr_expect_null(find(&backup, "/schedulers/x"));
    cr_expect_eq(backup.key_count, 11);
    cr_assert_eq(backup.lease_count, 1);
    cr_expect_eq(backup.ttls[0], 120);
    cr_expect_eq(find(&backup, "/members/z#old")->lease, 1);
    cr_expect_eq(find(&backup, "/assign/a#z#old#0")->lease, 1);
    cr_expect_eq(find(&backup, "/items/a")->lease, 0);
    backup_release(&backup);
    embedded_fixture_remove(&fixture);
}

Test(backup_restore, goes_on_when_answers_are_lost)
{
    struct embedded_fixture from, to;
    struct error_message why = {""};
    struct backup_restored restored;
    embedded_fixture_open(&from, usual);
    embedded_fixture_open(&to, usual);
    fill(from.store);
    struct backup backup = taken(&from, SPAN("/allot"));
    struct meddler meddler = {.store = {&meddling}, .real = to.store, .loses_answers = true};
    const struct backup_restore_config config = {.store = &meddler.store,
                                                 .root = SPAN("/new"),
                                                 .backup = &backup,
                                                 .digest = "0123",
                                                 .retries = 1};
    cr_assert_eq(backup_restore(&config, &restored, &why), 0, "%s", why.text);
    cr_expect_eq(restored.keys, 9);
    cr_expect_eq(restored.shortest_ttl, 120);
    struct backup again = taken(&to, SPAN("/new"));
    cr_expect_eq(again.key_count, 9);
    cr_expect(is_older(&again, "/members/z#old", "/members/a#b"));
    cr_expect(is_older(&again, "/members/a#b", "/members/a#a"));
    backup_release(&backup);
    backup_release(&again);
    embedded_fixture_remove(&from);
    embedded_fixture_remove(&to);
}

static int64_t stand_still(void *context)
{
    (void)context;
    return 0;
}

/* The store's clock stands still: nothing expires, however long it takes. */
Test(backup_restore, keeps_leases_alive_for_as_long_as_it_is_told)
{
    struct embedded_fixture to;
    struct error_message why = {""};
    struct backup backup;
    struct backup_restored restored;
    embedded_fixture_open(&to, (struct embedded_store_config){.monotonic_ms = stand_still});
    backup_init(&backup);
    cr_assert_eq(backup_set_root(&backup, SPAN("/a")), 0);
    cr_assert_eq(backup_add_lease(&backup, 1), 0);
    cr_assert_eq(backup_add_lease(&backup, STORE_MAX_TTL), 0);
    const struct backup_key keys[] = {{.name = SPAN("/members/a#a"), .lease = 1},
                                      {.name = SPAN("/members/a#b"), .lease = 2}};
    for (int i = 0; i < 2; i++)
        cr_assert_eq(backup_add_key(&backup, &keys[i]), 0);
    struct meddler meddler = {.store = {&meddling}, .real = to.store};
    const struct backup_restore_config config = {.store = &meddler.store,
                                                 .root = SPAN("/a"),
                                                 .backup = &backup,
                                                 .digest = "0123",
                                                 .hold_ms = 1};
    cr_assert_eq(backup_restore(&config, &restored, &why), 0, "%s", why.text);
    cr_expect_eq(restored.leases, 2);
    cr_expect_eq(restored.shortest_ttl, 1);
    cr_expect_geq(meddler.renewals, 2); /* at the end, and while it holds */
    backup_release(&backup);
    embedded_fixture_remove(&to);
}

Test(backup_restore, ends_when_another_takes_over)
{
    struct embedded_fixture from, to;
    struct error_message why = {""};
    struct backup_restored restored;
    embedded_fixture_open(&from, usual);
    embedded_fixture_open(&to, usual);
    fill(from.store);
    struct backup backup = taken(&from, SPAN("/allot"));
    struct meddler meddler = {
        .store = {&meddling}, .real = to.store, .rival = "{\"version\":1,\"restoring\":\"0123\"}"};
    const struct backup_restore_config config = {
        .store = &meddler.store, .root = SPAN("/new"), .backup = &backup, .digest = "0123"};
    cr_expect_eq(backup_restore(&config, &restored, &why), ALLOT_EFENCE);
    cr_expect_str_eq(why.text, "another restore of the same snapshot has taken over");
    backup_release(&backup);
    embedded_fixture_remove(&from);
    embedded_fixture_remove(&to);
}

/* --- where memory runs out --- */

Test(backup_restore, survives_a_want_of_memory)
{
    struct embedded_fixture fixture;
    struct backup backup;
    int error = ALLOT_ENOMEM;
    char path[TEMPORARY_SIZE + 16];
    embedded_fixture_open(&fixture, usual);
    fill(fixture.store);
    embedded_fixture_close(&fixture); /* whose thread would count, too */
    (void)snprintf(path, sizeof path, "%s/store.sqlite", fixture.directory);
    for (long n = 1; error; n++) {
        struct error_message why = {""};
        fail_alloc_set(n);
        error = backup_take_file(path, SPAN("/allot"), &backup, &why);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM, "%ld: %s", n, why.text);
        cr_assert(error == 0 || why.text[0], "%ld", n);
    }
    backup_release(&backup);
    embedded_fixture_remove(&fixture);
}

Test(backup_take, tells_what_is_wrong)
{
    struct backup backup;
    struct error_message why = {""};
    cr_expect_eq(backup_take_file("/nowhere/store.sqlite", SPAN("/allot"), &backup, &why),
                 ALLOT_EIO);
    cr_expect(strstr(why.text, "/nowhere/store.sqlite"), "%s", why.text);
    cr_expect_eq(backup_take_file("/dev/null", SPAN("/allot"), &backup, &why), ALLOT_EVALUE);
    cr_expect(strstr(why.text, "/dev/null"), "%s", why.text);
    cr_expect_eq(backup_take_file("/dev/null", SPAN("allot"), &backup, &why), ALLOT_EINVAL);
}

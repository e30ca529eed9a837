/* A member that allocates itself, and what its command hears of its items. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/values.h"
#include "server/clock.h"
#include "server/loop.h"
#include "server/member_items.h"
#include "server/run_command.h"
#include "tests/server/embedded_fixture.h"
#include "tests/support/store_sync.h"

enum { WAIT_MS = 20000 };

static struct embedded_fixture fixture;
static struct publisher *publisher;
static struct candidate candidate;
static struct loop *loop;
static struct member_items *items;
static char log_file[2 * TEMPORARY_SIZE];

/* --- leases that the store keeps for longer than it says, and that can be cut off from it --- */

static int64_t ttl_seconds = 20;
static struct store_operations operations;
static const struct store_operations *former_operations;
static atomic_bool is_cut_off;

struct asking {
    store_lease_done *done;
    void *context;
};

static void tell_ttl(void *context, int error, const struct store_lease_result *result)
{
    struct asking asking = *(struct asking *)context;
    struct store_lease_result shorter = {0};
    free(context);
    if (result)
        shorter = (struct store_lease_result){.id = result->id, .ttl = ttl_seconds};
    asking.done(asking.context, error, result ? &shorter : NULL);
}

static struct asking *asking_of(store_lease_done *done, void *context)
{
    struct asking *asking = malloc(sizeof *asking);
    cr_assert_not_null(asking);
    *asking = (struct asking){done, context};
    return asking;
}

static int grant(struct store *store, int64_t id, int64_t ttl, store_lease_done *done,
                 void *context)
{
    (void)ttl;
    return former_operations->lease_grant(store, id, 600, tell_ttl, asking_of(done, context));
}

static int keep_alive(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    if (atomic_load(&is_cut_off)) {
        done(context, ALLOT_EUNAVAILABLE, NULL);
        return 0;
    }
    return former_operations->lease_keep_alive(store, id, tell_ttl, asking_of(done, context));
}

static void open_store(void)
{
    embedded_fixture_open(&fixture, (struct embedded_store_config){0});
    former_operations = fixture.store->operations;
    operations = *former_operations;
    operations.lease_grant = grant;
    operations.lease_keep_alive = keep_alive;
    fixture.store->operations = &operations;
}

/* --- the member --- */

/* @command (NULL: none) finds the path of the log in LOG. */
static void start(const char *command)
{
    struct error_message why;
    struct decoder decoder = api_decoder();
    open_store();
    snprintf(log_file, sizeof log_file, "%s/log", fixture.directory);
    cr_assert_eq(setenv("LOG", log_file, 1), 0);
    cr_assert_eq(publisher_create(&publisher), 0);
    cr_assert_eq(candidate_init_member(&candidate, SPAN("/t"), SPAN("z"), SPAN("m"),
                                       SPAN("{\"item_limit\":4,\"allocator\":true}"), &why),
                 0);
    struct loop_config loop_config = {.store = fixture.store,
                                      .publisher = publisher,
                                      .decoder = &decoder,
                                      .root = SPAN("/t"),
                                      .candidate = &candidate,
                                      .ttl_seconds = ttl_seconds,
                                      .gather_ms = 1,
                                      .threads = 1};
    cr_assert_eq(loop_start(&loop_config, &loop), 0);
    struct member_items_config config = {.store = fixture.store,
                                         .publisher = publisher,
                                         .loop = loop,
                                         .margin_ms = 100,
                                         .command = command,
                                         .timeout_ms = 10000};
    cr_assert_eq(member_items_start(&config, &items), 0);
}

static void stop(void)
{
    member_items_stop(items);
    loop_stop(loop);
    candidate_release(&candidate);
    publisher_destroy(publisher);
    embedded_fixture_remove(&fixture);
}

TestSuite(member_items, .timeout = 60);

static void put(const char *key, const char *value)
{
    cr_assert_eq(sync_put(fixture.store, span_of(key), span_of(value), 0, NULL), 0);
}

static const char *heard(void)
{
    static char text[4096];
    size_t size = 0;
    FILE *file = fopen(log_file, "r");
    if (file) {
        size = fread(text, 1, sizeof text - 1, file);
        (void)fclose(file);
    }
    text[size] = '\0';
    return text;
}

static void await_heard(const char *text)
{
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
    while (strcmp(heard(), text) != 0 && clock_monotonic_ms() < deadline_ms)
        sched_yield();
    cr_assert_str_eq(heard(), text);
}

static void await_consistent(const char *key)
{
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
    bool marked = false;
    while (!marked && clock_monotonic_ms() < deadline_ms) {
        struct snapshot *snapshot = publisher_snapshot(publisher);
        const struct entry *entry =
            snapshot ? keyspace_find(snapshot->state->keyspace, span_of(key)) : NULL;
        marked = entry && span_equal(entry->value, SPAN("{\"consistent\":true}"));
        if (marked)
            cr_assert_neq(entry->lease, 0);
        snapshot_unref(snapshot);
        sched_yield();
    }
    cr_assert(marked, "%s", key);
}

#define NOTE "echo $ALLOT_EVENT $ALLOT_ITEM $ALLOT_SLOT >>\"$LOG\""

Test(member_items, command_hears_of_each_that_is_gained_and_lost)
{
    start(NOTE);
    put("/t/items/b", "{\"replication\":1}");
    await_heard("gained b 0\n");
    put("/t/items/a", "{\"replication\":1}");
    await_heard("gained b 0\ngained a 0\n");
    cr_assert_eq(sync_delete(fixture.store, SPAN("/t/items/b"), NULL), 0);
    await_heard("gained b 0\ngained a 0\nlost b\n");
    stop();
}

/* The command for "slow" goes on once there is a file beside the log. */
#define NOTE_SLOWLY                                                                                \
    NOTE "; [ $ALLOT_ITEM != slow ] || for i in $(seq 900); do [ ! -e \"$LOG.go-on\" ] || break; " \
         "sleep 0.01; done"

static void go_on(void)
{
    char path[3 * TEMPORARY_SIZE];
    snprintf(path, sizeof path, "%s.go-on", log_file);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fclose(file), 0);
}

/* Waits for a snapshot in which the key was created after @revision. */
static void await_key(const char *key, int64_t revision)
{
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
    bool there = false;
    while (!there && clock_monotonic_ms() < deadline_ms) {
        struct snapshot *snapshot = publisher_snapshot(publisher);
        const struct entry *entry =
            snapshot ? keyspace_find(snapshot->state->keyspace, span_of(key)) : NULL;
        there = entry && entry->create_revision > revision;
        snapshot_unref(snapshot);
        sched_yield();
    }
    cr_assert(there, "%s", key);
}

/* Holds "x", and has the command run for "slow". */
static void start_slowly(void)
{
    start(NOTE_SLOWLY);
    put("/t/items/x", "{\"replication\":1,\"consistency\":\"reported\"}");
    await_heard("gained x 0\n");
    await_consistent("/t/assign/x#z#m#0");
    put("/t/items/slow", "{\"replication\":1}");
    await_heard("gained x 0\ngained slow 0\n");
}

#define LOST_AND_REGAINED "gained x 0\ngained slow 0\nlost x\ngained x 0\n"

Test(member_items, command_hears_of_an_assignment_that_was_lost_and_regained_meanwhile)
{
    start_slowly();
    int64_t revision = sync_revision(fixture.store);
    cr_assert_eq(sync_delete(fixture.store, SPAN("/t/assign/x#z#m#0"), NULL), 0);
    await_key("/t/assign/x#z#m#0", revision);
    go_on();
    await_heard(LOST_AND_REGAINED);
    await_consistent("/t/assign/x#z#m#0");
    stop();
}

Test(member_items, command_hears_of_an_item_that_was_made_anew_meanwhile)
{
    start_slowly();
    int64_t revision = sync_revision(fixture.store);
    cr_assert_eq(sync_delete(fixture.store, SPAN("/t/items/x"), NULL), 0);
    put("/t/items/x", "{\"replication\":1}");
    await_key("/t/items/x", revision);
    go_on();
    await_heard(LOST_AND_REGAINED);
    stop();
}

Test(member_items, command_hears_of_what_is_lost_before_anything_is_gained)
{
    start_slowly();
    cr_assert_eq(sync_delete(fixture.store, SPAN("/t/items/x"), NULL), 0);
    put("/t/items/a", "{\"replication\":1}");
    await_key("/t/assign/a#z#m#0", 0);
    go_on();
    await_heard("gained x 0\ngained slow 0\nlost x\ngained a 0\n");
    stop();
}

/* The primary's member goes, one replica is enough, and ours becomes the primary. */
Test(member_items, command_hears_of_another_slot)
{
    start(NOTE);
    struct store_op ops[] = {
        {.kind = STORE_OP_PUT,
         .keys = {.key = SPAN("/t/members/other#o")},
         .value = SPAN("{\"item_limit\":4}")},
        {.kind = STORE_OP_PUT, .keys = {.key = SPAN("/t/assign/x#other#o#0")}},
        {.kind = STORE_OP_PUT,
         .keys = {.key = SPAN("/t/items/x")},
         .value = SPAN("{\"replication\":2}")},
    };
    struct store_txn txn = {.success = ops, .success_count = 3};
    await_key("/t/members/z#m", 0);
    cr_assert_eq(sync_txn(fixture.store, &txn, NULL), 0);
    await_heard("gained x 1\n");
    cr_assert_eq(sync_delete(fixture.store, SPAN("/t/members/other#o"), NULL), 0);
    put("/t/items/x", "{\"replication\":1}");
    await_heard("gained x 1\nchanged x 0\n");
    stop();
}

Test(member_items, loses_everything_while_it_is_cut_off)
{
    ttl_seconds = 4;
    start(NOTE);
    put("/t/items/a", "{\"replication\":1}");
    put("/t/items/b", "{\"replication\":1}");
    while (strlen(heard()) < strlen("gained a 0\ngained b 0\n"))
        sched_yield();
    cr_assert_eq(remove(log_file), 0);
    atomic_store(&is_cut_off, true);
    await_heard("lost a\nlost b\n");
    atomic_store(&is_cut_off, false);
    await_heard("lost a\nlost b\ngained a 0\ngained b 0\n");
    stop();
}

Test(member_items, has_nothing_under_the_key_of_another_process)
{
    start(NOTE);
    put("/t/items/a", "{\"replication\":1}");
    await_heard("gained a 0\n");
    struct store_lease_result other;
    cr_assert_eq(sync_grant(fixture.store, 0, 600, &other), 0);
    cr_assert_eq(sync_put(fixture.store, SPAN("/t/members/z#m"),
                          SPAN("{\"item_limit\":4,\"allocator\":true}"), other.id, NULL),
                 0);
    await_heard("gained a 0\nlost a\n");
    stop();
}

Test(member_items, marks_consistent_what_the_command_has_taken)
{
    start("if [ -e \"$LOG\" ]; then exit 0; fi; " NOTE "; exit 1"); /* fails at first */
    put("/t/items/a", "{\"replication\":1,\"consistency\":\"reported\"}");
    await_heard("gained a 0\n");
    await_consistent("/t/assign/a#z#m#0");
    stop();
}

Test(member_items, marks_consistent_without_a_command)
{
    start(NULL);
    put("/t/items/a", "{\"replication\":1,\"consistency\":\"reported\"}");
    await_consistent("/t/assign/a#z#m#0");
    stop();
}

Test(member_items, command_is_killed_when_its_time_is_up)
{
    static const char *const variables[] = {"WORD=x y", NULL};
    cr_assert_eq(run_command("[ \"$WORD\" = 'x y' ]", variables, 10000), 0);
    cr_assert_eq(run_command("exit 3", variables, 10000), 3);
    cr_assert_eq(run_command("sleep 100 & wait", variables, 100), 128 + 9);
    cr_assert_eq(run_command("kill -TERM $$", variables, 10000), 128 + 15);
}

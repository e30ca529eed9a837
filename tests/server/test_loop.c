/* The loop's threads over a real embedded store: sessions, mirror, decisions, and what they do when
 * somebody interferes. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/embedded_store.h"
#include "server/loop.h"
#include "server/store_wait.h"
#include "tests/support/instance_builder.h"
#include "tests/support/loop_idle.h"
#include "tests/support/temporary.h"

enum { WAIT_MS = 20000, TIMEOUT_MS = 5000 };

static char directory[TEMPORARY_SIZE];
static struct store *store;
static atomic_int left; /* members that have left */

/* One instance of allotd's inside. */
struct instance {
    struct publisher *publisher;
    struct candidate *candidate;
    struct loop *loop;
};

static void open_store(void)
{
    struct error_message why;
    struct embedded_store_config config = {.data_dir = directory};
    cr_assert_eq(embedded_store_open(&config, &store, &why), 0, "%s", why.text);
}

static void setup(void)
{
    temporary_directory(directory);
    open_store();
}

static void teardown(void)
{
    store->operations->destroy(store);
    temporary_remove(directory);
}

TestSuite(loop, .init = setup, .fini = teardown, .timeout = 120);

static void count_left(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

/* Takes the candidate. */
static struct instance start_as(struct candidate *candidate)
{
    struct instance instance = {.candidate = candidate};
    struct decoder decoder = builder_decoder();
    cr_assert_eq(publisher_create(&instance.publisher), 0);
    struct loop_config config = {
        .store = store,
        .publisher = instance.publisher,
        .decoder = &decoder,
        .root = SPAN(BUILDER_ROOT),
        .candidate = candidate,
        .ttl_seconds = 10,
        .gather_ms = 1,
        .threads = 2,
        .left = count_left,
        .context = &left,
    };
    cr_assert_eq(loop_start(&config, &instance.loop), 0);
    return instance;
}

static struct instance start(const char *name)
{
    struct error_message why;
    struct candidate *candidate = malloc(sizeof *candidate);
    cr_assert_not_null(candidate);
    cr_assert_eq(candidate_init_scheduler(candidate, SPAN(BUILDER_ROOT), span_of(name), &why), 0,
                 "%s", why.text);
    return start_as(candidate);
}

static struct instance start_member(const char *zone, const char *suffix)
{
    struct error_message why;
    struct candidate *candidate = malloc(sizeof *candidate);
    cr_assert_not_null(candidate);
    cr_assert_eq(candidate_init_member(candidate, SPAN(BUILDER_ROOT), span_of(zone),
                                       span_of(suffix), SPAN("4 decides"), &why),
                 0, "%s", why.text);
    return start_as(candidate);
}

static void stop(struct instance *instance)
{
    loop_stop(instance->loop);
    candidate_release(instance->candidate);
    free(instance->candidate);
    publisher_destroy(instance->publisher);
}

static void change(enum store_op_kind kind, const char *key, const char *value)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", BUILDER_ROOT, key);
    struct store_op op = {.kind = kind, .keys = {.key = span_of(full)}, .value = span_of(value)};
    struct store_txn txn = {.success = &op, .success_count = 1};
    cr_assert_eq(store_wait_txn(store, &txn, TIMEOUT_MS, NULL, NULL), 0, "%s", key);
}

static void put(const char *key, const char *value)
{
    change(STORE_OP_PUT, key, value);
}

/* Waits until @holds of a published snapshot. */
static void await(struct instance *instance, bool (*holds)(const struct snapshot *snapshot),
                  const char *what)
{
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    bool held = false;
    while (!held && clock_monotonic_ms() < deadline) {
        struct snapshot *snapshot = publisher_snapshot(instance->publisher);
        held = snapshot && holds(snapshot);
        snapshot_unref(snapshot);
        if (!held)
            sched_yield();
    }
    cr_assert(held, "%s", what);
}

static bool has_one_assignment(const struct snapshot *snapshot)
{
    return snapshot->state->assignment_count == 1;
}

static bool has_two_assignments(const struct snapshot *snapshot)
{
    return snapshot->state->assignment_count == 2 && snapshot->solution &&
           snapshot->solution->unattainable == 0;
}

static bool has_both_of_x(const struct snapshot *snapshot)
{
    return keyspace_find(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/assign/x#a#1#1")) &&
           has_two_assignments(snapshot);
}

static bool has_both_of_one(const struct snapshot *snapshot)
{
    return keyspace_find(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/assign/x#b#1#1"));
}

static bool has_promoted(const struct snapshot *snapshot)
{
    return keyspace_find(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/assign/x#b#1#0"));
}

/* A scheduler is announced, and we aren't. */
static bool has_a_leader_elsewhere(const struct snapshot *snapshot)
{
    return keyspace_find(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/schedulers/one")) &&
           !snapshot->state->own;
}

static bool has_four_assignments(const struct snapshot *snapshot)
{
    return snapshot->state->assignment_count == 4;
}

static bool has_a_leader(const struct snapshot *snapshot)
{
    return snapshot->state->leader != NULL;
}

static bool has_no_leader(const struct snapshot *snapshot)
{
    return !has_a_leader(snapshot);
}

static bool leads(const struct snapshot *snapshot)
{
    return state_is_leader(snapshot->state);
}

static bool follows(const struct snapshot *snapshot)
{
    return snapshot->state->leader && snapshot->state->own && !state_is_leader(snapshot->state);
}

static bool exits(const struct snapshot *snapshot)
{
    return state_should_exit(snapshot->state);
}

static void put_two_members(void)
{
    put("members/a#1", "4");
    put("members/b#1", "4");
}

Test(loop, assigns)
{
    struct instance instance = start("one");
    put_two_members();
    put("items/x", "2");
    await(&instance, has_two_assignments, "both replicas assigned, in two zones");
    put("items/y", "2");
    await(&instance, has_four_assignments, "the next item too");
    stop(&instance);
}

Test(loop, loads_what_was_there_before)
{
    put_two_members();
    put("items/x", "2");
    put("items/y", "2");
    struct instance instance = start("one");
    await(&instance, has_four_assignments, "all assigned");
    stop(&instance);
}

static bool has_the_format(const struct snapshot *snapshot)
{
    return keyspace_find(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/format"));
}

static bool has_pause(const struct snapshot *snapshot)
{
    return keyspace_find(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/allocator"));
}

Test(loop, keeps_off_a_root_until_it_has_been_restored)
{
    struct loop_status status;
    put("format", "{\"version\":1,\"restoring\":\"00ff\"}");
    struct instance instance = start("one");
    await(&instance, has_the_format, "reads");
    put_two_members();
    put("items/x", "2");
    put("allocator", "{\"paused\":\"no\"}"); /* the last of all */
    await(&instance, has_pause, "reads on");
    struct snapshot *snapshot = publisher_snapshot(instance.publisher);
    cr_expect_eq(snapshot->state->assignment_count, 0);
    cr_expect_null(snapshot->state->leader);
    snapshot_unref(snapshot);
    loop_status(instance.loop, &status);
    cr_assert_not_null(status.refused);
    cr_expect(strstr(status.refused, "is being restored"), "%s", status.refused);
    change(STORE_OP_DELETE, "format", "");
    await(&instance, has_two_assignments, "decides, as it is restored");
    loop_status(instance.loop, &status);
    cr_expect_null(status.refused);
    stop(&instance);
}

Test(loop, decides_nothing_any_more_once_the_root_is_of_a_newer_format)
{
    struct loop_status status;
    struct instance instance = start("one");
    put_two_members();
    put("items/x", "2");
    await(&instance, has_two_assignments, "assigned");
    put("format", "{\"version\":2}");
    put("items/y", "2");
    put("allocator", "{\"paused\":\"no\"}");
    await(&instance, has_pause, "reads on");
    loop_status(instance.loop, &status);
    cr_assert_not_null(status.refused);
    cr_expect(strstr(status.refused, "newer version"), "%s", status.refused);
    struct snapshot *snapshot = publisher_snapshot(instance.publisher);
    cr_expect_eq(snapshot->state->assignment_count, 2);
    snapshot_unref(snapshot);
    put("format", "{\"version\":1}");
    await(&instance, has_four_assignments, "goes on");
    stop(&instance);
}

Test(loop, announces_itself_again_when_its_key_was_deleted)
{
    struct instance instance = start("one");
    await(&instance, leads, "leads");
    put_two_members();
    put("items/x", "2");
    await(&instance, has_two_assignments, "assigned");
    change(STORE_OP_DELETE, "schedulers/one", "");
    put("items/y", "2");
    await(&instance, has_four_assignments, "assigned after it was announced again");
    stop(&instance);
}

Test(loop, goes_on_when_its_key_was_put_again)
{
    struct instance instance = start("one");
    await(&instance, leads, "leads");
    put_two_members();
    put("items/x", "2");
    await(&instance, has_two_assignments, "assigned");
    put("schedulers/one", "somebody else's"); /* another revision: the fence is lost */
    put("items/y", "2");
    await(&instance, has_four_assignments, "assigned by the one that started over");
    stop(&instance);
}

Test(loop, takes_over_at_once_from_one_that_left)
{
    struct instance first = start("one");
    await(&first, leads, "the first leads");
    struct instance second = start("two");
    await(&second, follows, "the second follows");
    put_two_members();
    put("items/x", "2");
    await(&second, has_two_assignments, "the second sees what the first decides");
    stop(&first);
    await(&second, leads, "the second leads");
    put("items/y", "2");
    await(&second, has_four_assignments, "and decides");
    stop(&second);
}

Test(loop, does_not_wait_for_its_own_former_lease)
{
    struct store_lease_result lease;
    cr_assert_eq(store_wait_lease_grant(store, 0, 3600, TIMEOUT_MS, &lease), 0);
    struct store_op op = {.kind = STORE_OP_PUT,
                          .keys = {.key = SPAN(BUILDER_ROOT "/schedulers/one")},
                          .lease = lease.id};
    struct store_txn txn = {.success = &op, .success_count = 1};
    cr_assert_eq(store_wait_txn(store, &txn, TIMEOUT_MS, NULL, NULL), 0);
    struct instance instance = start("one");
    await(&instance, leads, "leads");
    put_two_members();
    put("items/x", "2");
    await(&instance, has_two_assignments, "and decides");
    cr_assert_eq(store_wait_lease_revoke(store, lease.id, TIMEOUT_MS), ALLOT_ELEASE);
    stop(&instance);
}

/* Waits until the loop is refused, or isn't. */
static void await_refused(struct instance *instance, bool refused)
{
    struct loop_status status = {0};
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    do {
        sched_yield();
        loop_status(instance->loop, &status);
    } while ((status.refused != NULL) != refused && clock_monotonic_ms() < deadline);
    cr_assert_eq(status.refused != NULL, refused);
    cr_assert_not(refused && status.leading);
}

Test(loop, leaves_the_lead_to_another_of_its_name)
{
    struct instance first = start("one");
    await(&first, leads, "leads");
    put_two_members();
    struct instance second = start("one");
    await_refused(&first, true);
    put("items/x", "2");
    await(&second, has_two_assignments, "the second decides");
    await_refused(&second, false);
    await_refused(&first, true);
    stop(&second);
    await_refused(&first, false);
    put("items/y", "2");
    await(&first, has_four_assignments, "the first decides again");
    stop(&first);
}

static const char *fault_while_there_is_y(const struct state *state)
{
    bool there = keyspace_find(state->keyspace, SPAN(BUILDER_ROOT "/items/y"));
    return there ? "there is y" : NULL;
}

Test(loop, takes_its_key_back_where_it_should_not_have_been_announced)
{
    struct instance instance = start("one");
    await(&instance, leads, "leads");
    instance.candidate->fault = fault_while_there_is_y;
    put("items/y", "1");
    await_refused(&instance, true);
    await(&instance, has_no_leader, "its key is gone");
    put_two_members();
    put("items/x", "1");
    change(STORE_OP_DELETE, "items/y", "");
    await(&instance, has_one_assignment, "decides again");
    await_refused(&instance, false);
    stop(&instance);
}

Test(loop, leaves_alone_what_it_does_not_understand)
{
    struct instance instance = start("one");
    put_two_members();
    put("items/x", "2");
    await(&instance, has_two_assignments, "assigned");
    put("assign/x#a#1#0", BUILDER_CONSISTENT);
    put("assign/x#b#1#1", BUILDER_CONSISTENT);
    put("items/x", "who knows");
    put("items/y", "2");
    await(&instance, has_four_assignments, "y assigned, x left alone");
    put("items/x", "1");
    change(STORE_OP_DELETE, "items/y", "");
    await(&instance, has_one_assignment, "x understood again, y gone");
    stop(&instance);
}

Test(loop, removes_dead_assignments)
{
    put("members/a#1", "4");
    put("assign/gone#a#1#0", "");
    put("assign/x#a#9#0", BUILDER_CONSISTENT);
    put("items/x", "1");
    struct instance instance = start("one");
    await(&instance, has_both_of_x, "that of no item is gone, that of no member waits");
    put("assign/x#a#1#1", BUILDER_CONSISTENT);
    await(&instance, has_one_assignment, "until the other one is consistent");
    stop(&instance);
}

/* --- members that allocate themselves --- */

static int set_exiting(void *context, struct span former, struct arena *arena, struct span *ret)
{
    (void)context, (void)former;
    *ret = arena_copy(arena, SPAN("4 decides exiting"));
    return ret->data ? 0 : ALLOT_ENOMEM;
}

Test(loop, members_are_led_by_the_oldest)
{
    struct instance first = start_member("a", "1");
    await(&first, leads, "the first leads");
    struct instance second = start_member("b", "1");
    await(&second, follows, "the second follows");
    put("items/x", "2");
    await(&second, has_two_assignments, "assigned");
    stop(&first);
    await(&second, leads, "the second leads");
    stop(&second);
    cr_assert_eq(atomic_load(&left), 0);
}

Test(loop, a_member_that_exits_leaves_when_it_is_empty)
{
    struct instance first = start_member("a", "1");
    await(&first, leads, "the first leads");
    struct instance second = start_member("b", "1");
    put("items/x", "1");
    await(&first, has_one_assignment, "assigned");
    put("assign/x#a#1#0", BUILDER_CONSISTENT);
    cr_assert_eq(loop_update(first.loop, set_exiting, NULL), 0);
    await(&second, has_both_of_one, "handed over");
    put("assign/x#b#1#1", BUILDER_CONSISTENT);
    while (atomic_load(&left) == 0)
        sched_yield();
    stop(&first);
    await(&second, has_promoted, "the other one is primary");
    stop(&second);
    cr_assert_eq(atomic_load(&left), 1);
}

/* The next process of the name waits until the one before it has left. */
Test(loop, a_member_does_not_leave_with_another_process_of_its_name)
{
    struct instance first = start_member("a", "1");
    await(&first, leads, "the first leads");
    struct instance second = start_member("a", "1");
    await(&second, leads, "sees the key of the first");
    cr_assert_eq(loop_update(first.loop, set_exiting, NULL), 0);
    while (atomic_load(&left) == 0)
        sched_yield();
    await(&second, exits, "sees that the first exits");
    stop(&first);
    put("items/x", "1");
    await(&second, has_one_assignment, "the second leads by a key of its own");
    stop(&second);
    cr_assert_eq(atomic_load(&left), 1);
}

Test(loop, a_member_is_not_announced_where_schedulers_lead)
{
    struct instance scheduler = start("one");
    await(&scheduler, leads, "leads");
    struct instance member = start_member("a", "1");
    await(&member, has_a_leader_elsewhere, "sees the scheduler");
    put("items/x", "1");
    stop(&scheduler);
    await(&member, leads, "once it has gone");
    await(&member, has_one_assignment, "assigned");
    stop(&member);
}

/* --- what is recorded --- */

#define ROUNDS BUILDER_ROOT "/rounds/"

static int64_t number(struct json_object *record, const char *name)
{
    struct json_object *value = NULL;
    cr_assert(json_object_object_get_ex(record, name, &value), "no field %s", name);
    return json_object_get_int64(value);
}

static const char *text(struct json_object *record, const char *name)
{
    struct json_object *value = NULL;
    cr_assert(json_object_object_get_ex(record, name, &value), "no field %s", name);
    return json_object_get_string(value);
}

/* Once the loop has nothing to do in what is there now: the snapshot of that. */
static struct snapshot *await_idle(struct instance *instance)
{
    struct snapshot *snapshot = publisher_snapshot(instance->publisher);
    int64_t idle = loop_idle_wait(instance->loop, snapshot->state->revision);
    cr_assert_neq(idle, 0);
    while (snapshot->state->revision < idle) {
        snapshot_unref(snapshot);
        sched_yield();
        snapshot = publisher_snapshot(instance->publisher);
    }
    return snapshot;
}

static size_t count_records(const struct snapshot *snapshot)
{
    struct keyspace_cursor first = keyspace_seek(snapshot->state->keyspace, SPAN(ROUNDS));
    struct keyspace_cursor end = keyspace_seek(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/s"));
    return keyspace_rank(&end) - keyspace_rank(&first);
}

static bool has_revision(struct json_object *record, int64_t revision)
{
    struct json_object *revisions = json_object_object_get(record, "revisions");
    for (size_t i = 0; i < json_object_array_length(revisions); i++)
        if (json_object_get_int64(json_object_array_get_idx(revisions, i)) == revision)
            return true;
    return false;
}

/* The record of the round that made the assignment; released by the caller. */
static struct json_object *find_record(const struct snapshot *snapshot, const char *assignment)
{
    const struct keyspace *keyspace = snapshot->state->keyspace;
    const struct entry *made = keyspace_find(keyspace, span_of(assignment));
    cr_assert_not_null(made, "%s", assignment);
    struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN(ROUNDS));
    for (const struct entry *entry; (entry = keyspace_next(&cursor));) {
        cr_assert(span_has_prefix(entry->key, SPAN(ROUNDS)), "not recorded");
        struct json_tokener *tokener = json_tokener_new();
        struct json_object *record =
            json_tokener_parse_ex(tokener, entry->value.data, (int)entry->value.size);
        json_tokener_free(tokener);
        cr_assert_not_null(record);
        if (has_revision(record, made->mod_revision)) {
            char key[128];
            (void)snprintf(key, sizeof key, ROUNDS "%019" PRId64 "-%010" PRId64,
                           number(record, "fence"), number(record, "round"));
            cr_assert(span_equal(entry->key, span_of(key)));
            cr_assert_gt(entry->mod_revision, number(record, "last_revision"));
            return record;
        }
        json_object_put(record);
    }
    cr_assert_fail("not recorded");
    abort(); /* it doesn't come here */
}

static bool has_members(const struct snapshot *snapshot)
{
    return snapshot->state->member_count == 2;
}

Test(loop, records_each_round_and_what_it_was_about)
{
    struct instance instance = start("one");
    await(&instance, leads, "leads");
    put_two_members();
    await(&instance, has_members, "members");
    snapshot_unref(await_idle(&instance));
    put("items/x", "2");
    await(&instance, has_two_assignments, "assigned");
    struct snapshot *snapshot = await_idle(&instance);

    const struct state *state = snapshot->state;
    struct json_object *record = find_record(snapshot, BUILDER_ROOT "/assign/x#a#1#0");
    int64_t caused = state->items[0]->mod_revision;
    cr_expect_eq(number(record, "fence"), state->own->mod_revision);
    cr_expect_str_eq(text(record, "instance"), "one");
    cr_expect_str_eq(text(record, "why"), "network");
    cr_expect_str_eq(text(record, "solved"), "true");
    cr_expect_eq(number(record, "additions"), 2);
    cr_expect_eq(number(record, "removals"), 0);
    cr_expect_eq(number(record, "transactions"), 1);
    cr_expect_eq(number(record, "assigned"), 2);
    cr_expect_eq(number(record, "first_revision"), number(record, "last_revision"));
    cr_expect_geq(number(record, "after_revision"), state->members[1]->mod_revision);
    cr_expect_lt(number(record, "after_revision"), caused);
    cr_expect_geq(number(record, "decided_on"), caused);
    cr_expect_lt(number(record, "decided_on"), number(record, "first_revision"));
    json_object_put(record);
    snapshot_unref(snapshot);
    stop(&instance);
}

static bool is_touched(const struct snapshot *snapshot)
{
    return keyspace_find(snapshot->state->keyspace, SPAN(BUILDER_ROOT "/unrelated"));
}

Test(loop, records_nothing_when_there_is_nothing_to_do)
{
    struct instance instance = start("one");
    put_two_members();
    put("items/x", "2");
    await(&instance, has_two_assignments, "assigned");
    struct snapshot *before = await_idle(&instance);
    put("unrelated", "");
    await(&instance, is_touched, "seen");
    struct snapshot *after = await_idle(&instance);
    cr_expect_eq(after->state->revision, before->state->revision + 1);
    cr_expect_eq(count_records(after), count_records(before));
    snapshot_unref(before);
    snapshot_unref(after);
    stop(&instance);
}

Test(loop, a_member_that_leads_records_its_rounds)
{
    struct instance instance = start_member("a", "1");
    await(&instance, leads, "leads");
    put("items/x", "1");
    await(&instance, has_one_assignment, "assigned");
    struct snapshot *snapshot = await_idle(&instance);
    struct json_object *record = find_record(snapshot, BUILDER_ROOT "/assign/x#a#1#0");
    cr_expect_str_eq(text(record, "instance"), "a#1");
    json_object_put(record);
    snapshot_unref(snapshot);
    stop(&instance);
}

Test(loop, status_tells_that_it_runs)
{
    struct loop_status status;
    struct instance instance = start("one");
    await(&instance, has_a_leader, "announced");
    await(&instance, leads, "leads");
    loop_status(instance.loop, &status);
    cr_assert(status.running);
    cr_assert(status.leading);
    cr_assert(status.store_reachable);
    cr_assert_gt(status.current_monotonic_ms, 0);
    cr_assert_eq(status.failed_passes, 0);
    stop(&instance);
}

/* The loop on a real etcd against the reference's answers: every instance of small.jsonl is put as
 * keys and values, each under a root of its own, and what is left there compared with what the loop
 * in memory came to. What the loop did on the way is read from the keys' events. So twice: by the
 * reference's rules, and, where that makes no difference, by allotd's own. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/values.h"
#include "core/keys.h"
#include "server/base64.h"
#include "server/loop.h"
#include "tests/etcd/fixture.h"
#include "tests/support/loop_idle.h"
#include "tests/support/store_sync.h"

enum { PARTS = 2, ROOT_SIZE = 128, SIZE = 512, BODY_SIZE = 1 << 20 };

/* One case, while it runs. */
struct run {
    const char *name;
    const struct etcd_server *server;
    struct store *store;
    struct json_object *instance;
    struct json_object *wanted; /* "converge" */
    bool gone_members_count;    /* the reference's rule */
    char root[ROOT_SIZE];
    struct sync_watch watch; /* of its assignments, from the beginning */
    int64_t revision;        /* of what was put last */
};

static struct json_object *field(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    cr_assert(json_object_object_get_ex(object, name, &value), "no field %s", name);
    return value;
}

static const char *text(struct json_object *object, const char *name)
{
    return json_object_get_string(field(object, name));
}

static int64_t number(struct json_object *object, const char *name)
{
    return json_object_get_int64(field(object, name));
}

static bool flag(struct json_object *object, const char *name)
{
    return json_object_get_boolean(field(object, name));
}

/* --- keys and values --- */

/* Puts that are made in as few transactions as may be. */
struct puts {
    struct run *run;
    size_t count;
    char keys[STORE_MAX_OPS][SIZE];
    char values[STORE_MAX_OPS][SIZE];
};

static void flush(struct puts *puts)
{
    struct store_op ops[STORE_MAX_OPS];
    struct sync_answer answer;
    if (puts->count == 0)
        return;
    for (size_t i = 0; i < puts->count; i++)
        ops[i] = (struct store_op){.kind = STORE_OP_PUT,
                                   .keys = {.key = span_of(puts->keys[i])},
                                   .value = span_of(puts->values[i])};
    struct store_txn txn = {.success = ops, .success_count = puts->count};
    cr_assert_eq(sync_txn(puts->run->store, &txn, &answer), 0);
    puts->run->revision = answer.revision;
    sync_answer_release(&answer);
    puts->count = 0;
}

/* Where the next key goes; its value is beside it. */
static char *next(struct puts *puts)
{
    if (puts->count == STORE_MAX_OPS)
        flush(puts);
    return puts->keys[puts->count];
}

static void value(struct puts *puts, const char *json)
{
    snprintf(puts->values[puts->count++], SIZE, "%s", json);
}

static int by_create_revision(const void *a, const void *b)
{
    int64_t x = number(*(struct json_object *const *)a, "create_revision");
    int64_t y = number(*(struct json_object *const *)b, "create_revision");
    return (x > y) - (x < y);
}

/* In order of their create revisions: one transaction for all that have the same. */
static void put_members(struct puts *puts)
{
    struct json_object *members = field(puts->run->instance, "members");
    int64_t former = 0;
    json_object_array_sort(members, by_create_revision);
    for (size_t i = 0; i < json_object_array_length(members); i++) {
        struct json_object *member = json_object_array_get_idx(members, i);
        char json[SIZE];
        if (number(member, "create_revision") != former)
            flush(puts);
        former = number(member, "create_revision");
        snprintf(next(puts), SIZE, "%s/members/%s#%s", puts->run->root, text(member, "zone"),
                 text(member, "suffix"));
        snprintf(json, sizeof json, "{\"item_limit\":%" PRId64 ",\"exiting\":%s}",
                 number(member, "limit"), flag(member, "exiting") ? "true" : "false");
        value(puts, json);
    }
    flush(puts);
}

static void put_items(struct puts *puts)
{
    struct json_object *items = field(puts->run->instance, "items");
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        char json[SIZE];
        snprintf(next(puts), SIZE, "%s/items/%s", puts->run->root, text(item, "id"));
        snprintf(json, sizeof json, "{\"replication\":%" PRId64 ",\"consistency\":\"reported\"}",
                 number(item, "replication"));
        value(puts, json);
    }
}

static void put_assignments(struct puts *puts)
{
    struct json_object *assignments = field(puts->run->instance, "assignments");
    for (size_t i = 0; i < json_object_array_length(assignments); i++) {
        struct json_object *assignment = json_object_array_get_idx(assignments, i);
        snprintf(next(puts), SIZE, "%s/assign/%s#%s#%s#%" PRId64, puts->run->root,
                 text(assignment, "item"), text(assignment, "zone"), text(assignment, "suffix"),
                 number(assignment, "slot"));
        value(puts, flag(assignment, "consistent") ? "{\"consistent\":true}" : "");
    }
    flush(puts);
}

static void put_instance(struct run *run)
{
    static struct puts puts;
    puts.run = run;
    put_members(&puts);
    put_items(&puts);
    put_assignments(&puts);
}

/* Marks all assignments consistent that aren't, at once: so by etcd's own interface, since this may
 * be more than a store's transaction takes. False: there are none. */
static bool mark_all(struct run *run, const struct state *state)
{
    struct buffer body;
    bool any = false;
    buffer_init(&body, BODY_SIZE);
    buffer_append(&body, SPAN("{\"success\":["));
    for (int32_t a = 0; a < state->assignment_count; a++) {
        const struct entry *entry = state->assignments[a];
        if (entry->value.size != 0)
            continue;
        buffer_append(&body, any ? SPAN(",{\"request_put\":{\"key\":\"")
                                 : SPAN("{\"request_put\":{\"key\":\""));
        base64_append(&body, entry->key);
        buffer_append(&body, SPAN("\",\"value\":\""));
        base64_append(&body, SPAN("{\"consistent\":true}"));
        buffer_append(&body, SPAN("\"}}"));
        any = true;
    }
    buffer_append(&body, (struct span){"]}", 3}); /* with its zero byte */
    cr_assert_eq(body.error, 0);
    if (any)
        etcd_server_post(run->server, "/v3/kv/txn", buffer_span(&body).data);
    buffer_release(&body);
    run->revision = sync_revision(run->store);
    return any;
}

/* --- the loop --- */

static void pause_briefly(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

/* The snapshot in which the loop was idle: it is published a moment after the loop has it. */
static struct snapshot *await_snapshot(struct publisher *publisher, int64_t revision)
{
    struct snapshot *snapshot = publisher_snapshot(publisher);
    while (snapshot->state->revision < revision) {
        snapshot_unref(snapshot);
        pause_briefly();
        snapshot = publisher_snapshot(publisher);
    }
    return snapshot;
}

/* Returns how many rounds it took. */
static int64_t converge(struct run *run)
{
    struct decoder decoder = api_decoder();
    struct publisher *publisher = NULL;
    struct loop *loop = NULL;
    struct candidate candidate;
    struct error_message why;
    cr_assert_eq(publisher_create(&publisher), 0);
    cr_assert_eq(candidate_init_scheduler(&candidate, span_of(run->root), SPAN("one"), &why), 0);
    struct loop_config config = {.store = run->store,
                                 .publisher = publisher,
                                 .decoder = &decoder,
                                 .root = span_of(run->root),
                                 .candidate = &candidate,
                                 .ttl_seconds = 30,
                                 .gather_ms = 1,
                                 .threads = 1,
                                 .gone_members_count = run->gone_members_count,
                                 .solver = SOLVER_REFERENCE};
    cr_assert_eq(loop_start(&config, &loop), 0);
    for (bool marked = true; marked;) {
        int64_t idle_revision = loop_idle_wait(loop, run->revision);
        cr_assert_neq(idle_revision, 0, "%s: not idle", run->name);
        struct snapshot *snapshot = await_snapshot(publisher, idle_revision);
        marked = mark_all(run, snapshot->state);
        snapshot_unref(snapshot);
    }
    struct loop_status status;
    loop_status(loop, &status);
    loop_stop(loop);
    candidate_release(&candidate);
    publisher_destroy(publisher);
    return status.allocator.round;
}

/* --- what happened, by the events --- */

struct totals {
    int64_t adds;
    int64_t removes;
    int64_t packs;
};

/* Without the slot. */
static struct span replica_of(const struct store_event *event)
{
    const char *hash = memrchr(event->kv.key.data, '#', event->kv.key.size);
    cr_assert(hash);
    return (struct span){event->kv.key.data, (size_t)(hash - event->kv.key.data)};
}

/* Whether another event of the revision deletes (or puts) what @event puts (or deletes), in another
 * slot. */
static bool moves(const struct run *run, size_t at)
{
    const struct store_event *event = &run->watch.events[at];
    struct span replica = replica_of(event);
    for (size_t i = 0; i < run->watch.count; i++) {
        const struct store_event *other = &run->watch.events[i];
        if (other->kv.mod_revision == event->kv.mod_revision && other->kind != event->kind &&
            span_equal(replica_of(other), replica))
            return true;
    }
    return false;
}

static bool item_exists(const struct run *run, const struct store_event *event)
{
    struct json_object *items = field(run->instance, "items");
    size_t prefix = strlen(run->root) + strlen("/assign/");
    const char *id = event->kv.key.data + prefix;
    size_t size = (size_t)((const char *)memchr(id, '#', event->kv.key.size - prefix) - id);
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        const char *known = text(json_object_array_get_idx(items, i), "id");
        if (span_equal(span_of(known), (struct span){id, size}))
            return true;
    }
    return false;
}

static struct totals count_events(struct run *run, int64_t first_revision)
{
    struct totals totals = {0};
    cr_assert(sync_watch_wait_revision(&run->watch, sync_revision(run->store)));
    sync_watch_stop(&run->watch);
    for (size_t i = 0; i < run->watch.count; i++) {
        const struct store_event *event = &run->watch.events[i];
        bool put = event->kind == STORE_EVENT_PUT;
        if (event->kv.mod_revision <= first_revision || (put && event->kv.version != 1))
            continue;
        if (moves(run, i))
            totals.packs += put;
        else if (put)
            totals.adds++;
        else
            totals.removes += item_exists(run, event);
    }
    return totals;
}

/* --- comparing --- */

static void check_final(struct run *run)
{
    char begin[SIZE];
    char end[SIZE];
    struct sync_answer answer;
    struct json_object *final = field(run->wanted, "final");
    snprintf(begin, sizeof begin, "%s/assign/", run->root);
    snprintf(end, sizeof end, "%s/assign0", run->root);
    struct store_range range = {.keys = {span_of(begin), span_of(end)}};
    cr_assert_eq(sync_range(run->store, &range, &answer), 0);
    cr_expect_eq(answer.kv_count, json_object_array_length(final), "%s: final %d instead of %d",
                 run->name, (int)answer.kv_count, (int)json_object_array_length(final));
    for (size_t i = 0; i < answer.kv_count && i < json_object_array_length(final); i++) {
        const char *wanted = json_object_get_string(json_object_array_get_idx(final, i));
        struct span key = answer.kvs[i].key;
        key.data += strlen(run->root);
        key.size -= strlen(run->root);
        cr_expect(span_equal(key, span_of(wanted + strlen("/root"))), "%s: %.*s, not %s", run->name,
                  (int)key.size, key.data, wanted);
    }
    sync_answer_release(&answer);
}

static bool is_registered(struct json_object *members, struct json_object *assignment)
{
    for (size_t i = 0; i < json_object_array_length(members); i++) {
        struct json_object *member = json_object_array_get_idx(members, i);
        if (strcmp(text(member, "zone"), text(assignment, "zone")) == 0 &&
            strcmp(text(member, "suffix"), text(assignment, "suffix")) == 0)
            return true;
    }
    return false;
}

static bool has_gone_members(struct json_object *instance)
{
    struct json_object *assignments = field(instance, "assignments");
    for (size_t i = 0; i < json_object_array_length(assignments); i++)
        if (!is_registered(field(instance, "members"), json_object_array_get_idx(assignments, i)))
            return true;
    return false;
}

/* Returns whether there is something to check. */
static bool check_case(struct fixture *fixture, struct json_object *vector, bool gone_members_count)
{
    struct run run = {
        .name = text(vector, "name"),
        .server = &fixture->server,
        .store = fixture->store,
        .instance = field(vector, "instance"),
        .gone_members_count = gone_members_count,
    };
    if (!json_object_object_get_ex(vector, "converge", &run.wanted) ||
        (!gone_members_count && has_gone_members(run.instance)))
        return false;
    char begin[SIZE];
    char end[SIZE];
    snprintf(run.root, sizeof run.root, "/elsewhere/%d/%s", gone_members_count, run.name);
    snprintf(begin, sizeof begin, "%s/assign/", run.root);
    snprintf(end, sizeof end, "%s/assign0", run.root);
    struct store_keys assignments = {span_of(begin), span_of(end)};
    cr_assert_eq(sync_watch_start(&run.watch, run.store, assignments, 0), 0);
    put_instance(&run);
    int64_t first_revision = run.revision;
    int64_t rounds = converge(&run);
    struct totals totals = count_events(&run, first_revision);
    check_final(&run);
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {{"rounds", rounds},
                {"adds", totals.adds},
                {"removes", totals.removes},
                {"packs", totals.packs}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(rows[i].value, number(run.wanted, rows[i].name), "%s: %s %" PRId64, run.name,
                     rows[i].name, rows[i].value);
    sync_watch_release(&run.watch);
    return true;
}

static int check_part(int part, bool gone_members_count)
{
    struct fixture fixture;
    FILE *file = fopen("tests/vectors/small.jsonl", "r");
    char *line = NULL;
    size_t capacity = 0;
    int lines = 0;
    int cases = 0;
    cr_assert(file, "run from the top of the tree");
    fixture_start(&fixture, (const char *[]){"--max-txn-ops", "100000", NULL});
    while (getline(&line, &capacity, file) > 0) {
        if (lines++ % PARTS != part)
            continue;
        struct json_object *vector = json_tokener_parse(line);
        cases += check_case(&fixture, vector, gone_members_count);
        json_object_put(vector);
    }
    cr_assert_eq(lines, 148);
    free(line);
    fclose(file);
    fixture_remove(&fixture);
    return cases;
}

Test(etcd_vectors, even, .timeout = 300)
{
    cr_assert_eq(check_part(0, true), 65);
}

Test(etcd_vectors, odd, .timeout = 300)
{
    cr_assert_eq(check_part(1, true), 65);
}

Test(etcd_vectors, even_by_our_rules, .timeout = 300)
{
    cr_assert_eq(check_part(0, false), 37);
}

Test(etcd_vectors, odd_by_our_rules, .timeout = 300)
{
    cr_assert_eq(check_part(1, false), 44);
}

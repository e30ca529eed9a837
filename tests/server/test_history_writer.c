#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/history_block.h"
#include "server/history_readers.h"
#include "tests/server/history_stage.h"

/* A history written from a story, against what the story knows of itself. */

/* --- the events --- */

/* What the story knows of an event. */
struct known {
    const struct store_event *event;
    int32_t order;
    struct span key;
    struct span before; /* data NULL: none */
    int64_t before_lease;
};

/* All events but of ROOT/actor being put, for free(). */
static struct known *know(const struct model_store *store, size_t *ret_count)
{
    size_t event_count = 0;
    const struct store_event *events = model_store_events_since(store, 1, &event_count);
    struct known *known = calloc(event_count + 1, sizeof *known);
    struct model_table table = {.kvs = NULL};
    int32_t order = 0;
    *ret_count = 0;
    for (size_t i = 0; i < event_count; i++) {
        const struct store_event *event = &events[i];
        const struct store_kv *before = model_table_find(&table, event->kv.key);
        if (i > 0 && events[i - 1].kv.mod_revision != event->kv.mod_revision)
            order = 0;
        bool is_actor = span_equal(event->kv.key, SPAN(STORY_ROOT "/actor"));
        if (!is_actor || event->kind == STORE_EVENT_DELETE) {
            known[*ret_count] =
                (struct known){.event = event,
                               .order = order,
                               .key = {event->kv.key.data + strlen(STORY_ROOT),
                                       event->kv.key.size - strlen(STORY_ROOT)},
                               .before = before ? before->value : (struct span){NULL, 0},
                               .before_lease = before ? before->lease : 0};
            ++*ret_count;
            order++;
        }
        model_table_apply(&table, event);
    }
    model_table_release(&table);
    return known;
}

struct hearing {
    const struct known *known;
    size_t count;
    size_t next;
    int64_t heard;
    bool newest_first;
};

static void check_event(const struct history_event *event, const struct known *known)
{
    const struct store_kv *kv = &known->event->kv;
    bool is_put = known->event->kind == STORE_EVENT_PUT;
    cr_assert_eq(event->position.revision, kv->mod_revision);
    cr_assert_eq(event->position.order, known->order);
    cr_assert(span_equal(event->key, known->key), "%.*s, not %.*s", (int)event->key.size,
              event->key.data, (int)known->key.size, known->key.data);
    cr_assert_eq(event->before.data == NULL, known->before.data == NULL);
    cr_assert(span_equal(event->before, known->before));
    cr_assert_eq(event->after.data != NULL, is_put);
    cr_assert(!is_put || span_equal(event->after, kv->value));
    cr_assert_eq(event->create_revision, is_put ? kv->create_revision : 0);
    cr_assert_eq(event->version, is_put ? kv->version : 0);
    cr_assert_eq(event->lease, is_put ? kv->lease : 0);
    cr_assert_not(event->reconstructed);
    if (is_put)
        cr_assert_eq(event->operation, known->before.data ? HISTORY_UPDATE : HISTORY_CREATE);
    else
        cr_assert(event->operation == HISTORY_DELETE || event->operation == HISTORY_EXPIRE);
}

/* Each event that is told is one that is known; those between it and the one before don't fit. */
static bool hear(void *context, const struct history_event *event)
{
    struct hearing *hearing = context;
    for (;; hearing->next++) {
        cr_assert_lt(hearing->next, hearing->count, "an event that never was");
        size_t i = hearing->newest_first ? hearing->count - 1 - hearing->next : hearing->next;
        const struct known *known = &hearing->known[i];
        if (known->event->kv.mod_revision == event->position.revision &&
            known->order == event->position.order) {
            check_event(event, known);
            hearing->next++;
            break;
        }
    }
    hearing->heard++;
    return true;
}

static void ask(struct history_readers *readers, struct history_query *query, void *visitor,
                history_visit_event *visit)
{
    static const atomic_bool never = false;
    struct history_page page = {.more = true};
    query->continues = false;
    while (page.more) {
        int error = history_readers_events(readers, query, &never, visit, visitor, &page);
        cr_assert_eq(error, 0, "%s", allot_error_text(error));
        query->continues = true;
        query->position = page.last;
    }
}

#define EVERYTHING                                                  \
    {                                                               \
        .kinds = ~0u, .to_revision = INT64_MAX, .to_ms = INT64_MAX, \
    }

static void check_all_events(struct history_stage *stage, bool newest_first, int limit)
{
    struct history_readers *readers = NULL;
    struct history_query query = {
        .filter = EVERYTHING, .newest_first = newest_first, .limit = limit};
    struct hearing hearing = {.newest_first = newest_first};
    struct known *known = know(stage->story.store, &hearing.count);
    hearing.known = known;
    cr_assert_eq(history_readers_create(stage->path, &readers), 0);
    ask(readers, &query, &hearing, hear);
    cr_assert_eq(hearing.heard, (int64_t)hearing.count);
    history_readers_destroy(readers);
    free(known);
}

Test(history_writer, tells_what_happened)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct history_stage stage;
        history_stage_begin(&stage, seed);
        for (int i = 0; i < 300; i++) {
            story_step(&stage.story);
            if (random_below(&stage.story.random, 10) == 0)
                history_stage_write(&stage);
            if (random_below(&stage.story.random, 60) == 0) {
                history_writer_close(stage.writer);
                history_stage_open(&stage);
            }
        }
        history_stage_write(&stage);
        history_stage_check(&stage);
        check_all_events(&stage, false, 7);
        check_all_events(&stage, true, 1000);
        history_stage_end(&stage);
    }
}

/* --- filters --- */

/* The same question, answered by looking at everything. */
struct sieve {
    const struct history_filter *filter;
    struct history_position *positions; /* of what fits */
    size_t count;
    size_t next;
};

static bool holds(struct span text, const char *what)
{
    return text.data && memmem(text.data, text.size, what, strlen(what)) != NULL;
}

static bool is_by(const struct history_event *event, struct span principal)
{
    char pattern[128];
    (void)snprintf(pattern, sizeof pattern, "{\"principal\":\"%.*s\"", (int)principal.size,
                   principal.data);
    return holds(event->actor, pattern) && !holds(event->actor, "deploy");
}

static bool sieve_takes(const struct history_filter *filter, const struct history_event *event)
{
    const struct key_parts *parts = &event->parts;
    return (filter->kinds >> event->kind & 1) &&
           (!filter->item.data || span_equal(filter->item, parts->item)) &&
           (!filter->zone.data || span_equal(filter->zone, parts->zone)) &&
           (!filter->suffix.data || span_equal(filter->suffix, parts->suffix)) &&
           (!filter->principal.data || is_by(event, filter->principal)) &&
           event->position.revision >= filter->from_revision &&
           event->position.revision <= filter->to_revision && event->time_ms >= filter->from_ms &&
           event->time_ms <= filter->to_ms;
}

static bool sift(void *context, const struct history_event *event)
{
    struct sieve *sieve = context;
    if (sieve_takes(sieve->filter, event)) {
        sieve->positions = realloc(sieve->positions, (sieve->count + 1) * sizeof *sieve->positions);
        sieve->positions[sieve->count++] = event->position;
    }
    return true;
}

static bool compare(void *context, const struct history_event *event)
{
    struct sieve *sieve = context;
    cr_assert_lt(sieve->next, sieve->count);
    const struct history_position *wanted = &sieve->positions[sieve->next++];
    cr_assert_eq(wanted->revision, event->position.revision);
    cr_assert_eq(wanted->order, event->position.order);
    return true;
}

static struct history_filter random_filter(struct story *story)
{
    static const struct span items[] = {{"a", 1}, {"d/e", 3}, {"\xFF~", 2}, {"nowhere", 7}};
    static const struct span zones[] = {{"zone-0", 6}, {"zone-2", 6}, {"zone-9", 6}};
    static const struct span suffixes[] = {{"m0", 2}, {"m1", 2}};
    static const struct span principals[] = {{"alice", 5}, {"allocator", 9}, {"eve", 3}};
    struct random *random = &story->random;
    struct history_filter filter = EVERYTHING;
    if (random_below(random, 3) == 0)
        filter.item = items[random_below(random, 4)];
    if (random_below(random, 3) == 0) {
        filter.zone = zones[random_below(random, 3)];
        if (random_below(random, 2))
            filter.suffix = suffixes[random_below(random, 2)];
    }
    if (random_below(random, 4) == 0)
        filter.principal = principals[random_below(random, 3)];
    if (random_below(random, 3) == 0)
        filter.kinds = (unsigned)random_below(random, 1u << HISTORY_KIND_COUNT);
    if (random_below(random, 4) == 0)
        filter.kinds = 1u << random_below(random, HISTORY_KIND_COUNT);
    if (random_below(random, 3) == 0)
        filter.from_revision = (int64_t)random_below(random, (uint64_t)story->told);
    if (random_below(random, 3) == 0)
        filter.to_revision = (int64_t)random_below(random, (uint64_t)story->told);
    if (random_below(random, 4) == 0)
        filter.from_ms = story->clock_ms - (int64_t)random_below(random, 400000);
    if (random_below(random, 4) == 0)
        filter.to_ms = story->clock_ms - (int64_t)random_below(random, 400000);
    return filter;
}

/* Asks @count questions; returns how many events were found. */
static int64_t try_filters(struct history_stage *stage, int count)
{
    struct history_readers *readers = NULL;
    int64_t found = 0;
    cr_assert_eq(history_readers_create(stage->path, &readers), 0);
    for (int i = 0; i < count; i++) {
        struct history_filter filter = random_filter(&stage->story);
        struct sieve sieve = {.filter = &filter};
        bool newest = random_below(&stage->story.random, 2);
        struct history_query all = {.filter = EVERYTHING, .newest_first = newest, .limit = 5000};
        struct history_query query = {.filter = filter,
                                      .newest_first = newest,
                                      .limit = 1 + (int)random_below(&stage->story.random, 50)};
        ask(readers, &all, &sieve, sift);
        ask(readers, &query, &sieve, compare);
        cr_assert_eq(sieve.next, sieve.count, "filter %d", i);
        found += (int64_t)sieve.count;
        free(sieve.positions);
    }
    history_readers_destroy(readers);
    return found;
}

Test(history_writer, finds_what_fits_any_filter)
{
    struct history_stage stage;
    history_stage_begin(&stage, 77);
    history_stage_live(&stage, 600);
    history_stage_write(&stage);
    cr_assert_gt(try_filters(&stage, 400), 1000, "else they are of no use");
    history_stage_end(&stage);
}

Test(history_writer, finds_what_fits_any_filter_in_many_blocks)
{
    struct history_stage stage;
    history_stage_begin(&stage, 78);
    for (int i = 0; i < 8; i++) {
        history_stage_live(&stage, 1000);
        history_stage_write(&stage);
        history_stage_reopen(&stage); /* which collects the newest block's postings again */
    }
    struct history_status status = {0};
    cr_assert_eq(history_writer_measure(stage.writer, &status), 0);
    cr_assert_gt(status.event_count, INT64_C(2) * HISTORY_BLOCK_EVENTS);
    cr_assert_gt(try_filters(&stage, 40), 1000, "else they are of no use");
    history_stage_end(&stage);
}

/* --- moments --- */

Test(history_writer, knows_what_there_was_at_any_revision)
{
    static const atomic_bool never = false;
    for (uint64_t seed = 100; seed < 104; seed++) {
        struct history_stage stage;
        struct history_readers *readers = NULL;
        struct model_table tables[400];
        int64_t revisions[400];
        history_stage_begin(&stage, seed);
        for (int i = 0; i < 400; i++) {
            story_step(&stage.story);
            tables[i] = model_table_copy(model_store_table(stage.story.store));
            revisions[i] = model_store_revision(stage.story.store);
        }
        history_stage_write(&stage);
        cr_assert_eq(history_readers_create(stage.path, &readers), 0);
        for (int i = 0; i < 400; i += 7) {
            struct history_moment at = {.revision = revisions[i]};
            struct snapshot *snapshot = NULL;
            int error = history_readers_state(readers, &at, &never, &snapshot);
            cr_assert_eq(error, 0, "%s", allot_error_text(error));
            history_stage_check_keys(snapshot->state->keyspace, &tables[i], "then");
            snapshot_unref(snapshot);
        }
        for (int i = 0; i < 400; i++)
            model_table_release(&tables[i]);
        history_readers_destroy(readers);
        history_stage_end(&stage);
    }
}

/* --- whose it was --- */

static void change(struct history_stage *stage, const char *principal, enum store_op_kind kind,
                   const char *key, const char *value, int64_t lease)
{
    char actor[128];
    struct store_txn_result result;
    (void)snprintf(actor, sizeof actor, "{\"principal\":\"%s\",\"time\":\"2026-01-01T00:00:00Z\"}",
                   principal);
    const struct store_op ops[] = {
        {.kind = STORE_OP_PUT, .keys.key = SPAN(STORY_ROOT "/actor"), .value = span_of(actor)},
        {.kind = kind, .keys.key = span_of(key), .value = span_of(value), .lease = lease}};
    const struct store_txn txn = {.success = ops, .success_count = 2};
    cr_assert_eq(model_store_txn(stage->story.store, &txn, &result), 0);
}

struct last {
    struct history_event event;
    char actor[256];
    int count;
};

static bool keep_last(void *context, const struct history_event *event)
{
    struct last *last = context;
    last->event = *event;
    (void)snprintf(last->actor, sizeof last->actor, "%.*s", (int)event->actor.size,
                   event->actor.data ? event->actor.data : "");
    last->count++;
    return true;
}

/* What has happened last to the item, and who, as @principal, has done it. */
static struct last last_of(struct history_stage *stage, struct span item, struct span principal)
{
    struct history_readers *readers = NULL;
    struct history_query query = {.filter = EVERYTHING, .limit = 5000};
    struct last last = {.count = 0};
    query.filter.item = item;
    query.filter.principal = principal;
    cr_assert_eq(history_readers_create(stage->path, &readers), 0);
    ask(readers, &query, &last, keep_last);
    history_readers_destroy(readers);
    return last;
}

#define MEMBER STORY_ROOT "/members/zone#one"
#define ASSIGNMENT STORY_ROOT "/assign/a#zone#one#0"

Test(history_writer, knows_who_deletes_what_goes_with_a_lease)
{
    for (int reopened = 0; reopened < 2; reopened++) {
        struct history_stage stage;
        history_stage_begin(&stage, 1);
        struct model_store *store = stage.story.store;
        int64_t lease = model_store_grant(store);
        change(&stage, "one", STORE_OP_PUT, MEMBER, "{}", lease);
        change(&stage, "allocator", STORE_OP_PUT, ASSIGNMENT, "", lease);
        change(&stage, "alice", STORE_OP_DELETE, MEMBER, "", 0);
        int64_t deleted = model_store_revision(store);
        if (reopened) { /* the lease may end in another run of the server */
            history_stage_write(&stage);
            history_stage_reopen(&stage);
        }
        cr_assert_eq(model_store_revoke(store, lease), 0);
        history_stage_write(&stage);
        struct last last = last_of(&stage, SPAN("a"), SPAN("alice"));
        cr_expect_eq(last.count, 1);
        cr_expect_eq(last.event.operation, HISTORY_DELETE);
        cr_expect_eq(last.event.actor_revision, deleted);
        cr_expect(strstr(last.actor, "alice"), "%s", last.actor);
        cr_expect(last.event.time_is_observed, "nobody has told when that was");
        history_stage_end(&stage);
    }
}

Test(history_writer, takes_what_nobody_has_deleted_for_expired)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    struct model_store *store = stage.story.store;
    int64_t lease = model_store_grant(store);
    change(&stage, "one", STORE_OP_PUT, MEMBER, "{}", lease);
    change(&stage, "allocator", STORE_OP_PUT, ASSIGNMENT, "", lease);
    cr_assert_eq(model_store_revoke(store, lease), 0);
    history_stage_write(&stage);
    struct last last = last_of(&stage, SPAN("a"), (struct span){NULL, 0});
    cr_expect_eq(last.count, 2);
    cr_expect_eq(last.event.operation, HISTORY_EXPIRE);
    cr_expect_str_eq(last.actor, "");
    cr_expect_eq(last_of(&stage, SPAN("a"), SPAN("one")).count, 0);
    history_stage_end(&stage);
}

/* A batch may tell of a while ago: what nobody has told the time of was before what is told next.
 */
Test(history_writer, takes_what_nobody_has_timed_for_earlier_than_what_follows)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    struct model_store *store = stage.story.store;
    int64_t lease = model_store_grant(store);
    change(&stage, "allocator", STORE_OP_PUT, ASSIGNMENT, "", lease);
    history_stage_write(&stage);
    cr_assert_eq(model_store_revoke(store, lease), 0);
    change(&stage, "alice", STORE_OP_PUT, STORY_ROOT "/items/b", "{}", 0);
    stage.now_ms = INT64_C(1767225600000) + 60000; /* a minute after alice's */
    history_stage_write(&stage);
    struct last last = last_of(&stage, SPAN("a"), (struct span){NULL, 0});
    cr_expect_eq(last.event.operation, HISTORY_EXPIRE);
    cr_expect_eq(last.event.time_ms, INT64_C(1767225600000));
    cr_expect(last.event.time_is_observed);
    history_stage_end(&stage);
}

/* --- rounds --- */

static bool keep_round(void *context, const struct history_round *round)
{
    struct history_round *last = context;
    *last = *round;
    return true;
}

static struct history_round last_round(struct history_stage *stage)
{
    static const atomic_bool never = false;
    struct history_readers *readers = NULL;
    const struct history_round_query query = {
        .to_revision = INT64_MAX, .to_ms = INT64_MAX, .limit = 1, .newest_first = true};
    struct history_round round = {.cause_revision = -1};
    struct history_page page;
    cr_assert_eq(history_readers_create(stage->path, &readers), 0);
    cr_assert_eq(history_readers_rounds(readers, &query, &never, keep_round, &round, &page), 0);
    history_readers_destroy(readers);
    return round;
}

static void record_round(struct history_stage *stage, int number, int64_t after, int64_t decided_on)
{
    char key[64], value[128];
    (void)snprintf(key, sizeof key, STORY_ROOT "/rounds/%04d", number);
    (void)snprintf(value, sizeof value, "{\"after_revision\":%lld,\"decided_on\":%lld}",
                   (long long)after, (long long)decided_on);
    change(stage, "allocator", STORE_OP_PUT, key, value, 0);
    history_stage_write(stage);
}

Test(history_writer, knows_what_a_round_was_about)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    struct model_store *store = stage.story.store;
    change(&stage, "alice", STORE_OP_PUT, STORY_ROOT "/items/a", "{}", 0);
    int64_t first = model_store_revision(store);
    change(&stage, "allocator", STORE_OP_PUT, ASSIGNMENT, "", 0);
    change(&stage, "bob", STORE_OP_PUT, STORY_ROOT "/items/b", "{}", 0);
    int64_t third = model_store_revision(store);

    record_round(&stage, 1, first - 1, third);
    struct history_round round = last_round(&stage);
    cr_expect_eq(round.revision, model_store_revision(store));
    cr_expect_eq(round.cause_revision, first);
    cr_expect_eq(round.cause_count, 2, "the allocator's own do not count beside others'");

    record_round(&stage, 2, first, third - 1);
    round = last_round(&stage);
    cr_expect_eq(round.cause_revision, first + 1, "where there is nothing else, they do");
    cr_expect_eq(round.cause_count, 1);

    record_round(&stage, 3, 0, third);
    cr_expect_eq(last_round(&stage).cause_revision, 0, "its first pass is about everything");
    history_stage_end(&stage);
}

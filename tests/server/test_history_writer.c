#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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
    struct model_table table = {NULL};
    int32_t order = 0;
    *ret_count = 0;
    for (size_t i = 0; i < event_count; i++) {
        const struct store_event *event = &events[i];
        const struct store_kv *before = model_table_find(&table, event->kv.key);
        if (i > 0 && events[i - 1].kv.mod_revision != event->kv.mod_revision)
            order = 0;
        bool is_actor = span_equal(event->kv.key, SPAN(STORY_ROOT "/actor"));
        if (!is_actor || event->kind == STORE_EVENT_DELETE)
            known[(*ret_count)++] =
                (struct known){.event = event,
                               .order = order++,
                               .key = {event->kv.key.data + strlen(STORY_ROOT),
                                       event->kv.key.size - strlen(STORY_ROOT)},
                               .before = before ? before->value : (struct span){NULL, 0},
                               .before_lease = before ? before->lease : 0};
        model_table_apply(&table, event);
    }
    model_table_release(&table);
    return known;
}

struct hearing {
    const struct known *known;
    size_t count;
    size_t next;
    bool (*wanted)(const struct history_filter *filter, const struct history_event *event);
    const struct history_filter *filter;
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
        history_stage_check_keys(history_writer_keyspace(stage.writer),
                                 model_store_table(stage.story.store), "as it stands");
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

Test(history_writer, finds_what_fits_any_filter)
{
    struct history_stage stage;
    struct history_readers *readers = NULL;
    int64_t found = 0;
    history_stage_begin(&stage, 77);
    for (int i = 0; i < 600; i++)
        story_step(&stage.story);
    history_stage_write(&stage);
    cr_assert_eq(history_readers_create(stage.path, &readers), 0);
    for (int i = 0; i < 400; i++) {
        struct history_filter filter = random_filter(&stage.story);
        struct sieve sieve = {.filter = &filter};
        bool newest = random_below(&stage.story.random, 2);
        struct history_query all = {.filter = EVERYTHING, .newest_first = newest, .limit = 5000};
        struct history_query query = {.filter = filter,
                                      .newest_first = newest,
                                      .limit = 1 + (int)random_below(&stage.story.random, 50)};
        ask(readers, &all, &sieve, sift);
        ask(readers, &query, &sieve, compare);
        cr_assert_eq(sieve.next, sieve.count, "filter %d", i);
        found += (int64_t)sieve.count;
        free(sieve.positions);
    }
    cr_assert_gt(found, 1000, "the filters must find something, to be of any use");
    history_readers_destroy(readers);
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

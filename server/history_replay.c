#include "server/history_replay.h"

#include <stdlib.h>

#include "api/arena.h"
#include "server/history_checkpoint.h"

/* Events that are applied to a keyspace at a time: each page of it that they touch is copied. */
enum { BATCH_EVENTS = 16384 };

int history_extent_read(struct history_db *db, struct history_extent *ret, bool *ret_found)
{
    static const char *const text = "SELECT cluster_id, reached, oldest, pruned FROM history";
    sqlite3_stmt *statement = NULL;
    int error = history_db_prepare(db, &text, 1, &statement);
    if (error)
        return error;
    int code = sqlite3_step(statement);
    *ret_found = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        *ret = (struct history_extent){.cluster_id = (uint64_t)sqlite3_column_int64(statement, 0),
                                       .reached = sqlite3_column_int64(statement, 1),
                                       .oldest = sqlite3_column_int64(statement, 2),
                                       .pruned = sqlite3_column_int64(statement, 3)};
    else if (code != SQLITE_DONE)
        error = history_db_fail(db, "reading", code);
    history_db_finalize(&statement, 1);
    return error;
}

static int take_item(void *context, const struct key_parts *key, struct span value,
                     struct item_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)value, (void)ret, (void)why;
    return 0;
}

static int take_member(void *context, const struct key_parts *key, struct span value,
                       struct member_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)value, (void)ret, (void)why;
    return 0;
}

static int take_assignment(void *context, const struct key_parts *key, struct span value,
                           struct assignment_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)value, (void)ret, (void)why;
    return 0;
}

const struct keyspace_config history_raw_config = {
    .decoder = {.item = take_item, .member = take_member, .assignment = take_assignment},
    .keep_invalid = true};

int history_replay_empty(struct history_db *db, const struct keyspace_config *config,
                         struct keyspace **ret)
{
    static const char *const text = "SELECT root FROM history";
    sqlite3_stmt *statement = NULL;
    int error = history_db_prepare(db, &text, 1, &statement);
    if (error)
        return error;
    int code = sqlite3_step(statement);
    *ret = NULL;
    if (code == SQLITE_ROW) {
        struct keyspace_config own = *config;
        own.root = history_db_column_span(statement, 0);
        error = keyspace_create(&own, ret);
        if (error == ALLOT_EINVAL)
            error = history_db_damaged(db, "a root that can't be one");
    } else if (code != SQLITE_DONE) {
        error = history_db_fail(db, "reading", code);
    }
    history_db_finalize(&statement, 1);
    return error;
}

/* --- events --- */

/* Some events, with memory for their texts. */
struct batch {
    struct arena arena;
    struct store_event *events;
    size_t count;
    size_t capacity;
};

static void batch_clear(struct batch *batch)
{
    arena_release(&batch->arena);
    batch->arena = (struct arena){NULL};
    batch->count = 0;
}

static void batch_release(struct batch *batch)
{
    batch_clear(batch);
    free(batch->events);
}

static int batch_add(struct batch *batch, const struct store_event *event)
{
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? 2 * batch->capacity : BATCH_EVENTS;
        struct store_event *events = realloc(batch->events, capacity * sizeof *events);
        if (!events)
            return ALLOT_ENOMEM;
        batch->events = events;
        batch->capacity = capacity;
    }
    struct store_event *copy = &batch->events[batch->count];
    *copy = *event;
    copy->kv.value = arena_copy(&batch->arena, event->kv.value);
    if (!copy->kv.value.data)
        return ALLOT_ENOMEM;
    batch->count++;
    return 0;
}

/* By revision; those of one as they came, which is by address before they are sorted. */
static int compare_events(const void *first, const void *second)
{
    const struct store_event *a = first;
    const struct store_event *b = second;
    int64_t order = a->kv.mod_revision - b->kv.mod_revision;
    if (order == 0)
        return span_compare(a->kv.key, b->kv.key);
    return order < 0 ? -1 : 1;
}

/* What was reconstructed stands in the order of the keys, each of which it has but once. */
static void batch_sort(struct batch *batch)
{
    for (size_t i = 1; i < batch->count; i++) {
        if (batch->events[i].kv.mod_revision < batch->events[i - 1].kv.mod_revision) {
            qsort(batch->events, batch->count, sizeof *batch->events, compare_events);
            return;
        }
    }
}

/* The events as a watch would have told of them: a response for each revision. */
static size_t make_responses(const struct batch *batch, uint64_t cluster_id,
                             struct store_watch_response *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        int64_t revision = batch->events[i].kv.mod_revision;
        if (count > 0 && ret[count - 1].revision == revision)
            ret[count - 1].event_count++;
        else
            ret[count++] = (struct store_watch_response){.cluster_id = cluster_id,
                                                         .revision = revision,
                                                         .events = &batch->events[i],
                                                         .event_count = 1};
    }
    return count;
}

/* Applies what there is to *@keyspace. */
static int batch_apply(struct batch *batch, uint64_t cluster_id, struct keyspace **keyspace)
{
    if (batch->count == 0)
        return 0;
    struct store_watch_response *responses = malloc(batch->count * sizeof *responses);
    struct keyspace *next = NULL;
    if (!responses)
        return ALLOT_ENOMEM;
    batch_sort(batch);
    size_t count = make_responses(batch, cluster_id, responses);
    int error = keyspace_apply(*keyspace, responses, count, &next);
    free(responses);
    batch_clear(batch);
    if (error)
        return error;
    keyspace_unref(*keyspace);
    *keyspace = next;
    return 0;
}

/* --- reading them --- */

static const char *const texts[] = {
    "SELECT " HISTORY_ROW_COLUMNS " FROM events WHERE position >= ?1 AND position < ?2"
    " ORDER BY position",
    NULL,
};

const char *const *history_replay_texts(void)
{
    return texts;
}

struct replay {
    struct history_rows *rows;
    uint64_t cluster_id;
    struct span root;
    sqlite3_stmt *statement;
    struct batch batch;
    struct keyspace *keyspace;
};

/* The key under the root, in the batch's memory. */
static struct span make_key(struct replay *replay, struct span name)
{
    size_t size = replay->root.size + name.size;
    char *key = arena_allocate(&replay->batch.arena, size + 1);
    if (!key)
        return (struct span){NULL, 0};
    memcpy(key, replay->root.data, replay->root.size);
    memcpy(key + replay->root.size, name.data, name.size);
    return (struct span){key, size};
}

static int take(struct replay *replay, struct store_event *event, struct span name)
{
    event->kv.key = make_key(replay, name);
    return event->kv.key.data ? batch_add(&replay->batch, event) : ALLOT_ENOMEM;
}

static int take_actor(struct replay *replay)
{
    struct store_event event = {.kind = STORE_EVENT_PUT};
    bool has_actor = history_row_actor(replay->statement, &event.kv);
    return has_actor ? take(replay, &event, SPAN(KEYS_ACTOR)) : 0;
}

static int take_event(struct replay *replay, const struct history_row *row)
{
    struct history_event told;
    if (row->kind == HISTORY_NO_EVENT)
        return 0;
    int error = history_row_event(replay->rows, replay->statement, row, &told);
    if (error || told.kind == HISTORY_GAP)
        return error;
    bool is_put = told.after.data != NULL;
    struct store_event event = {.kind = is_put ? STORE_EVENT_PUT : STORE_EVENT_DELETE,
                                .kv = {.value = is_put ? told.after : SPAN(""),
                                       .create_revision = told.create_revision,
                                       .mod_revision = history_row_mod_revision(replay->statement),
                                       .version = told.version,
                                       .lease = told.lease}};
    return take(replay, &event, told.key);
}

/* Whole revisions are applied at a time. */
static int take_all(struct replay *replay)
{
    int code = SQLITE_ROW, error = 0;
    int64_t last = 0;
    while (!error && (code = sqlite3_step(replay->statement)) == SQLITE_ROW) {
        struct history_row row;
        history_row_read(replay->statement, &row);
        bool begins = history_revision_at(row.position) != last;
        last = history_revision_at(row.position);
        if (begins && replay->batch.count >= BATCH_EVENTS)
            error = batch_apply(&replay->batch, replay->cluster_id, &replay->keyspace);
        if (!error)
            error = take_actor(replay);
        if (!error)
            error = take_event(replay, &row);
    }
    if (!error && code != SQLITE_DONE)
        error = history_db_fail(replay->rows->db, "reading", code);
    return error ? error : batch_apply(&replay->batch, replay->cluster_id, &replay->keyspace);
}

/* The keyspace has seen everything up to @revision, whether or not that changed something. */
static int see(struct replay *replay, int64_t revision)
{
    const struct store_watch_response progress = {.cluster_id = replay->cluster_id,
                                                  .revision = revision};
    struct keyspace *next = NULL;
    int error = revision > 0 ? keyspace_apply(replay->keyspace, &progress, 1, &next) : 0;
    if (!error && next) {
        keyspace_unref(replay->keyspace);
        replay->keyspace = next;
    }
    return error;
}

int history_replay_on(struct history_rows *rows, const struct history_extent *extent,
                      const struct keyspace *former, int64_t revision, struct keyspace **ret)
{
    struct replay replay = {.rows = rows,
                            .cluster_id = extent->cluster_id,
                            .root = keyspace_root(former),
                            .keyspace = keyspace_ref((struct keyspace *)former)};
    int64_t begin = keyspace_seen_revision(former);
    int error = history_db_prepare(rows->db, texts, 1, &replay.statement);
    if (!error) {
        history_db_bind(
            replay.statement,
            (int64_t[]){history_first_position(begin + 1), history_first_position(revision + 1)},
            2);
        error = take_all(&replay);
    }
    if (!error)
        error = see(&replay, revision);
    if (error == ALLOT_EORDER || error == ALLOT_ECLUSTER)
        error = history_db_damaged(rows->db, "revisions out of order");
    history_db_finalize(&replay.statement, 1);
    batch_release(&replay.batch);
    if (error)
        keyspace_unref(replay.keyspace);
    else
        *ret = replay.keyspace;
    return error;
}

/* --- from a checkpoint --- */

int history_replay(struct history_rows *rows, const struct keyspace *empty,
                   const struct history_extent *extent, int64_t revision, struct keyspace **ret)
{
    struct keyspace *former = NULL;
    int64_t checkpoint = 0;
    if (revision < extent->oldest || revision > extent->reached)
        return ALLOT_ENOTFOUND;
    int error = history_db_find(
        rows->db,
        "SELECT revision FROM checkpoints WHERE revision <= ?1 ORDER BY revision DESC LIMIT 1",
        revision, 0, &checkpoint);
    if (!error && checkpoint == 0 && extent->oldest > 0)
        error = history_db_damaged(rows->db, "its oldest checkpoint is missing");
    if (!error && checkpoint > 0)
        error = history_checkpoint_read(rows->db, empty, extent->cluster_id, checkpoint, &former);
    else if (!error)
        former = keyspace_ref((struct keyspace *)empty);
    if (!error)
        error = history_replay_on(rows, extent, former, revision, ret);
    keyspace_unref(former);
    return error;
}

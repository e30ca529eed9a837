#include "server/history_check.h"

#include <inttypes.h>

#include "server/history_block.h"
#include "server/history_checkpoint.h"

/* --- the file --- */

static int check_file(struct history_db *db)
{
    static const char *const text = "PRAGMA quick_check(1)";
    sqlite3_stmt *statement = NULL;
    int error = history_db_prepare(db, &text, 1, &statement);
    if (error)
        return error;
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW) {
        error = history_db_fail(db, "checking", code);
    } else if (!span_equal(history_db_column_span(statement, 0), SPAN("ok"))) {
        history_db_tell(db, "damaged: %.150s", (const char *)sqlite3_column_text(statement, 0));
        error = ALLOT_EVALUE;
    }
    history_db_finalize(&statement, 1);
    return error;
}

/* A number that must be 0: rows that don't fit others. */
static int check_none(struct history_db *db, const char *sql, const char *what)
{
    int64_t count = 0;
    int error = history_db_query(db, sql, &count);
    if (error || count == 0)
        return error;
    history_db_tell(db, "damaged: %" PRId64 " %s", count, what);
    return ALLOT_EVALUE;
}

static int check_rows(struct history_db *db)
{
    static const struct {
        const char *sql;
        const char *what;
    } checks[] = {
        {"SELECT count(*) FROM blocks AS b WHERE b.event_count <>"
         " (SELECT count(*) FROM events AS e WHERE e.position BETWEEN b.first_position AND"
         " b.last_position AND e.kind >= 0)",
         "blocks with another number of events than they say"},
        {"SELECT (SELECT count(*) FROM events WHERE kind >= 0) -"
         " (SELECT total(event_count) FROM blocks)",
         "more events than all blocks say"},
        {"SELECT count(*) FROM postings WHERE block NOT IN (SELECT block FROM blocks)",
         "postings without their block"},
        {"SELECT count(*) FROM events AS e WHERE position & 16777215 AND"
         " position > (SELECT (pruned + 1) << 24 FROM history) AND NOT EXISTS"
         " (SELECT 1 FROM events AS f WHERE f.position = e.position - 1)",
         "events without the one before them in their revision"},
        {"SELECT count(*) FROM blocks AS b JOIN events AS e ON e.kind >= 0 AND"
         " e.position BETWEEN b.first_position AND b.last_position"
         " WHERE NOT b.kinds >> e.kind & 1 OR e.time NOT BETWEEN b.first_time AND b.last_time",
         "events that their block does not tell of"},
        /* 0: it was made, 1: changed, 2 and 3: it went, 4: a gap */
        {"SELECT count(*) FROM events WHERE kind >= 0 AND CASE operation"
         " WHEN 0 THEN before IS NOT NULL OR after IS NULL"
         " WHEN 1 THEN before IS NULL OR after IS NULL"
         " WHEN 4 THEN kind <> 6 ELSE after IS NOT NULL END",
         "events that have not the values that they should have"},
        /* of the actor there are only those that are no revision's own */
        {"SELECT count(*) FROM (SELECT before, lag(after) OVER key AS was,"
         " lag(position) OVER key AS earlier FROM events WHERE kind >= 0 AND kind <> 6 AND name IS"
         " NOT coalesce((SELECT id FROM names WHERE name = CAST('/actor' AS BLOB)), 0)"
         " WINDOW key AS (PARTITION BY kind, item, zone, member, slot, name ORDER BY position))"
         " WHERE CASE WHEN earlier THEN before IS NOT was"
         " ELSE before IS NOT NULL AND (SELECT oldest = 0 FROM history) END",
         "events that do not fit what was there before"},
        {"SELECT count(*) FROM events AS e JOIN names AS n ON n.id = e.name"
         " WHERE n.name BETWEEN CAST('/rounds/' AS BLOB) AND CAST('/rounds0' AS BLOB)"
         " AND e.after IS NOT NULL AND e.mod_revision IS NULL"
         " AND NOT EXISTS (SELECT 1 FROM rounds AS o WHERE o.position = e.position)",
         "rounds that are not listed"},
        {"SELECT count(*) FROM rounds AS o LEFT JOIN events AS e ON e.position = o.position"
         " WHERE e.position IS NULL",
         "rounds without their event"},
        {"SELECT count(*) FROM events WHERE position >> 24 > (SELECT reached FROM history)",
         "events after the last revision that was reached"},
    };
    int error = 0;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0] && !error; i++)
        error = check_none(db, checks[i].sql, checks[i].what);
    return error;
}

/* Collects the postings of the block at hand anew, in the memory of @postings and @made. */
static int check_block(struct history_db *db, sqlite3_stmt *block,
                       struct history_postings *postings, struct buffer *made)
{
    history_postings_clear(postings);
    int error = history_block_collect(db, sqlite3_column_int64(block, 1),
                                      sqlite3_column_int64(block, 2), postings);
    if (!error)
        error = history_postings_store(postings, made);
    if (!error && !span_equal(buffer_span(made), history_db_column_span(block, 3))) {
        history_db_tell(db, "damaged: the postings of block %lld do not fit its events",
                        (long long)sqlite3_column_int64(block, 0));
        error = ALLOT_EVALUE;
    }
    return error;
}

static int check_postings(struct history_db *db)
{
    static const char *const text = "SELECT b.block, b.first_position, b.last_position, p.data"
                                    " FROM postings AS p JOIN blocks AS b ON b.block = p.block";
    struct history_postings postings = {0};
    struct buffer made;
    sqlite3_stmt *blocks = NULL;
    int code = SQLITE_ROW;
    int error = history_db_prepare(db, &text, 1, &blocks);
    buffer_init(&made, HISTORY_MAX_POSTINGS);
    while (!error && (code = sqlite3_step(blocks)) == SQLITE_ROW)
        error = check_block(db, blocks, &postings, &made);
    if (!error && code != SQLITE_DONE)
        error = history_db_fail(db, "checking", code);
    buffer_release(&made);
    history_postings_release(&postings);
    history_db_finalize(&blocks, 1);
    return error;
}

/* --- the story --- */

/* An event that does not follow from what stood there before. */
struct misfit {
    struct history_db *db;
    int64_t revision; /* of the first; 0: there is none */
};

static void note_misfit(void *context, enum keyspace_anomaly anomaly, struct span key,
                        int64_t mod_revision, const char *why)
{
    struct misfit *misfit = context;
    bool matters = anomaly == KEYSPACE_ABSENT_DELETE || anomaly == KEYSPACE_VERSION_SKIP;
    (void)why;
    if (!matters || misfit->revision)
        return;
    misfit->revision = mod_revision;
    history_db_tell(misfit->db,
                    "damaged: revision %" PRId64 " does not follow from what was before at %.*s",
                    mod_revision, key.size > 100 ? 100 : (int)key.size, key.data);
}

static bool is_same_entry(const struct entry *a, const struct entry *b)
{
    return a && b && span_equal(a->key, b->key) && span_equal(a->value, b->value) &&
           a->create_revision == b->create_revision && a->mod_revision == b->mod_revision &&
           a->version == b->version && a->lease == b->lease;
}

static int compare(struct history_db *db, const struct keyspace *replayed,
                   const struct keyspace *checkpoint)
{
    struct keyspace_cursor first = keyspace_seek(replayed, (struct span){NULL, 0});
    struct keyspace_cursor second = keyspace_seek(checkpoint, (struct span){NULL, 0});
    const struct entry *a, *b;
    do {
        a = keyspace_next(&first);
        b = keyspace_next(&second);
        if (!is_same_entry(a, b) && (a || b)) {
            struct span key = a ? a->key : b->key;
            history_db_tell(
                db, "damaged: events and checkpoint of revision %" PRId64 " differ at %.*s",
                keyspace_seen_revision(checkpoint), key.size > 100 ? 100 : (int)key.size, key.data);
            return ALLOT_EVALUE;
        }
    } while (a);
    return 0;
}

static int next_checkpoint(struct history_db *db, int64_t revision, int64_t *ret)
{
    return history_db_find(
        db, "SELECT revision FROM checkpoints WHERE revision > ?1 ORDER BY revision LIMIT 1",
        revision, -1, ret);
}

struct telling {
    struct history_rows rows;
    struct history_extent extent;
    struct misfit misfit;
    struct keyspace *empty;
    struct keyspace *keyspace; /* as far as it was told again */
};

/* A gap that ends there begins at *@ret_from; -1: there is none. */
static int find_gap(struct history_db *db, int64_t to_revision, int64_t *ret_from)
{
    static const char *const text = "SELECT from_revision FROM gaps WHERE to_revision = ?1";
    return history_db_find(db, text, to_revision, -1, ret_from);
}

static int replay_to(struct telling *telling, int64_t revision)
{
    struct keyspace *next = NULL;
    int error =
        history_replay_on(&telling->rows, &telling->extent, telling->keyspace, revision, &next);
    if (error)
        return error;
    keyspace_unref(telling->keyspace);
    telling->keyspace = next;
    return telling->misfit.revision ? ALLOT_EVALUE : 0;
}

/* What was reconstructed need not follow from what was before. */
static int replay_over_gap(struct telling *telling, int64_t revision)
{
    struct misfit sound = telling->misfit;
    int error = replay_to(telling, revision);
    bool is_misfit = error == ALLOT_EVALUE && telling->misfit.revision;
    telling->misfit = sound;
    return is_misfit ? 0 : error;
}

/* Goes on to the next checkpoint, at @revision, and compares. */
static int tell_on(struct telling *telling, int64_t revision)
{
    struct history_db *db = telling->rows.db;
    struct keyspace *checkpoint = NULL;
    int64_t gap = -1;
    int error = history_checkpoint_read(db, telling->empty, telling->extent.cluster_id, revision,
                                        &checkpoint);
    if (!error)
        error = find_gap(db, revision, &gap);
    if (!error)
        error = replay_to(telling, gap >= 0 ? gap : revision);
    if (!error && gap >= 0)
        error = replay_over_gap(telling, revision);
    if (!error)
        error = compare(db, telling->keyspace, checkpoint);
    keyspace_unref(checkpoint);
    return error;
}

static int tell_all(struct telling *telling, struct history_check *ret)
{
    struct history_db *db = telling->rows.db;
    int64_t oldest = telling->extent.oldest, checkpoint = 0;
    int error = 0;
    if (oldest > 0)
        error = history_checkpoint_read(db, telling->empty, telling->extent.cluster_id, oldest,
                                        &telling->keyspace);
    else
        telling->keyspace = keyspace_ref(telling->empty);
    ret->checkpoints += oldest > 0;
    if (!error)
        error = next_checkpoint(db, oldest, &checkpoint);
    while (!error && checkpoint > 0) {
        ret->checkpoints++;
        error = tell_on(telling, checkpoint);
        if (!error)
            error = next_checkpoint(db, checkpoint, &checkpoint);
    }
    if (!error)
        error = replay_to(telling, telling->extent.reached);
    ret->keys = error ? 0 : (int64_t)keyspace_count(telling->keyspace);
    keyspace_unref(telling->keyspace);
    return error;
}

static int check_story(struct history_db *db, struct history_check *ret)
{
    struct telling telling = {.misfit = {.db = db}};
    struct keyspace_config config = history_raw_config;
    bool found = false;
    config.report = note_misfit;
    config.report_context = &telling.misfit;
    int error = history_extent_read(db, &telling.extent, &found);
    if (error || !found)
        return error;
    error = history_rows_init(db, &telling.rows);
    if (!error)
        error = history_replay_empty(db, &config, &telling.empty);
    if (!error)
        error = tell_all(&telling, ret);
    ret->extent = telling.extent;
    keyspace_unref(telling.empty);
    history_rows_release(&telling.rows);
    return error;
}

int history_check_all(struct history_db *db, struct history_check *ret)
{
    *ret = (struct history_check){0};
    int error = check_file(db);
    if (!error)
        error = check_postings(db);
    if (!error)
        error = check_rows(db);
    if (!error)
        error = history_db_query(db, "SELECT total(event_count) FROM blocks", &ret->events);
    if (!error)
        error = history_db_query(db, "SELECT count(*) FROM gaps", &ret->gaps);
    return error ? error : check_story(db, ret);
}

#include "server/history_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/watch_progress.h"
#include "server/history_append.h"
#include "server/history_checkpoint.h"
#include "server/history_gap.h"
#include "server/history_prune.h"
#include "server/history_replay.h"
#include "server/history_wal.h"

enum { BEGIN, COMMIT, REACH, STATEMENTS };
static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [REACH] = "UPDATE history SET cluster_id = ?1, reached = ?2, oldest = ?3, pruned = ?4",
};

struct history_writer {
    struct history_db *db;
    struct history_wal *wal;
    struct history_rows rows; /* whose names the appender uses, too */
    struct history_appender *appender;
    sqlite3_stmt *statements[STATEMENTS];
    struct history_extent extent;
    struct watch_progress progress;    /* seen: extent.reached */
    struct history_keys *keys;         /* as of that */
    struct history_append_total fresh; /* since the last checkpoint, or the beginning */
    int64_t checkpoint_ms;             /* when that was */
    int64_t event_count;
    int64_t written; /* events, that nobody has asked for */
    char *root_text; /* owned */
    struct span root;
};

/* --- opening --- */

static int begin_history(struct history_writer *writer, struct span root)
{
    static const char *const text = "INSERT INTO history VALUES (1, ?1, 0, 0, 0, 0)";
    sqlite3_stmt *statement = NULL;
    int error = history_db_prepare(writer->db, &text, 1, &statement);
    if (!error) {
        (void)sqlite3_bind_text64(statement, 1, root.data, root.size, SQLITE_STATIC, SQLITE_UTF8);
        error = history_db_run(writer->db, statement, "writing");
    }
    history_db_finalize(&statement, 1);
    return error;
}

static int read_counts(struct history_writer *writer)
{
    int64_t checkpoint = 0;
    char sql[128];
    int error =
        history_db_query(writer->db, "SELECT sum(event_count) FROM blocks", &writer->event_count);
    if (!error)
        error = history_db_query(writer->db, "SELECT max(revision) FROM checkpoints", &checkpoint);
    if (!error)
        error = history_db_query(writer->db, "SELECT max(time) FROM checkpoints",
                                 &writer->checkpoint_ms);
    if (error)
        return error;
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM events WHERE position >= %lld AND kind >= 0",
                   (long long)history_first_position(checkpoint + 1));
    return history_db_query(writer->db, sql, &writer->fresh.events);
}

/* Takes the keyspace for the state. */
static int adopt(struct history_writer *writer, const struct keyspace *keyspace)
{
    int64_t seen = keyspace_seen_revision(keyspace);
    writer->progress = (struct watch_progress){.cluster_id = keyspace_cluster_id(keyspace),
                                               .revision = keyspace_revision(keyspace),
                                               .seen = seen,
                                               .responses = seen};
    return history_keys_load(writer->keys, keyspace);
}

/* The state as of what was reached. */
static int load(struct history_writer *writer, struct span root)
{
    struct keyspace *empty = NULL, *keyspace = NULL;
    bool found = false;
    int error = history_extent_read(writer->db, &writer->extent, &found);
    if (!error && !found)
        error = begin_history(writer, root);
    if (!error)
        error = history_replay_empty(writer->db, &history_raw_config, &empty);
    if (!error && !span_equal(keyspace_root(empty), root)) {
        history_db_tell(writer->db, "is the history of the root %.*s, not of %.*s",
                        (int)keyspace_root(empty).size, keyspace_root(empty).data, (int)root.size,
                        root.data);
        error = ALLOT_EVALUE;
    }
    if (!error)
        error = history_replay(&writer->rows, empty, &writer->extent, writer->extent.reached,
                               &keyspace);
    if (!error)
        error = adopt(writer, keyspace);
    keyspace_unref(keyspace);
    keyspace_unref(empty);
    return error ? error : read_counts(writer);
}

static int keep_root(struct history_writer *writer, struct span root)
{
    writer->root_text = malloc(root.size + 1);
    if (!writer->root_text)
        return ALLOT_ENOMEM;
    if (root.size > 0)
        memcpy(writer->root_text, root.data, root.size);
    writer->root = (struct span){writer->root_text, root.size};
    return 0;
}

int history_writer_open(const char *path, struct span root, struct history_writer **ret,
                        struct error_message *why)
{
    struct history_writer *writer = calloc(1, sizeof *writer);
    int error = writer ? 0 : ALLOT_ENOMEM;
    if (!error)
        error = history_db_open(path, HISTORY_DB_WRITE, &writer->db, why);
    if (error) {
        free(writer);
        return error;
    }
    error = keep_root(writer, root);
    if (!error)
        error = history_wal_create(writer->db, &writer->wal);
    if (!error)
        error = history_keys_create(&writer->keys);
    if (!error)
        error = history_db_prepare(writer->db, texts, STATEMENTS, writer->statements);
    if (!error)
        error = history_rows_init(writer->db, &writer->rows);
    if (!error)
        error = history_appender_create(writer->db, writer->rows.names, &writer->appender);
    if (!error)
        error = load(writer, root);
    if (error) {
        *why = writer->db->message;
        history_writer_close(writer);
    } else {
        *ret = writer;
    }
    return error;
}

void history_writer_close(struct history_writer *writer)
{
    if (!writer)
        return;
    history_keys_destroy(writer->keys);
    history_appender_destroy(writer->appender);
    history_rows_release(&writer->rows);
    history_db_finalize(writer->statements, STATEMENTS);
    history_wal_destroy(writer->wal);
    history_db_close(writer->db);
    free(writer->root_text);
    free(writer);
}

uint64_t history_writer_cluster(const struct history_writer *writer)
{
    return writer->extent.cluster_id;
}

int64_t history_writer_reached(const struct history_writer *writer)
{
    return writer->extent.reached;
}

const struct history_keys *history_writer_keys(const struct history_writer *writer)
{
    return writer->keys;
}

const char *history_writer_message(const struct history_writer *writer)
{
    return writer->db->message.text;
}

/* --- transactions --- */

static int begin(struct history_writer *writer)
{
    return history_db_run(writer->db, writer->statements[BEGIN], "writing");
}

/* Ends the transaction: with @extent from then on, or if there was an @error with nothing. */
static int end(struct history_writer *writer, int error, const struct history_extent *extent)
{
    if (!error)
        error = history_append_end(writer->appender);
    if (!error)
        error = history_db_run_integers(writer->db, writer->statements[REACH],
                                        (int64_t[]){(int64_t)extent->cluster_id, extent->reached,
                                                    extent->oldest, extent->pruned},
                                        4, "writing");
    if (!error)
        error = history_db_run(writer->db, writer->statements[COMMIT], "committing");
    if (!error)
        writer->extent = *extent;
    else if (!sqlite3_get_autocommit(writer->db->database))
        (void)sqlite3_exec(writer->db->database, "ROLLBACK", NULL, NULL, NULL);
    return error;
}

/* --- appending --- */

static bool needs_checkpoint(const struct history_writer *writer, int64_t now_ms)
{
    const struct history_append_total *fresh = &writer->fresh;
    int64_t keys = (int64_t)history_keys_count(writer->keys);
    if (fresh->events == 0)
        return false;
    return fresh->events >= HISTORY_CHECKPOINT_EVENTS + keys ||
           fresh->bytes >= HISTORY_CHECKPOINT_BYTES + keys * HISTORY_KEY_BYTES ||
           now_ms - writer->checkpoint_ms >= HISTORY_CHECKPOINT_MS;
}

static int write_checkpoint(struct history_writer *writer, int64_t revision, int64_t now_ms)
{
    int error = history_checkpoint_write(writer->db, writer->root, writer->keys, revision, now_ms);
    if (!error) {
        writer->fresh = (struct history_append_total){0};
        writer->checkpoint_ms = now_ms;
    }
    return error;
}

/* Counts what was added since there was @before. */
static void count_added(struct history_writer *writer, struct history_append_total before)
{
    struct history_append_total after = history_append_total(writer->appender);
    writer->fresh.events += after.events - before.events;
    writer->fresh.bytes += after.bytes - before.bytes;
}

/* The same, once it is in the file. */
static void count_written(struct history_writer *writer, struct history_append_total before)
{
    int64_t events = history_append_total(writer->appender).events - before.events;
    writer->event_count += events;
    writer->written += events;
}

/* When what nobody tells the time of was at the latest: it was before all that follows, and a batch
 * may tell of a while ago. It stays for as long as nobody tells. */
struct latest {
    int64_t now_ms;
    int64_t ms;
    bool is_known;
};

/* Finds it by the first event that tells its time, from number @index of the first response on. */
static int find_latest(struct span root, const struct store_watch_response *responses, size_t count,
                       size_t index, struct latest *latest)
{
    latest->ms = latest->now_ms;
    latest->is_known = true;
    for (size_t i = 0; i < count; i++, index = 0) {
        for (; index < responses[i].event_count; index++) {
            if (!history_tells_time(root, &responses[i].events[index], 1))
                continue;
            struct history_actor actor;
            int error = history_actor_read(responses[i].events[index].kv.value, &actor);
            if (!error && actor.time_ms >= 0 && actor.time_ms < latest->ms)
                latest->ms = actor.time_ms;
            return error;
        }
    }
    return 0;
}

/* Appends the events of @responses[0], revision by revision. */
static int append_response(struct history_writer *writer,
                           const struct store_watch_response *responses, size_t count,
                           struct latest *latest)
{
    const struct store_event *events = responses->events;
    int error = 0;
    for (size_t begin = 0, end; begin < responses->event_count && !error; begin = end) {
        for (end = begin + 1; end < responses->event_count; end++)
            if (events[end].kv.mod_revision != events[begin].kv.mod_revision)
                break;
        if (history_tells_time(writer->root, &events[begin], end - begin))
            latest->is_known = false;
        else if (!latest->is_known)
            error = find_latest(writer->root, responses, count, end, latest);
        if (!error)
            error = history_append(writer->appender, writer->root, writer->keys, &events[begin],
                                   end - begin, latest->is_known ? latest->ms : latest->now_ms);
    }
    return error;
}

static int append_all(struct history_writer *writer, const struct store_watch_response *responses,
                      size_t count, int64_t now_ms)
{
    struct history_append_total before = history_append_total(writer->appender);
    struct latest latest = {.now_ms = now_ms};
    int error = 0;
    if (writer->checkpoint_ms == 0) /* there was none: it is as if there had been one by now */
        writer->checkpoint_ms = now_ms;
    for (size_t i = 0; i < count && !error; i++) {
        error = watch_progress_take(&writer->progress, &responses[i]);
        if (!error)
            error = append_response(writer, &responses[i], count - i, &latest);
    }
    count_added(writer, before);
    if (!error && needs_checkpoint(writer, now_ms))
        error = write_checkpoint(writer, writer->progress.seen, now_ms);
    return error;
}

int history_writer_append(struct history_writer *writer,
                          const struct store_watch_response *responses, size_t count,
                          int64_t now_ms)
{
    struct history_append_total before = history_append_total(writer->appender);
    struct history_extent extent = writer->extent;
    int error = begin(writer);
    if (error)
        return error;
    error = append_all(writer, responses, count, now_ms);
    extent.cluster_id = writer->progress.cluster_id;
    extent.reached = writer->progress.seen;
    error = end(writer, error, &extent);
    if (!error)
        count_written(writer, before);
    return error;
}

int history_writer_bridge(struct history_writer *writer, struct keyspace *now, int64_t now_ms)
{
    struct history_append_total before = history_append_total(writer->appender);
    struct history_extent extent = writer->extent;
    extent.cluster_id = keyspace_cluster_id(now);
    extent.reached = keyspace_seen_revision(now);
    if (writer->extent.reached == 0)
        extent.oldest = extent.reached;
    int error = begin(writer);
    if (error)
        return error;
    error = history_gap_append(writer->db, writer->appender, writer->keys, writer->extent.reached,
                               now, now_ms);
    count_added(writer, before);
    if (!error)
        error = adopt(writer, now);
    if (!error)
        error = write_checkpoint(writer, extent.reached, now_ms);
    error = end(writer, error, &extent);
    if (!error)
        count_written(writer, before);
    return error;
}

/* --- the rest --- */

int history_writer_prune(struct history_writer *writer, const struct history_limits *limits,
                         int64_t now_ms, bool *ret_more)
{
    struct history_extent extent = writer->extent;
    int64_t removed = 0;
    *ret_more = false;
    int error = begin(writer);
    if (error)
        return error;
    error = history_prune_step(writer->db, limits, now_ms, &extent, &removed, ret_more);
    if (!error && removed > 0)
        error = history_append_reread(writer->appender);
    error = end(writer, error, &extent);
    if (error)
        return error;
    writer->event_count -= removed;
    history_names_make_room(writer->rows.names, *ret_more);
    return 0;
}

int64_t history_writer_take_written(struct history_writer *writer)
{
    int64_t written = writer->written;
    writer->written = 0;
    return written;
}

int history_writer_measure(struct history_writer *writer, struct history_status *ret)
{
    ret->reached = writer->extent.reached;
    ret->oldest = writer->extent.oldest;
    ret->event_count = writer->event_count;
    int error = history_db_query(writer->db, "SELECT time FROM events ORDER BY position LIMIT 1",
                                 &ret->oldest_ms);
    return error ? error : history_db_size(writer->db, &ret->bytes);
}

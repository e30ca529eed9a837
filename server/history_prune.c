#include "server/history_prune.h"

#include "server/history_checkpoint.h"

enum { STEP_EVENTS = 1000, STEP_NAMES = 1000 };

/* Runs @text, bound to @numbers; *@ret_number, if not NULL: of its first row, else -1. */
static int run(struct history_db *db, const char *text, const int64_t *numbers, int count,
               int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int error = history_db_prepare(db, &text, 1, &statement);
    if (error)
        return error;
    history_db_bind(statement, numbers, count);
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        error = history_db_fail(db, "pruning", code);
    else if (ret_number)
        *ret_number = code == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL
                          ? sqlite3_column_int64(statement, 0)
                          : -1;
    history_db_finalize(&statement, 1);
    return error;
}

/* --- where it is to begin --- */

/* The checkpoint after the oldest moment, if something before it is beyond the limits; else -1. */
static int find_beginning(struct history_db *db, const struct history_limits *limits,
                          int64_t now_ms, int64_t oldest, int64_t *ret)
{
    int64_t bytes = 0, time_ms = 0;
    *ret = -1;
    int error = limits->max_bytes ? history_db_size(db, &bytes) : 0;
    bool is_large = limits->max_bytes && bytes > limits->max_bytes;
    if (!error)
        error =
            run(db, "SELECT min(time) FROM checkpoints WHERE revision > ?1", &oldest, 1, &time_ms);
    bool is_old = limits->max_age_ms && time_ms >= 0 && time_ms <= now_ms - limits->max_age_ms;
    if (!error && (is_large || is_old))
        error = run(
            db, "SELECT revision FROM checkpoints WHERE revision > ?1 ORDER BY revision LIMIT 1",
            &oldest, 1, ret);
    return error;
}

/* What is known from @beginning on does not need what was before it. */
static int begin_at(struct history_db *db, int64_t beginning)
{
    static const char *const removals[] = {
        "DELETE FROM checkpoint_pages WHERE revision < ?1",
        "DELETE FROM checkpoints WHERE revision < ?1",
        "DELETE FROM gaps WHERE to_revision <= ?1",
        "DELETE FROM given_up_leases WHERE revision <= ?1",
    };
    int error = 0;
    for (size_t i = 0; i < sizeof removals / sizeof removals[0] && !error; i++)
        error = run(db, removals[i], &beginning, 1, NULL);
    return error;
}

/* --- removing --- */

struct removed {
    int64_t rows;
    int64_t events;
};

/* Removes the rows up to the position @last, which is not beyond the oldest @block; what is left of
 * that is found without postings. */
static int remove_up_to(struct history_db *db, int64_t last, int64_t block, struct removed *ret)
{
    int error = run(db, "SELECT count(*) FROM events WHERE position <= ?1 AND kind >= 0", &last, 1,
                    &ret->events);
    if (!error)
        error = run(db, "DELETE FROM events WHERE position <= ?1", &last, 1, NULL);
    if (!error)
        ret->rows = sqlite3_changes64(db->database);
    if (!error)
        error = run(db, "DELETE FROM rounds WHERE position <= ?1", &last, 1, NULL);
    if (!error)
        error = run(db, "DELETE FROM postings WHERE block <= ?1", &block, 1, NULL);
    if (!error)
        error = run(db, "DELETE FROM blocks WHERE last_position <= ?1", &last, 1, NULL);
    if (!error)
        error = run(db,
                    "UPDATE blocks SET event_count = event_count - ?1,"
                    " first_position = max(first_position, ?2) WHERE block = ?3",
                    (int64_t[]){ret->events, last + 1, block}, 3, NULL);
    return error;
}

/* Removes the first rows up to revision @pruned, none beyond the end of their block; but the last
 * one stays: it knows of when the oldest moment is. */
static int remove_events(struct history_db *db, int64_t pruned, struct removed *ret)
{
    int64_t block = -1, last = -1;
    *ret = (struct removed){0};
    int error = run(db, "SELECT block FROM blocks ORDER BY block LIMIT 1", NULL, 0, &block);
    if (!error)
        error = run(db,
                    "SELECT max(position) FROM (SELECT position FROM events"
                    " WHERE position < (SELECT max(position) FROM events WHERE position <= ?1)"
                    " AND position <= ifnull((SELECT last_position FROM blocks WHERE block = ?2),"
                    " ?1) ORDER BY position LIMIT ?3)",
                    (int64_t[]){history_last_position(pruned), block, STEP_EVENTS}, 3, &last);
    return error || last < 0 ? error : remove_up_to(db, last, block, ret);
}

/* Names that no event has any more. */
static int remove_names(struct history_db *db, int64_t *ret_removed)
{
    int64_t block = -1;
    int error = run(db, "SELECT min(block) FROM blocks", NULL, 0, &block);
    *ret_removed = 0;
    if (error || block < 0)
        return error;
    error = run(db,
                "DELETE FROM names WHERE id IN"
                " (SELECT id FROM names WHERE era < ?1 LIMIT ?2)",
                (int64_t[]){block / HISTORY_ERA_BLOCKS, STEP_NAMES}, 2, NULL);
    if (!error)
        *ret_removed = sqlite3_changes64(db->database);
    return error;
}

int history_prune_step(struct history_db *db, const struct history_limits *limits, int64_t now_ms,
                       struct history_extent *extent, int64_t *ret_removed, bool *ret_more)
{
    int64_t beginning = -1, names = 0;
    struct removed removed;
    int error = remove_events(db, extent->pruned, &removed);
    if (!error && removed.rows == 0)
        error = remove_names(db, &names);
    if (!error && removed.rows == 0 && names == 0)
        error = find_beginning(db, limits, now_ms, extent->oldest, &beginning);
    if (!error && beginning > 0) {
        error = begin_at(db, beginning);
        extent->oldest = beginning;
        extent->pruned = beginning;
    }
    *ret_removed = removed.events;
    *ret_more = removed.rows > 0 || names > 0 || beginning > 0;
    return error;
}

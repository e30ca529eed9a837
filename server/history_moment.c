#include "server/history_moment.h"

#include <stdlib.h>

#include "api/values.h"

enum { LATER_BLOCK, LATER_REVISION, LAST_CHANGE, NEXT_GAP, CHECKPOINT_TIME, NEXT_TIME, STATEMENTS };
static const char *const texts[STATEMENTS + 1] = {
    [LATER_BLOCK] = "SELECT first_position, last_position FROM blocks WHERE block >= 0 AND"
                    " last_time > ?1 AND last_position >= ?2 ORDER BY block LIMIT 1",
    [LATER_REVISION] = "SELECT position >> 24 FROM events WHERE position > ?2 AND position >= ?3"
                       " AND position <= ?4 AND time > ?1 ORDER BY position LIMIT 1",
    [LAST_CHANGE] = "SELECT position >> 24, time FROM events WHERE position <= ?1"
                    " ORDER BY position DESC LIMIT 1",
    [CHECKPOINT_TIME] = "SELECT time, 0 FROM checkpoints WHERE revision = ?1",
    [NEXT_TIME] = "SELECT time, 0 FROM events WHERE position > ?1 ORDER BY position LIMIT 1",
    [NEXT_GAP] = "SELECT from_revision, to_revision FROM gaps WHERE to_revision > ?1"
                 " ORDER BY to_revision LIMIT 1",
};

const char *const *history_moment_texts(void)
{
    return texts;
}

/* The first two numbers that a statement gives, if it gives a row. */
static int find(struct history_db *db, int which, const int64_t *numbers, int count, int64_t ret[2],
                bool *ret_found)
{
    sqlite3_stmt *statement = NULL;
    int error = history_db_prepare(db, &texts[which], 1, &statement);
    if (error)
        return error;
    history_db_bind(statement, numbers, count);
    int code = sqlite3_step(statement);
    *ret_found = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        for (int i = 0; i < 2; i++)
            ret[i] = sqlite3_column_int64(statement, i);
    else if (code != SQLITE_DONE)
        error = history_db_fail(db, "reading", code);
    history_db_finalize(&statement, 1);
    return error;
}

/* --- the revision --- */

/* Whether @time_ms is before all that is known: what there was at the oldest revision was seen when
 * its checkpoint was made, or before the first change after it. */
static int is_before(struct history_db *db, const struct history_extent *extent, int64_t time_ms,
                     bool *ret)
{
    const int64_t oldest = extent->oldest;
    int64_t made[2] = {0}, next[2] = {0};
    bool is_made = false, has_next = false;
    *ret = false;
    if (oldest <= 0)
        return 0; /* there was nothing then */
    const int64_t last = history_last_position(oldest);
    int error = find(db, CHECKPOINT_TIME, &oldest, 1, made, &is_made);
    if (!error)
        error = find(db, NEXT_TIME, &last, 1, next, &has_next);
    *ret = !error && is_made && time_ms < made[0] && !(has_next && time_ms >= next[0]);
    return error;
}

/* The one before the first that was later than @time_ms. */
static int find_by_time(struct history_db *db, const struct history_extent *extent, int64_t time_ms,
                        int64_t *ret)
{
    int64_t block[2] = {0}, later[2] = {0};
    bool found = false;
    if (extent->oldest < 0 || extent->oldest >= HISTORY_MAX_REVISION)
        return history_db_damaged(db, "its oldest revision");
    int error =
        find(db, LATER_BLOCK, (int64_t[]){time_ms, history_first_position(extent->oldest + 1)}, 2,
             block, &found);
    if (!error && found)
        error =
            find(db, LATER_REVISION,
                 (int64_t[]){time_ms, history_last_position(extent->oldest), block[0], block[1]}, 4,
                 later, &found);
    if (!error)
        *ret = found ? later[0] - 1 : extent->reached;
    return error;
}

/* The revision of a time; else which one is known. */
static int find_moment(struct history_db *db, const struct history_extent *extent,
                       struct history_moment *at, int64_t *ret)
{
    bool before = false;
    int error = is_before(db, extent, at->time_ms, &before);
    if (!error && before) {
        *at = (struct history_moment){.revision = extent->oldest};
        return ALLOT_ECOMPACTED;
    }
    if (!error)
        error = find_by_time(db, extent, at->time_ms, ret);
    at->is_newest = !error && *ret == extent->reached;
    return error;
}

/* Whether it is known what there was at @revision; else which one is known. */
static int check_known(struct history_db *db, const struct history_extent *extent, int64_t revision,
                       struct history_moment *at)
{
    int64_t gap[2] = {0};
    bool found = false;
    at->time_ms = 0;
    at->revision = revision < extent->oldest ? extent->oldest : extent->reached;
    if (revision > extent->reached)
        return ALLOT_EFUTURE;
    if (revision < extent->oldest)
        return ALLOT_ECOMPACTED;
    int error = find(db, NEXT_GAP, &revision, 1, gap, &found);
    if (error || !found || gap[0] >= revision)
        return error;
    at->revision = gap[1];
    return ALLOT_ECOMPACTED;
}

/* --- the cluster --- */

static int observe(struct keyspace *keyspace, struct snapshot **ret)
{
    struct span root = keyspace_root(keyspace);
    char *prefix = malloc(root.size + sizeof KEYS_SCHEDULERS);
    struct state *state = NULL;
    if (!prefix)
        return ALLOT_ENOMEM;
    if (root.size > 0)
        memcpy(prefix, root.data, root.size);
    memcpy(prefix + root.size, KEYS_SCHEDULERS, sizeof KEYS_SCHEDULERS);
    const struct state_config config = {.candidates = span_of(prefix),
                                        .gone_members_are_inconsistent = true};
    int error = state_observe(&config, keyspace, &state);
    if (!error)
        error = snapshot_create(state, NULL, ret);
    state_unref(state);
    free(prefix);
    return error;
}

static int replay(struct history_rows *rows, const struct history_extent *extent, int64_t revision,
                  struct snapshot **ret)
{
    struct keyspace *empty = NULL;
    struct keyspace *keyspace = NULL;
    const struct keyspace_config config = {.decoder = api_decoder(), .keep_invalid = true};
    int error = history_replay_empty(rows->db, &config, &empty);
    if (!error)
        error = history_replay(rows, empty, extent, revision, &keyspace);
    if (!error)
        error = observe(keyspace, ret);
    keyspace_unref(keyspace);
    keyspace_unref(empty);
    return error;
}

int history_moment_read(struct history_rows *rows, struct history_moment *at, struct snapshot **ret)
{
    struct history_extent extent = {0};
    int64_t revision = at->revision, last = 0, change[2] = {0};
    bool found = false;
    int error = history_extent_read(rows->db, &extent, &found);
    if (!error && !found)
        return ALLOT_EUNAVAILABLE;
    if (!error && revision == 0)
        error = find_moment(rows->db, &extent, at, &revision);
    if (!error)
        error = check_known(rows->db, &extent, revision, at);
    if (!error) {
        last = history_last_position(revision);
        error = find(rows->db, LAST_CHANGE, &last, 1, change, &found);
    }
    if (!error)
        error = replay(rows, &extent, revision, ret);
    if (!error) {
        at->revision = found ? change[0] : revision;
        at->time_ms = change[1];
    }
    return error;
}

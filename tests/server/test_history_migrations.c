#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/history_json.h"
#include "server/history_check.h"
#include "server/history_migrations.h"
#include "server/history_readers.h"
#include "tests/server/history_stage.h"

/* A history of an earlier version, brought to this one, tells what it has told before. */

static const atomic_bool never = false;

enum { STEPS = 3000, PIECES = 60, MAX_TOLD = 64 << 20 };

/* What version 1 has made of the same story. Its rows are those of today, taken apart. */
static const char *const version_1[] = {
    "INSERT INTO history SELECT * FROM today.history",
    "INSERT INTO names SELECT * FROM today.names",
    "INSERT INTO blocks SELECT 1, min(first_position), max(last_position), sum(event_count), 127,"
    " min(first_time), max(last_time) FROM today.blocks",
    "INSERT INTO revisions SELECT position >> 24, time, is_observed,"
    " iif(actor_revision IS NULL, principal, NULL), actor, ifnull(actor_create_revision, 0),"
    " ifnull(actor_version, 0) FROM today.events WHERE position & 16777215 = 0",
    "INSERT INTO events SELECT position, 1, kind, operation, item, zone, member, name, principal,"
    " slot, before, after, create_revision, version, lease, actor_revision, mod_revision"
    " FROM today.events WHERE kind >= 0",
    "INSERT INTO gaps SELECT * FROM today.gaps",
    "INSERT INTO rounds SELECT * FROM today.rounds",
    "INSERT INTO checkpoints SELECT * FROM today.checkpoints",
    "INSERT INTO checkpoint_pages SELECT * FROM today.checkpoint_pages",
    "INSERT INTO given_up_leases SELECT * FROM today.given_up_leases",
};

static void execute(struct history_db *db, const char *sql)
{
    cr_assert_eq(history_db_execute(db, sql, "in a test"), 0, "%s", db->message.text);
}

/* Puts a file of version 1, with the same story, in the place of the stage's. */
static void go_back(struct history_stage *stage)
{
    char path[TEMPORARY_SIZE + 32], sql[TEMPORARY_SIZE + 64];
    struct history_db *db = calloc(1, sizeof *db + sizeof path);
    history_writer_close(stage->writer);
    stage->writer = NULL;
    (void)snprintf(path, sizeof path, "%s/version-1.db", stage->directory);
    (void)snprintf(sql, sizeof sql, "ATTACH '%s' AS today", stage->path);
    cr_assert_eq(sqlite3_open(path, &db->database), SQLITE_OK);
    db->lock = -1;
    cr_assert_eq(history_migrations_apply(db, history_migrations, 1), 0, "%s", db->message.text);
    execute(db, sql);
    execute(db, "BEGIN");
    for (size_t i = 0; i < sizeof version_1 / sizeof version_1[0]; i++)
        execute(db, version_1[i]);
    execute(db, "COMMIT; DETACH today");
    history_db_close(db);
    cr_assert_eq(rename(path, stage->path), 0);
}

/* --- what it tells --- */

static bool tell_event(void *context, const struct history_event *event)
{
    struct buffer *told = context;
    struct json_writer writer = json_writer_of(told);
    history_write_event(&writer, event);
    buffer_append_format(told, " %d %lld\n", event->time_is_observed,
                         (long long)event->actor_revision);
    return true;
}

static bool tell_round(void *context, const struct history_round *round)
{
    struct buffer *told = context;
    buffer_append_format(told, "%lld %lld %lld %lld ", (long long)round->revision,
                         (long long)round->time_ms, (long long)round->cause_revision,
                         (long long)round->cause_count);
    buffer_append(told, round->record);
    return true;
}

static void tell_moments(const struct history_stage *stage, struct history_readers *readers,
                         struct buffer *told)
{
    for (int64_t revision = 1; revision <= stage->story.told; revision += 111) {
        struct history_moment at = {.revision = revision};
        struct snapshot *snapshot = NULL;
        int error = history_readers_state(readers, &at, &never, &snapshot);
        buffer_append_format(told, "%lld: %d, %lld at %lld, %zu keys\n", (long long)revision, error,
                             (long long)at.revision, (long long)at.time_ms,
                             error ? 0 : keyspace_count(snapshot->state->keyspace));
        snapshot_unref(snapshot);
        at = (struct history_moment){.time_ms = stage->story.clock_ms - 1000 * revision};
        error = history_readers_state(readers, &at, &never, &snapshot);
        buffer_append_format(told, "%d, %lld\n", error, (long long)at.revision);
        if (!error)
            snapshot_unref(snapshot);
    }
}

/* All of it, as text that the caller releases. */
static struct buffer tell(const struct history_stage *stage)
{
    struct history_readers *readers = NULL;
    const struct history_query events = {
        .filter = {.kinds = ~0u, .to_revision = INT64_MAX, .to_ms = INT64_MAX}, .limit = 100000};
    const struct history_query some = {
        .filter = {.kinds = ~0u, .item = SPAN("a"), .to_revision = INT64_MAX, .to_ms = INT64_MAX},
        .newest_first = true,
        .limit = 100000};
    const struct history_round_query rounds = {
        .to_revision = INT64_MAX, .to_ms = INT64_MAX, .limit = 100000};
    struct history_page page;
    struct buffer told;
    buffer_init(&told, MAX_TOLD);
    cr_assert_eq(history_readers_create(stage->path, &readers), 0);
    cr_assert_eq(history_readers_events(readers, &events, &never, tell_event, &told, &page), 0);
    cr_assert_not(page.more);
    cr_assert_eq(history_readers_events(readers, &some, &never, tell_event, &told, &page), 0);
    cr_assert_eq(history_readers_rounds(readers, &rounds, &never, tell_round, &told, &page), 0);
    tell_moments(stage, readers, &told);
    history_readers_destroy(readers);
    cr_assert_eq(told.error, 0);
    return told;
}

static void expect_good(const char *path)
{
    struct history_db *db = NULL;
    struct error_message why = {""};
    struct history_check found;
    cr_assert_eq(history_db_open(path, HISTORY_DB_READ, &db, &why), 0, "%s", why.text);
    cr_expect_eq(history_check_all(db, &found), 0, "%s", db->message.text);
    history_db_close(db);
}

Test(history_migrations, version_1_loses_nothing)
{
    struct history_stage stage;
    struct error_message why = {""};
    struct history_db *db = NULL;
    history_stage_begin(&stage, 12);
    for (int i = 0; i < PIECES; i++) {
        history_stage_live(&stage, STEPS / PIECES);
        stage.now_ms += INT64_C(3600) * 1000;
        history_stage_write(&stage);
    }
    struct buffer before = tell(&stage);
    go_back(&stage);
    cr_expect_eq(history_db_open(stage.path, HISTORY_DB_READ, &db, &why), ALLOT_EVALUE);
    cr_expect(strstr(why.text, "allotd history migrate"), "%s", why.text);
    history_stage_open(&stage);
    expect_good(stage.path);
    struct buffer after = tell(&stage);
    cr_expect(span_equal(buffer_span(&before), buffer_span(&after)));
    history_stage_check(&stage);

    history_stage_live(&stage,
                       STEPS); /* its block ends here, which is larger than those of today */
    history_stage_write(&stage);
    expect_good(stage.path);
    buffer_release(&before);
    buffer_release(&after);
    history_stage_end(&stage);
}

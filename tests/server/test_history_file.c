#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/history_block.h"
#include "server/history_check.h"
#include "server/history_migrations.h"
#include "server/history_moment.h"
#include "server/history_readers.h"
#include "server/history_search.h"
#include "tests/server/history_stage.h"
#include "tests/support/fail_alloc.h"

/* The file of a history: whose it is, what it no longer knows, and what it needs no longer. */

static const atomic_bool never = false;

static struct history_db *open_db(const char *path, enum history_db_mode mode)
{
    struct error_message why = {""};
    struct history_db *db = NULL;
    int error = history_db_open(path, mode, &db, &why);
    cr_assert_eq(error, 0, "%s", why.text);
    return db;
}

static int64_t number(const char *path, const char *sql)
{
    struct history_db *db = open_db(path, HISTORY_DB_READ);
    int64_t found = -1;
    cr_assert_eq(history_db_query(db, sql, &found), 0, "%s", db->message.text);
    history_db_close(db);
    return found;
}

static void execute(struct history_stage *stage, const char *sql)
{
    history_writer_close(stage->writer);
    stage->writer = NULL;
    struct history_db *db = open_db(stage->path, HISTORY_DB_WRITE);
    cr_assert_eq(history_db_execute(db, sql, "in a test"), 0, "%s", db->message.text);
    history_db_close(db);
}

static void expect_refused(const char *path, struct span root, int wanted, const char *words)
{
    struct error_message why = {""};
    struct history_writer *writer = NULL;
    int error = history_writer_open(path, root, &writer, &why);
    cr_expect_eq(error, wanted, "%s", allot_error_text(error));
    cr_expect(strstr(why.text, words), "%s", why.text);
    cr_expect(strstr(why.text, path), "%s", why.text);
    history_writer_close(writer);
}

static int check_file(const char *path, char *ret_why, struct history_check *ret)
{
    struct history_db *db = open_db(path, HISTORY_DB_READ);
    int error = history_check_all(db, ret);
    (void)snprintf(ret_why, ERROR_MESSAGE_SIZE, "%s", db->message.text);
    history_db_close(db);
    return error;
}

static struct history_check expect_good(const char *path)
{
    char why[ERROR_MESSAGE_SIZE];
    struct history_check found;
    cr_assert_eq(check_file(path, why, &found), 0, "%s", why);
    return found;
}

/* --- whose it is --- */

Test(history_file, has_all_migrations_of_the_folder)
{
    glob_t found;
    cr_assert_eq(glob("migrations/*.sql", 0, NULL, &found), 0);
    cr_assert_eq(found.gl_pathc, (size_t)history_migration_count);
    for (int i = 0; i < history_migration_count; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "migrations/%s", history_migrations[i].name);
        cr_expect_str_eq(found.gl_pathv[i], path);
        cr_expect_eq(history_migrations[i].version, i + 1);
        cr_expect_eq(strtol(history_migrations[i].name, NULL, 10), i + 1);
    }
    globfree(&found);
}

Test(history_file, refuses_what_it_does_not_know)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    execute(&stage, "PRAGMA user_version = 99");
    expect_refused(stage.path, SPAN(STORY_ROOT), ALLOT_EVALUE, "has version 99");
    history_stage_end(&stage);

    history_stage_begin(&stage, 1);
    execute(&stage, "UPDATE migrations SET checksum = 'other'");
    expect_refused(stage.path, SPAN(STORY_ROOT), ALLOT_EVALUE, "another migration 0001");
    history_stage_end(&stage);

    history_stage_begin(&stage, 1);
    execute(&stage, "PRAGMA application_id = 7");
    expect_refused(stage.path, SPAN(STORY_ROOT), ALLOT_EVALUE, "not the file of an allot history");
    history_stage_end(&stage);
}

Test(history_file, refuses_another_root_and_a_second_writer)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    expect_refused(stage.path, SPAN(STORY_ROOT), ALLOT_ELOCKED, "another process writes it");
    history_writer_close(stage.writer);
    stage.writer = NULL;
    expect_refused(stage.path, SPAN("/other"), ALLOT_EVALUE, "of the root /allot, not of /other");
    history_stage_end(&stage);
}

/* SQLite follows a link, to what lies beside the file, too. */
Test(history_file, a_link_to_it_is_the_same_file)
{
    struct history_stage stage;
    char link[TEMPORARY_SIZE + 32];
    history_stage_begin(&stage, 1);
    (void)snprintf(link, sizeof link, "%s/link.db", stage.directory);
    cr_assert_eq(symlink("history.db", link), 0);
    expect_refused(link, SPAN(STORY_ROOT), ALLOT_ELOCKED, "another process writes it");
    history_writer_close(stage.writer);
    cr_assert_eq(unlink(stage.path), 0);
    struct history_db *db = open_db(link, HISTORY_DB_WRITE); /* made where the link leads */
    expect_refused(stage.path, SPAN(STORY_ROOT), ALLOT_ELOCKED, "another process writes it");
    history_db_close(db);
    history_stage_open(&stage);
    history_stage_end(&stage);
}

Test(history_file, refuses_what_is_no_database)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    history_writer_close(stage.writer);
    stage.writer = NULL;
    FILE *file = fopen(stage.path, "w");
    for (int i = 0; i < 1000; i++)
        (void)fputs("This is no database.\n", file);
    (void)fclose(file);
    expect_refused(stage.path, SPAN(STORY_ROOT), ALLOT_EVALUE, "not a database");
    history_stage_end(&stage);
}

Test(history_file, a_failed_migration_leaves_the_version_before)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    history_stage_live(&stage, 20);
    history_stage_write(&stage);
    history_writer_close(stage.writer);
    stage.writer = NULL;
    const struct history_migration steps[] = {
        history_migrations[0],
        history_migrations[1],
        {3, "0003_half.sql",
         "CREATE TABLE half (a INTEGER) STRICT; DROP TABLE events;"
         "CREATE TABLE half (a INTEGER) STRICT;"}};
    struct history_db *db = open_db(stage.path, HISTORY_DB_WRITE);
    int version = 0;
    cr_expect_eq(history_migrations_apply(db, steps, 3), ALLOT_EVALUE);
    cr_expect(strstr(db->message.text, "0003_half.sql"), "%s", db->message.text);
    cr_expect_eq(history_migrations_version(db, &version), 0);
    cr_expect_eq(version, 2);
    history_db_close(db);
    history_stage_open(&stage);
    history_stage_live(&stage, 20);
    history_stage_write(&stage);
    (void)expect_good(stage.path);
    history_stage_end(&stage);
}

Test(history_file, a_new_version_is_reached_in_steps)
{
    struct history_stage stage;
    history_stage_begin(&stage, 1);
    history_writer_close(stage.writer);
    stage.writer = NULL;
    const struct history_migration steps[] = {
        history_migrations[0],
        history_migrations[1],
        {3, "0003_new.sql", "ALTER TABLE rounds ADD COLUMN note TEXT"}};
    struct history_db *db = open_db(stage.path, HISTORY_DB_WRITE);
    cr_expect_eq(history_migrations_require(db, steps, 3), ALLOT_EVALUE);
    cr_expect(strstr(db->message.text, "allotd history migrate"), "%s", db->message.text);
    cr_expect_eq(history_migrations_apply(db, steps, 3), 0, "%s", db->message.text);
    cr_expect_eq(history_migrations_require(db, steps, 3), 0, "%s", db->message.text);
    history_db_close(db);
    expect_refused(stage.path, SPAN(STORY_ROOT), ALLOT_EVALUE, "has version 3");
    history_stage_end(&stage);
}

/* --- what is not known --- */

/* All that is there, as a store would give it. */
static struct keyspace *load(const struct history_stage *stage)
{
    struct keyspace_config config = history_raw_config;
    struct keyspace *empty = NULL, *loaded = NULL;
    struct keyspace_loader *loader = NULL;
    const struct model_table *table = model_store_table(stage->story.store);
    config.root = SPAN(STORY_ROOT);
    cr_assert_eq(keyspace_create(&config, &empty), 0);
    cr_assert_eq(keyspace_loader_create(empty, &loader), 0);
    cr_assert_eq(keyspace_loader_add(loader, table->kvs, table->count), 0);
    cr_assert_eq(keyspace_loader_finish(loader, MODEL_STORE_CLUSTER_ID,
                                        model_store_revision(stage->story.store), &loaded),
                 0);
    keyspace_loader_destroy(loader);
    keyspace_unref(empty);
    return loaded;
}

static void bridge(struct history_stage *stage)
{
    struct keyspace *now = load(stage);
    cr_assert_eq(history_writer_bridge(stage->writer, now, stage->now_ms), 0, "%s",
                 history_writer_message(stage->writer));
    keyspace_unref(now);
    stage->story.told = model_store_revision(stage->story.store);
    cr_assert_eq(history_writer_reached(stage->writer), stage->story.told);
}

struct gap_hearing {
    int64_t from; /* revisions */
    int64_t to;
    int64_t gaps;
    int64_t reconstructed;
    bool others; /* in the revision of a gap */
};

static bool hear_gap(void *context, const struct history_event *event)
{
    struct gap_hearing *hearing = context;
    if (event->kind == HISTORY_GAP) {
        char wanted[96];
        (void)snprintf(wanted, sizeof wanted, "{\"from_revision\":%lld,\"to_revision\":%lld}",
                       (long long)hearing->from, (long long)hearing->to);
        cr_expect(span_equal(event->after, span_of(wanted)), "%.*s", (int)event->after.size,
                  event->after.data);
        cr_expect_eq(event->operation, HISTORY_MISS);
        cr_expect_eq(event->position.order, 0, "a gap comes before what was found after it");
        hearing->gaps++;
    } else {
        hearing->reconstructed += event->reconstructed;
        hearing->others |= !event->reconstructed && event->position.revision == hearing->to;
    }
    cr_expect_eq(event->actor.data == NULL || !event->reconstructed, true);
    return true;
}

static int state_at(const char *path, struct history_moment *at, struct snapshot **ret)
{
    struct history_readers *readers = NULL;
    cr_assert_eq(history_readers_create(path, &readers), 0);
    int error = history_readers_state(readers, at, &never, ret);
    history_readers_destroy(readers);
    return error;
}

Test(history_file, says_what_it_has_missed)
{
    for (uint64_t seed = 1; seed < 9; seed++) {
        struct history_stage stage;
        history_stage_begin(&stage, seed);
        history_stage_live(&stage, 100);
        if (seed % 2)
            history_stage_write(&stage); /* else it begins with a gap */
        int64_t before = history_writer_reached(stage.writer);
        history_stage_live(&stage, 100);
        bridge(&stage);
        int64_t after = stage.story.told;
        history_stage_live(&stage, 50);
        history_stage_write(&stage);
        history_stage_reopen(&stage);
        history_stage_check(&stage);

        struct history_readers *readers = NULL;
        struct history_query query = {
            .filter = {.kinds = ~0u, .to_revision = INT64_MAX, .to_ms = INT64_MAX}, .limit = 5000};
        struct gap_hearing hearing = {.from = before, .to = after};
        struct history_page page;
        cr_assert_eq(history_readers_create(stage.path, &readers), 0);
        cr_assert_eq(history_readers_events(readers, &query, &never, hear_gap, &hearing, &page), 0);
        history_readers_destroy(readers);
        cr_expect_eq(hearing.gaps, 1);
        cr_expect_gt(hearing.reconstructed, 0);
        cr_expect_not(hearing.others);
        cr_expect_eq(expect_good(stage.path).gaps, 1);

        struct history_moment at = {.revision = (before + after) / 2};
        struct snapshot *snapshot = NULL;
        cr_expect_eq(state_at(stage.path, &at, &snapshot), ALLOT_ECOMPACTED);
        cr_expect_eq(at.revision, after, "known again from there on");
        at = (struct history_moment){.revision = after};
        cr_expect_eq(state_at(stage.path, &at, &snapshot), 0);
        snapshot_unref(snapshot);
        at = (struct history_moment){.revision = stage.story.told + 1};
        cr_expect_eq(state_at(stage.path, &at, &snapshot), ALLOT_EFUTURE);
        cr_expect_eq(at.revision, stage.story.told);
        at = (struct history_moment){.time_ms = 1}; /* long before */
        int error = state_at(stage.path, &at, &snapshot);
        cr_expect_eq(error, before == 0 ? ALLOT_ECOMPACTED : 0);
        cr_expect(before > 0 || at.revision == after, "known from there on");
        if (!error)
            snapshot_unref(snapshot);
        history_stage_end(&stage);
    }
}

/* Their records are found again after the gap. */
Test(history_file, has_the_rounds_of_what_it_has_missed)
{
    struct history_stage stage;
    struct store_txn_result result;
    history_stage_begin(&stage, 3);
    history_stage_live(&stage, 20);
    history_stage_write(&stage);
    int64_t before = number(stage.path, "SELECT count(*) FROM rounds");
    const struct store_op ops[] = {
        {.kind = STORE_OP_PUT,
         .keys.key = SPAN(STORY_ROOT "/rounds/0000000000000000009-0000000001"),
         .value = SPAN("{\"after_revision\":3,\"decided_on\":5}")}};
    const struct store_txn txn = {.success = ops, .success_count = 1};
    cr_assert_eq(model_store_txn(stage.story.store, &txn, &result), 0);
    bridge(&stage);
    cr_expect_eq(number(stage.path, "SELECT count(*) FROM rounds"), before + 1);
    (void)expect_good(stage.path);
    history_stage_end(&stage);
}

Test(history_file, holds_only_so_many_states_at_a_time)
{
    struct history_stage stage;
    struct history_readers *readers = NULL;
    struct snapshot *states[HISTORY_MAX_STATES + 1] = {NULL};
    struct history_moment at = {.revision = 2};
    history_stage_begin(&stage, 3);
    history_stage_live(&stage, 10);
    history_stage_write(&stage);
    cr_assert_eq(history_readers_create(stage.path, &readers), 0);
    for (int i = 0; i < HISTORY_MAX_STATES; i++)
        cr_assert_eq(history_readers_state(readers, &at, &never, &states[i]), 0);
    struct snapshot **last = &states[HISTORY_MAX_STATES];
    cr_expect_eq(history_readers_state(readers, &at, &never, last), ALLOT_EUNAVAILABLE);
    snapshot_unref(states[3]); /* somebody has read to the end */
    states[3] = NULL;
    cr_expect_eq(history_readers_state(readers, &at, &never, last), 0);
    snapshot_unref(states[5]);
    states[5] = NULL;
    for (int i = 0; i < 2 * HISTORY_MAX_STATES; i++) { /* what fails takes no place */
        at.revision = INT64_MAX;
        cr_expect_eq(history_readers_state(readers, &at, &never, &states[3]), ALLOT_EFUTURE);
    }
    for (int i = 0; i <= HISTORY_MAX_STATES; i++)
        snapshot_unref(states[i]);
    history_readers_forget(readers);
    history_readers_destroy(readers);
    history_stage_end(&stage);
}

/* --- what is not needed any more --- */

enum { DAY_MS = 24 * 3600 * 1000, DAYS = 10 };

static void prune_all(struct history_stage *stage, const struct history_limits *limits)
{
    bool more = true;
    while (more)
        cr_assert_eq(history_writer_prune(stage->writer, limits, stage->now_ms, &more), 0, "%s",
                     history_writer_message(stage->writer));
}

Test(history_file, forgets_what_is_too_old_but_not_how_it_stood)
{
    struct history_stage stage;
    struct model_table tables[DAYS * 20];
    int64_t revisions[DAYS * 20], days[DAYS];
    const struct history_limits limits = {.max_age_ms = INT64_C(3) * DAY_MS};
    history_stage_begin(&stage, 5);
    for (int i = 0; i < DAYS * 20; i++) {
        history_stage_live(&stage, 2);
        tables[i] = model_table_copy(model_store_table(stage.story.store));
        revisions[i] = model_store_revision(stage.story.store);
        if (i % 20 == 19) {
            stage.now_ms += DAY_MS;
            history_stage_write(&stage);
            days[i / 20] = stage.story.told;
        }
    }
    prune_all(&stage, &limits);
    int64_t oldest = number(stage.path, "SELECT oldest FROM history");
    cr_expect_eq(oldest, days[DAYS - 4], "%lld", (long long)oldest);
    cr_expect_eq(number(stage.path, "SELECT min(position) >> 24 FROM events"), oldest,
                 "the last event stays, that knows when that was");
    cr_expect_eq(number(stage.path, "SELECT count(*) FROM events AS e, history AS h"
                                    " WHERE e.position >> 24 <= h.oldest"),
                 1);
    (void)expect_good(stage.path);
    for (int i = 0; i < DAYS * 20; i++) {
        struct history_moment at = {.revision = revisions[i]};
        struct snapshot *snapshot = NULL;
        int error = state_at(stage.path, &at, &snapshot);
        cr_assert_eq(error, revisions[i] < oldest ? ALLOT_ECOMPACTED : 0, "%d", i);
        if (!error)
            history_stage_check_keys(snapshot->state->keyspace, &tables[i], "then");
        else
            cr_expect_eq(at.revision, oldest);
        snapshot_unref(snapshot);
        model_table_release(&tables[i]);
    }
    history_stage_reopen(&stage);
    history_stage_live(&stage, 20);
    history_stage_write(&stage);
    (void)expect_good(stage.path);
    history_stage_end(&stage);
}

Test(history_file, goes_on_in_the_block_that_was_pruned)
{
    struct history_stage stage;
    const struct history_limits limits = {.max_bytes = 1};
    history_stage_begin(&stage, 7);
    for (int day = 0; day < 3; day++) {
        history_stage_live(&stage, 100);
        stage.now_ms += DAY_MS;
        history_stage_write(&stage);
    }
    prune_all(&stage, &limits);
    history_stage_live(&stage, 100);
    history_stage_write(&stage);
    struct history_check found = expect_good(stage.path);
    cr_expect_gt(found.events, 0);
    history_stage_end(&stage);
}

Test(history_file, forgets_what_is_too_much)
{
    struct history_stage stage;
    struct history_limits limits = {.max_bytes = 1};
    struct history_status before = {0}, after = {0};
    history_stage_begin(&stage, 6);
    for (int day = 0; day < DAYS; day++) {
        history_stage_live(&stage, 200);
        stage.now_ms += DAY_MS;
        history_stage_write(&stage);
    }
    cr_assert_eq(history_writer_measure(stage.writer, &before), 0);
    limits.max_bytes = before.bytes / 2;
    prune_all(&stage, &limits);
    cr_assert_eq(history_writer_measure(stage.writer, &after), 0);
    cr_expect_leq(after.bytes, limits.max_bytes);
    cr_expect_gt(after.event_count, 0);
    cr_expect_eq(after.event_count,
                 number(stage.path, "SELECT count(*) FROM events WHERE kind >= 0"));
    limits.max_bytes = 1; /* what can't be reached stops at the last checkpoint */
    prune_all(&stage, &limits);
    cr_expect_eq(number(stage.path, "SELECT count(*) FROM checkpoints"), 1);
    (void)expect_good(stage.path);
    history_stage_end(&stage);
}

/* --- damage --- */

Test(history_file, a_check_finds_what_does_not_fit)
{
    static const char *const damages[] = {
        "DELETE FROM events WHERE position = (SELECT position FROM events ORDER BY position"
        " LIMIT 1 OFFSET 50)",
        "UPDATE events SET version = version + 1 WHERE position = (SELECT max(position) FROM events"
        " WHERE after IS NOT NULL AND position < (SELECT position FROM events ORDER BY position"
        " DESC LIMIT 1 OFFSET 100))",
        "UPDATE events SET actor_version = actor_version + 1 WHERE position = (SELECT position FROM"
        " events WHERE actor IS NOT NULL ORDER BY position LIMIT 1 OFFSET 60)",
        "DELETE FROM events WHERE position = (SELECT position FROM events WHERE kind = -1 ORDER BY"
        " position LIMIT 1)",
        "UPDATE events SET before = x'7b7d' WHERE position = (SELECT position FROM events WHERE"
        " kind = 0 AND before IS NOT NULL ORDER BY position DESC LIMIT 1)",
        "UPDATE events SET before = NULL, operation = 0 WHERE position = (SELECT position FROM"
        " events WHERE kind = 0 AND operation = 1 ORDER BY position DESC LIMIT 1)",
        "UPDATE events SET operation = 1 WHERE position = (SELECT position FROM events WHERE"
        " kind = 0 AND operation = 0 ORDER BY position DESC LIMIT 1)",
        "UPDATE blocks SET kinds = 0",
        "UPDATE blocks SET last_time = first_time - 1",
        "DELETE FROM rounds",
        "UPDATE checkpoint_pages SET data = x'00'",
        "DELETE FROM checkpoint_pages",
        "UPDATE blocks SET event_count = event_count - 1",
        "INSERT INTO rounds VALUES (1, 0, 0, 0)",
        "UPDATE events SET item = 12345 WHERE position = (SELECT min(position) FROM events WHERE"
        " item IS NOT NULL)",
        "UPDATE history SET reached = reached - 1",
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct history_stage stage;
        struct history_check found;
        char why[ERROR_MESSAGE_SIZE];
        history_stage_begin(&stage, 8);
        history_stage_live(&stage, 100);
        history_stage_write(&stage);
        stage.now_ms += DAY_MS;
        history_stage_live(&stage, 100);
        history_stage_write(&stage);
        cr_expect_eq(expect_good(stage.path).checkpoints, 1);
        execute(&stage, damages[i]);
        cr_expect_eq(check_file(stage.path, why, &found), ALLOT_EVALUE, "%s", damages[i]);
        cr_expect(strstr(why, "damaged"), "%s: %s", damages[i], why);
        history_stage_end(&stage);
    }
}

static bool ignore(void *context, const struct history_event *event)
{
    (void)context, (void)event;
    return true;
}

static int ask_for_item(const char *path)
{
    struct history_readers *readers = NULL;
    const struct history_query query = {
        .filter = {.kinds = ~0u, .item = SPAN("a"), .to_revision = INT64_MAX, .to_ms = INT64_MAX},
        .limit = 5000};
    struct history_page page;
    cr_assert_eq(history_readers_create(path, &readers), 0);
    int error = history_readers_events(readers, &query, &never, ignore, NULL, &page);
    history_readers_destroy(readers);
    return error;
}

Test(history_file, damaged_postings_are_told)
{
    static const struct {
        const char *sql;
        bool is_found_by_asking;
    } damages[] = {
        {"UPDATE postings SET data = x'00'", true},
        {"UPDATE postings SET data = CAST(substr(data, 1, length(data) - 1) || x'7F' AS BLOB)",
         true},
        {"UPDATE events SET item = (SELECT id FROM names WHERE name = CAST('b' AS BLOB))"
         " WHERE item = (SELECT id FROM names WHERE name = CAST('a' AS BLOB))",
         true},
        {"UPDATE events SET principal = NULL WHERE position = (SELECT min(position) FROM events"
         " WHERE principal IS NOT NULL)",
         false},
        {"INSERT INTO postings VALUES (77, x'')", false},
    };
    struct history_stage stage;
    history_stage_begin(&stage, 11);
    history_stage_live(&stage, HISTORY_BLOCK_EVENTS);
    history_stage_write(&stage);
    (void)expect_good(stage.path);
    cr_expect_gt(number(stage.path, "SELECT count(*) FROM postings"), 0);
    cr_expect_eq(ask_for_item(stage.path), 0);
    history_writer_close(stage.writer);
    stage.writer = NULL;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct history_check found;
        char copy[TEMPORARY_SIZE + 32], sql[2 * TEMPORARY_SIZE], why[ERROR_MESSAGE_SIZE];
        (void)snprintf(copy, sizeof copy, "%s/copy-%zu.db", stage.directory, i);
        (void)snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
        struct history_db *db = open_db(stage.path, HISTORY_DB_WRITE);
        cr_assert_eq(history_db_execute(db, sql, "in a test"), 0, "%s", db->message.text);
        history_db_close(db);
        db = open_db(copy, HISTORY_DB_WRITE);
        cr_assert_eq(history_db_execute(db, damages[i].sql, "in a test"), 0);
        history_db_close(db);
        cr_expect_eq(check_file(copy, why, &found), ALLOT_EVALUE, "%s", damages[i].sql);
        cr_expect(strstr(why, "postings"), "%s: %s", damages[i].sql, why);
        cr_expect_eq(ask_for_item(copy), damages[i].is_found_by_asking ? ALLOT_EIO : 0, "%s",
                     damages[i].sql);
    }
    history_stage_end(&stage);
}

/* --- indexes --- */

static void expect_index(struct history_db *db, const char *text)
{
    char *sql = NULL;
    sqlite3_stmt *statement = NULL;
    cr_assert_geq(asprintf(&sql, "EXPLAIN QUERY PLAN %s", text), 0);
    const char *const texts[] = {sql};
    cr_assert_eq(history_db_prepare(db, texts, 1, &statement), 0, "%s", db->message.text);
    int rows = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(statement, 3);
        cr_expect(strstr(detail, "SEARCH") == detail, "%s: %s", text, detail);
        cr_expect(strstr(detail, "INDEX") || strstr(detail, "PRIMARY KEY"), "%s: %s", text, detail);
        rows++;
    }
    cr_expect_gt(rows, 0);
    history_db_finalize(&statement, 1);
    free(sql);
}

Test(history_file, every_query_uses_an_index)
{
    struct history_stage stage;
    history_stage_begin(&stage, 9);
    history_stage_live(&stage, 100);
    history_stage_write(&stage);
    struct history_db *db = open_db(stage.path, HISTORY_DB_READ);
    for (const char *const *text = history_search_texts(); *text; text++)
        expect_index(db, *text);
    for (const char *const *text = history_moment_texts(); *text; text++)
        expect_index(db, *text);
    for (const char *const *text = history_replay_texts(); *text; text++)
        expect_index(db, *text);
    history_db_close(db);
    history_stage_end(&stage);
}

/* --- memory --- */

/* All that may fail, with the @nth allocation failing; true: none of it did. */
static bool live_with_failure(struct history_stage *stage, long nth)
{
    struct history_readers *readers = NULL;
    struct history_query query = {
        .filter = {.kinds = ~0u, .item = SPAN("a"), .to_revision = INT64_MAX, .to_ms = INT64_MAX},
        .limit = 5000};
    struct history_page page;
    struct history_moment at = {.time_ms = stage->story.clock_ms - 1000};
    struct snapshot *snapshot = NULL;
    struct error_message why;
    history_writer_close(stage->writer);
    stage->writer = NULL;
    story_tell(&stage->story);
    fail_alloc_set(nth);
    int error = history_writer_open(stage->path, SPAN(STORY_ROOT), &stage->writer, &why);
    if (!error)
        error = history_writer_append(stage->writer, stage->story.responses,
                                      stage->story.response_count, stage->now_ms);
    if (!error)
        error = history_readers_create(stage->path, &readers);
    if (!error)
        error = history_readers_events(readers, &query, &never, ignore, NULL, &page);
    if (!error)
        error = history_readers_state(readers, &at, &never, &snapshot);
    history_readers_destroy(readers);
    snapshot_unref(snapshot);
    bool failed = fail_alloc_count() >= nth;
    fail_alloc_set(0);
    cr_assert_eq(error, failed ? ALLOT_ENOMEM : 0, "%ld: %s", nth, allot_error_text(error));
    return !failed;
}

Test(history_file, running_out_of_memory_loses_nothing)
{
    struct history_stage stage;
    history_stage_begin(&stage, 10);
    history_stage_live(&stage, 30);
    bool done = false;
    long nth = 1;
    for (; !done; nth++) {
        stage.story.told = stage.writer ? history_writer_reached(stage.writer) : stage.story.told;
        stage.now_ms += DAY_MS / 3;
        done = live_with_failure(&stage, nth);
        if (!stage.writer)
            history_stage_open(&stage);
        stage.story.told = history_writer_reached(stage.writer);
        if (stage.story.told == 0)
            stage.story.told = 1;
        if (nth % 16 == 0)
            history_stage_live(&stage, 1);
    }
    cr_expect_gt(nth, 100);
    history_stage_write(&stage);
    history_stage_check(&stage);
    (void)expect_good(stage.path);
    history_stage_end(&stage);
}

#include "server/history_migrations.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

#include "server/clock.h"
#include "server/history_db.h"

enum {
    APPLICATION_ID = 0x616c6869 /* "alhi" */,
    HASH_SIZE = 32,
    CHECKSUM_SIZE = 2 * HASH_SIZE + 1
};

/* --- the files --- */

/* The text of a file, with a zero byte behind it. */
/* A name can't be in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define EMBED(symbol, path)                                                                \
    __asm__(".section .rodata\n" #symbol ":\n.incbin \"" path "\"\n.byte 0\n.previous\n"); \
    extern const char symbol[] __attribute__((visibility("hidden")))

/* NOLINTEND(bugprone-macro-parentheses) */
EMBED(migration_1, "migrations/0001_history.sql");
EMBED(migration_2, "migrations/0002_fused_events.sql");

const struct history_migration history_migrations[] = {
    {1, "0001_history.sql", migration_1},
    {2, "0002_fused_events.sql", migration_2},
};
const int history_migration_count = sizeof history_migrations / sizeof history_migrations[0];

static int checksum(struct history_db *db, const char *sql, char text[CHECKSUM_SIZE])
{
    unsigned char hash[HASH_SIZE];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, sql, strlen(sql), hash) < 0) {
        history_db_tell(db, "no SHA-256");
        return ALLOT_EIO;
    }
    for (size_t i = 0; i < HASH_SIZE; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
    return 0;
}

/* --- what a file has --- */

int history_migrations_version(struct history_db *db, int *ret)
{
    int64_t version = 0;
    int error = history_db_query(db, "PRAGMA user_version", &version);
    if (!error)
        *ret = (int)version;
    return error;
}

static int refuse_version(struct history_db *db, int version, int count)
{
    history_db_tell(db,
                    "has version %d, this allotd knows only up to %d: use a newer one, or "
                    "move the file away",
                    version, count);
    return ALLOT_EVALUE;
}

/* Whether number @migration was applied as it stands here. */
static int check_applied(struct history_db *db, const struct history_migration *migration)
{
    char wanted[CHECKSUM_SIZE];
    sqlite3_stmt *statement = NULL;
    static const char *const text = "SELECT checksum FROM migrations WHERE version = ?1";
    int error = checksum(db, migration->sql, wanted);
    if (!error)
        error = history_db_prepare(db, &text, 1, &statement);
    if (error)
        return error;
    (void)sqlite3_bind_int(statement, 1, migration->version);
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        error = history_db_fail(db, "opening", code);
    } else if (code == SQLITE_DONE ||
               !span_equal(history_db_column_span(statement, 0), span_of(wanted))) {
        history_db_tell(db, "was made by another migration %s than this allotd has",
                        migration->name);
        error = ALLOT_EVALUE;
    }
    history_db_finalize(&statement, 1);
    return error;
}

int history_migrations_check(struct history_db *db, const struct history_migration *migrations,
                             int count)
{
    int64_t application = 0, tables = 0;
    int version = 0;
    int error = history_db_query(db, "PRAGMA application_id", &application);
    if (!error)
        error = history_db_query(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (!error)
        error = history_migrations_version(db, &version);
    if (error)
        return error;
    bool is_new = application == 0 && version == 0 && tables == 0;
    if (!is_new && application != APPLICATION_ID) {
        history_db_tell(db, "not the file of an allot history");
        return ALLOT_EVALUE;
    }
    if (version > count)
        return refuse_version(db, version, count);
    for (int i = 0; i < version && !error; i++)
        error = check_applied(db, &migrations[i]);
    return error;
}

int history_migrations_refuse_empty(struct history_db *db)
{
    history_db_tell(db,
                    "has nothing of a history: if it was copied or moved, what belongs to it is "
                    "in the -wal beside the former one");
    return ALLOT_EVALUE;
}

int history_migrations_require(struct history_db *db, const struct history_migration *migrations,
                               int count)
{
    int version = 0;
    int error = history_migrations_check(db, migrations, count);
    if (!error)
        error = history_migrations_version(db, &version);
    if (!error && version == 0)
        return history_migrations_refuse_empty(db);
    if (!error && version < count) {
        history_db_tell(db,
                        "has version %d, and this allotd reads %d: run `allotd history "
                        "migrate` first",
                        version, count);
        error = ALLOT_EVALUE;
    }
    return error;
}

/* --- applying --- */

static int record(struct history_db *db, const struct history_migration *migration)
{
    char sum[CHECKSUM_SIZE], sql[512];
    int error = checksum(db, migration->sql, sum);
    if (error)
        return error;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO migrations VALUES (%d, '%s', '%s', %lld);"
                   "PRAGMA user_version = %d; PRAGMA application_id = %d",
                   migration->version, migration->name, sum, (long long)clock_wall_ms(),
                   migration->version, APPLICATION_ID);
    return history_db_execute(db, sql, migration->name);
}

static int apply(struct history_db *db, const struct history_migration *migration)
{
    int error = history_db_execute(db,
                                   "BEGIN IMMEDIATE;"
                                   "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY "
                                   "KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied "
                                   "INTEGER NOT NULL) STRICT",
                                   migration->name);
    if (!error)
        error = history_db_execute(db, migration->sql, migration->name);
    if (!error)
        error = record(db, migration);
    if (!error)
        error = history_db_execute(db, "COMMIT", migration->name);
    if (error && !sqlite3_get_autocommit(db->database))
        (void)sqlite3_exec(db->database, "ROLLBACK", NULL, NULL, NULL);
    return error;
}

int history_migrations_apply(struct history_db *db, const struct history_migration *migrations,
                             int count)
{
    int version = 0;
    int error = history_migrations_version(db, &version);
    for (int i = version; i < count && !error; i++)
        error = apply(db, &migrations[i]);
    return error;
}

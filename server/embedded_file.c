#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/embedded_file_internal.h"

enum {
    APPLICATION_ID = 0x616c6c74, /* "allt" */
    FORMAT_VERSION = 1,
    BUSY_MS = 5000, /* how long to wait for who opens the file at the same time */
};

static const char *const schema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), cluster_id INTEGER NOT NULL,"
    " instance TEXT NOT NULL, compact_revision INTEGER NOT NULL, swept INTEGER NOT NULL) STRICT;"
    "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL) STRICT;"
    /* position: revision << 20 | place among its changes; value NULL: the key was deleted */
    "CREATE TABLE history (position INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB,"
    " create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL,"
    " previous INTEGER NOT NULL) STRICT;";

static const char *const statement_texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [READ_HEADER] = "SELECT cluster_id, instance, compact_revision, swept FROM store",
    [WRITE_HEADER] = "UPDATE store SET compact_revision = ?1, swept = ?2",
    [READ_LEASES] = "SELECT id, ttl FROM lease ORDER BY id",
    [ADD_LEASE] = "INSERT INTO lease VALUES (?1, ?2)",
    [REMOVE_LEASE] = "DELETE FROM lease WHERE id = ?1",
    [ADD_CHANGE] = "INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [REMOVE_CHANGE] = "DELETE FROM history WHERE position = ?1",
    [READ_SWEEP] = "SELECT position, previous, value IS NULL FROM history"
                   " WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3",
    [READ_HISTORY] = "SELECT position, key, value, create_revision, version, lease, previous"
                     " FROM history WHERE position >= ?1 ORDER BY position",
    [READ_ONE] = "SELECT position, key, value, create_revision, version, lease, previous"
                 " FROM history WHERE position = ?1",
};

/* --- errors --- */

__attribute__((format(printf, 2, 3))) static void tell(struct embedded_file *file,
                                                       const char *format, ...)
{
    struct error_message *message = &file->message;
    va_list arguments;
    int size = snprintf(message->text, sizeof message->text, "%s: ", file->path);
    if (size < 0 || (size_t)size >= sizeof message->text)
        return; /* a path that fills the message */
    va_start(arguments, format);
    vsnprintf(message->text + size, sizeof message->text - (size_t)size, format, arguments);
    va_end(arguments);
}

int embedded_file_fail(struct embedded_file *file, const char *what, int code)
{
    tell(file, "%s: %s (SQLite error %d)", what, sqlite3_errmsg(file->database), code);
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return ALLOT_ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_ERROR:      /* no such table */
    case SQLITE_CONSTRAINT: /* a row that can't be there */
        return ALLOT_EVALUE;
    default:
        return ALLOT_EIO;
    }
}

int embedded_file_damaged(struct embedded_file *file, const char *what)
{
    tell(file, "damaged: %s", what);
    return ALLOT_EVALUE;
}

int embedded_file_check_place(struct embedded_file *file)
{
    int moved = 0;
    int code = sqlite3_file_control(file->database, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (code != SQLITE_OK)
        return embedded_file_fail(file, "looking for it", code);
    if (!moved)
        return 0;
    tell(file, "was moved, removed or replaced");
    return ALLOT_EUNAVAILABLE;
}

const char *embedded_file_message(const struct embedded_file *file)
{
    return file->message.text;
}

void embedded_file_bind(sqlite3_stmt *statement, const int64_t *numbers, int count)
{
    for (int i = 0; i < count; i++)
        sqlite3_bind_int64(statement, i + 1, numbers[i]);
}

/* --- opening --- */

static int execute(struct embedded_file *file, const char *sql, const char *what)
{
    int code = sqlite3_exec(file->database, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : embedded_file_fail(file, what, code);
}

/* The one number that a query gives. */
static int query(struct embedded_file *file, const char *sql, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(file->database, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int error = code == SQLITE_ROW ? 0 : embedded_file_fail(file, "opening", code);
    if (!error)
        *ret = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return error;
}

/* Looks at whose file it is, before anything is written to it. */
static int identify(struct embedded_file *file, bool *ret_is_new)
{
    int64_t application, version, tables;
    int error = query(file, "PRAGMA application_id", &application);
    if (!error)
        error = query(file, "PRAGMA user_version", &version);
    if (!error)
        error = query(file, "SELECT count(*) FROM sqlite_schema", &tables);
    if (error)
        return error;
    *ret_is_new = application == 0 && version == 0 && tables == 0;
    if (!*ret_is_new && application != APPLICATION_ID) {
        tell(file, "not the file of an allot store");
        return ALLOT_EVALUE;
    }
    if (!*ret_is_new && version != FORMAT_VERSION) {
        tell(file, "has format version %lld, this allot knows only %d", (long long)version,
             FORMAT_VERSION);
        return ALLOT_EVALUE;
    }
    return 0;
}

/* Tables, and the identity, all in one transaction. */
static int make_tables(struct embedded_file *file)
{
    uint64_t random[2];
    char sql[512];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        tell(file, "no random numbers: %s", strerrordesc_np(errno));
        return ALLOT_EIO;
    }
    snprintf(sql, sizeof sql,
             "INSERT INTO store VALUES (1, %lld, '%016llx', 0, 0);"
             "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
             (long long)(random[0] >> 1 | 1), (unsigned long long)random[1], APPLICATION_ID,
             FORMAT_VERSION);
    int error = execute(file, schema, "making the tables");
    return error ? error : execute(file, sql, "making the tables");
}

/* Makes the names of new files durable. */
static int sync_directory(struct embedded_file *file)
{
    const char *slash = strrchr(file->path, '/');
    char *directory = slash ? strndup(file->path, (size_t)(slash - file->path) + 1) : strdup(".");
    if (!directory)
        return ALLOT_ENOMEM;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    if (failed)
        tell(file, "syncing its directory: %s", strerrordesc_np(errno));
    if (fd >= 0)
        close(fd);
    free(directory);
    return failed ? ALLOT_EIO : 0;
}

static int prepare(struct embedded_file *file)
{
    for (int i = 0; i < STATEMENTS; i++) {
        int code = sqlite3_prepare_v3(file->database, statement_texts[i], -1,
                                      SQLITE_PREPARE_PERSISTENT, &file->statements[i], NULL);
        if (code != SQLITE_OK)
            return embedded_file_fail(file, "opening", code);
    }
    return 0;
}

static int read_header(struct embedded_file *file)
{
    sqlite3_stmt *statement = file->statements[READ_HEADER];
    struct embedded_file_header *header = &file->header;
    int error = 0;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *instance = (const char *)sqlite3_column_text(statement, 1);
        header->cluster_id = (uint64_t)sqlite3_column_int64(statement, 0);
        header->compact_revision = sqlite3_column_int64(statement, 2);
        header->swept = sqlite3_column_int64(statement, 3);
        snprintf(header->instance, sizeof header->instance, "%s", instance ? instance : "");
        bool is_sound = strlen(header->instance) == EMBEDDED_INSTANCE_SIZE - 1 &&
                        header->compact_revision >= 0 &&
                        header->compact_revision <= EMBEDDED_MAX_REVISION && header->swept >= 0;
        if (!is_sound)
            error = embedded_file_damaged(file, "its header");
    } else {
        error = code == SQLITE_DONE ? embedded_file_damaged(file, "no header")
                                    : embedded_file_fail(file, "opening", code);
    }
    sqlite3_reset(statement);
    file->uncertain = *header;
    return error;
}

static int harden(struct embedded_file *file)
{
    return execute(file,
                   "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                   "PRAGMA temp_store = MEMORY;",
                   "opening");
}

static int set_up(struct embedded_file *file)
{
    bool is_new = false;
    int error = harden(file);
    if (!error)
        error = identify(file, &is_new);
    if (!error)
        error = execute(file, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", "opening");
    if (!error && is_new)
        error = make_tables(file);
    if (!error && is_new)
        error = sync_directory(file);
    if (!error)
        error = prepare(file);
    return error ? error : read_header(file);
}

/* What follows is read in one transaction: all of it as of the last commit. */
static int set_up_to_read(struct embedded_file *file)
{
    bool is_new = false;
    int error = harden(file);
    if (!error)
        error = execute(file, "BEGIN", "opening");
    if (!error)
        error = identify(file, &is_new);
    if (!error && is_new) {
        tell(file, "not the file of an allot store");
        error = ALLOT_EVALUE;
    }
    if (!error)
        error = prepare(file);
    return error ? error : read_header(file);
}

static int open_file(const char *path, int flags, int (*set_up_file)(struct embedded_file *file),
                     struct embedded_file **ret, struct error_message *why)
{
    size_t size = strlen(path) + 1;
    struct embedded_file *file = calloc(1, sizeof *file + size);
    if (!file) {
        snprintf(why->text, sizeof why->text, "%s: %s", path, allot_error_text(ALLOT_ENOMEM));
        return ALLOT_ENOMEM;
    }
    memcpy(file->path, path, size);
    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &file->database, flags, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(file->database, BUSY_MS);
    int error = code == SQLITE_OK ? set_up_file(file) : embedded_file_fail(file, "opening", code);
    if (error) {
        *why = file->message;
        embedded_file_close(file);
        return error;
    }
    *ret = file;
    return 0;
}

/* So that only we can read it: SQLite makes the files beside it with the same rights. If it can't
 * be made, SQLite finds so, too, and says why. */
static void create(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
}

int embedded_file_open(const char *path, struct embedded_file **ret, struct error_message *why)
{
    create(path);
    return open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, set_up, ret, why);
}

int embedded_file_open_to_read(const char *path, struct embedded_file **ret,
                               struct error_message *why)
{
    return open_file(path, SQLITE_OPEN_READONLY, set_up_to_read, ret, why);
}

void embedded_file_close(struct embedded_file *file)
{
    if (!file)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(file->statements[i]);
    sqlite3_close(file->database);
    free(file);
}

const struct embedded_file_header *embedded_file_header(const struct embedded_file *file)
{
    return &file->header;
}

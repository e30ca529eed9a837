#include "server/history_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/history_migrations.h"

/* Steps of SQLite's machine between two looks at whether to cancel. */
enum { CANCEL_STEPS = 4096, BUSY_MS = 5000 };

/* --- errors --- */

void history_db_tell(struct history_db *db, const char *format, ...)
{
    struct error_message *message = &db->message;
    va_list arguments;
    int size = snprintf(message->text, sizeof message->text, "%s: ", db->path);
    if (size < 0 || (size_t)size >= sizeof message->text)
        return; /* a path that fills the message */
    va_start(arguments, format);
    (void)vsnprintf(message->text + size, sizeof message->text - (size_t)size, format, arguments);
    va_end(arguments);
}

int history_db_fail(struct history_db *db, const char *what, int code)
{
    const char *text = db->database ? sqlite3_errmsg(db->database) : sqlite3_errstr(code);
    history_db_tell(db, "%s: %s (SQLite error %d)", what, text, code);
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return ALLOT_ENOMEM;
    case SQLITE_INTERRUPT:
        return ALLOT_ECANCELED;
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

int history_db_damaged(struct history_db *db, const char *what)
{
    history_db_tell(db, "damaged: %s", what);
    return ALLOT_EVALUE;
}

/* --- statements --- */

int history_db_execute(struct history_db *db, const char *sql, const char *what)
{
    int code = sqlite3_exec(db->database, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : history_db_fail(db, what, code);
}

int history_db_prepare(struct history_db *db, const char *const *texts, int count,
                       sqlite3_stmt **ret)
{
    for (int i = 0; i < count; i++)
        ret[i] = NULL;
    for (int i = 0; i < count; i++) {
        int code = sqlite3_prepare_v3(db->database, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &ret[i], NULL);
        if (code != SQLITE_OK)
            return history_db_fail(db, "opening", code);
    }
    return 0;
}

void history_db_finalize(sqlite3_stmt **statements, int count)
{
    for (int i = 0; i < count; i++) {
        (void)sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}

int history_db_run(struct history_db *db, sqlite3_stmt *statement, const char *what)
{
    int code = sqlite3_step(statement);
    int error = code == SQLITE_DONE ? 0 : history_db_fail(db, what, code);
    (void)sqlite3_reset(statement); /* repeats step's error */
    return error;
}

int history_db_run_integers(struct history_db *db, sqlite3_stmt *statement, const int64_t *numbers,
                            int count, const char *what)
{
    history_db_bind(statement, numbers, count);
    return history_db_run(db, statement, what);
}

int history_db_find(struct history_db *db, const char *sql, int64_t parameter, int64_t absent,
                    int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->database, sql, -1, &statement, NULL);
    if (code == SQLITE_OK && sqlite3_bind_parameter_count(statement) > 0)
        code = sqlite3_bind_int64(statement, 1, parameter);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int error =
        code == SQLITE_ROW || code == SQLITE_DONE ? 0 : history_db_fail(db, "reading", code);
    if (!error)
        *ret = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : absent;
    (void)sqlite3_finalize(statement);
    return error;
}

int history_db_query(struct history_db *db, const char *sql, int64_t *ret)
{
    return history_db_find(db, sql, 0, 0, ret);
}

void history_db_bind(sqlite3_stmt *statement, const int64_t *numbers, int count)
{
    for (int i = 0; i < count; i++)
        (void)sqlite3_bind_int64(statement, i + 1, numbers[i]);
}

void history_db_bind_span(sqlite3_stmt *statement, int parameter, struct span span)
{
    if (span.data)
        (void)sqlite3_bind_blob64(statement, parameter, span.size ? span.data : "", span.size,
                                  SQLITE_STATIC);
    else
        (void)sqlite3_bind_null(statement, parameter);
}

struct span history_db_column_span(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return (struct span){NULL, 0};
    const char *data = sqlite3_column_blob(statement, column);
    int size = sqlite3_column_bytes(statement, column);
    return data ? (struct span){data, (size_t)size} : SPAN("");
}

/* --- cancelling --- */

static int is_cancelled(void *context)
{
    const atomic_bool *cancelled = context;
    return atomic_load(cancelled);
}

void history_db_cancel_by(struct history_db *db, const atomic_bool *cancelled)
{
    sqlite3_progress_handler(db->database, cancelled ? CANCEL_STEPS : 0,
                             cancelled ? is_cancelled : NULL, (void *)cancelled);
}

int history_db_size(struct history_db *db, int64_t *ret)
{
    int64_t pages = 0, unused = 0, page_size = 0;
    int error = history_db_query(db, "PRAGMA page_count", &pages);
    if (!error)
        error = history_db_query(db, "PRAGMA freelist_count", &unused);
    if (!error)
        error = history_db_query(db, "PRAGMA page_size", &page_size);
    if (!error)
        *ret = (pages - unused) * page_size;
    return error;
}

/* --- opening --- */

static int fail_opening(struct history_db *db)
{
    history_db_tell(db, "opening: %s", strerrordesc_np(errno));
    return ALLOT_EIO;
}

/* Where the file is that the path leads to: SQLite has its files beside that, and so have we. */
static int resolve(struct history_db *db)
{
    free(db->real_path);
    db->real_path = realpath(db->path, NULL);
    return db->real_path ? 0 : errno == ENOMEM ? ALLOT_ENOMEM : fail_opening(db);
}

/* So that only we can read it: SQLite makes the files beside it with the same rights. */
static int create(struct history_db *db)
{
    int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_opening(db);
    (void)close(fd);
    return resolve(db);
}

/* One process at a time writes. The lock is a file of its own: SQLite has locks of its own on the
 * database. */
static int lock(struct history_db *db)
{
    char *name = NULL;
    if (asprintf(&name, "%s.lock", db->real_path) < 0)
        return ALLOT_ENOMEM;
    int error = 0;
    db->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock < 0) {
        history_db_tell(db, "locking: %s", strerrordesc_np(errno));
        error = ALLOT_EIO;
    } else if (flock(db->lock, LOCK_EX | LOCK_NB) < 0) {
        history_db_tell(db, "another process writes it");
        error = ALLOT_ELOCKED;
    }
    free(name);
    return error;
}

static int find(struct history_db *db)
{
    struct stat found;
    if (stat(db->path, &found) < 0 && errno == ENOENT) {
        history_db_tell(db, "there is no such file");
        return ALLOT_ENOTFOUND;
    }
    if (stat(db->path, &found) == 0 && !S_ISREG(found.st_mode)) {
        history_db_tell(db, "is a directory or the like; expected the file of a history");
        return ALLOT_EVALUE;
    }
    return resolve(db);
}

/* Opens what @name says, the path or a URI, with SQLite's @flags. */
static int connect_to(struct history_db *db, const char *name, int flags)
{
    int code = sqlite3_open_v2(name, &db->database,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK)
        return history_db_fail(db, "opening", code);
    (void)sqlite3_busy_timeout(db->database, BUSY_MS);
    return 0;
}

static int open_to_write(struct history_db *db)
{
    int error = create(db);
    if (!error)
        error = lock(db);
    if (!error)
        error = connect_to(db, db->path, SQLITE_OPEN_READWRITE);
    if (!error)
        error = history_migrations_check(db, history_migrations, history_migration_count);
    if (!error)
        error = history_db_execute(db,
                                   "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;"
                                   "PRAGMA wal_autocheckpoint = 2000; PRAGMA temp_store = MEMORY;"
                                   "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;"
                                   "PRAGMA journal_size_limit = 67108864",
                                   "opening");
    return error ? error
                 : history_migrations_apply(db, history_migrations, history_migration_count);
}

/* --- opening what is there --- */

/* Whether there is a file called as ours, with @suffix. */
static bool has_beside(const struct history_db *db, const char *suffix)
{
    char *name = NULL;
    if (asprintf(&name, "%s%s", db->real_path, suffix) < 0)
        return false;
    bool has = access(name, F_OK) == 0;
    free(name);
    return has;
}

static bool is_directory_fixed(const struct history_db *db)
{
    const char *slash = strrchr(db->real_path, '/');
    char *directory = strndup(db->real_path, (size_t)(slash - db->real_path) + 1);
    bool is_fixed = directory && access(directory, W_OK) < 0;
    free(directory);
    return is_fixed;
}

/* SQLite makes files beside one that it reads, unless it is told that nobody changes it. */
static int connect_to_fixed(struct history_db *db)
{
    static const char hex[] = "0123456789ABCDEF", prefix[] = "file:", suffix[] = "?immutable=1";
    char *uri = malloc(sizeof prefix + 3 * strlen(db->path) + sizeof suffix);
    if (!uri)
        return ALLOT_ENOMEM;
    char *end = stpcpy(uri, prefix);
    for (const char *from = db->path; *from; from++) {
        if (strchr("%?#", *from)) {
            *end++ = '%';
            *end++ = hex[*from >> 4];
            *end++ = hex[*from & 15];
        } else {
            *end++ = *from;
        }
    }
    (void)stpcpy(end, suffix);
    int error = connect_to(db, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    free(uri);
    return error;
}

static int connect_to_read(struct history_db *db)
{
    bool is_fixed = is_directory_fixed(db);
    if (is_fixed && !has_beside(db, "-wal"))
        return connect_to_fixed(db);
    if (is_fixed && !has_beside(db, "-shm")) {
        history_db_tell(db, "some of it is in a -wal beside it, for which its directory must be "
                            "writable: copy both to one that is");
        return ALLOT_EIO;
    }
    return connect_to(db, db->path, SQLITE_OPEN_READONLY);
}

static int open_to_read(struct history_db *db)
{
    int error = find(db);
    if (!error)
        error = connect_to_read(db);
    if (!error) /* what a check sorts may be more than fits in memory */
        error = history_db_execute(db, "PRAGMA temp_store = FILE; PRAGMA trusted_schema = OFF",
                                   "opening");
    return error ? error
                 : history_migrations_require(db, history_migrations, history_migration_count);
}

/* Looks at what it is before anything is written, even beside it. */
static int open_to_change(struct history_db *db)
{
    int version = 0;
    int error = find(db);
    if (!error)
        error = connect_to_read(db);
    if (!error)
        error = history_migrations_check(db, history_migrations, history_migration_count);
    if (!error)
        error = history_migrations_version(db, &version);
    if (!error && version == 0)
        error = history_migrations_refuse_empty(db);
    (void)sqlite3_close(db->database);
    db->database = NULL;
    return error ? error : open_to_write(db);
}

int history_db_open(const char *path, enum history_db_mode mode, struct history_db **ret,
                    struct error_message *why)
{
    size_t size = strlen(path) + 1;
    struct history_db *db = calloc(1, sizeof *db + size);
    if (!db) {
        (void)snprintf(why->text, sizeof why->text, "%s: %s", path, allot_error_text(ALLOT_ENOMEM));
        return ALLOT_ENOMEM;
    }
    memcpy(db->path, path, size);
    db->lock = -1;
    int error = mode == HISTORY_DB_WRITE    ? open_to_write(db)
                : mode == HISTORY_DB_CHANGE ? open_to_change(db)
                                            : open_to_read(db);
    if (error) {
        *why = db->message;
        history_db_close(db);
        return error;
    }
    *ret = db;
    return 0;
}

void history_db_close(struct history_db *db)
{
    if (!db)
        return;
    (void)sqlite3_close(db->database);
    if (db->lock >= 0)
        (void)close(db->lock);
    free(db->real_path);
    free(db);
}

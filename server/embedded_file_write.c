#include "server/embedded_file_internal.h"

enum { SWEEP_MAX_ROWS = 512 };

/* SQLITE_FULL is an answer to writing, not to syncing: not all of a commit's last frame, which
 * alone makes the frames before it count, has come into the write-ahead log, and so a reader of the
 * log stops before them. After any other error that frame may be there. */
static int fail(struct embedded_file *file, const char *what, int code)
{
    int error = embedded_file_fail(file, what, code);
    return code == SQLITE_FULL ? ALLOT_EUNAVAILABLE : error;
}

/* Runs a statement that is bound and gives no rows. */
static int run(struct embedded_file *file, enum embedded_statement statement, const char *what)
{
    int code = sqlite3_step(file->statements[statement]);
    int error = code == SQLITE_DONE ? 0 : fail(file, what, code);
    sqlite3_reset(file->statements[statement]); /* repeats step's error */
    return error;
}

static int run_integers(struct embedded_file *file, enum embedded_statement statement,
                        const int64_t *numbers, int count, const char *what)
{
    embedded_file_bind(file->statements[statement], numbers, count);
    return run(file, statement, what);
}

/* A blob that is borrowed until the statement is run; an empty one must not become NULL. */
static void bind_span(sqlite3_stmt *statement, int parameter, struct span span)
{
    sqlite3_bind_blob64(statement, parameter, span.size ? span.data : "", span.size, SQLITE_STATIC);
}

int embedded_file_begin(struct embedded_file *file)
{
    file->uncertain = file->header;
    int error = embedded_file_check_place(file);
    return error ? error : run(file, BEGIN, "writing");
}

/* After an error: SQLite may have rolled back already. */
static int roll_back(struct embedded_file *file, int error)
{
    if (error && !sqlite3_get_autocommit(file->database)) {
        sqlite3_step(file->statements[ROLLBACK]);
        sqlite3_reset(file->statements[ROLLBACK]);
    }
    return error;
}

static int add_change(struct embedded_file *file, const struct embedded_change *change)
{
    sqlite3_stmt *statement = file->statements[ADD_CHANGE];
    const struct embedded_version *before = change->before, *after = change->after;
    struct store_kv kv = {0};
    if (after)
        kv = after->kv;
    else if (before)
        kv.key = before->kv.key;
    sqlite3_bind_int64(statement, 1, change->position);
    bind_span(statement, 2, kv.key);
    if (after)
        bind_span(statement, 3, kv.value);
    else
        sqlite3_bind_null(statement, 3);
    sqlite3_bind_int64(statement, 4, kv.create_revision);
    sqlite3_bind_int64(statement, 5, kv.version);
    sqlite3_bind_int64(statement, 6, kv.lease);
    sqlite3_bind_int64(statement, 7, before ? before->position : 0);
    return run(file, ADD_CHANGE, "writing");
}

int embedded_file_write(struct embedded_file *file, const struct embedded_change *changes,
                        size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && !error; i++) {
        const struct embedded_change *change = &changes[i];
        switch (change->kind) {
        case EMBEDDED_PUT:
        case EMBEDDED_DELETE:
            error = add_change(file, change);
            break;
        case EMBEDDED_LEASE_GRANT:
            error = run_integers(file, ADD_LEASE,
                                 (int64_t[]){change->lease->id, change->lease->ttl}, 2, "writing");
            break;
        case EMBEDDED_LEASE_REVOKE:
            error = run_integers(file, REMOVE_LEASE, &change->lease->id, 1, "writing");
            break;
        }
    }
    return roll_back(file, error);
}

static int write_header(struct embedded_file *file)
{
    const struct embedded_file_header *header = &file->uncertain;
    int64_t numbers[] = {header->compact_revision, header->swept};
    return roll_back(file, run_integers(file, WRITE_HEADER, numbers, 2, "writing"));
}

int embedded_file_compact(struct embedded_file *file, int64_t revision)
{
    file->uncertain.compact_revision = revision;
    return write_header(file);
}

static int64_t last_to_sweep(const struct embedded_file_header *header)
{
    return embedded_first_position(header->compact_revision + 1) - 1;
}

bool embedded_file_must_sweep(const struct embedded_file *file)
{
    return file->header.swept < last_to_sweep(&file->header);
}

/* What the next rows make needless: what they replaced, and deletions themselves. Sets how far that
 * reaches. */
static int find_needless(struct embedded_file *file, int limit, int64_t *positions, int *ret_count)
{
    sqlite3_stmt *statement = file->statements[READ_SWEEP];
    int64_t last = last_to_sweep(&file->uncertain);
    int code, rows = 0;
    embedded_file_bind(statement, (int64_t[]){file->uncertain.swept, last, limit}, 3);
    *ret_count = 0;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        rows++;
        file->uncertain.swept = sqlite3_column_int64(statement, 0);
        if (sqlite3_column_int64(statement, 1))
            positions[(*ret_count)++] = sqlite3_column_int64(statement, 1);
        if (sqlite3_column_int(statement, 2))
            positions[(*ret_count)++] = sqlite3_column_int64(statement, 0);
    }
    int error = code == SQLITE_DONE ? 0 : embedded_file_fail(file, "compacting", code);
    sqlite3_reset(statement);
    if (rows < limit)
        file->uncertain.swept = last;
    return error;
}

int embedded_file_sweep(struct embedded_file *file, int limit)
{
    int64_t positions[2 * SWEEP_MAX_ROWS];
    int count;
    if (limit > SWEEP_MAX_ROWS)
        limit = SWEEP_MAX_ROWS;
    if (file->uncertain.swept >= last_to_sweep(&file->uncertain))
        return 0;
    int error = find_needless(file, limit, positions, &count);
    for (int i = 0; i < count && !error; i++)
        error = run_integers(file, REMOVE_CHANGE, &positions[i], 1, "compacting");
    return error ? roll_back(file, error) : write_header(file);
}

int embedded_file_commit(struct embedded_file *file)
{
    int error = roll_back(file, run(file, COMMIT, "committing"));
    if (!error)
        file->header = file->uncertain;
    return error;
}

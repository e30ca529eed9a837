/* The history's database file, opened for one thread. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_DB_H
#define ALLOT_SERVER_HISTORY_DB_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

enum history_db_mode {
    HISTORY_DB_WRITE,  /* made if it is missing, brought up to this version, and locked */
    HISTORY_DB_CHANGE, /* the same of one that is there */
    HISTORY_DB_READ,
};

struct history_db {
    sqlite3 *database;
    int lock;                     /* file descriptor; -1: none */
    char *real_path;              /* without links */
    struct error_message message; /* of what went wrong last */
    char path[];
};

/* Opens the file at @path. One process at a time may write; any may read meanwhile. What is in a
 * directory that can't be written is read as it stands there, if nothing of it is in a log beside
 * it. Errors, told in @why: ALLOT_ELOCKED (another process writes it), ALLOT_EVALUE (not a history,
 * of a newer version, to be read and of an older one, damaged), ALLOT_ENOTFOUND (to be read or
 * changed, and missing), ALLOT_EIO, ALLOT_ENOMEM. */
int history_db_open(const char *path, enum history_db_mode mode, struct history_db **ret,
                    struct error_message *why);
void history_db_close(struct history_db *db); /* NULL is fine */

/* Sets the message, after the path. */
void history_db_tell(struct history_db *db, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Tells of what SQLite returned to @what ("writing"), and says which of our errors it is:
 * ALLOT_ENOMEM, ALLOT_ECANCELED, ALLOT_EVALUE (damaged), ALLOT_EIO (all else: no room, no rights).
 */
int history_db_fail(struct history_db *db, const char *what, int code);
/* Tells that the content is not what it must be: ALLOT_EVALUE. */
int history_db_damaged(struct history_db *db, const char *what);

/* As history_db_fail, 0 if it goes well. */
int history_db_execute(struct history_db *db, const char *sql, const char *what);
int history_db_prepare(struct history_db *db, const char *const *texts, int count,
                       sqlite3_stmt **ret);
void history_db_finalize(sqlite3_stmt **statements, int count); /* NULLs are fine */

/* Runs a bound statement that gives no rows, and resets it. */
int history_db_run(struct history_db *db, sqlite3_stmt *statement, const char *what);
/* Binds @numbers to the first parameters and does the same. */
int history_db_run_integers(struct history_db *db, sqlite3_stmt *statement, const int64_t *numbers,
                            int count, const char *what);
/* The one number that a query gives; 0 if it gives no row. */
int history_db_query(struct history_db *db, const char *sql, int64_t *ret);
/* The same of one with a parameter; @absent if it gives no row. */
int history_db_find(struct history_db *db, const char *sql, int64_t parameter, int64_t absent,
                    int64_t *ret);

void history_db_bind(sqlite3_stmt *statement, const int64_t *numbers, int count);
/* As a blob that is borrowed until the statement is reset; of data NULL: as NULL. */
void history_db_bind_span(sqlite3_stmt *statement, int parameter, struct span span);
/* Borrowed until the next step; of NULL: data NULL; of nothing but empty: data not NULL. */
struct span history_db_column_span(sqlite3_stmt *statement, int column);

/* While it is not NULL, *@cancelled ends statements with ALLOT_ECANCELED. */
void history_db_cancel_by(struct history_db *db, const atomic_bool *cancelled);

/* Bytes of the pages that hold something. */
int history_db_size(struct history_db *db, int64_t *ret);

#endif

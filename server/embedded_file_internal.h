/* What the parts of the embedded store's file share: its struct, statements and errors. */
#ifndef ALLOT_SERVER_EMBEDDED_FILE_INTERNAL_H
#define ALLOT_SERVER_EMBEDDED_FILE_INTERNAL_H

#include <sqlite3.h>

#include "server/embedded_file.h"

enum embedded_statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    READ_HEADER,
    WRITE_HEADER,
    READ_LEASES,
    ADD_LEASE,
    REMOVE_LEASE,
    ADD_CHANGE,
    REMOVE_CHANGE,
    READ_SWEEP,
    READ_HISTORY,
    READ_ONE,
    STATEMENTS,
};

struct embedded_file {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENTS];
    struct embedded_file_header header;    /* as of the last commit */
    struct embedded_file_header uncertain; /* as of the transaction under way */
    struct error_message message;
    char path[]; /* for the messages */
};

/* Tells of what SQLite returned, and says which of our errors it is. */
int embedded_file_fail(struct embedded_file *file, const char *what, int code);
/* Tells that the file's content is not what it must be: ALLOT_EVALUE. */
int embedded_file_damaged(struct embedded_file *file, const char *what);
/* Whether it is still the file that stands at its path: what another one has, or nobody can find,
 * isn't written. ALLOT_EUNAVAILABLE: it isn't. */
int embedded_file_check_place(struct embedded_file *file);

/* Binds integers to the first parameters. (That can't fail but for a bug: they need no memory.) */
void embedded_file_bind(sqlite3_stmt *statement, const int64_t *numbers, int count);

#endif

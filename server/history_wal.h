/* Moves what a history's write-ahead log has into its database, in a thread beside the one who
 * writes: the disk is waited for twice each time. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_WAL_H
#define ALLOT_SERVER_HISTORY_WAL_H

#include "server/history_db.h"

/* Pages in the log after which it is emptied; and after which who writes does it, and waits. */
enum { HISTORY_WAL_PAGES = 2000, HISTORY_WAL_MAX_PAGES = 4000 };

struct history_wal;

/* Watches over the log of @db, which is borrowed and open to write; its thread is begun when it is
 * first needed. ALLOT_ENOMEM. */
int history_wal_create(struct history_db *db, struct history_wal **ret);
/* Ends after what was begun, before @db is closed. NULL is fine. */
void history_wal_destroy(struct history_wal *wal);

/* After each commit; @pages: in the log. What fails is tried again after the next one. */
void history_wal_committed(struct history_wal *wal, int pages);

#endif

/* The newest block of a history's events: what is known of all of them, which is written down with
 * each transaction; and their postings, once it is full. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_BLOCK_H
#define ALLOT_SERVER_HISTORY_BLOCK_H

#include "server/history_names.h"
#include "server/history_postings.h"

/* Events in a block: what a search looks at, at most, in the newest, which has no postings yet. */
enum { HISTORY_BLOCK_EVENTS = 4096 };

/* Its statements. */
enum {
    HISTORY_BLOCK_READ,
    HISTORY_BLOCK_WRITE,
    HISTORY_BLOCK_WRITE_POSTINGS,
    HISTORY_BLOCK_STATEMENTS,
};

struct history_block {
    struct history_db *db;       /* borrowed, as the next */
    struct history_names *names; /* told of the era */
    sqlite3_stmt *statements[HISTORY_BLOCK_STATEMENTS];
    int64_t number; /* from 1; 0: there is none yet */
    int64_t first_position;
    int64_t last_position;
    int64_t event_count;
    int64_t kinds;
    int64_t first_ms;
    int64_t last_ms;
    bool changed; /* since it was written down */
    struct history_postings postings;
};

/* Reads it. As history_db_fail; ALLOT_ENOMEM; ALLOT_EVALUE (it is damaged). */
int history_block_init(struct history_db *db, struct history_names *names,
                       struct history_block *ret);
void history_block_release(struct history_block *block); /* also of a zeroed one */

/* Reads it anew: to be called whenever events may have gone from the file. As
 * history_block_init. */
int history_block_read(struct history_block *block);

/* Begins another block if this one is full: before an event's names are looked up, as it may be a
 * new era. As history_db_fail; ALLOT_ENOMEM. */
int history_block_make_room(struct history_block *block);
/* Adds an event that is about to be written. As history_postings_add. */
int history_block_add(struct history_block *block, const struct history_row *row);

/* Writes it down: at the end of each transaction. */
int history_block_write(struct history_block *block);

/* Adds to @ret the events in the file from position @first to @last, which are those of one block.
 * As history_db_fail; ALLOT_ENOMEM; ALLOT_EVALUE (they can't be those of a block). */
int history_block_collect(struct history_db *db, int64_t first, int64_t last,
                          struct history_postings *ret);

#endif

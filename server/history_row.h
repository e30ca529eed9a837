/* Events as the history's database has them. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_ROW_H
#define ALLOT_SERVER_HISTORY_ROW_H

#include "api/history.h"
#include "server/history_names.h"

/* Positions: a revision, and the place in it. */
enum { HISTORY_ORDER_BITS = 24 };
#define HISTORY_MAX_REVISION (INT64_MAX >> HISTORY_ORDER_BITS)
static inline int64_t history_position_of(int64_t revision, int64_t order)
{
    return revision << HISTORY_ORDER_BITS | order;
}
static inline int64_t history_first_position(int64_t revision) /* and of all later ones */
{
    return revision > HISTORY_MAX_REVISION ? INT64_MAX : history_position_of(revision, 0);
}
static inline int64_t history_revision_at(int64_t position)
{
    return position >> HISTORY_ORDER_BITS;
}

/* The columns that history_row_read reads, in this order; `FROM events AS e LEFT JOIN revisions AS
 * r ON r.revision = e.position >> 24` goes with them. */
#define HISTORY_ROW_COLUMNS                                                                        \
    "e.position, e.kind, e.operation, e.item, e.zone, e.member, e.name, e.principal, e.slot,"      \
    " e.before, e.after, e.create_revision, e.version, e.lease, e.actor_revision, e.mod_revision," \
    " r.time, r.is_observed, r.actor"
#define HISTORY_ROW_TABLES "events AS e LEFT JOIN revisions AS r ON r.revision = e.position >> 24"

/* The numbers in a row. */
struct history_row {
    int64_t position;
    int64_t kind; /* enum history_kind */
    int64_t operation;
    int64_t item; /* names; 0: none */
    int64_t zone;
    int64_t member;
    int64_t name;
    int64_t principal;
    int64_t time_ms;
};
void history_row_read(sqlite3_stmt *statement, struct history_row *ret);

/* What it takes to make events of rows. */
struct history_rows {
    struct history_db *db; /* borrowed */
    struct history_names *names;
    char *key; /* room for one */
    size_t key_capacity;
};
int history_rows_init(struct history_db *db,
                      struct history_rows *ret);      /* as history_names_create */
void history_rows_release(struct history_rows *rows); /* also of a zeroed one */

/* The event of a row, all but `actor` if that is another revision's. Spans are borrowed from the
 * statement, and from @rows until the next call. ALLOT_EVALUE: the row is damaged; as
 * history_names_text. */
int history_row_event(struct history_rows *rows, sqlite3_stmt *statement,
                      const struct history_row *row, struct history_event *ret);

/* The mod revision of the event's key after it. */
int64_t history_row_mod_revision(sqlite3_stmt *statement);

#endif

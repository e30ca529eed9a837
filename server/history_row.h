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
static inline int64_t history_last_position(int64_t revision) /* and of all earlier ones */
{
    return revision >= HISTORY_MAX_REVISION ? INT64_MAX : history_position_of(revision + 1, 0) - 1;
}
static inline int64_t history_revision_at(int64_t position)
{
    return position >> HISTORY_ORDER_BITS;
}

/* The columns that history_row_read reads, of events, in this order. */
#define HISTORY_ROW_COLUMNS                                                                    \
    "position, time, is_observed, kind, operation, item, zone, member, name, principal, slot," \
    " before, after, create_revision, version, lease, actor_revision, mod_revision, actor,"    \
    " actor_create_revision, actor_version"

/* Instead of a kind: the row is no event, but tells of a revision that has none. */
enum { HISTORY_NO_EVENT = -1 };

/* The numbers in a row. */
struct history_row {
    int64_t position;
    int64_t kind; /* enum history_kind, or HISTORY_NO_EVENT */
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

/* The event of a row, all but `actor`, which the first row of `actor_revision` has. Spans are
 * borrowed from the statement, and from @rows until the next call. ALLOT_EVALUE: the row is
 * damaged; as history_names_text. */
int history_row_event(struct history_rows *rows, sqlite3_stmt *statement,
                      const struct history_row *row, struct history_event *ret);

/* What ROOT/actor was given with the revision whose first row this is; false: nothing, or it is not
 * the first. All but the key; borrowed from the statement. */
bool history_row_actor(sqlite3_stmt *statement, struct store_kv *ret);

/* The mod revision of the event's key after it. */
int64_t history_row_mod_revision(sqlite3_stmt *statement);

#endif

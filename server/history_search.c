#include "server/history_search.h"

#include <stdlib.h>

#include "server/history_bounds.h"
#include "server/history_postings.h"

/* The first three are followed by the same, newest first. */
enum { EVENTS = 0, BLOCKS = 2, ROUNDS = 4, EVENT = 6, POSTINGS, ACTOR, STATEMENTS };

#define SELECT_EVENTS "SELECT " HISTORY_ROW_COLUMNS " FROM events WHERE "
#define SELECT_BLOCKS                                                                       \
    "SELECT block, first_position, last_position, kinds, first_time, last_time FROM blocks" \
    " WHERE block >= 0 ORDER BY block"
#define SELECT_ROUNDS                                                                      \
    "SELECT o.position, o.time, o.cause_revision, o.cause_count, e.after FROM rounds AS o" \
    " JOIN events AS e ON e.position = o.position WHERE o.position BETWEEN ?1 AND ?2"      \
    " ORDER BY o.position"

static const char *const texts[STATEMENTS + 1] = {
    [EVENTS] = SELECT_EVENTS "position BETWEEN ?1 AND ?2 ORDER BY position",
    [EVENTS + 1] = SELECT_EVENTS "position BETWEEN ?1 AND ?2 ORDER BY position DESC",
    [BLOCKS] = SELECT_BLOCKS,
    [BLOCKS + 1] = SELECT_BLOCKS " DESC",
    [ROUNDS] = SELECT_ROUNDS,
    [ROUNDS + 1] = SELECT_ROUNDS " DESC",
    [EVENT] = SELECT_EVENTS "position = ?1",
    [POSTINGS] = "SELECT data FROM postings WHERE block = ?1",
    [ACTOR] = "SELECT actor FROM events WHERE position = ?1",
};

const char *const *history_search_texts(void)
{
    return texts;
}

/* What a block costs that is looked at, in rows. */
enum { BLOCK_COST = 16 };

struct search {
    struct history_rows *rows;
    const struct history_query *query;
    history_visit_event *visit;
    void *visitor;
    struct history_row wanted; /* its names, where they matter; else 0 */
    bool finds_nothing;        /* a name that no event has */
    struct history_bounds bounds;
    sqlite3_stmt *blocks;
    sqlite3_stmt *events; /* of a block */
    sqlite3_stmt *event;
    sqlite3_stmt *postings;
    sqlite3_stmt *actor;
    int64_t actor_position;              /* of the row that the last one is at; 0: none */
    struct history_positions *positions; /* what postings have told; NULL: they aren't needed */
    int64_t looked_at;
    int found;
    bool ended;       /* before its end: there may be more */
    int64_t position; /* the last one that is done with */
};

/* --- what is asked for --- */

static int find_name(struct search *search, enum history_name_kind kind, struct span name,
                     int64_t *ret)
{
    if (!name.data)
        return 0;
    int error = history_names_find(search->rows->names, kind, name, false, ret);
    search->finds_nothing |= !error && *ret == 0;
    return error;
}

static int find_member(struct search *search, struct span zone, struct span suffix)
{
    char *name = malloc(zone.size + suffix.size + 1);
    if (!name)
        return ALLOT_ENOMEM;
    memcpy(name, zone.data, zone.size);
    name[zone.size] = KEY_SEPARATOR;
    memcpy(name + zone.size + 1, suffix.data, suffix.size);
    int error = find_name(search, HISTORY_NAME_MEMBER,
                          (struct span){name, zone.size + suffix.size + 1}, &search->wanted.member);
    free(name);
    return error;
}

static int find_names(struct search *search)
{
    const struct history_filter *filter = &search->query->filter;
    struct history_row *wanted = &search->wanted;
    int error = find_name(search, HISTORY_NAME_ITEM, filter->item, &wanted->item);
    if (!error)
        error = find_name(search, HISTORY_NAME_ZONE, filter->zone, &wanted->zone);
    if (!error && filter->zone.data && filter->suffix.data)
        error = find_member(search, filter->zone, filter->suffix);
    if (!error)
        error = find_name(search, HISTORY_NAME_PRINCIPAL, filter->principal, &wanted->principal);
    return error;
}

/* Whether postings can tell what to look at: by a time or a revision alone it is all that there is.
 */
static bool needs_postings(const struct search *search)
{
    const struct history_row *wanted = &search->wanted;
    const unsigned all = (1u << HISTORY_KIND_COUNT) - 1;
    return wanted->item || wanted->zone || wanted->member || wanted->principal ||
           (search->query->filter.kinds & all) != all;
}

/* --- looking --- */

static bool equals_if_wanted(int64_t wanted, int64_t number)
{
    return wanted == 0 || wanted == number;
}

static bool has_names(const struct search *search, const struct history_row *row)
{
    const struct history_row *wanted = &search->wanted;
    return row->kind >= 0 && row->kind < HISTORY_KIND_COUNT &&
           (search->query->filter.kinds >> row->kind & 1) &&
           equals_if_wanted(wanted->item, row->item) && equals_if_wanted(wanted->zone, row->zone) &&
           equals_if_wanted(wanted->member, row->member) &&
           equals_if_wanted(wanted->principal, row->principal);
}

static bool is_in_time(const struct search *search, const struct history_row *row)
{
    const struct history_filter *filter = &search->query->filter;
    return row->time_ms >= filter->from_ms && row->time_ms <= filter->to_ms;
}

/* The actor of @revision is in its first row, which may be that at hand. */
static int find_actor(struct search *search, sqlite3_stmt *statement, const struct history_row *row,
                      int64_t revision, struct span *ret)
{
    int64_t position = history_first_position(revision);
    struct store_kv actor = {.value = {NULL, 0}};
    int code = SQLITE_ROW;
    if (position == row->position) {
        (void)history_row_actor(statement, &actor);
        *ret = actor.value;
        return 0;
    }
    if (position != search->actor_position) {
        (void)sqlite3_reset(search->actor);
        history_db_bind(search->actor, &position, 1);
        search->actor_position = position;
        code = sqlite3_step(search->actor);
    }
    *ret = history_db_column_span(search->actor, 0);
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? 0
               : history_db_fail(search->rows->db, "reading", code);
}

/* Tells of the event of the row at hand. */
static int tell(struct search *search, sqlite3_stmt *statement, const struct history_row *row)
{
    struct history_event event;
    int error = history_row_event(search->rows, statement, row, &event);
    if (!error)
        error = find_actor(search, statement, row, event.actor_revision, &event.actor);
    if (!error && !search->visit(search->visitor, &event))
        search->ended = true;
    return error;
}

static int look_at_row(struct search *search, sqlite3_stmt *statement)
{
    struct history_row row;
    history_row_read(statement, &row);
    bool does_fit = has_names(search, &row) && is_in_time(search, &row);
    search->ended = search->looked_at >= HISTORY_PAGE_ROWS ||
                    (does_fit && search->found == search->query->limit);
    if (search->ended)
        return 0;
    int error = does_fit ? tell(search, statement, &row) : 0;
    if (error || search->ended)
        return error;
    search->looked_at++;
    search->found += does_fit;
    search->position = row.position;
    return 0;
}

/* Looks at all events of a block. */
static int look_at_all(struct search *search, int64_t first, int64_t last)
{
    int error = 0, code = SQLITE_ROW;
    history_db_bind(search->events, (int64_t[]){first, last}, 2);
    while (!error && !search->ended && (code = sqlite3_step(search->events)) == SQLITE_ROW)
        error = look_at_row(search, search->events);
    if (!error && code != SQLITE_ROW && code != SQLITE_DONE)
        error = history_db_fail(search->rows->db, "reading", code);
    (void)sqlite3_reset(search->events);
    return error;
}

/* Looks at an event that postings have told of. */
static int look_at_event(struct search *search, int64_t position)
{
    struct history_row row = {.kind = HISTORY_NO_EVENT};
    history_db_bind(search->event, &position, 1);
    int code = sqlite3_step(search->event);
    if (code == SQLITE_ROW)
        history_row_read(search->event, &row);
    int error = 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        error = history_db_fail(search->rows->db, "reading", code);
    else if (!has_names(search, &row))
        error = history_db_damaged(search->rows->db, "postings that do not fit their events");
    else
        error = look_at_row(search, search->event);
    (void)sqlite3_reset(search->event);
    return error;
}

static int look_at_positions(struct search *search, int64_t first, int64_t last)
{
    const struct history_positions *found = search->positions;
    int error = 0;
    for (size_t i = 0; i < found->count && !error && !search->ended; i++) {
        int64_t position = found->positions[search->query->newest_first ? found->count - 1 - i : i];
        if (position >= first && position <= last)
            error = look_at_event(search, position);
    }
    return error;
}

/* Asks the block's postings what to look at; false in *@ret_found: it has none. */
static int read_postings(struct search *search, int64_t block, bool *ret_found)
{
    struct history_db *db = search->rows->db;
    int error = 0;
    history_db_bind(search->postings, &block, 1);
    int code = sqlite3_step(search->postings);
    *ret_found = code == SQLITE_ROW;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        error = history_db_fail(db, "reading", code);
    else if (*ret_found &&
             history_postings_find(history_db_column_span(search->postings, 0), &search->wanted,
                                   search->query->filter.kinds, search->positions) != 0)
        error = history_db_damaged(db, "the postings of a block");
    (void)sqlite3_reset(search->postings);
    return error;
}

static int look_in_block(struct search *search, int64_t block, int64_t first, int64_t last)
{
    bool has_postings = false;
    int error = search->positions ? read_postings(search, block, &has_postings) : 0;
    if (error)
        return error;
    return has_postings ? look_at_positions(search, first, last) : look_at_all(search, first, last);
}

/* The block at hand, if it may have something. */
static int look_at_block(struct search *search)
{
    const struct history_filter *filter = &search->query->filter;
    int64_t first = sqlite3_column_int64(search->blocks, 1);
    int64_t last = sqlite3_column_int64(search->blocks, 2);
    int64_t kinds = sqlite3_column_int64(search->blocks, 3);
    bool may_have = (kinds & (int64_t)filter->kinds) != 0 &&
                    sqlite3_column_int64(search->blocks, 4) <= filter->to_ms &&
                    sqlite3_column_int64(search->blocks, 5) >= filter->from_ms;
    if (first < search->bounds.first)
        first = search->bounds.first;
    if (last > search->bounds.last)
        last = search->bounds.last;
    search->ended = search->looked_at >= HISTORY_PAGE_ROWS;
    if (!may_have || first > last || search->ended)
        return 0;
    search->looked_at += BLOCK_COST;
    int error = look_in_block(search, sqlite3_column_int64(search->blocks, 0), first, last);
    if (!error && !search->ended)
        search->position = search->query->newest_first ? first : last;
    return error;
}

static int look(struct search *search)
{
    int error = 0, code = SQLITE_ROW;
    while (!error && !search->ended && (code = sqlite3_step(search->blocks)) == SQLITE_ROW)
        error = look_at_block(search);
    if (!error && code != SQLITE_ROW && code != SQLITE_DONE)
        error = history_db_fail(search->rows->db, "reading", code);
    return error;
}

static int prepare(struct search *search)
{
    bool newest = search->query->newest_first;
    const char *const chosen[] = {texts[BLOCKS + newest], texts[EVENTS + newest], texts[EVENT],
                                  texts[POSTINGS], texts[ACTOR]};
    sqlite3_stmt *statements[5];
    int error = history_db_prepare(search->rows->db, chosen, 5, statements);
    search->blocks = statements[0];
    search->events = statements[1];
    search->event = statements[2];
    search->postings = statements[3];
    search->actor = statements[4];
    if (!error && needs_postings(search) &&
        !(search->positions = malloc(sizeof *search->positions)))
        error = ALLOT_ENOMEM;
    return error;
}

static void clean_up(struct search *search)
{
    history_db_finalize((sqlite3_stmt *[]){search->blocks, search->events, search->event,
                                           search->postings, search->actor},
                        5);
    free(search->positions);
}

int history_search_events(struct history_rows *rows, const struct history_query *query,
                          history_visit_event *visit, void *visitor, struct history_page *ret)
{
    struct search search = {.rows = rows, .query = query, .visit = visit, .visitor = visitor};
    const struct history_asked asked = {query->filter.from_revision, query->filter.to_revision,
                                        query->newest_first,
                                        query->continues ? &query->position : NULL};
    int error = history_bounds_read(rows->db, &asked, &search.bounds, ret);
    search.position = query->newest_first ? search.bounds.last : search.bounds.first - 1;
    if (!error)
        error = find_names(&search);
    if (error || search.finds_nothing)
        return error;
    error = prepare(&search);
    if (!error)
        error = look(&search);
    clean_up(&search);
    ret->more = search.ended;
    ret->last = history_position_at(search.position);
    return error;
}

/* --- rounds --- */

static struct history_round read_round(sqlite3_stmt *statement)
{
    return (struct history_round){
        .revision = history_revision_at(sqlite3_column_int64(statement, 0)),
        .time_ms = sqlite3_column_int64(statement, 1),
        .cause_revision = sqlite3_column_int64(statement, 2),
        .cause_count = sqlite3_column_int64(statement, 3),
        .record = history_db_column_span(statement, 4),
    };
}

int history_search_rounds(struct history_rows *rows, const struct history_round_query *query,
                          history_visit_round *visit, void *visitor, struct history_page *ret)
{
    const struct history_asked asked = {query->from_revision, query->to_revision,
                                        query->newest_first,
                                        query->continues ? &query->position : NULL};
    struct history_bounds bounds;
    int64_t looked_at = 0;
    int found = 0, code = SQLITE_ROW;
    sqlite3_stmt *statement = NULL;
    int error = history_bounds_read(rows->db, &asked, &bounds, ret);
    int64_t position = query->newest_first ? bounds.last : bounds.first - 1;
    if (!error)
        error = history_db_prepare(rows->db, &texts[ROUNDS + query->newest_first], 1, &statement);
    if (!error)
        history_db_bind(statement, (int64_t[]){bounds.first, bounds.last}, 2);
    while (!error && !ret->more && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct history_round round = read_round(statement);
        bool fits = round.time_ms >= query->from_ms && round.time_ms <= query->to_ms;
        ret->more = looked_at++ == HISTORY_PAGE_ROWS || (fits && found == query->limit) ||
                    (fits && !visit(visitor, &round));
        if (ret->more)
            break;
        found += fits;
        position = sqlite3_column_int64(statement, 0);
    }
    if (!error && code != SQLITE_ROW && code != SQLITE_DONE)
        error = history_db_fail(rows->db, "reading", code);
    history_db_finalize(&statement, 1);
    ret->last = history_position_at(position);
    return error;
}

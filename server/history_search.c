#include "server/history_search.h"

#include <stdlib.h>

/* What an index leads to, and in which order. */
enum way { BY_ITEM, BY_MEMBER, BY_PRINCIPAL, BY_KIND, BY_ZONE, BY_POSITION, WAYS };

enum {
    OLDEST_FIRST = 0,
    NEWEST_FIRST = WAYS,
    BLOCKS = 2 * WAYS, /* and that + 1, newest first */
    ROUNDS = BLOCKS + 2,
    ACTOR = ROUNDS + 2,
    STATEMENTS,
};

#define EVENTS "SELECT " HISTORY_ROW_COLUMNS " FROM " HISTORY_ROW_TABLES " WHERE "
#define IN_BLOCK(column) EVENTS "e.block = ?1 AND e." column " = ?2 AND"
#define BETWEEN " e.position BETWEEN ?3 AND ?4 ORDER BY e.position"
#define BLOCK_COLUMNS \
    "SELECT block, first_position, last_position, kinds, first_time, last_time FROM blocks"
#define ROUND_COLUMNS                                                                      \
    "SELECT o.position, o.time, o.cause_revision, o.cause_count, e.after FROM rounds AS o" \
    " JOIN events AS e ON e.position = o.position WHERE o.position BETWEEN ?1 AND ?2"      \
    " ORDER BY o.position"

static const char *const texts[STATEMENTS + 1] = {
    [BY_ITEM] = IN_BLOCK("item") BETWEEN,
    [BY_MEMBER] = IN_BLOCK("member") BETWEEN,
    [BY_PRINCIPAL] = IN_BLOCK("principal") BETWEEN,
    [BY_KIND] = IN_BLOCK("kind") " 90 >> e.kind & 1 AND" BETWEEN,
    [BY_ZONE] = IN_BLOCK("zone") BETWEEN,
    [BY_POSITION] = EVENTS BETWEEN,
    [NEWEST_FIRST + BY_ITEM] = IN_BLOCK("item") BETWEEN " DESC",
    [NEWEST_FIRST + BY_MEMBER] = IN_BLOCK("member") BETWEEN " DESC",
    [NEWEST_FIRST + BY_PRINCIPAL] = IN_BLOCK("principal") BETWEEN " DESC",
    [NEWEST_FIRST + BY_KIND] = IN_BLOCK("kind") " 90 >> e.kind & 1 AND" BETWEEN " DESC",
    [NEWEST_FIRST + BY_ZONE] = IN_BLOCK("zone") BETWEEN " DESC",
    [NEWEST_FIRST + BY_POSITION] = EVENTS BETWEEN " DESC",
    [BLOCKS] = BLOCK_COLUMNS " WHERE block >= 0 ORDER BY block",
    [BLOCKS + 1] = BLOCK_COLUMNS " WHERE block >= 0 ORDER BY block DESC",
    [ROUNDS] = ROUND_COLUMNS,
    [ROUNDS + 1] = ROUND_COLUMNS " DESC",
    [ACTOR] = "SELECT actor FROM revisions WHERE revision = ?1",
};

const char *const *history_search_texts(void)
{
    return texts;
}

/* What is looked at in a block, beside its rows. */
enum { BLOCK_COST = 8 };

struct search {
    struct history_rows *rows;
    const struct history_query *query;
    history_visit_event *visit;
    void *visitor;
    struct history_row wanted; /* its names, where they matter; else 0 */
    bool finds_nothing;        /* a name that no event has */
    int64_t first;             /* positions */
    int64_t last;
    enum way way;
    sqlite3_stmt *blocks;
    sqlite3_stmt *events;
    sqlite3_stmt *actor;
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

/* The only kind that is wanted, or -1. */
static int64_t only_kind(unsigned kinds)
{
    bool is_one = kinds && (kinds & (kinds - 1)) == 0;
    return is_one ? (int64_t)__builtin_ctz(kinds) : -1;
}

/* Whether the kind has an index: see migrations/. */
static bool is_rare(int64_t kind)
{
    return kind == HISTORY_MEMBER || kind == HISTORY_ALLOCATOR || kind == HISTORY_SCHEDULER ||
           kind == HISTORY_GAP;
}

static void choose_way(struct search *search)
{
    int64_t kind = only_kind(search->query->filter.kinds);
    if (search->wanted.item)
        search->way = BY_ITEM;
    else if (search->wanted.member)
        search->way = BY_MEMBER;
    else if (search->wanted.principal)
        search->way = BY_PRINCIPAL;
    else if (is_rare(kind))
        search->way = BY_KIND;
    else if (search->wanted.zone)
        search->way = BY_ZONE;
    else
        search->way = BY_POSITION;
}

static int64_t value_of_way(const struct search *search)
{
    switch (search->way) {
    case BY_ITEM:
        return search->wanted.item;
    case BY_MEMBER:
        return search->wanted.member;
    case BY_PRINCIPAL:
        return search->wanted.principal;
    case BY_KIND:
        return only_kind(search->query->filter.kinds);
    case BY_ZONE:
        return search->wanted.zone;
    default:
        return 0;
    }
}

/* Of revisions, and where a page before has ended. */
static void set_bounds(int64_t from_revision, int64_t to_revision, bool newest_first,
                       const struct history_position *after, int64_t *first, int64_t *last)
{
    *first = history_first_position(from_revision < 1 ? 1 : from_revision);
    *last = to_revision >= HISTORY_MAX_REVISION ? INT64_MAX
                                                : history_first_position(to_revision + 1) - 1;
    if (!after)
        return;
    int64_t position = history_first_position(after->revision);
    position += position == INT64_MAX ? 0 : after->order;
    if (newest_first && *last >= position)
        *last = position - 1;
    if (!newest_first && *first <= position && position < INT64_MAX)
        *first = position + 1;
}

static struct history_position position_at(int64_t position)
{
    int64_t revision = history_revision_at(position);
    return (struct history_position){revision,
                                     (int32_t)(position - history_position_of(revision, 0))};
}

/* --- looking --- */

static bool equals_if_wanted(int64_t wanted, int64_t number)
{
    return wanted == 0 || wanted == number;
}

static bool fits(const struct search *search, const struct history_row *row)
{
    const struct history_filter *filter = &search->query->filter;
    const struct history_row *wanted = &search->wanted;
    return (filter->kinds >> row->kind & 1) && equals_if_wanted(wanted->item, row->item) &&
           equals_if_wanted(wanted->zone, row->zone) &&
           equals_if_wanted(wanted->member, row->member) &&
           equals_if_wanted(wanted->principal, row->principal) && row->time_ms >= filter->from_ms &&
           row->time_ms <= filter->to_ms;
}

/* Tells of the event of the row at hand. */
static int tell(struct search *search, const struct history_row *row)
{
    struct history_event event;
    int error = history_row_event(search->rows, search->events, row, &event);
    if (!error && event.actor_revision != event.position.revision) {
        history_db_bind(search->actor, &event.actor_revision, 1);
        int code = sqlite3_step(search->actor);
        if (code == SQLITE_ROW)
            event.actor = history_db_column_span(search->actor, 0);
        else if (code != SQLITE_DONE)
            error = history_db_fail(search->rows->db, "reading", code);
    }
    if (!error && !search->visit(search->visitor, &event))
        search->ended = true;
    (void)sqlite3_reset(search->actor);
    return error;
}

static int look_at_row(struct search *search)
{
    struct history_row row;
    history_row_read(search->events, &row);
    bool does_fit = row.kind >= 0 && row.kind < HISTORY_KIND_COUNT && fits(search, &row);
    search->ended = search->looked_at >= HISTORY_PAGE_ROWS ||
                    (does_fit && search->found == search->query->limit);
    if (search->ended)
        return 0;
    int error = does_fit ? tell(search, &row) : 0;
    if (error || search->ended)
        return error;
    search->looked_at++;
    search->found += does_fit;
    search->position = row.position;
    return 0;
}

static int look_in_block(struct search *search, int64_t block, int64_t first, int64_t last)
{
    int error = 0, code = SQLITE_ROW;
    history_db_bind(search->events, (int64_t[]){block, value_of_way(search), first, last}, 4);
    while (!error && !search->ended && (code = sqlite3_step(search->events)) == SQLITE_ROW)
        error = look_at_row(search);
    if (!error && code != SQLITE_ROW && code != SQLITE_DONE)
        error = history_db_fail(search->rows->db, "reading", code);
    (void)sqlite3_reset(search->events);
    return error;
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
    if (first < search->first)
        first = search->first;
    if (last > search->last)
        last = search->last;
    if (!may_have || first > last)
        return 0;
    search->looked_at += BLOCK_COST;
    return look_in_block(search, sqlite3_column_int64(search->blocks, 0), first, last);
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
    const char *const chosen[] = {texts[BLOCKS + newest],
                                  texts[(newest ? NEWEST_FIRST : OLDEST_FIRST) + (int)search->way],
                                  texts[ACTOR]};
    sqlite3_stmt *statements[3];
    int error = history_db_prepare(search->rows->db, chosen, 3, statements);
    search->blocks = statements[0];
    search->events = statements[1];
    search->actor = statements[2];
    return error;
}

static int read_reached(struct history_rows *rows, struct history_page *ret)
{
    struct history_extent extent = {0};
    bool found = false;
    *ret = (struct history_page){0};
    int error = history_extent_read(rows->db, &extent, &found);
    ret->reached = extent.reached;
    return error;
}

int history_search_events(struct history_rows *rows, const struct history_query *query,
                          history_visit_event *visit, void *visitor, struct history_page *ret)
{
    struct search search = {.rows = rows, .query = query, .visit = visit, .visitor = visitor};
    set_bounds(query->filter.from_revision, query->filter.to_revision, query->newest_first,
               query->continues ? &query->position : NULL, &search.first, &search.last);
    search.position = query->newest_first ? search.last : search.first - 1;
    int error = read_reached(rows, ret);
    if (!error)
        error = find_names(&search);
    if (error || search.finds_nothing)
        return error;
    choose_way(&search);
    error = prepare(&search);
    if (!error)
        error = look(&search);
    history_db_finalize((sqlite3_stmt *[]){search.blocks, search.events, search.actor}, 3);
    ret->more = search.ended;
    ret->last = position_at(search.position);
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
    int64_t first, last, looked_at = 0;
    int found = 0, code = SQLITE_ROW;
    sqlite3_stmt *statement = NULL;
    set_bounds(query->from_revision, query->to_revision, query->newest_first,
               query->continues ? &query->position : NULL, &first, &last);
    int64_t position = query->newest_first ? last : first - 1;
    int error = read_reached(rows, ret);
    if (!error)
        error = history_db_prepare(rows->db, &texts[ROUNDS + query->newest_first], 1, &statement);
    if (!error)
        history_db_bind(statement, (int64_t[]){first, last}, 2);
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
    ret->last = position_at(position);
    return error;
}

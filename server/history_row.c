#include "server/history_row.h"

#include <stdlib.h>

enum {
    POSITION,
    TIME,
    IS_OBSERVED,
    KIND,
    OPERATION,
    ITEM,
    ZONE,
    MEMBER,
    NAME,
    PRINCIPAL,
    SLOT,
    BEFORE,
    AFTER,
    CREATE_REVISION,
    VERSION,
    LEASE,
    ACTOR_REVISION,
    MOD_REVISION,
    ACTOR,
    ACTOR_CREATE_REVISION,
    ACTOR_VERSION,
};

int history_rows_init(struct history_db *db, struct history_rows *ret)
{
    *ret = (struct history_rows){.db = db};
    return history_names_create(db, &ret->names);
}

void history_rows_release(struct history_rows *rows)
{
    history_names_destroy(rows->names);
    free(rows->key);
    *rows = (struct history_rows){0};
}

void history_row_read(sqlite3_stmt *statement, struct history_row *ret)
{
    *ret = (struct history_row){
        .position = sqlite3_column_int64(statement, POSITION),
        .kind = sqlite3_column_int64(statement, KIND),
        .operation = sqlite3_column_int64(statement, OPERATION),
        .item = sqlite3_column_int64(statement, ITEM),
        .zone = sqlite3_column_int64(statement, ZONE),
        .member = sqlite3_column_int64(statement, MEMBER),
        .name = sqlite3_column_int64(statement, NAME),
        .principal = sqlite3_column_int64(statement, PRINCIPAL),
        .time_ms = sqlite3_column_int64(statement, TIME),
    };
}

int64_t history_row_mod_revision(sqlite3_stmt *statement)
{
    if (sqlite3_column_type(statement, MOD_REVISION) == SQLITE_NULL)
        return history_revision_at(sqlite3_column_int64(statement, POSITION));
    return sqlite3_column_int64(statement, MOD_REVISION);
}

bool history_row_actor(sqlite3_stmt *statement, struct store_kv *ret)
{
    if (sqlite3_column_type(statement, ACTOR) == SQLITE_NULL)
        return false;
    *ret = (struct store_kv){
        .value = history_db_column_span(statement, ACTOR),
        .create_revision = sqlite3_column_int64(statement, ACTOR_CREATE_REVISION),
        .mod_revision = history_revision_at(sqlite3_column_int64(statement, POSITION)),
        .version = sqlite3_column_int64(statement, ACTOR_VERSION),
    };
    return true;
}

/* The names of the event's key, as far as it has them; then the key, without the root. */

struct key_names {
    struct span item;
    struct span member;
    struct span other;
};

static int read_names(const struct history_row *row, struct history_names *names,
                      struct key_names *ret)
{
    history_names_make_room(names, false);
    int error = row->item ? history_names_text(names, row->item, &ret->item) : 0;
    if (!error && row->member)
        error = history_names_text(names, row->member, &ret->member);
    if (!error && row->name)
        error = history_names_text(names, row->name, &ret->other);
    return error;
}

static bool reserve_key(struct history_rows *rows, size_t size)
{
    if (rows->key_capacity >= size)
        return true;
    char *key = realloc(rows->key, size);
    if (!key)
        return false;
    rows->key = key;
    rows->key_capacity = size;
    return true;
}

/* Splits ZONE#SUFFIX. */
static bool split_member(struct span member, struct span *ret_zone, struct span *ret_suffix)
{
    const char *separator = member.data ? memchr(member.data, KEY_SEPARATOR, member.size) : NULL;
    if (!separator)
        return false;
    size_t size = (size_t)(separator - member.data);
    *ret_zone = (struct span){member.data, size};
    *ret_suffix = (struct span){separator + 1, member.size - size - 1};
    return true;
}

static int make_key(struct history_rows *rows, sqlite3_stmt *statement,
                    const struct key_names *names, struct history_event *event)
{
    static const struct span no_root = {"", 0};
    struct span zone = {0}, suffix = {0};
    size_t size = names->item.size + names->member.size + names->other.size + 64;
    bool is_sound = true;
    if (!reserve_key(rows, size))
        return ALLOT_ENOMEM;
    switch (event->kind) {
    case HISTORY_ITEM:
        is_sound = names->item.size > 0;
        event->key = keys_item(no_root, names->item, rows->key, size);
        break;
    case HISTORY_MEMBER:
        is_sound = split_member(names->member, &zone, &suffix);
        event->key = keys_member(no_root, zone, suffix, rows->key, size);
        break;
    case HISTORY_ASSIGNMENT:
        is_sound = names->item.size > 0 && split_member(names->member, &zone, &suffix);
        event->key = keys_assignment(no_root, names->item, zone, suffix,
                                     sqlite3_column_int(statement, SLOT), rows->key, size);
        break;
    case HISTORY_GAP:
        event->key = no_root;
        break;
    default:
        is_sound = names->other.size > 0;
        event->key = names->other;
        break;
    }
    if (!is_sound)
        return history_db_damaged(rows->db, "an event without its key");
    if (keys_parse(no_root, event->key, &event->parts))
        event->parts = (struct key_parts){.kind = KEY_OTHER, .slot = -1};
    return 0;
}

int history_row_event(struct history_rows *rows, sqlite3_stmt *statement,
                      const struct history_row *row, struct history_event *ret)
{
    if (row->kind < 0 || row->kind >= HISTORY_KIND_COUNT || row->operation < 0 ||
        row->operation >= HISTORY_OPERATION_COUNT)
        return history_db_damaged(rows->db, "an event of a kind that there isn't");
    int64_t revision = history_revision_at(row->position);
    struct history_event event = {
        .position = {revision, (int32_t)(row->position - history_position_of(revision, 0))},
        .time_ms = row->time_ms,
        .time_is_observed = sqlite3_column_int(statement, IS_OBSERVED) != 0,
        .kind = (enum history_kind)row->kind,
        .operation = (enum history_operation)row->operation,
        .reconstructed = sqlite3_column_type(statement, MOD_REVISION) != SQLITE_NULL,
        .before = history_db_column_span(statement, BEFORE),
        .after = history_db_column_span(statement, AFTER),
        .create_revision = sqlite3_column_int64(statement, CREATE_REVISION),
        .version = sqlite3_column_int64(statement, VERSION),
        .lease = sqlite3_column_int64(statement, LEASE),
        .actor_revision = revision,
    };
    if (sqlite3_column_type(statement, ACTOR_REVISION) != SQLITE_NULL)
        event.actor_revision = sqlite3_column_int64(statement, ACTOR_REVISION);
    struct key_names key_names = {0};
    int error = read_names(row, rows->names, &key_names);
    if (!error)
        error = make_key(rows, statement, &key_names, &event);
    if (!error)
        *ret = event;
    return error;
}

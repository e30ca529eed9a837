#include "server/history_names.h"

#include <stdlib.h>

#include "api/hash.h"

enum { MAX_NAMES = 1 << 16, SLOTS = 4 * MAX_NAMES }; /* a run adds few beyond the maximum */

enum { FIND, ADD, USE, TEXT, STATEMENTS };
static const char *const texts[STATEMENTS] = {
    [FIND] = "SELECT id, era FROM names WHERE kind = ?1 AND name = ?2",
    [ADD] = "INSERT INTO names (kind, name, era) VALUES (?1, ?2, ?3)",
    [USE] = "UPDATE names SET era = ?2 WHERE id = ?1",
    [TEXT] = "SELECT kind, name, era FROM names WHERE id = ?1",
};

struct name {
    int64_t id;
    int64_t era;
    enum history_name_kind kind;
    size_t size;
    char bytes[];
};

/* Each name stands in two tables, by its number and by itself: open addressing. */
struct history_names {
    struct history_db *db;
    sqlite3_stmt *statements[STATEMENTS];
    uint64_t seed; /* so that nobody can choose names that hash alike */
    int64_t era;
    int count;
    struct name *by_id[SLOTS]; /* owned */
    struct name *by_name[SLOTS];
};

int history_names_create(struct history_db *db, struct history_names **ret)
{
    struct history_names *names = calloc(1, sizeof *names);
    if (!names)
        return ALLOT_ENOMEM;
    names->db = db;
    sqlite3_randomness(sizeof names->seed, &names->seed);
    int error = history_db_prepare(db, texts, STATEMENTS, names->statements);
    if (error)
        history_names_destroy(names);
    else
        *ret = names;
    return error;
}

void history_names_destroy(struct history_names *names)
{
    if (!names)
        return;
    history_names_make_room(names, true);
    history_db_finalize(names->statements, STATEMENTS);
    free(names);
}

void history_names_make_room(struct history_names *names, bool all)
{
    if (names->count == 0 || (names->count < MAX_NAMES && !all))
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free(names->by_id[i]);
    memset(names->by_id, 0, sizeof names->by_id);
    memset(names->by_name, 0, sizeof names->by_name);
    names->count = 0;
}

/* --- the tables --- */

static size_t slot_of_id(int64_t id)
{
    return (size_t)((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15) >> 32) % SLOTS;
}

static size_t slot_of_name(const struct history_names *names, enum history_name_kind kind,
                           struct span name)
{
    return (size_t)hash_seeded(names->seed + (uint64_t)kind, name) % SLOTS;
}

static bool is_name(const struct name *name, enum history_name_kind kind, struct span wanted)
{
    return name->kind == kind && span_equal((struct span){name->bytes, name->size}, wanted);
}

static struct name *at_hand_by_name(struct history_names *names, enum history_name_kind kind,
                                    struct span name)
{
    size_t slot = slot_of_name(names, kind, name);
    while (names->by_name[slot] && !is_name(names->by_name[slot], kind, name))
        slot = (slot + 1) % SLOTS;
    return names->by_name[slot];
}

static struct name *at_hand_by_id(struct history_names *names, int64_t id)
{
    size_t slot = slot_of_id(id);
    while (names->by_id[slot] && names->by_id[slot]->id != id)
        slot = (slot + 1) % SLOTS;
    return names->by_id[slot];
}

/* Keeps @stored, which is not at hand, with its text. */
static struct name *keep(struct history_names *names, const struct name *stored, struct span text)
{
    struct name *name = names->count < SLOTS / 2 ? malloc(sizeof *name + text.size) : NULL;
    if (!name)
        return NULL;
    *name = *stored;
    name->size = text.size;
    memcpy(name->bytes, text.data, text.size);
    size_t slot = slot_of_id(name->id);
    while (names->by_id[slot])
        slot = (slot + 1) % SLOTS;
    names->by_id[slot] = name;
    slot = slot_of_name(names, name->kind, text);
    while (names->by_name[slot])
        slot = (slot + 1) % SLOTS;
    names->by_name[slot] = name;
    names->count++;
    return name;
}

void history_names_set_era(struct history_names *names, int64_t era)
{
    names->era = era;
}

/* --- the file --- */

static int find_stored(struct history_names *names, struct name *stored, struct span text)
{
    sqlite3_stmt *statement = names->statements[FIND];
    (void)sqlite3_bind_int(statement, 1, (int)stored->kind);
    history_db_bind_span(statement, 2, text);
    int code = sqlite3_step(statement);
    int error = code == SQLITE_ROW || code == SQLITE_DONE
                    ? 0
                    : history_db_fail(names->db, "reading a name", code);
    stored->id = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    stored->era = code == SQLITE_ROW ? sqlite3_column_int64(statement, 1) : 0;
    (void)sqlite3_reset(statement);
    return error;
}

static int add(struct history_names *names, struct name *stored, struct span text)
{
    sqlite3_stmt *statement = names->statements[ADD];
    (void)sqlite3_bind_int(statement, 1, (int)stored->kind);
    history_db_bind_span(statement, 2, text);
    (void)sqlite3_bind_int64(statement, 3, names->era);
    int error = history_db_run(names->db, statement, "writing a name");
    stored->id = error ? 0 : sqlite3_last_insert_rowid(names->db->database);
    stored->era = names->era;
    return error;
}

static int use(struct history_names *names, struct name *known)
{
    if (known->era >= names->era)
        return 0;
    known->era = names->era;
    return history_db_run_integers(names->db, names->statements[USE],
                                   (int64_t[]){known->id, known->era}, 2, "writing a name");
}

/* Only who adds names can rely on those at hand: others may have gone from the file. */
int history_names_find(struct history_names *names, enum history_name_kind kind, struct span name,
                       bool adds, int64_t *ret)
{
    struct name *known = adds ? at_hand_by_name(names, kind, name) : NULL;
    if (!known) {
        struct name stored = {.kind = kind};
        int error = find_stored(names, &stored, name);
        if (!error && stored.id == 0 && adds)
            error = add(names, &stored, name);
        *ret = stored.id;
        if (error || !adds)
            return error;
        known = keep(names, &stored, name);
        if (!known)
            return ALLOT_ENOMEM;
    }
    *ret = known->id;
    return use(names, known);
}

static int read_text(struct history_names *names, int64_t id, const struct name **ret)
{
    sqlite3_stmt *statement = names->statements[TEXT];
    int error = 0;
    (void)sqlite3_bind_int64(statement, 1, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const struct name stored = {.id = id,
                                    .kind =
                                        (enum history_name_kind)sqlite3_column_int(statement, 0),
                                    .era = sqlite3_column_int64(statement, 2)};
        *ret = keep(names, &stored, history_db_column_span(statement, 1));
        error = *ret ? 0 : ALLOT_ENOMEM;
    } else if (code == SQLITE_DONE) {
        error = history_db_damaged(names->db, "a name is missing");
    } else {
        error = history_db_fail(names->db, "reading a name", code);
    }
    (void)sqlite3_reset(statement);
    return error;
}

int history_names_text(struct history_names *names, int64_t id, struct span *ret)
{
    const struct name *known = at_hand_by_id(names, id);
    if (!known) {
        int error = read_text(names, id, &known);
        if (error || !known)
            return error;
    }
    *ret = (struct span){known->bytes, known->size};
    return 0;
}

/* --- those of a key --- */

/* As ZONE#SUFFIX lies in the key, a member's name can be taken from it. */
static int find_member(struct history_names *names, const struct key_parts *parts,
                       struct history_key_names *ret)
{
    const char *end = parts->suffix.data + parts->suffix.size;
    struct span member = {parts->zone.data, (size_t)(end - parts->zone.data)};
    int error = history_names_find(names, HISTORY_NAME_ZONE, parts->zone, true, &ret->zone);
    return error ? error
                 : history_names_find(names, HISTORY_NAME_MEMBER, member, true, &ret->member);
}

int history_names_of_key(struct history_names *names, enum history_kind kind, struct span key,
                         const struct key_parts *parts, struct history_key_names *ret)
{
    bool has_item = kind == HISTORY_ITEM || kind == HISTORY_ASSIGNMENT;
    bool has_member = kind == HISTORY_MEMBER || kind == HISTORY_ASSIGNMENT;
    int error = 0;
    if (ret->era == names->era)
        return 0;
    history_names_make_room(names, false);
    if (has_item)
        error = history_names_find(names, HISTORY_NAME_ITEM, parts->item, true, &ret->item);
    if (!error && has_member)
        error = find_member(names, parts, ret);
    if (!error && !has_item && !has_member && kind != HISTORY_GAP)
        error = history_names_find(names, HISTORY_NAME_KEY, key, true, &ret->name);
    ret->era = error ? -1 : names->era;
    return error;
}

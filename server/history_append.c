#include "server/history_append.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ADD_EVENT,
    ADD_ROUND,
    FIND_CAUSE,
    GIVE_UP,
    FIND_GIVEN_UP,
    STATEMENTS,
};
enum { MAX_CAUSES = 10000 /* of a round, that are counted */ };

static const char *const texts[STATEMENTS] = {
    [ADD_EVENT] = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                  " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
    [ADD_ROUND] = "INSERT INTO rounds VALUES (?1, ?2, ?3, ?4)",
    /* The principal of an event that is another revision's is not that of its own. */
    [FIND_CAUSE] = "SELECT min(position) >> 24, count(*) FROM (SELECT position FROM events"
                   " WHERE position > ?1 AND position <= ?2 AND position & 16777215 = 0"
                   " AND (?3 OR iif(actor_revision IS NULL, principal, NULL) IS NOT ?4)"
                   " ORDER BY position LIMIT ?5)",
    [GIVE_UP] = "INSERT OR REPLACE INTO given_up_leases VALUES (?1, ?2)",
    [FIND_GIVEN_UP] = "SELECT revision FROM given_up_leases WHERE lease = ?1",
};

struct history_appender {
    struct history_db *db;
    struct history_names *names;
    sqlite3_stmt *statements[STATEMENTS];
    struct history_block block; /* the newest */
    struct history_append_total total;
    /* The last value of ROOT/actor, and what it says: all transactions of a pass have the same. */
    struct buffer actor_text;
    struct history_actor actor;
};

/* --- lifecycle --- */

int history_appender_create(struct history_db *db, struct history_names *names,
                            struct history_appender **ret)
{
    struct history_appender *appender = calloc(1, sizeof *appender);
    if (!appender)
        return ALLOT_ENOMEM;
    appender->db = db;
    appender->names = names;
    buffer_init(&appender->actor_text, SIZE_MAX);
    int error = history_db_prepare(db, texts, STATEMENTS, appender->statements);
    if (!error)
        error = history_block_init(db, names, &appender->block);
    if (error)
        history_appender_destroy(appender);
    else
        *ret = appender;
    return error;
}

void history_appender_destroy(struct history_appender *appender)
{
    if (!appender)
        return;
    history_db_finalize(appender->statements, STATEMENTS);
    history_block_release(&appender->block);
    buffer_release(&appender->actor_text);
    free(appender);
}

struct history_append_total history_append_total(const struct history_appender *appender)
{
    return appender->total;
}

int history_append_end(struct history_appender *appender)
{
    return history_block_write(&appender->block);
}

int history_append_reread(struct history_appender *appender)
{
    return history_block_read(&appender->block);
}

/* --- one event --- */

static void bind_or_null(sqlite3_stmt *statement, int parameter, int64_t number)
{
    if (number)
        (void)sqlite3_bind_int64(statement, parameter, number);
    else
        (void)sqlite3_bind_null(statement, parameter);
}

/* What the rows of a revision have in common, and the first of them has of its actor. */
static void bind_origin(sqlite3_stmt *statement, const struct history_origin *origin, int64_t order)
{
    const struct store_kv *actor = order == 0 ? origin->actor : NULL;
    struct span value = {NULL, 0};
    if (actor)
        value = actor->value.data ? actor->value : SPAN("");
    history_db_bind(statement,
                    (int64_t[]){history_position_of(origin->revision, order), origin->time_ms,
                                origin->time_is_observed},
                    3);
    history_db_bind_span(statement, 19, value);
    bind_or_null(statement, 20, actor ? actor->create_revision : 0);
    bind_or_null(statement, 21, actor ? actor->version : 0);
}

static int add_row(struct history_appender *appender, const struct history_origin *origin,
                   const struct history_new_event *event, const struct history_row *row)
{
    sqlite3_stmt *statement = appender->statements[ADD_EVENT];
    bind_origin(statement, origin, event->order);
    (void)sqlite3_bind_int64(statement, 4, row->kind);
    (void)sqlite3_bind_int64(statement, 5, row->operation);
    bind_or_null(statement, 6, row->item);
    bind_or_null(statement, 7, row->zone);
    bind_or_null(statement, 8, row->member);
    bind_or_null(statement, 9, row->name);
    bind_or_null(statement, 10, row->principal);
    if (row->kind == HISTORY_ASSIGNMENT)
        (void)sqlite3_bind_int(statement, 11, event->parts.slot);
    else
        (void)sqlite3_bind_null(statement, 11);
    history_db_bind_span(statement, 12, event->before);
    history_db_bind_span(statement, 13, event->after);
    (void)sqlite3_bind_int64(statement, 14, event->create_revision);
    (void)sqlite3_bind_int64(statement, 15, event->version);
    (void)sqlite3_bind_int64(statement, 16, event->lease);
    bind_or_null(statement, 17, event->actor_revision);
    bind_or_null(statement, 18, origin->reconstructed ? event->mod_revision : 0);
    return history_db_run(appender->db, statement, "writing");
}

int history_append_event(struct history_appender *appender, const struct history_origin *origin,
                         const struct history_new_event *event, struct history_key_names *names)
{
    int error = event->order >> HISTORY_ORDER_BITS ? ALLOT_ELIMIT : 0;
    if (!error)
        error = history_block_make_room(&appender->block);
    if (!error)
        error =
            history_names_of_key(appender->names, event->kind, event->key, &event->parts, names);
    if (error)
        return error;
    const struct history_row row = {
        .position = history_position_of(origin->revision, event->order),
        .kind = event->kind,
        .operation = event->operation,
        .item = names->item,
        .zone = names->zone,
        .member = names->member,
        .name = names->name,
        .principal = event->principal,
        .time_ms = origin->time_ms,
    };
    error = history_block_add(&appender->block, &row);
    appender->total.events++;
    appender->total.bytes += (int64_t)(event->before.size + event->after.size);
    return error ? error : add_row(appender, origin, event, &row);
}

/* A revision that has put nothing but the actor. */
static int add_actor(struct history_appender *appender, const struct history_origin *origin)
{
    const struct history_new_event nothing = {.operation = HISTORY_UPDATE};
    const struct history_row row = {
        .kind = HISTORY_NO_EVENT, .operation = HISTORY_UPDATE, .principal = origin->principal};
    return add_row(appender, origin, &nothing, &row);
}

/* --- rounds --- */

static int find_cause(struct history_appender *appender, const struct history_round_facts *facts,
                      bool anybody, int64_t principal, int64_t ret[2])
{
    sqlite3_stmt *statement = appender->statements[FIND_CAUSE];
    history_db_bind(statement,
                    (int64_t[]){history_last_position(facts->after_revision),
                                history_last_position(facts->decided_on), anybody},
                    3);
    bind_or_null(statement, 4, principal);
    (void)sqlite3_bind_int64(statement, 5, MAX_CAUSES);
    int code = sqlite3_step(statement);
    int error = code == SQLITE_ROW ? 0 : history_db_fail(appender->db, "reading", code);
    if (!error) {
        ret[0] = sqlite3_column_int64(statement, 0);
        ret[1] = sqlite3_column_int64(statement, 1);
    }
    (void)sqlite3_reset(statement);
    return error;
}

int history_append_round(struct history_appender *appender, const struct history_origin *origin,
                         const struct history_new_event *event)
{
    struct history_round_facts facts;
    int64_t cause[2] = {0, 0};
    int error = history_round_read(event->after, &facts);
    bool can_tell = !error && facts.after_revision > 0 && facts.decided_on > 0;
    if (can_tell)
        error = find_cause(appender, &facts, false, origin->principal, cause);
    if (can_tell && !error && cause[1] == 0)
        error = find_cause(appender, &facts, true, 0, cause);
    if (error)
        return error;
    return history_db_run_integers(appender->db, appender->statements[ADD_ROUND],
                                   (int64_t[]){history_position_of(origin->revision, event->order),
                                               origin->time_ms, cause[0], cause[1]},
                                   4, "writing");
}

/* --- whose a deletion is --- */

static int find_given_up(struct history_appender *appender, int64_t lease, int64_t *ret)
{
    sqlite3_stmt *statement = appender->statements[FIND_GIVEN_UP];
    history_db_bind(statement, &lease, 1);
    int code = sqlite3_step(statement);
    int error = code == SQLITE_ROW || code == SQLITE_DONE
                    ? 0
                    : history_db_fail(appender->db, "reading", code);
    *ret = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_reset(statement);
    return error;
}

static int find_principal_of(struct history_appender *appender, int64_t revision, int64_t *ret)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql, "SELECT principal FROM events WHERE position = %lld",
                   (long long)history_first_position(revision));
    return history_db_query(appender->db, sql, ret);
}

/* A key that goes with its lease was deleted by who deleted the lease's member before, or else has
 * expired. @before is NULL if there was no such key. */
static int attribute_deletion(struct history_appender *appender,
                              const struct history_origin *origin, const struct store_kv *before,
                              struct history_new_event *event)
{
    int64_t lease = before ? before->lease : 0;
    event->operation = HISTORY_DELETE;
    if (origin->actor || lease == 0) {
        bool gives_up = lease && event->kind == HISTORY_MEMBER;
        return gives_up
                   ? history_db_run_integers(appender->db, appender->statements[GIVE_UP],
                                             (int64_t[]){lease, origin->revision}, 2, "writing")
                   : 0;
    }
    int error = find_given_up(appender, lease, &event->actor_revision);
    if (!error && event->actor_revision == 0)
        event->operation = HISTORY_EXPIRE;
    else if (!error)
        error = find_principal_of(appender, event->actor_revision, &event->principal);
    return error;
}

/* --- a change of a key --- */

static struct history_new_event make_event(struct span root, const struct history_origin *origin,
                                           const struct store_event *change,
                                           const struct store_kv *before)
{
    const struct store_kv *kv = &change->kv;
    struct history_new_event event = {
        .operation = before && kv->version != 1 ? HISTORY_UPDATE : HISTORY_CREATE,
        .key = {kv->key.data + root.size, kv->key.size - root.size},
        .create_revision = kv->create_revision,
        .version = kv->version,
        .lease = kv->lease,
        .principal = origin->principal,
    };
    event.kind = history_kind_of(root, kv->key, &event.parts);
    if (before)
        event.before = before->value;
    if (change->kind == STORE_EVENT_PUT)
        event.after = kv->value.data ? kv->value : SPAN("");
    return event;
}

/* Has @keys follow. */
static int follow(struct history_keys *keys, const struct store_event *change,
                  const struct history_key_names *names)
{
    if (change->kind != STORE_EVENT_PUT) {
        history_keys_remove(keys, change->kv.key);
        return 0;
    }
    struct history_key *key = history_keys_put(keys, &change->kv);
    if (key)
        key->names = *names;
    return key ? 0 : ALLOT_ENOMEM;
}

static int add_change(struct history_appender *appender, struct span root,
                      const struct history_origin *origin, struct history_keys *keys,
                      const struct store_event *change, int64_t order)
{
    const struct history_key *known = history_keys_find(keys, change->kv.key);
    const struct store_kv *before = known ? &known->kv : NULL;
    struct history_key_names names = known ? known->names : (struct history_key_names){.era = -1};
    struct history_new_event event = make_event(root, origin, change, before);
    bool is_put = change->kind == STORE_EVENT_PUT;
    bool is_round = is_put && span_has_prefix(event.key, SPAN(KEYS_ROUNDS));
    event.order = order;
    int error = is_put ? 0 : attribute_deletion(appender, origin, before, &event);
    if (!error)
        error = history_append_event(appender, origin, &event, &names);
    if (!error && is_round)
        error = history_append_round(appender, origin, &event);
    return error ? error : follow(keys, change, &names);
}

/* --- a revision --- */

/* Reads what the actor's value says, if it isn't the one before. */
static int read_actor(struct history_appender *appender, struct span value)
{
    struct buffer *text = &appender->actor_text;
    if (text->size > 0 && span_equal(value, buffer_span(text)))
        return 0;
    int error = history_actor_read(value, &appender->actor);
    buffer_clear(text);
    if (!error)
        buffer_append(text, value);
    return error ? error : text->error;
}

/* What ROOT/actor was given with the revision; NULL: nothing. */
static const struct store_event *find_actor(struct span root, const struct store_event *events,
                                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (events[i].kind == STORE_EVENT_PUT && history_is_actor(root, events[i].kv.key))
            return &events[i];
    return NULL;
}

bool history_tells_time(struct span root, const struct store_event *events, size_t count)
{
    return find_actor(root, events, count) != NULL;
}

static int set_origin(struct history_appender *appender, const struct store_kv *actor,
                      struct history_origin *origin)
{
    int error = read_actor(appender, actor->value);
    if (error)
        return error;
    origin->actor = actor;
    if (appender->actor.time_ms >= 0) {
        origin->time_ms = appender->actor.time_ms;
        origin->time_is_observed = false;
    }
    if (!appender->actor.principal[0])
        return 0;
    history_names_make_room(appender->names, false);
    return history_names_find(appender->names, HISTORY_NAME_PRINCIPAL,
                              span_of(appender->actor.principal), true, &origin->principal);
}

int history_append(struct history_appender *appender, struct span root, struct history_keys *keys,
                   const struct store_event *events, size_t count, int64_t now_ms)
{
    struct history_origin origin = {
        .revision = events[0].kv.mod_revision, .time_ms = now_ms, .time_is_observed = true};
    const struct store_event *actor = find_actor(root, events, count);
    int64_t order = 0;
    int error = actor ? set_origin(appender, &actor->kv, &origin) : 0;
    for (size_t i = 0; i < count && !error; i++)
        if (&events[i] != actor)
            error = add_change(appender, root, &origin, keys, &events[i], order++);
    if (!error && actor && order == 0)
        error = add_actor(appender, &origin);
    if (!error && actor && !history_keys_put(keys, &actor->kv))
        error = ALLOT_ENOMEM;
    return error;
}

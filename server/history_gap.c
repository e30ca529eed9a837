#include "server/history_gap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The difference of what was and what is, on its way into the database. */
struct gap {
    struct history_appender *appender;
    struct history_origin origin;
    int64_t order; /* of the next event */
};

/* What leads from @before to @after, either of which may be NULL: @key is that of both. */
static int add_difference(struct gap *gap, struct span root, struct span key,
                          const struct store_kv *before, const struct entry *after)
{
    struct history_key_names names = {.era = -1};
    struct history_new_event event = {
        .order = gap->order++,
        .operation = HISTORY_DELETE,
        .key = {key.data + root.size, key.size - root.size},
        .mod_revision = gap->origin.revision,
    };
    event.kind = history_kind_of(root, key, &event.parts);
    if (before)
        event.before = before->value;
    if (after) {
        event.operation = before ? HISTORY_UPDATE : HISTORY_CREATE;
        event.after = after->value.data ? after->value : SPAN("");
        event.create_revision = after->create_revision;
        event.mod_revision = after->mod_revision;
        event.version = after->version;
        event.lease = after->lease;
    }
    int error = history_append_event(gap->appender, &gap->origin, &event, &names);
    bool is_round = after && !before && span_has_prefix(event.key, SPAN(KEYS_ROUNDS));
    return error || !is_round ? error : history_append_round(gap->appender, &gap->origin, &event);
}

/* Merges the two in the order of their keys. */
static int add_differences(struct gap *gap, const struct history_keys *former,
                           const struct keyspace *now)
{
    struct keyspace_cursor cursor = keyspace_seek(now, (struct span){NULL, 0});
    const struct entry *after = keyspace_next(&cursor);
    const struct store_kv **sorted = NULL;
    size_t count = history_keys_count(former), next = 0;
    struct span root = keyspace_root(now);
    int error = history_keys_sort(former, &sorted);
    while (!error && (next < count || after)) {
        bool has_before = next < count;
        const struct store_kv *before = has_before ? sorted[next] : NULL;
        int order = !has_before ? 1 : !after ? -1 : span_compare(before->key, after->key);
        bool is_same = order == 0 && before->mod_revision == after->mod_revision;
        if (!is_same)
            error = add_difference(gap, root, order <= 0 ? before->key : after->key,
                                   order <= 0 ? before : NULL, order >= 0 ? after : NULL);
        next += order <= 0;
        if (order >= 0)
            after = keyspace_next(&cursor);
    }
    free(sorted);
    return error;
}

static int add_gap(struct history_db *db, int64_t from, int64_t to)
{
    static const char *const text = "INSERT INTO gaps VALUES (?1, ?2)";
    sqlite3_stmt *statement = NULL;
    int error = history_db_prepare(db, &text, 1, &statement);
    if (!error)
        error = history_db_run_integers(db, statement, (int64_t[]){to, from}, 2, "writing");
    history_db_finalize(&statement, 1);
    return error;
}

int history_gap_append(struct history_db *db, struct history_appender *appender,
                       const struct history_keys *former, int64_t from, const struct keyspace *now,
                       int64_t now_ms)
{
    int64_t to = keyspace_seen_revision(now);
    struct gap gap = {
        .appender = appender,
        .origin = {
            .revision = to, .time_ms = now_ms, .time_is_observed = true, .reconstructed = true}};
    struct history_key_names names = {.era = -1};
    char text[96];
    int size = snprintf(text, sizeof text,
                        "{\"from_revision\":%" PRId64 ",\"to_revision\":%" PRId64 "}", from, to);
    const struct history_new_event event = {.order = gap.order++,
                                            .kind = HISTORY_GAP,
                                            .operation = HISTORY_MISS,
                                            .mod_revision = to,
                                            .after = {text, (size_t)size}};
    int error = add_gap(db, from, to);
    if (!error)
        error = history_append_event(appender, &gap.origin, &event, &names);
    return error ? error : add_differences(&gap, former, now);
}

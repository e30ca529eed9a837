#include "server/history_gap.h"

#include <inttypes.h>
#include <stdio.h>

/* The difference of two keyspaces, on its way into the database. */
struct gap {
    struct history_appender *appender;
    struct history_origin origin;
    int64_t order; /* of the next event */
};

static struct span text_of(struct span value)
{
    return value.data ? value : SPAN("");
}

/* What leads from @before to @after, either of which may be NULL: @key is that of both. */
static int add_difference(struct gap *gap, struct span root, struct span key,
                          const struct entry *before, const struct entry *after)
{
    struct history_new_event event = {
        .order = gap->order++,
        .kind = HISTORY_OTHER,
        .operation = HISTORY_DELETE,
        .key = {key.data + root.size, key.size - root.size},
        .mod_revision = gap->origin.revision,
    };
    event.kind = history_kind_of(event.key);
    if (keys_parse(root, key, &event.parts) && event.kind <= HISTORY_ASSIGNMENT)
        event.kind = HISTORY_OTHER;
    if (before)
        event.before = text_of(before->value);
    if (after) {
        event.operation = before ? HISTORY_UPDATE : HISTORY_CREATE;
        event.after = text_of(after->value);
        event.create_revision = after->create_revision;
        event.mod_revision = after->mod_revision;
        event.version = after->version;
        event.lease = after->lease;
    }
    return history_append_event(gap->appender, &gap->origin, &event);
}

/* Merges the two in the order of their keys. */
static int add_differences(struct gap *gap, const struct keyspace *former,
                           const struct keyspace *now)
{
    struct keyspace_cursor old_cursor = keyspace_seek(former, (struct span){NULL, 0});
    struct keyspace_cursor new_cursor = keyspace_seek(now, (struct span){NULL, 0});
    const struct entry *before = keyspace_next(&old_cursor);
    const struct entry *after = keyspace_next(&new_cursor);
    struct span root = keyspace_root(now);
    int error = 0;
    while (!error && (before || after)) {
        int order = !before ? 1 : !after ? -1 : span_compare(before->key, after->key);
        bool is_same = order == 0 && before->mod_revision == after->mod_revision;
        if (!is_same)
            error = add_difference(gap, root, order <= 0 ? before->key : after->key,
                                   order <= 0 ? before : NULL, order >= 0 ? after : NULL);
        if (order <= 0)
            before = keyspace_next(&old_cursor);
        if (order >= 0)
            after = keyspace_next(&new_cursor);
    }
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
                       const struct keyspace *former, const struct keyspace *now, int64_t now_ms)
{
    int64_t from = keyspace_seen_revision(former);
    int64_t to = keyspace_seen_revision(now);
    struct gap gap = {
        .appender = appender,
        .origin = {
            .revision = to, .time_ms = now_ms, .time_is_observed = true, .reconstructed = true}};
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
        error = history_append_event(appender, &gap.origin, &event);
    return error ? error : add_differences(&gap, former, now);
}

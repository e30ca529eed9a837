#include <stdio.h>
#include <stdlib.h>

#include "server/embedded_file_internal.h"

static struct span column_span(sqlite3_stmt *statement, int column)
{
    const char *data = sqlite3_column_blob(statement, column);
    int size = sqlite3_column_bytes(statement, column);
    return (struct span){data, data ? (size_t)size : 0};
}

static int read_row(struct embedded_file *file, enum embedded_statement statement,
                    struct embedded_row *ret, bool *ret_found)
{
    sqlite3_stmt *row = file->statements[statement];
    int code = sqlite3_step(row);
    *ret_found = code == SQLITE_ROW;
    if (code == SQLITE_DONE)
        return 0;
    if (code != SQLITE_ROW)
        return embedded_file_fail(file, "reading", code);
    *ret = (struct embedded_row){
        .position = sqlite3_column_int64(row, 0),
        .is_delete = sqlite3_column_type(row, 2) == SQLITE_NULL,
        .kv = {.key = column_span(row, 1),
               .value = column_span(row, 2),
               .create_revision = sqlite3_column_int64(row, 3),
               .version = sqlite3_column_int64(row, 4),
               .lease = sqlite3_column_int64(row, 5)},
        .previous = sqlite3_column_int64(row, 6),
    };
    ret->kv.mod_revision = embedded_revision_at(ret->position);
    return 0;
}

void embedded_file_seek(struct embedded_file *file, int64_t position)
{
    sqlite3_reset(file->statements[READ_HISTORY]);
    embedded_file_bind(file->statements[READ_HISTORY], &position, 1);
}

int embedded_file_next(struct embedded_file *file, struct embedded_row *ret, bool *ret_found)
{
    return read_row(file, READ_HISTORY, ret, ret_found);
}

void embedded_file_stop(struct embedded_file *file)
{
    sqlite3_reset(file->statements[READ_HISTORY]);
}

static struct embedded_version *copy_version(const struct embedded_row *row)
{
    struct embedded_version *version = embedded_version_create(row->kv.key, row->kv.value);
    if (!version)
        return NULL;
    version->position = row->position;
    version->kv.create_revision = row->kv.create_revision;
    version->kv.mod_revision = row->kv.mod_revision;
    version->kv.version = row->kv.version;
    version->kv.lease = row->kv.lease;
    return version;
}

int embedded_file_read(struct embedded_file *file, int64_t position, struct embedded_version **ret)
{
    struct embedded_row row = {0};
    bool found;
    embedded_file_bind(file->statements[READ_ONE], &position, 1);
    int error = read_row(file, READ_ONE, &row, &found);
    if (!error && !found)
        error = embedded_file_damaged(file, "a row that another refers to is missing");
    if (!error) {
        struct embedded_version *version = copy_version(&row);
        if (version)
            *ret = version;
        else
            error = ALLOT_ENOMEM;
    }
    sqlite3_reset(file->statements[READ_ONE]);
    return error;
}

/* --- loading --- */

static int load_leases(struct embedded_file *file, int64_t now_ms, struct embedded_leases *leases)
{
    sqlite3_stmt *row = file->statements[READ_LEASES];
    int code, error = 0;
    while (!error && (code = sqlite3_step(row)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(row, 0);
        int64_t ttl = sqlite3_column_int64(row, 1);
        if (id <= 0 || ttl < STORE_MIN_TTL || ttl > STORE_MAX_TTL) {
            error = embedded_file_damaged(file, "a lease");
            break;
        }
        struct embedded_lease *lease = NULL;
        if (embedded_leases_reserve(leases) || !(lease = malloc(sizeof *lease))) {
            error = ALLOT_ENOMEM;
            break;
        }
        *lease = (struct embedded_lease){.id = id, .ttl = ttl};
        lease->deadline_ms = now_ms + ttl * 1000;
        embedded_leases_insert(leases, lease);
    }
    if (!error && code != SQLITE_DONE)
        error = embedded_file_fail(file, "reading", code);
    sqlite3_reset(row);
    return error;
}

static bool is_sound(const struct embedded_row *row)
{
    const struct store_kv *kv = &row->kv;
    return row->position >= embedded_first_position(2) && kv->key.size > 0 &&
           kv->mod_revision <= EMBEDDED_MAX_REVISION && row->previous >= 0 &&
           row->previous < row->position &&
           (row->is_delete || (kv->create_revision > 0 && kv->version > 0 && kv->lease >= 0 &&
                               kv->create_revision <= kv->mod_revision));
}

/* What the row says of its key replaces what was known of it. */
static int replay(struct embedded_map *map, const struct embedded_row *row)
{
    struct embedded_node *node = embedded_map_find(map, row->kv.key);
    if (row->is_delete) {
        if (node)
            embedded_map_unlink(map, node);
        embedded_node_destroy(node);
        return 0;
    }
    struct embedded_version *version = copy_version(row);
    if (!version)
        return ALLOT_ENOMEM;
    if (node) {
        free(node->version);
        node->version = version;
        return 0;
    }
    node = embedded_node_create(map);
    if (!node) {
        free(version);
        return ALLOT_ENOMEM;
    }
    node->version = version;
    embedded_map_link(map, node);
    return 0;
}

static int load_keys(struct embedded_file *file, struct embedded_state *state)
{
    struct embedded_row row = {0};
    bool found = true;
    int error = 0;
    embedded_file_seek(file, INT64_MIN); /* what is below 0 is damage, too */
    while (!error && found) {
        error = embedded_file_next(file, &row, &found);
        if (error || !found)
            break;
        error = is_sound(&row) ? replay(&state->map, &row)
                               : embedded_file_damaged(file, "a row of the history");
        state->revision = row.kv.mod_revision;
    }
    embedded_file_stop(file);
    return error;
}

static int attach_keys(struct embedded_file *file, struct embedded_state *state)
{
    struct embedded_node *node = state->map.first[0];
    for (; node; node = embedded_node_next(node)) {
        if (node->version->kv.lease == 0)
            continue;
        struct embedded_lease *lease =
            embedded_leases_find(&state->leases, node->version->kv.lease);
        if (!lease)
            return embedded_file_damaged(file, "a key under a lease that is missing");
        embedded_lease_attach(lease, node);
    }
    return 0;
}

int embedded_file_load(struct embedded_file *file, int64_t now_ms, struct embedded_state *state)
{
    state->compact_revision = file->header.compact_revision;
    int error = load_leases(file, now_ms, &state->leases);
    if (!error)
        error = load_keys(file, state);
    if (!error)
        error = attach_keys(file, state);
    if (state->revision < state->compact_revision)
        state->revision = state->compact_revision;
    if (error == ALLOT_ENOMEM)
        snprintf(file->message.text, sizeof file->message.text, "%s: %s", file->path,
                 allot_error_text(error));
    return error;
}

#include <stdlib.h>

#include "core/error.h"
#include "server/embedded_txn.h"

bool embedded_range_is_past(const struct embedded_state *state, const struct store_range *range)
{
    return range->revision > 0 && range->revision < state->revision &&
           range->revision >= state->compact_revision;
}

/* Adds to the answer. Returns 0, or 1 if the limit is passed, or ALLOT_ENOMEM. */
static int add(struct embedded_request *request, const struct store_kv *kv)
{
    int64_t limit = request->asked.range.limit;
    if (limit > 0 && request->kvs.count >= (size_t)limit) {
        request->answer.range.more = true;
        return 1;
    }
    return embedded_kvs_add(&request->kvs, kv);
}

static int read_newest(const struct embedded_state *state, struct embedded_request *request)
{
    const struct store_keys *keys = &request->asked.range.keys;
    const struct embedded_node *node = embedded_map_seek(&state->map, keys);
    int status = 0;
    for (; !status && embedded_map_is_within(node, keys); node = embedded_node_next(node))
        status = add(request, &node->version->kv);
    return status < 0 ? status : 0;
}

/* --- the past: the newest, but for the keys that have changed since --- */

/* Notes a key's first change: a node with the key, and the position of what it was before. */
static int note_former(struct embedded_map *formers, const struct embedded_row *row)
{
    if (embedded_map_find(formers, row->kv.key))
        return 0;
    struct embedded_node *node = embedded_node_create(formers);
    if (!node)
        return ALLOT_ENOMEM;
    node->version = embedded_version_create(row->kv.key, (struct span){0});
    if (!node->version) {
        embedded_node_destroy(node);
        return ALLOT_ENOMEM;
    }
    node->version->position = row->previous;
    embedded_map_link(formers, node);
    return 0;
}

static int find_formers(struct embedded_file *file, const struct store_range *range,
                        struct embedded_map *formers)
{
    struct embedded_row row;
    bool found = true;
    int error = 0;
    embedded_file_seek(file, embedded_first_position(range->revision + 1));
    while (!error && found) {
        error = embedded_file_next(file, &row, &found);
        if (!error && found && store_keys_have(&range->keys, row.kv.key))
            error = note_former(formers, &row);
    }
    embedded_file_stop(file);
    return error;
}

/* Adds what a key was, if it was. */
static int add_former(struct embedded_file *file, const struct embedded_node *former,
                      struct embedded_request *request)
{
    struct embedded_version *version;
    if (former->version->position == 0)
        return 0;
    int error = embedded_file_read(file, former->version->position, &version);
    if (error)
        return error;
    version->next = request->past;
    request->past = version;
    return add(request, &version->kv);
}

static int merge(const struct embedded_state *state, struct embedded_file *file,
                 const struct embedded_map *formers, struct embedded_request *request)
{
    const struct store_keys *keys = &request->asked.range.keys;
    const struct embedded_node *node = embedded_map_seek(&state->map, keys);
    const struct embedded_node *former = formers->first[0];
    int status = 0;
    while (!status && (node || former)) {
        int order = !former ? -1
                    : !node ? 1
                            : span_compare(embedded_node_key(node), embedded_node_key(former));
        if (order < 0) {
            status = add(request, &node->version->kv);
        } else {
            status = add_former(file, former, request);
            former = embedded_node_next(former);
        }
        if (order <= 0) {
            node = embedded_node_next(node);
            node = embedded_map_is_within(node, keys) ? node : NULL;
        }
    }
    return status < 0 ? status : 0;
}

static int read_past(const struct embedded_state *state, struct embedded_file *file,
                     struct embedded_request *request)
{
    struct embedded_map formers;
    embedded_map_init(&formers);
    int error = find_formers(file, &request->asked.range, &formers);
    if (!error)
        error = merge(state, file, &formers, request);
    embedded_map_release(&formers);
    return error;
}

int embedded_range_run(const struct embedded_state *state, struct embedded_file *file,
                       struct embedded_request *request)
{
    const struct store_range *range = &request->asked.range;
    if (range->revision > state->revision)
        return ALLOT_EFUTURE;
    if (range->revision > 0 && range->revision < state->compact_revision)
        return ALLOT_ECOMPACTED;
    request->answer.range = (struct store_range_result){0};
    int error = embedded_range_is_past(state, range) ? read_past(state, file, request)
                                                     : read_newest(state, request);
    if (error)
        return error;
    request->answer.range.revision = range->revision ? range->revision : state->revision;
    request->answer.range.kvs = request->kvs.all;
    request->answer.range.kv_count = request->kvs.count;
    return 0;
}

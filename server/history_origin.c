#include "server/history_origin.h"

#include "api/buffer.h"
#include "core/keys.h"
#include "server/store_wait.h"

enum { RANGE_TIMEOUT_MS = 5000, MAX_BYTES = STORE_MAX_REQUEST };

/* --- what the store is now --- */

struct found_store {
    uint64_t cluster_id;
    int64_t revision;
};

static void read_store(void *context, const struct store_range_result *result)
{
    struct found_store *found = context;
    *found = (struct found_store){result->cluster_id, result->revision};
}

/* By a key that may be read by who may read nothing but what is below the root. */
static int find_store(struct store *store, struct span root, struct found_store *ret)
{
    struct buffer key;
    buffer_init(&key, MAX_BYTES);
    buffer_append(&key, root);
    buffer_append(&key, SPAN(KEYS_FORMAT));
    const struct store_range any = {.keys.key = buffer_span(&key)};
    int error =
        key.error ? key.error : store_wait_range(store, &any, RANGE_TIMEOUT_MS, read_store, ret);
    buffer_release(&key);
    return error;
}

/* --- the newest event --- */

/* What it says that the store has at its revision. */
struct mark {
    int64_t revision; /* 0: there is nothing that could be compared */
    struct buffer key;
    bool exists;
    bool has_value; /* else it may have any */
    struct buffer value;
};

static bool take_mark(void *context, const struct history_event *event)
{
    struct mark *mark = context;
    bool has_actor = event->actor.data && event->actor_revision == event->position.revision;
    if (event->kind == HISTORY_GAP || event->reconstructed)
        return true;
    mark->revision = event->position.revision;
    mark->exists =
        has_actor || event->operation == HISTORY_CREATE || event->operation == HISTORY_UPDATE;
    mark->has_value = has_actor;
    buffer_append(&mark->key, has_actor ? SPAN(KEYS_ACTOR) : event->key);
    if (has_actor)
        buffer_append(&mark->value, event->actor);
    return true;
}

/* @mark's key begins with the root. */
static int find_mark(struct history_readers *readers, struct mark *mark)
{
    static const atomic_bool never = false;
    const struct history_query query = {
        .filter = {.kinds = ~0U, .to_revision = INT64_MAX, .to_ms = INT64_MAX},
        .newest_first = true,
        .limit = 1,
    };
    struct history_page page;
    int error = history_readers_events(readers, &query, &never, take_mark, mark, &page);
    if (error || mark->key.error || mark->value.error)
        mark->revision = 0;
    return mark->key.error == ALLOT_ENOMEM || mark->value.error == ALLOT_ENOMEM ? ALLOT_ENOMEM : 0;
}

/* --- what the store had at its revision --- */

struct comparison {
    const struct mark *mark;
    bool is_same;
};

static void compare(void *context, const struct store_range_result *result)
{
    struct comparison *comparison = context;
    const struct mark *mark = comparison->mark;
    const struct store_kv *kv = result->kv_count > 0 ? &result->kvs[0] : NULL;
    if (!mark->exists)
        comparison->is_same = !kv;
    else
        comparison->is_same =
            kv && kv->mod_revision == mark->revision &&
            (!mark->has_value || span_equal(kv->value, buffer_span(&mark->value)));
}

static int compare_mark(struct store *store, const struct mark *mark, bool *ret_is_same)
{
    struct comparison comparison = {mark, true};
    const struct store_range range = {.keys.key = buffer_span(&mark->key),
                                      .revision = mark->revision};
    int error = mark->revision == 0
                    ? 0
                    : store_wait_range(store, &range, RANGE_TIMEOUT_MS, compare, &comparison);
    if (error == ALLOT_ECOMPACTED)
        error = 0;
    if (!error)
        *ret_is_same = comparison.is_same;
    return error;
}

int history_origin_check(struct store *store, struct span root, const struct history_writer *writer,
                         struct history_readers *readers, bool *ret_is_same)
{
    struct found_store found = {0};
    uint64_t cluster = history_writer_cluster(writer);
    struct mark mark = {0};
    int error = find_store(store, root, &found);
    if (error)
        return error;
    if ((cluster != 0 && cluster != found.cluster_id) ||
        found.revision < history_writer_reached(writer)) {
        *ret_is_same = false;
        return 0;
    }
    buffer_init(&mark.key, MAX_BYTES);
    buffer_init(&mark.value, MAX_BYTES);
    buffer_append(&mark.key, root);
    error = find_mark(readers, &mark);
    if (!error)
        error = compare_mark(store, &mark, ret_is_same);
    buffer_release(&mark.key);
    buffer_release(&mark.value);
    return error;
}

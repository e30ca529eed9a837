#include "server/etcd_json_answer.h"

#include "core/error.h"
#include "server/base64.h"

/* --- fields --- */

/* NULL: not there. */
static struct json_object *field_of(struct json_object *object, const char *name)
{
    struct json_object *field = NULL;
    return json_object_object_get_ex(object, name, &field) ? field : NULL;
}

/* Digits, at most @maximum. */
static bool parse_digits(const char *text, uint64_t maximum, uint64_t *ret)
{
    uint64_t number = 0;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (maximum - digit) / 10)
            return false;
        number = 10 * number + digit;
    }
    *ret = number;
    return true;
}

/* A number from @minimum, -1 or more, on. One that is not there is 0. */
static int read_number(struct json_object *object, const char *name, int64_t minimum, int64_t *ret)
{
    struct json_object *field = field_of(object, name);
    int64_t number = 0;
    uint64_t digits;
    if (json_object_is_type(field, json_type_string)) {
        const char *text = json_object_get_string(field);
        if (strcmp(text, "-1") == 0)
            number = -1;
        else if (parse_digits(text, INT64_MAX, &digits))
            number = (int64_t)digits;
        else
            return ALLOT_EIO;
    } else if (field) {
        return ALLOT_EIO;
    }
    if (number < minimum)
        return ALLOT_EIO;
    *ret = number;
    return 0;
}

static int read_truth(struct json_object *object, const char *name, bool *ret)
{
    struct json_object *field = field_of(object, name);
    if (field && !json_object_is_type(field, json_type_boolean))
        return ALLOT_EIO;
    *ret = field && json_object_get_boolean(field);
    return 0;
}

/* How many elements there are; none if it is not there. */
static int read_array(struct json_object *object, const char *name, struct json_object **ret,
                      size_t *ret_count)
{
    *ret = field_of(object, name);
    if (*ret && !json_object_is_type(*ret, json_type_array))
        return ALLOT_EIO;
    *ret_count = *ret ? json_object_array_length(*ret) : 0;
    return 0;
}

static int read_object(struct json_object *object, const char *name, struct json_object **ret)
{
    *ret = field_of(object, name);
    return json_object_is_type(*ret, json_type_object) ? 0 : ALLOT_EIO;
}

static int read_bytes(struct json_object *object, const char *name, struct arena *arena,
                      struct span *ret)
{
    struct json_object *field = field_of(object, name);
    *ret = (struct span){0};
    if (!field)
        return 0;
    if (!json_object_is_type(field, json_type_string))
        return ALLOT_EIO;
    struct span text = {json_object_get_string(field), (size_t)json_object_get_string_len(field)};
    if (text.size == 0)
        return 0;
    char *bytes = arena_allocate(arena, base64_decoded_bound(text.size));
    if (!bytes)
        return ALLOT_ENOMEM;
    ret->data = bytes;
    return base64_decode(text, bytes, &ret->size) ? 0 : ALLOT_EIO;
}

/* --- the parts of answers --- */

static int read_header(struct json_object *answer, int64_t minimum_revision, uint64_t *ret_cluster,
                       int64_t *ret_revision)
{
    struct json_object *header;
    int error = read_object(answer, "header", &header);
    if (error)
        return error;
    struct json_object *cluster = field_of(header, "cluster_id");
    if (!json_object_is_type(cluster, json_type_string) ||
        !parse_digits(json_object_get_string(cluster), UINT64_MAX, ret_cluster))
        return ALLOT_EIO;
    return read_number(header, "revision", minimum_revision, ret_revision);
}

/* A key-value that exists: only its lease and its value may be left out. */
static int read_kv(struct json_object *object, struct arena *arena, struct store_kv *ret)
{
    if (!json_object_is_type(object, json_type_object))
        return ALLOT_EIO;
    int error = read_bytes(object, "key", arena, &ret->key);
    if (!error && ret->key.size == 0)
        error = ALLOT_EIO;
    if (!error)
        error = read_bytes(object, "value", arena, &ret->value);
    if (!error)
        error = read_number(object, "create_revision", 1, &ret->create_revision);
    if (!error)
        error = read_number(object, "mod_revision", ret->create_revision, &ret->mod_revision);
    if (!error)
        error = read_number(object, "version", 1, &ret->version);
    if (!error)
        error = read_number(object, "lease", 0, &ret->lease);
    return error;
}

static int read_kvs(struct json_object *answer, struct arena *arena, const struct store_kv **ret,
                    size_t *ret_count)
{
    struct json_object *array;
    size_t count;
    int error = read_array(answer, "kvs", &array, &count);
    if (error)
        return error;
    struct store_kv *kvs = arena_allocate(arena, count * sizeof *kvs);
    if (!kvs)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        error = read_kv(json_object_array_get_idx(array, i), arena, &kvs[i]);
        if (!error && i > 0 && span_compare(kvs[i - 1].key, kvs[i].key) >= 0)
            error = ALLOT_EIO;
        if (error)
            return error;
    }
    *ret = kvs;
    *ret_count = count;
    return 0;
}

/* --- ranges and transactions --- */

int etcd_json_read_range(const struct etcd_answer *answer, int64_t asked_revision,
                         struct arena *arena, struct store_range_result *ret)
{
    int error = read_header(answer->json, 1, &ret->cluster_id, &ret->revision);
    if (!error)
        error = read_kvs(answer->json, arena, &ret->kvs, &ret->kv_count);
    if (!error)
        error = read_truth(answer->json, "more", &ret->more);
    if (asked_revision)
        ret->revision = asked_revision;
    return error;
}

static int read_result(struct json_object *response, enum store_op_kind kind, struct arena *arena,
                       struct store_op_result *ret)
{
    static const char *const names[] = {
        [STORE_OP_PUT] = "response_put",
        [STORE_OP_DELETE] = "response_delete_range",
        [STORE_OP_GET] = "response_range",
    };
    struct json_object *told;
    int error = read_object(response, names[kind], &told);
    if (!error && kind == STORE_OP_DELETE)
        error = read_number(told, "deleted", 0, &ret->deleted);
    if (!error && kind == STORE_OP_GET)
        error = read_kvs(told, arena, &ret->kvs, &ret->kv_count);
    return error;
}

int etcd_json_read_txn(const struct etcd_answer *answer, const struct etcd_txn_kinds *kinds,
                       struct arena *arena, struct store_txn_result *ret)
{
    struct json_object *array = NULL;
    size_t count = 0;
    int error = read_header(answer->json, 1, &ret->cluster_id, &ret->revision);
    if (!error)
        error = read_truth(answer->json, "succeeded", &ret->succeeded);
    if (!error)
        error = read_array(answer->json, "responses", &array, &count);
    if (!error && count != (ret->succeeded ? kinds->success_count : kinds->failure_count))
        error = ALLOT_EIO;
    if (error)
        return error;
    const unsigned char *branch = ret->succeeded ? kinds->success : kinds->failure;
    struct store_op_result *results = arena_allocate(arena, count * sizeof *results);
    if (!results)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count && !error; i++) {
        results[i] = (struct store_op_result){0};
        error = read_result(json_object_array_get_idx(array, i), (enum store_op_kind)branch[i],
                            arena, &results[i]);
    }
    ret->results = results;
    ret->result_count = count;
    return error;
}

/* --- leases and others --- */

static int read_grant(struct json_object *answer, struct store_lease_result *ret)
{
    int error = read_number(answer, "ID", 1, &ret->id);
    if (!error)
        error = read_number(answer, "TTL", 1, &ret->ttl);
    ret->granted_ttl = ret->ttl;
    return error;
}

static int read_keep_alive(struct json_object *answer, struct store_lease_result *ret)
{
    struct json_object *result;
    int64_t ttl = 0;
    int error = read_object(answer, "result", &result);
    if (!error)
        error = read_number(result, "ID", 1, &ret->id);
    if (!error)
        error = read_number(result, "TTL", -1, &ttl);
    if (!error && ttl <= 0)
        error = ALLOT_ELEASE;
    ret->ttl = ret->granted_ttl = ttl;
    return error;
}

static int read_time_to_live(struct json_object *answer, struct store_lease_result *ret)
{
    int error = read_number(answer, "ID", 1, &ret->id);
    if (!error)
        error = read_number(answer, "TTL", -1, &ret->ttl);
    if (!error && ret->ttl < 0)
        return ALLOT_ELEASE;
    if (!error)
        error = read_number(answer, "grantedTTL", 1, &ret->granted_ttl);
    return error;
}

int etcd_json_read_lease(const struct etcd_answer *answer, enum etcd_method method,
                         struct store_lease_result *ret)
{
    switch (method) {
    case ETCD_LEASE_GRANT:
        return read_grant(answer->json, ret);
    case ETCD_LEASE_KEEP_ALIVE:
        return read_keep_alive(answer->json, ret);
    case ETCD_LEASE_TIME_TO_LIVE:
        return read_time_to_live(answer->json, ret);
    default:
        return etcd_json_read_plain(answer);
    }
}

int etcd_json_read_plain(const struct etcd_answer *answer)
{
    struct json_object *header;
    return read_object(answer->json, "header", &header);
}

int etcd_json_read_token(const struct etcd_answer *answer, struct arena *arena, struct span *ret)
{
    struct json_object *token = field_of(answer->json, "token");
    if (!json_object_is_type(token, json_type_string) || json_object_get_string_len(token) == 0)
        return ALLOT_EIO;
    *ret = arena_copy(arena, span_of(json_object_get_string(token)));
    return ret->data ? 0 : ALLOT_ENOMEM;
}

/* --- watches --- */

static int read_deletion(struct json_object *object, struct arena *arena, struct store_kv *ret)
{
    int error = read_bytes(object, "key", arena, &ret->key);
    if (!error && ret->key.size == 0)
        error = ALLOT_EIO;
    if (!error)
        error = read_number(object, "mod_revision", 1, &ret->mod_revision);
    return error;
}

static int read_event(struct json_object *object, struct arena *arena, struct store_event *ret)
{
    struct json_object *kv;
    struct json_object *type = field_of(object, "type");
    const char *name = json_object_is_type(type, json_type_string) ? json_object_get_string(type)
                       : type                                      ? ""
                                                                   : "PUT";
    int error = read_object(object, "kv", &kv);
    if (error)
        return error;
    *ret = (struct store_event){.kind = STORE_EVENT_PUT};
    if (strcmp(name, "PUT") == 0)
        return read_kv(kv, arena, &ret->kv);
    ret->kind = STORE_EVENT_DELETE;
    return strcmp(name, "DELETE") == 0 ? read_deletion(kv, arena, &ret->kv) : ALLOT_EIO;
}

static int read_events(struct json_object *result, struct arena *arena,
                       struct etcd_watch_message *ret)
{
    struct json_object *array;
    int error = read_array(result, "events", &array, &ret->event_count);
    if (error || ret->event_count == 0)
        return error;
    struct store_event *events = arena_allocate(arena, ret->event_count * sizeof *events);
    if (!events)
        return ALLOT_ENOMEM;
    int64_t last = 0;
    for (size_t i = 0; i < ret->event_count; i++) {
        error = read_event(json_object_array_get_idx(array, i), arena, &events[i]);
        if (error)
            return error;
        if (events[i].kv.mod_revision < last)
            return ALLOT_EIO;
        ret->revision_count += events[i].kv.mod_revision > last;
        last = events[i].kv.mod_revision;
    }
    ret->events = events;
    return last <= ret->revision ? 0 : ALLOT_EIO;
}

int etcd_json_read_watch(const struct etcd_answer *answer, struct arena *arena,
                         struct etcd_watch_message *ret)
{
    struct json_object *result;
    *ret = (struct etcd_watch_message){.reason = ""};
    int error = read_object(answer->json, "result", &result);
    if (!error)
        error = read_truth(result, "created", &ret->created);
    if (!error)
        error = read_truth(result, "canceled", &ret->canceled);
    if (!error)
        error = read_number(result, "compact_revision", 0, &ret->compact_revision);
    if (!error)
        error = read_header(result, ret->canceled ? 0 : 1, &ret->cluster_id, &ret->revision);
    if (!error)
        error = read_events(result, arena, ret);
    struct json_object *reason = field_of(result, "cancel_reason");
    if (!error && json_object_is_type(reason, json_type_string))
        ret->reason = json_object_get_string(reason);
    return error;
}

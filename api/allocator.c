#include "api/change.h"
#include "api/hash.h"
#include "api/json_reader.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/settings.h"
#include "api/timestamp.h"

/* /v1/allocator: what the allocator is to put off. */

enum { MAX_REASON = 200, MAX_TIME = 40 /* bytes */ };

struct allocator_body {
    int paused;
    struct span reason;
    struct span until;
    struct move_limits limits; /* -1: any number */
};

#define LIMIT(name, limit)                                      \
    {                                                           \
        name, JSON_INTEGER, false, 0, SETTINGS_MAX_LIMIT, NULL, \
            offsetof(struct allocator_body, limits.limit)       \
    }

static const struct json_field fields[] = {
    {"paused", JSON_CHOICE, false, 0, 0, settings_pause_names,
     offsetof(struct allocator_body, paused)},
    {"reason", JSON_STRING, false, 0, MAX_REASON, NULL, offsetof(struct allocator_body, reason)},
    LIMIT("max_moves_in_flight", in_flight),
    LIMIT("max_moves_in_flight_per_member", per_member),
    LIMIT("max_moves_in_flight_per_zone", per_zone),
    LIMIT("max_moves_per_minute", per_minute),
    {"until", JSON_TIME, false, 0, MAX_TIME, NULL, offsetof(struct allocator_body, until)},
};
const struct json_spec allocator_put_json = {fields, sizeof fields / sizeof fields[0], false};

static void write_text(struct json_writer *writer, struct json_object *tree, const char *name)
{
    struct json_object *value = NULL;
    (void)json_object_object_get_ex(tree, name, &value);
    json_name(writer, name);
    if (json_object_is_type(value, json_type_string))
        json_string(writer, (struct span){json_object_get_string(value),
                                          (size_t)json_object_get_string_len(value)});
    else
        json_null(writer);
}

static void write_limits(struct json_writer *writer, const struct move_limits *limits)
{
    for (int i = 0; i < SETTINGS_LIMITS; i++) {
        int64_t limit = settings_limit(limits, i);
        json_name(writer, settings_limits[i].name);
        if (limit < 0)
            json_null(writer);
        else
            json_integer(writer, limit);
    }
}

static struct json_object *read_stored(const struct entry *entry)
{
    struct json_object *tree = NULL;
    struct error_message why = {""};
    if (entry)
        (void)json_read(entry->value, &tree, &why);
    return tree;
}

/* What changes without the settings being written. Returns its hash. */
static uint64_t write_status(struct json_writer *writer, const struct settings *settings,
                             const struct state *state, int64_t now_ms)
{
    struct allocator_rules rules = settings_rules_at(settings, now_ms);
    int64_t moves = moves_in_flight(state);
    json_text_field(writer, "in_force", settings_pause_names[rules.pause]);
    json_integer_field(writer, "moves_in_flight", moves);
    uint64_t hash = hash_bytes(HASH_START, span_of(settings_pause_names[rules.pause]));
    return hash_bytes(hash, (struct span){(const char *)&moves, sizeof moves});
}

/* As this request has written it, or else as the snapshot has it. */
static enum api_step reply_settings(struct api_call *call)
{
    const struct keyspace *keyspace = call->snapshot->state->keyspace;
    const struct entry *entry = call->committed ? &call->resource : settings_find(keyspace);
    int64_t now_ms = call->runtime->wall_clock_ms(call->runtime->context);
    struct settings settings = SETTINGS_NONE;
    struct error_message why = {""};
    int error = settings_read(keyspace, &settings, &why);
    if (error == ALLOT_ENOMEM)
        return problem_of_error(call, error, "to show the settings");
    struct json_object *tree = read_stored(entry);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_text_field(&writer, "paused", settings_pause_names[settings.rules.pause]);
    uint64_t status_hash = write_status(&writer, &settings, call->snapshot->state, now_ms);
    json_boolean_field(&writer, "valid", error == 0);
    write_limits(&writer, &settings.rules.limits);
    write_text(&writer, tree, "reason");
    write_text(&writer, tree, "until");
    write_text(&writer, tree, "by");
    write_text(&writer, tree, "since");
    json_end(&writer, '}');
    json_object_put(tree);
    return reply_finish_resource(call, entry ? entry->mod_revision : 0, status_hash);
}

enum api_step allocator_get(struct api_call *call)
{
    return reply_settings(call);
}

/* --- PUT --- */

static bool is_text(struct json_object *tree, const char *name, struct span wanted)
{
    struct json_object *value = NULL;
    (void)json_object_object_get_ex(tree, name, &value);
    struct span given = {NULL, 0};
    if (json_object_is_type(value, json_type_string))
        given =
            (struct span){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    if (!given.data || !wanted.data)
        return !given.data && !wanted.data;
    return span_equal(given, wanted);
}

/* @wanted -1: it isn't there. */
static bool is_number(struct json_object *tree, const char *name, int64_t wanted)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(tree, name, &value))
        return wanted < 0;
    return json_object_is_type(value, json_type_int) && json_object_get_int64(value) == wanted;
}

static bool has_limits(struct json_object *tree, const struct move_limits *limits)
{
    for (int i = 0; i < SETTINGS_LIMITS; i++)
        if (!is_number(tree, settings_limits[i].name, settings_limit(limits, i)))
            return false;
    return true;
}

/* Whether the stored value says so already; who and since when don't matter. */
static bool is_stored(const struct entry *entry, const struct allocator_body *body)
{
    struct json_object *tree = read_stored(entry);
    bool same = tree && is_text(tree, "paused", span_of(settings_pause_names[body->paused])) &&
                has_limits(tree, &body->limits) && is_text(tree, "reason", body->reason) &&
                is_text(tree, "until", body->until);
    json_object_put(tree);
    return same;
}

/* Sets the field to @text; takes it away if that has no data. */
static int set_text(struct json_object *tree, const char *name, struct span text)
{
    if (text.data)
        return json_set(tree, name, json_object_new_string_len(text.data, (int)text.size));
    json_object_object_del(tree, name);
    return 0;
}

static int set_limits(struct json_object *tree, const struct move_limits *limits)
{
    int error = 0;
    for (int i = 0; i < SETTINGS_LIMITS && !error; i++) {
        int64_t limit = settings_limit(limits, i);
        if (limit >= 0)
            error = json_set(tree, settings_limits[i].name, json_object_new_int64(limit));
        else
            json_object_object_del(tree, settings_limits[i].name);
    }
    return error;
}

static int set_fields(struct api_call *call, const struct allocator_body *body,
                      struct json_object *tree)
{
    char since[TIMESTAMP_SIZE];
    timestamp_format(call->runtime->wall_clock_ms(call->runtime->context), since);
    int error = set_text(tree, "paused", span_of(settings_pause_names[body->paused]));
    if (!error)
        error = set_limits(tree, &body->limits);
    if (!error)
        error = set_text(tree, "reason", body->reason);
    if (!error)
        error = set_text(tree, "until", body->until);
    if (!error)
        error = set_text(tree, "by", span_of(call->principal.name));
    return error ? error : set_text(tree, "since", span_of(since));
}

/* The former value with the fields of @body: those that we don't know are kept. */
static int write_value(struct api_call *call, const struct entry *entry,
                       const struct allocator_body *body, struct span *ret)
{
    struct json_object *tree = read_stored(entry);
    if (!json_object_is_type(tree, json_type_object)) {
        json_object_put(tree);
        tree = json_object_new_object();
    }
    int error = tree ? set_fields(call, body, tree) : ALLOT_ENOMEM;
    struct span text = error ? (struct span){NULL, 0} : json_text(tree);
    if (text.data)
        *ret = arena_copy(&call->arena, text);
    if (!error && (!text.data || !ret->data))
        error = ALLOT_ENOMEM;
    json_object_put(tree);
    return error;
}

static struct span settings_key(struct api_call *call)
{
    struct span root = call->runtime->root;
    size_t size = root.size + sizeof KEYS_ALLOCATOR - 1;
    char *key = arena_allocate(&call->arena, size);
    if (!key)
        return (struct span){NULL, 0};
    memcpy(key, root.data, root.size);
    memcpy(key + root.size, KEYS_ALLOCATOR, sizeof KEYS_ALLOCATOR - 1);
    return (struct span){key, size};
}

/* A pause that has ended before it began is a slip: of the date, or of the clock. */
static bool is_over(const struct api_call *call, const struct allocator_body *body)
{
    int64_t until_ms = INT64_MAX;
    if (body->paused == ALLOCATOR_RUNS || !body->until.data)
        return false;
    return timestamp_parse(body->until, &until_ms) == 0 &&
           until_ms <= call->runtime->wall_clock_ms(call->runtime->context);
}

enum api_step allocator_put(struct api_call *call)
{
    struct allocator_body body = {.limits = ALLOCATOR_RULES_NONE.limits};
    struct span value = {NULL, 0};
    uint32_t given;
    if (!call_decode_body(call, &allocator_put_json, &body, &given))
        return API_REPLY;
    const struct entry *entry = settings_find(call->snapshot->state->keyspace);
    if (!call_check_preconditions(call, entry ? entry->mod_revision : 0))
        return API_REPLY;
    if (entry && is_stored(entry, &body))
        return reply_settings(call);
    if (is_over(call, &body))
        return problem_invalid_at(call, "/until", "must be a time to come");
    struct span key = settings_key(call);
    int error = key.data ? write_value(call, entry, &body, &value) : ALLOT_ENOMEM;
    if (error)
        return problem_of_error(call, error, "to write the settings");
    if (!change_begin(call))
        return API_REPLY;
    change_check(call, key, entry);
    change_put(call, key, entry, value, 0);
    return change_submit(call, reply_settings);
}

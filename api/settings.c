#include "api/settings.h"

#include <stddef.h>
#include <string.h>

#include "api/json_reader.h"
#include "api/timestamp.h"

const char *const settings_pause_names[] = {"no", "rebalance", "all", NULL};

const struct settings_limit settings_limits[SETTINGS_LIMITS] = {
    {"max_moves_in_flight", offsetof(struct move_limits, in_flight)},
    {"max_moves_in_flight_per_member", offsetof(struct move_limits, per_member)},
    {"max_moves_in_flight_per_zone", offsetof(struct move_limits, per_zone)},
    {"max_moves_per_minute", offsetof(struct move_limits, per_minute)},
};

int64_t settings_limit(const struct move_limits *limits, int number)
{
    int64_t limit;
    memcpy(&limit, (const char *)limits + settings_limits[number].offset, sizeof limit);
    return limit;
}

const struct entry *settings_find(const struct keyspace *keyspace)
{
    return keyspace_find_under_root(keyspace, SPAN(KEYS_ALLOCATOR));
}

static struct span text_of(struct json_object *tree, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(tree, name, &value) ||
        !json_object_is_type(value, json_type_string))
        return (struct span){NULL, 0};
    return (struct span){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

/* False: one is there, but is none. */
static bool read_limits(struct json_object *tree, struct move_limits *ret)
{
    for (int i = 0; i < SETTINGS_LIMITS; i++) {
        struct json_object *value = NULL;
        if (!json_object_object_get_ex(tree, settings_limits[i].name, &value))
            continue;
        int64_t limit =
            json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
        if (limit < 0)
            return false;
        memcpy((char *)ret + settings_limits[i].offset, &limit, sizeof limit);
    }
    return true;
}

static bool read_tree(struct json_object *tree, struct settings *ret)
{
    struct span pause = text_of(tree, "paused");
    struct span until = text_of(tree, "until");
    int i = 0;
    while (settings_pause_names[i] && !span_equal(pause, span_of(settings_pause_names[i])))
        i++;
    if (!settings_pause_names[i])
        return false;
    ret->rules.pause = (enum allocator_pause)i;
    if (until.data && timestamp_parse(until, &ret->until_ms) != 0)
        return false;
    return read_limits(tree, &ret->rules.limits);
}

int settings_read(const struct keyspace *keyspace, struct settings *ret, struct error_message *why)
{
    const struct entry *entry = settings_find(keyspace);
    struct settings settings = SETTINGS_NONE;
    struct json_object *tree = NULL;
    int error = entry ? json_read(entry->value, &tree, why) : 0;
    if (error == ALLOT_ENOMEM)
        return error;
    if (entry && (error || !read_tree(tree, &settings))) {
        settings = SETTINGS_NONE;
        settings.rules.pause = ALLOCATOR_PAUSES;
        error = ALLOT_EVALUE;
    }
    json_object_put(tree);
    *ret = settings;
    return error;
}

struct allocator_rules settings_rules_at(const struct settings *settings, int64_t now_ms)
{
    struct allocator_rules rules = settings->rules;
    if (now_ms >= settings->until_ms)
        rules.pause = ALLOCATOR_RUNS;
    return rules;
}

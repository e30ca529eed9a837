#include "api/settings.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/json_reader.h"

const char *const settings_pause_names[] = {"no", "rebalance", "all", NULL};

const struct entry *settings_find(const struct keyspace *keyspace)
{
    struct span root = keyspace_root(keyspace);
    char key[512];
    size_t size = root.size + sizeof SETTINGS_KEY - 1;
    if (size > sizeof key)
        return NULL; /* no such root is taken */
    memcpy(key, root.data, root.size);
    memcpy(key + root.size, SETTINGS_KEY, sizeof SETTINGS_KEY - 1);
    return keyspace_find(keyspace, (struct span){key, size});
}

int64_t settings_parse_time(struct span text)
{
    char copy[32];
    struct tm parts = {0};
    if (text.size >= sizeof copy || text.size == 0)
        return -1;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (!end || *end != '\0' || strlen(copy) != text.size)
        return -1;
    return (int64_t)timegm(&parts) * 1000;
}

static struct span text_of(struct json_object *tree, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(tree, name, &value) ||
        !json_object_is_type(value, json_type_string))
        return (struct span){NULL, 0};
    return (struct span){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

/* False: it is there, but is none. */
static bool read_most_moves(struct json_object *tree, int64_t *ret)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(tree, "max_moves_in_flight", &value))
        return true;
    *ret = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
    return *ret >= 0;
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
    ret->pause = (enum allocator_pause)i;
    if (until.data)
        ret->until_ms = settings_parse_time(until);
    return ret->until_ms >= 0 && read_most_moves(tree, &ret->most_moves);
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
        settings.pause = ALLOCATOR_PAUSES;
        error = ALLOT_EVALUE;
    }
    json_object_put(tree);
    *ret = settings;
    return error;
}

enum allocator_pause settings_pause_at(const struct settings *settings, int64_t now_ms)
{
    return now_ms < settings->until_ms ? settings->pause : ALLOCATOR_RUNS;
}

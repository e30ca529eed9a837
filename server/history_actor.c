#include "server/history_actor.h"

#include <string.h>

#include "api/json_peek.h"
#include "api/json_reader.h"
#include "api/timestamp.h"

/* The object that @value is, or NULL: it is none. */
static int read_object(struct span value, struct json_object **ret)
{
    struct error_message why = {""};
    struct json_object *tree = NULL;
    int error = json_read(value, &tree, &why);
    if (!error && !json_object_is_type(tree, json_type_object)) {
        json_object_put(tree);
        tree = NULL;
    }
    *ret = error ? NULL : tree;
    return error == ALLOT_ENOMEM ? error : 0;
}

static struct span text_of(struct json_object *tree, const char *name)
{
    struct json_object *field = NULL;
    if (!json_object_object_get_ex(tree, name, &field) ||
        !json_object_is_type(field, json_type_string))
        return (struct span){NULL, 0};
    return (struct span){json_object_get_string(field), (size_t)json_object_get_string_len(field)};
}

static int64_t number_of(struct json_object *tree, const char *name)
{
    struct json_object *field = NULL;
    if (!json_object_object_get_ex(tree, name, &field) ||
        !json_object_is_type(field, json_type_int))
        return -1;
    return json_object_get_int64(field);
}

/* What it says by these two; there are many, so it is only read as a whole if it must be. */
enum { PRINCIPAL, TIME, FIELDS };
static const struct span fields[FIELDS] = {{"principal", 9}, {"time", 4}};

static void set_actor(const struct span *texts, struct history_actor *ret)
{
    struct span principal = texts[PRINCIPAL];
    if (principal.size > HISTORY_MAX_PRINCIPAL)
        principal.size = HISTORY_MAX_PRINCIPAL;
    if (principal.size > 0)
        memcpy(ret->principal, principal.data, principal.size);
    ret->principal[principal.size] = '\0';
    ret->time_ms = -1;
    (void)timestamp_parse(texts[TIME], &ret->time_ms);
}

int history_actor_read(struct span value, struct history_actor *ret)
{
    struct json_object *tree = NULL;
    struct span texts[FIELDS];
    int error = 0;
    if (!json_peek_texts(value, fields, FIELDS, texts)) {
        error = read_object(value, &tree);
        for (int i = 0; i < FIELDS; i++)
            texts[i] = tree ? text_of(tree, fields[i].data) : (struct span){NULL, 0};
    }
    if (!error)
        set_actor(texts, ret);
    json_object_put(tree);
    return error;
}

int history_round_read(struct span value, struct history_round_facts *ret)
{
    struct json_object *tree = NULL;
    int error = read_object(value, &tree);
    if (error)
        return error;
    *ret = (struct history_round_facts){-1, -1};
    if (tree)
        *ret = (struct history_round_facts){number_of(tree, "after_revision"),
                                            number_of(tree, "decided_on")};
    json_object_put(tree);
    return 0;
}

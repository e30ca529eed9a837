#include "api/values.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/json_reader.h"
#include "api/json_spec.h"

const char *const consistency_names[] = {"immediate", "reported", NULL};

/* --- fields, as tolerant as the core can take --- */

#define FIELD_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

static const struct json_field item_fields[] = {
    {"replication", JSON_INTEGER, true, 0, INT32_MAX, NULL,
     offsetof(struct item_spec, replication)},
    {"consistency", JSON_CHOICE, false, 0, 0, consistency_names,
     offsetof(struct item_spec, consistency)},
    {"labels", JSON_OBJECT, false, 0, 0, NULL, offsetof(struct item_spec, labels)},
};
static const struct json_field member_fields[] = {
    {"item_limit", JSON_INTEGER, true, 0, INT32_MAX, NULL,
     offsetof(struct member_spec, item_limit)},
    {"exiting", JSON_BOOLEAN, false, 0, 0, NULL, offsetof(struct member_spec, exiting)},
    {"allocator", JSON_BOOLEAN, false, 0, 0, NULL, offsetof(struct member_spec, allocator)},
    {"ttl_seconds", JSON_INTEGER, false, 0, INT32_MAX, NULL,
     offsetof(struct member_spec, ttl_seconds)},
    {"labels", JSON_OBJECT, false, 0, 0, NULL, offsetof(struct member_spec, labels)},
    {"session_hash", JSON_TOKEN, false, 1, 128, NULL, offsetof(struct member_spec, session_hash)},
};
static const struct json_field assignment_fields[] = {
    {"consistent", JSON_BOOLEAN, false, 0, 0, NULL, offsetof(struct assignment_spec, consistent)},
    {"value", JSON_ANY, false, 0, INT32_MAX, NULL, offsetof(struct assignment_spec, value)},
};

static const struct json_spec item_json = {item_fields, FIELD_COUNT(item_fields), true};
static const struct json_spec member_json = {member_fields, FIELD_COUNT(member_fields), true};
static const struct json_spec assignment_json = {assignment_fields, FIELD_COUNT(assignment_fields),
                                                 true};

/* --- plain items: as they are written if they have no other fields, and no labels --- */

enum { PLAIN_SIZE = 80, PLAIN_MAX_DIGITS = 9 };

static struct span skip(struct span text, size_t size)
{
    return (struct span){text.data + size, text.size - size};
}

/* The number that *@text begins with, as JSON has it and with no more digits than always fit, and
 * @after behind it: *@text is then what follows. False: it doesn't begin like that. */
static bool take_number(struct span *text, struct span after, int64_t *ret)
{
    size_t digits = 0;
    int64_t number = 0;
    for (; digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++)
        if (digits < PLAIN_MAX_DIGITS)
            number = 10 * number + (text->data[digits] - '0');
    bool fits = digits > 0 && digits <= PLAIN_MAX_DIGITS;
    if (!fits || (digits > 1 && text->data[0] == '0') ||
        !span_has_prefix(skip(*text, digits), after))
        return false;
    *text = skip(*text, digits + after.size);
    *ret = number;
    return true;
}

/* Reading JSON costs more than all else that is done with an item, and nearly all are plain. False:
 * it takes json_read to tell. */
static bool read_plain_item(struct span value, struct item_spec *ret)
{
    static const struct span begin = {"{\"replication\":", 15};
    struct item_spec spec = {0};
    if (!span_has_prefix(value, begin))
        return false;
    struct span rest = skip(value, begin.size);
    if (!take_number(&rest, SPAN(",\"consistency\":\""), &spec.replication))
        return false;
    for (int i = 0; consistency_names[i]; i++) {
        struct span name = span_of(consistency_names[i]);
        if (span_has_prefix(rest, name) && span_equal(skip(rest, name.size), SPAN("\"}"))) {
            spec.consistency = i;
            *ret = spec;
            return true;
        }
    }
    return false;
}

static int write_plain_item(struct arena *arena, const struct item_spec *spec, struct span *ret)
{
    char text[PLAIN_SIZE];
    int size = snprintf(text, sizeof text, "{\"replication\":%" PRId64 ",\"consistency\":\"%s\"}",
                        spec->replication, consistency_names[spec->consistency]);
    struct span copy = arena_copy(arena, (struct span){text, (size_t)size});
    if (!copy.data)
        return ALLOT_ENOMEM;
    *ret = copy;
    return 0;
}

/* --- reading --- */

static void keep_fault(void *context, const char *pointer, const char *detail)
{
    struct error_message *why = context;
    (void)snprintf(why->text, sizeof why->text, "%.80s %.160s", pointer, detail);
}

/* Reads @value by @json into @target, which holds the defaults. */
static int read_value(struct span value, const struct json_spec *json, void *target,
                      struct json_object **ret_tree, struct error_message *why)
{
    struct json_object *tree = NULL;
    uint32_t given;
    int error = json_read(value, &tree, why);
    if (error)
        return error == ALLOT_ENOMEM ? ALLOT_ENOMEM : ALLOT_EVALUE;
    if (!json_spec_decode(json, tree, target, &given, keep_fault, why)) {
        json_object_put(tree);
        return ALLOT_EVALUE;
    }
    *ret_tree = tree;
    return 0;
}

int values_read_item(struct span value, struct item_spec *ret, struct json_object **ret_tree,
                     struct error_message *why)
{
    struct item_spec spec = {0};
    if (read_plain_item(value, ret)) {
        *ret_tree = NULL;
        return 0;
    }
    int error = read_value(value, &item_json, &spec, ret_tree, why);
    if (!error)
        *ret = spec;
    return error;
}

int values_read_member(struct span value, struct member_spec *ret, struct json_object **ret_tree,
                       struct error_message *why)
{
    struct member_spec spec = {0};
    int error = read_value(value, &member_json, &spec, ret_tree, why);
    if (!error)
        *ret = spec;
    return error;
}

int values_read_assignment(struct span value, struct assignment_spec *ret,
                           struct json_object **ret_tree, struct error_message *why)
{
    struct assignment_spec spec = {0};
    int error = 0;
    if (value.size == 0)
        *ret_tree = NULL;
    else
        error = read_value(value, &assignment_json, &spec, ret_tree, why);
    if (!error)
        *ret = spec;
    return error;
}

/* --- comparing --- */

static bool has_no_labels(struct json_object *labels)
{
    return !labels || json_object_object_length(labels) == 0;
}

static bool equal_labels(struct json_object *a, struct json_object *b)
{
    bool a_empty = has_no_labels(a);
    bool b_empty = has_no_labels(b);
    return a_empty || b_empty ? a_empty == b_empty : json_object_equal(a, b);
}

bool values_equal_items(const struct item_spec *a, const struct item_spec *b)
{
    return a->replication == b->replication && a->consistency == b->consistency &&
           equal_labels(a->labels, b->labels);
}

bool values_equal_members(const struct member_spec *a, const struct member_spec *b)
{
    return a->item_limit == b->item_limit && a->exiting == b->exiting &&
           a->ttl_seconds == b->ttl_seconds && span_equal(a->session_hash, b->session_hash) &&
           equal_labels(a->labels, b->labels);
}

bool values_equal_assignments(const struct assignment_spec *a, const struct assignment_spec *b)
{
    return a->consistent == b->consistent && json_object_equal(a->value, b->value);
}

/* --- writing: the former tree is changed, field by field --- */

/* An object to change; NULL when out of memory. */
static struct json_object *open_former(struct span former)
{
    struct json_object *tree = NULL;
    struct error_message why = {""};
    if (former.size > 0 && json_read(former, &tree, &why) == ALLOT_ENOMEM)
        return NULL;
    if (json_object_is_type(tree, json_type_object))
        return tree;
    json_object_put(tree);
    return json_object_new_object();
}

/* Takes @value; NULL means that there was no memory for it. */
static int set_labels(struct json_object *tree, struct json_object *labels)
{
    if (!has_no_labels(labels))
        return json_set(tree, "labels", json_object_get(labels));
    json_object_object_del(tree, "labels");
    return 0;
}

/* Ends a rewrite: the tree's text goes to @arena, and the tree away. */
static int finish(struct arena *arena, struct json_object *tree, int error, struct span *ret)
{
    if (!error) {
        struct span text = json_text(tree);
        struct span copy = {NULL, 0};
        if (text.data)
            copy = arena_copy(arena, text);
        if (copy.data)
            *ret = copy;
        else
            error = ALLOT_ENOMEM;
    }
    json_object_put(tree);
    return error;
}

int values_write_item(struct arena *arena, struct span former, const struct item_spec *spec,
                      struct span *ret)
{
    struct item_spec replaced;
    bool keeps_nothing = former.size == 0 || read_plain_item(former, &replaced);
    if (keeps_nothing && has_no_labels(spec->labels))
        return write_plain_item(arena, spec, ret);
    struct json_object *tree = open_former(former);
    if (!tree)
        return ALLOT_ENOMEM;
    int error = json_set(tree, "replication", json_object_new_int64(spec->replication));
    if (!error)
        error = json_set(tree, "consistency",
                         json_object_new_string(consistency_names[spec->consistency]));
    if (!error)
        error = set_labels(tree, spec->labels);
    return finish(arena, tree, error, ret);
}

int values_write_member(struct arena *arena, struct span former, const struct member_spec *spec,
                        struct span *ret)
{
    struct json_object *tree = open_former(former);
    if (!tree)
        return ALLOT_ENOMEM;
    int error = json_set(tree, "item_limit", json_object_new_int64(spec->item_limit));
    if (!error)
        error = json_set(tree, "exiting", json_object_new_boolean(spec->exiting));
    if (!error && spec->allocator)
        error = json_set(tree, "allocator", json_object_new_boolean(true));
    json_object_object_del(tree, "ttl_seconds");
    json_object_object_del(tree, "session_hash");
    if (!error && spec->ttl_seconds > 0)
        error = json_set(tree, "ttl_seconds", json_object_new_int64(spec->ttl_seconds));
    if (!error && spec->session_hash.size > 0)
        error = json_set(
            tree, "session_hash",
            json_object_new_string_len(spec->session_hash.data, (int)spec->session_hash.size));
    if (!error)
        error = set_labels(tree, spec->labels);
    return finish(arena, tree, error, ret);
}

int values_write_assignment(struct arena *arena, struct span former,
                            const struct assignment_spec *spec, struct span *ret)
{
    struct json_object *tree = open_former(former);
    if (!tree)
        return ALLOT_ENOMEM;
    int error = json_set(tree, "consistent", json_object_new_boolean(spec->consistent));
    if (spec->value && !error)
        error = json_set(tree, "value", json_object_get(spec->value));
    else
        json_object_object_del(tree, "value");
    return finish(arena, tree, error, ret);
}

int values_describe_labels(struct json_object *labels, struct json_object *description)
{
    struct json_object *copy = NULL;
    if (!labels)
        return 0;
    if (json_object_deep_copy(labels, &copy, NULL))
        return ALLOT_ENOMEM;
    return json_set(description, "labels", copy);
}

/* --- the core's decoder --- */

struct item_value values_decoded_item(const struct item_spec *spec)
{
    return (struct item_value){(int32_t)spec->replication, (uint32_t)spec->consistency};
}

static int decode_item(void *context, const struct key_parts *key, struct span value,
                       struct item_value *ret, struct error_message *why)
{
    struct item_spec spec;
    struct json_object *tree;
    (void)context;
    (void)key;
    int error = values_read_item(value, &spec, &tree, why);
    if (error)
        return error;
    *ret = values_decoded_item(&spec);
    json_object_put(tree);
    return 0;
}

static int decode_member(void *context, const struct key_parts *key, struct span value,
                         struct member_value *ret, struct error_message *why)
{
    struct member_spec spec;
    struct json_object *tree;
    (void)context;
    (void)key;
    int error = values_read_member(value, &spec, &tree, why);
    if (error)
        return error;
    *ret = (struct member_value){(int32_t)spec.item_limit, spec.exiting,
                                 spec.allocator ? VALUES_MEMBER_ALLOCATES : 0};
    json_object_put(tree);
    return 0;
}

static int decode_assignment(void *context, const struct key_parts *key, struct span value,
                             struct assignment_value *ret, struct error_message *why)
{
    struct assignment_spec spec;
    struct json_object *tree;
    (void)context;
    (void)key;
    int error = values_read_assignment(value, &spec, &tree, why);
    if (error)
        return error;
    *ret = (struct assignment_value){spec.consistent};
    json_object_put(tree);
    return 0;
}

static bool is_consistent(void *context, const struct item_value *item,
                          const struct assignment_value *assignments, size_t count, size_t index)
{
    (void)context;
    (void)count;
    return item->user == CONSISTENCY_IMMEDIATE || assignments[index].user != 0;
}

struct decoder api_decoder(void)
{
    return (struct decoder){
        .item = decode_item,
        .member = decode_member,
        .assignment = decode_assignment,
        .is_consistent = is_consistent,
    };
}

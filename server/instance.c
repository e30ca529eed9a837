#include "server/instance.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "server/instance_places.h"
#include "server/json_stream.h"

/* --- values: a few bytes of our own, since an instance has no JSON values to preserve --- */

static int decode_number(struct span value, int32_t *ret)
{
    int64_t number = 0;
    for (size_t i = 0; i < value.size && number <= INT32_MAX; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return ALLOT_EVALUE;
        number = 10 * number + (value.data[i] - '0');
    }
    if (value.size == 0 || number > INT32_MAX)
        return ALLOT_EVALUE;
    *ret = (int32_t)number;
    return 0;
}

static int decode_item(void *context, const struct key_parts *key, struct span value,
                       struct item_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    return decode_number(value, &ret->replication);
}

/* "4" or "4x": the limit, and whether it is exiting. */
static int decode_member(void *context, const struct key_parts *key, struct span value,
                         struct member_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    ret->exiting = value.size > 0 && value.data[value.size - 1] == 'x';
    value.size -= ret->exiting;
    return decode_number(value, &ret->item_limit);
}

static int decode_assignment(void *context, const struct key_parts *key, struct span value,
                             struct assignment_value *ret, struct error_message *why)
{
    (void)context, (void)key, (void)why;
    ret->user = span_equal(value, instance_consistent_value());
    return 0;
}

static bool is_consistent(void *context, const struct item_value *item,
                          const struct assignment_value *assignments, size_t count, size_t index)
{
    (void)context, (void)item, (void)count;
    return assignments[index].user;
}

struct span instance_consistent_value(void)
{
    return SPAN("c");
}

/* --- fields of an element --- */

struct reading {
    struct json_stream stream;
    struct keyspace_loader *loader;
    struct instance_places places;
    bool seen[3]; /* the sections */
    struct error_message *why;
};

/* Tells a fault at the place where the element begins. */
static int fault(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int fault(struct reading *reading, const char *format, ...)
{
    struct json_stream_place place = reading->stream.value_place;
    int size = snprintf(reading->why->text, sizeof reading->why->text,
                        "line %ld, column %ld: ", place.line, place.column);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->why->text + size, sizeof reading->why->text - (size_t)size, format,
              arguments);
    va_end(arguments);
    return ALLOT_EVALUE;
}

/* One field that an element has: all are required. */
struct element_field {
    const char *name;
    json_type type;
    int64_t maximum; /* of an integer; the minimum is 0 */
    void *ret;       /* struct span *, int64_t * or bool *, by type */
};

static const char *type_text(json_type type)
{
    return type == json_type_string ? "a string"
           : type == json_type_int  ? "an integer"
                                    : "true or false";
}

static int read_field(struct reading *reading, const struct element_field *field,
                      struct json_object *value)
{
    if (!json_object_is_type(value, field->type))
        return fault(reading, "\"%s\" must be %s", field->name, type_text(field->type));
    if (field->type == json_type_string) {
        *(struct span *)field->ret =
            (struct span){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
        if (!keys_name_is_valid(*(struct span *)field->ret))
            return fault(reading, "\"%s\" must be a name: not empty, every byte above '#'",
                         field->name);
    } else if (field->type == json_type_int) {
        int64_t number = json_object_get_int64(value);
        if (number < 0 || number > field->maximum)
            return fault(reading, "\"%s\" must be an integer from 0 to %lld", field->name,
                         (long long)field->maximum);
        *(int64_t *)field->ret = number;
    } else {
        *(bool *)field->ret = json_object_get_boolean(value);
    }
    return 0;
}

static int read_fields(struct reading *reading, struct json_object *element,
                       const struct element_field *fields, size_t count)
{
    if (!json_object_is_type(element, json_type_object))
        return fault(reading, "expected an object");
    for (size_t i = 0; i < count; i++) {
        struct json_object *value;
        if (!json_object_object_get_ex(element, fields[i].name, &value))
            return fault(reading, "\"%s\" is missing", fields[i].name);
        int error = read_field(reading, &fields[i], value);
        if (error)
            return error;
    }
    if ((size_t)json_object_object_length(element) == count)
        return 0;
    json_object_object_foreach(element, name, value)
    {
        size_t i = 0;
        (void)value;
        while (i < count && strcmp(fields[i].name, name) != 0)
            i++;
        if (i == count)
            return fault(reading, "unknown field \"%.64s\"", name);
    }
    return 0;
}

/* --- elements --- */

static int add(struct reading *reading, struct span key, struct span value, int64_t create_revision)
{
    struct store_kv kv = {.key = key,
                          .value = value,
                          .create_revision = create_revision,
                          .mod_revision = create_revision,
                          .version = 1};
    int error = instance_places_add(&reading->places, key, reading->stream.value_place);
    return error ? error : keyspace_loader_add(reading->loader, &kv, 1);
}

enum { KEY_SIZE = 4096 };

static int too_long(struct reading *reading)
{
    return fault(reading, "names are too long: a key has at most %d bytes", KEY_SIZE - 1);
}

static int read_member(struct reading *reading, struct json_object *element)
{
    struct span zone;
    struct span suffix;
    int64_t limit;
    int64_t create_revision;
    bool exiting;
    const struct element_field fields[] = {
        {"zone", json_type_string, 0, &zone},
        {"suffix", json_type_string, 0, &suffix},
        {"limit", json_type_int, INT32_MAX, &limit},
        {"exiting", json_type_boolean, 0, &exiting},
        {"create_revision", json_type_int, INT64_MAX, &create_revision},
    };
    int error = read_fields(reading, element, fields, sizeof fields / sizeof fields[0]);
    if (error)
        return error;
    char key[KEY_SIZE];
    char value[24];
    struct span made = keys_member(SPAN(INSTANCE_ROOT), zone, suffix, key, sizeof key);
    if (!made.data)
        return too_long(reading);
    snprintf(value, sizeof value, "%lld%s", (long long)limit, exiting ? "x" : "");
    return add(reading, made, span_of(value), create_revision);
}

static int read_item(struct reading *reading, struct json_object *element)
{
    struct span id;
    int64_t replication;
    const struct element_field fields[] = {
        {"id", json_type_string, 0, &id},
        {"replication", json_type_int, INT32_MAX, &replication},
    };
    int error = read_fields(reading, element, fields, sizeof fields / sizeof fields[0]);
    if (error)
        return error;
    char key[KEY_SIZE];
    char value[24];
    struct span made = keys_item(SPAN(INSTANCE_ROOT), id, key, sizeof key);
    if (!made.data)
        return too_long(reading);
    snprintf(value, sizeof value, "%lld", (long long)replication);
    return add(reading, made, span_of(value), 1);
}

static int read_assignment(struct reading *reading, struct json_object *element)
{
    struct span item = {0};
    struct span zone = {0};
    struct span suffix = {0};
    int64_t slot = 0;
    bool consistent = false;
    const struct element_field fields[] = {
        {"item", json_type_string, 0, &item},
        {"zone", json_type_string, 0, &zone},
        {"suffix", json_type_string, 0, &suffix},
        {"slot", json_type_int, INT32_MAX, &slot},
        {"consistent", json_type_boolean, 0, &consistent},
    };
    int error = read_fields(reading, element, fields, sizeof fields / sizeof fields[0]);
    if (error)
        return error;
    char key[KEY_SIZE];
    struct span made =
        keys_assignment(SPAN(INSTANCE_ROOT), item, zone, suffix, (int32_t)slot, key, sizeof key);
    if (!made.data)
        return too_long(reading);
    return add(reading, made, consistent ? instance_consistent_value() : (struct span){0}, 1);
}

/* --- sections --- */

static const struct section {
    const char *name;
    int (*read)(struct reading *reading, struct json_object *element);
} sections[] = {
    {"members", read_member},
    {"items", read_item},
    {"assignments", read_assignment},
};
enum { SECTION_COUNT = sizeof sections / sizeof sections[0] };

static int stream_fault(struct reading *reading, int error)
{
    if (error)
        *reading->why = reading->stream.why;
    return error;
}

static int read_section(struct reading *reading, const struct section *section)
{
    int error = stream_fault(reading, json_stream_enter(&reading->stream, '['));
    while (!error) {
        bool more = false;
        struct json_object *element = NULL;
        error = stream_fault(reading, json_stream_next(&reading->stream, ']', &more));
        if (error || !more)
            break;
        error = stream_fault(reading, json_stream_value(&reading->stream, &element));
        if (!error)
            error = section->read(reading, element);
        json_object_put(element);
    }
    return error;
}

static int read_instance(struct reading *reading);

/* The field of the instance, or of what stands around it: then @wrapped, whether the instance has
 * been met there. */
static int read_named(struct reading *reading, const char *name, bool *wrapped)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (strcmp(name, sections[i].name) != 0)
            continue;
        if (reading->seen[i])
            return fault(reading, "\"%s\" stands twice", name);
        reading->seen[i] = true;
        return read_section(reading, &sections[i]);
    }
    if (wrapped && strcmp(name, "instance") == 0) {
        if (*wrapped)
            return fault(reading, "\"instance\" stands twice");
        *wrapped = true;
        return read_instance(reading);
    }
    if (!wrapped)
        return fault(reading, "unknown field \"%.64s\"", name);
    struct json_object *skipped = NULL;
    int error = stream_fault(reading, json_stream_value(&reading->stream, &skipped));
    json_object_put(skipped);
    return error;
}

static int read_object(struct reading *reading, bool *wrapped)
{
    int error = stream_fault(reading, json_stream_enter(&reading->stream, '{'));
    while (!error) {
        bool more = false;
        char name[128];
        error = stream_fault(reading, json_stream_next(&reading->stream, '}', &more));
        if (error || !more)
            break;
        error = stream_fault(reading, json_stream_name(&reading->stream, name, sizeof name));
        if (!error)
            error = read_named(reading, name, wrapped);
    }
    return error;
}

static int read_instance(struct reading *reading)
{
    return read_object(reading, NULL);
}

/* --- the whole --- */

static int read_all(struct reading *reading)
{
    bool wrapped = false;
    int error = read_object(reading, &wrapped);
    if (!error)
        error = stream_fault(reading, json_stream_end(&reading->stream));
    for (int i = 0; !error && i < SECTION_COUNT; i++)
        if (!reading->seen[i])
            error = fault(reading, "\"%s\" is missing", sections[i].name);
    return error;
}

/* Tells of the key that the loader has refused. */
static int twice(struct reading *reading)
{
    struct json_stream_place places[2] = {{0, 0}, {0, 0}};
    (void)instance_places_find_twice(&reading->places, places);
    reading->stream.value_place = places[1];
    return fault(reading, "it stands twice, first in line %ld, column %ld", places[0].line,
                 places[0].column);
}

int instance_read(FILE *file, struct keyspace **ret, struct error_message *why)
{
    static const struct keyspace_config config = {
        .root = {INSTANCE_ROOT, sizeof INSTANCE_ROOT - 1},
        .decoder = {.item = decode_item,
                    .member = decode_member,
                    .assignment = decode_assignment,
                    .is_consistent = is_consistent},
    };
    struct reading reading = {.why = why};
    struct keyspace *empty = NULL;
    why->text[0] = 0;
    json_stream_init(&reading.stream, file);
    int error = keyspace_create(&config, &empty);
    if (!error)
        error = keyspace_loader_create(empty, &reading.loader);
    if (!error)
        error = read_all(&reading);
    if (!error)
        error = keyspace_loader_finish(reading.loader, 1, 1, ret);
    if (error == ALLOT_EEXISTS)
        error = twice(&reading);
    if (error == ALLOT_ENOMEM)
        snprintf(why->text, sizeof why->text, "out of memory");
    instance_places_release(&reading.places);
    keyspace_loader_destroy(reading.loader);
    keyspace_unref(empty);
    json_stream_release(&reading.stream);
    return error;
}

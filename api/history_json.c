#include "api/history_json.h"

#include "api/json_reader.h"
#include "api/stored_json.h"
#include "api/timestamp.h"

/* --- objects --- */

int history_read_object(struct span text, struct json_object **ret)
{
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = json_read(text, &tree, &why);
    if (!error && json_object_is_type(tree, json_type_object)) {
        *ret = tree;
        return 0;
    }
    json_object_put(tree);
    return error == ALLOT_ENOMEM ? error : ALLOT_EVALUE;
}

void history_write_object(struct json_writer *writer, struct span text)
{
    struct json_object *tree = NULL;
    struct span again = SPAN("{\"invalid\":true}");
    int error = history_read_object(text, &tree);
    if (!error)
        again = json_text(tree);
    if (error == ALLOT_ENOMEM || !again.data)
        writer->out->error = ALLOT_ENOMEM;
    else
        json_raw(writer, again);
    json_object_put(tree);
}

/* --- actors --- */

const struct history_actor_field history_actor_fields[HISTORY_ACTOR_FIELDS] = {
    {"principal", json_type_string}, {"request_id", json_type_string},
    {"trace_id", json_type_string},  {"method", json_type_string},
    {"path", json_type_string},      {"reason", json_type_string},
    {"instance", json_type_string},  {"fence", json_type_int},
    {"round", json_type_int},        {"decided_on", json_type_int},
};

struct json_object *history_actor_value(struct json_object *actor, int field)
{
    struct json_object *value = NULL;
    (void)json_object_object_get_ex(actor, history_actor_fields[field].name, &value);
    return json_object_is_type(value, history_actor_fields[field].type) ? value : NULL;
}

/* `"invalid":true` for what can't be read; or the buffer's error. */
static void write_invalid(struct json_writer *writer, int error)
{
    if (error == ALLOT_ENOMEM)
        writer->out->error = error;
    else
        json_boolean_field(writer, "invalid", true);
}

static void write_tree_field(struct json_writer *writer, const char *name, struct json_object *tree)
{
    struct span text = json_text(tree);
    if (text.data)
        json_raw_field(writer, name, text);
    else
        writer->out->error = ALLOT_ENOMEM;
}

static void write_actor(struct json_writer *writer, const struct history_event *event)
{
    struct json_object *actor = NULL;
    json_name(writer, "actor");
    if (!event->actor.data) {
        json_null(writer);
        return;
    }
    int error = history_read_object(event->actor, &actor);
    json_begin(writer, '{');
    if (error)
        write_invalid(writer, error);
    for (int i = 0; !error && i < HISTORY_ACTOR_FIELDS; i++) {
        struct json_object *value = history_actor_value(actor, i);
        if (value)
            write_tree_field(writer, history_actor_fields[i].name, value);
    }
    if (event->actor_revision != event->position.revision)
        json_integer_field(writer, "revision", event->actor_revision);
    json_end(writer, '}');
    json_object_put(actor);
}

/* --- values --- */

void history_write_value(struct json_writer *writer, const struct history_event *event,
                         struct span value)
{
    if (!value.data) {
        json_null(writer);
        return;
    }
    switch (event->kind) {
    case HISTORY_ITEM:
    case HISTORY_MEMBER:
    case HISTORY_ASSIGNMENT:
        json_begin(writer, '{');
        stored_write_value(writer, &event->parts, value);
        json_end(writer, '}');
        break;
    case HISTORY_ALLOCATOR:
    case HISTORY_SCHEDULER:
    case HISTORY_GAP:
        history_write_object(writer, value);
        break;
    default: /* nobody knows what may be in there */
        json_begin(writer, '{');
        json_integer_field(writer, "bytes", (int64_t)value.size);
        json_end(writer, '}');
    }
}

/* --- events --- */

static void write_subject(struct json_writer *writer, const struct history_event *event)
{
    if (history_is_of_entity(event))
        stored_write_identity(writer, &event->parts);
    else if (event->kind != HISTORY_GAP)
        json_string_field(writer, "key", event->key);
}

static void write_lease(struct json_writer *writer, int64_t lease)
{
    char text[BUFFER_INTEGER_SIZE];
    if (lease != 0) /* a number that not all readers of JSON can hold */
        json_string_field(writer, "lease", buffer_integer_text(lease, text));
}

const char *history_time_source(const struct history_event *event)
{
    return event->time_is_observed ? "observed" : "writer";
}

void history_write_event(struct json_writer *writer, const struct history_event *event)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(event->time_ms, time);
    json_begin(writer, '{');
    json_integer_field(writer, "revision", event->position.revision);
    json_integer_field(writer, "order", event->position.order);
    json_text_field(writer, "time", time);
    json_text_field(writer, "time_source", history_time_source(event));
    json_text_field(writer, "kind", history_kind_names[event->kind]);
    json_text_field(writer, "operation", history_operation_names[event->operation]);
    if (event->reconstructed)
        json_boolean_field(writer, "reconstructed", true);
    write_subject(writer, event);
    write_actor(writer, event);
    json_name(writer, "before");
    history_write_value(writer, event, event->before);
    json_name(writer, "after");
    history_write_value(writer, event, event->after);
    json_integer_field(writer, "create_revision", event->create_revision);
    json_integer_field(writer, "version", event->version);
    write_lease(writer, event->lease);
    json_end(writer, '}');
}

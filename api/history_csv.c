#include "api/history_csv.h"

#include "api/history_json.h"
#include "api/timestamp.h"
#include "api/utf8.h"

/* --- fields --- */

static bool needs_quotes(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == ',' || c == '"' || c == '\r' || c == '\n')
            return true;
    }
    return false;
}

/* The bytes from the front of @text that can stand as they are. */
static size_t plain_size(struct span text)
{
    size_t size = 0;
    while (size < text.size) {
        struct span rest = {text.data + size, text.size - size};
        uint32_t code = 0;
        size_t length = utf8_decode(rest, &code);
        bool is_control = (code < 0x20 && code != '\t' && code != '\r' && code != '\n');
        if (length == 0 || is_control || code == 0x7F || code == '"')
            break;
        size += length;
    }
    return size;
}

void history_csv_write_field(struct span text, struct buffer *out)
{
    struct span quote = needs_quotes(text) ? SPAN("\"") : SPAN("");
    buffer_append(out, quote);
    while (text.size > 0) {
        size_t size = plain_size(text);
        buffer_append(out, (struct span){text.data, size});
        text = (struct span){text.data + size, text.size - size};
        if (text.size == 0)
            break;
        buffer_append(out, text.data[0] == '"' ? SPAN("\"\"") : SPAN("\xEF\xBF\xBD"));
        text = (struct span){text.data + 1, text.size - 1};
    }
    buffer_append(out, quote);
}

/* --- records: each field but the first begins with its comma --- */

void history_csv_write_header(struct buffer *out)
{
    buffer_append(out, SPAN("revision,order,time,time_source,kind,operation,reconstructed,item,"
                            "zone,suffix,slot,key"));
    for (int i = 0; i < HISTORY_ACTOR_FIELDS; i++) {
        buffer_append(out, SPAN(","));
        buffer_append_text(out, history_actor_fields[i].name);
    }
    buffer_append(out, SPAN(",actor_revision,before,after,create_revision,version,lease\r\n"));
}

static void add_text(struct buffer *out, struct span text)
{
    buffer_append(out, SPAN(","));
    history_csv_write_field(text, out);
}

/* Empty where @is_there is false. */
static void add_integer(struct buffer *out, int64_t number, bool is_there)
{
    buffer_append(out, SPAN(","));
    if (is_there)
        buffer_append_integer(out, number);
}

static void add_subject(struct buffer *out, const struct history_event *event)
{
    const struct key_parts none = {.slot = -1};
    bool is_entity = history_is_of_entity(event);
    const struct key_parts *parts = is_entity ? &event->parts : &none;
    add_text(out, parts->item);
    add_text(out, parts->zone);
    add_text(out, parts->suffix);
    add_integer(out, parts->slot, parts->slot >= 0);
    add_text(out, is_entity ? (struct span){NULL, 0} : event->key);
}

static void add_actor(struct buffer *out, const struct history_event *event)
{
    struct json_object *actor = NULL;
    int error = event->actor.data ? history_read_object(event->actor, &actor) : 0;
    if (error == ALLOT_ENOMEM)
        out->error = error;
    for (int i = 0; i < HISTORY_ACTOR_FIELDS; i++) {
        struct json_object *value = actor ? history_actor_value(actor, i) : NULL;
        if (json_object_is_type(value, json_type_string))
            add_text(out, (struct span){json_object_get_string(value),
                                        (size_t)json_object_get_string_len(value)});
        else
            add_integer(out, json_object_get_int64(value), value != NULL);
    }
    add_integer(out, event->actor_revision, event->actor.data != NULL);
    json_object_put(actor);
}

static void add_value(struct buffer *out, const struct history_event *event, struct span value,
                      struct buffer *scratch)
{
    struct json_writer writer = json_writer_of(scratch);
    buffer_clear(scratch);
    if (value.data)
        history_write_value(&writer, event, value);
    if (scratch->error)
        out->error = scratch->error;
    add_text(out, buffer_span(scratch));
}

void history_csv_write_event(const struct history_event *event, struct buffer *scratch,
                             struct buffer *out)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(event->time_ms, time);
    buffer_append_integer(out, event->position.revision);
    add_integer(out, event->position.order, true);
    add_text(out, span_of(time));
    add_text(out, span_of(history_time_source(event)));
    add_text(out, span_of(history_kind_names[event->kind]));
    add_text(out, span_of(history_operation_names[event->operation]));
    add_text(out, event->reconstructed ? SPAN("true") : SPAN("false"));
    add_subject(out, event);
    add_actor(out, event);
    add_value(out, event, event->before, scratch);
    add_value(out, event, event->after, scratch);
    add_integer(out, event->create_revision, true);
    add_integer(out, event->version, true);
    add_integer(out, event->lease, event->lease != 0);
    buffer_append(out, SPAN("\r\n"));
}

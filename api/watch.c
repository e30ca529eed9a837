#include "api/watch.h"

#include <inttypes.h>

#include "api/json_reader.h"
#include "api/resource_json.h"
#include "api/values.h"

const char *const watch_kind_names[WATCH_KIND_COUNT] = {[KEY_OTHER] = "",
                                                        [KEY_ITEM] = "item",
                                                        [KEY_MEMBER] = "member",
                                                        [KEY_ASSIGNMENT] = "assignment"};

/* --- events --- */

bool watch_is_told(const struct key_parts *parts)
{
    return parts->kind != KEY_OTHER && (parts->item.size > 0 || parts->zone.size > 0);
}

static void write_identity(struct json_writer *writer, const struct key_parts *parts)
{
    if (parts->kind == KEY_ITEM)
        json_string_field(writer, "id", parts->item);
    if (parts->kind == KEY_ASSIGNMENT)
        json_string_field(writer, "item", parts->item);
    if (parts->kind != KEY_ITEM) {
        json_string_field(writer, "zone", parts->zone);
        json_string_field(writer, "suffix", parts->suffix);
    }
    if (parts->kind == KEY_ASSIGNMENT)
        json_integer_field(writer, "slot", parts->slot);
}

static int write_item(struct json_writer *writer, struct span value, struct json_object **tree,
                      struct error_message *why)
{
    struct item_spec spec;
    int error = values_read_item(value, &spec, tree, why);
    if (error)
        return error;
    json_integer_field(writer, "replication", spec.replication);
    json_text_field(writer, "consistency", consistency_names[spec.consistency]);
    resource_write_labels(writer, spec.labels);
    return 0;
}

static int write_member(struct json_writer *writer, struct span value, struct json_object **tree,
                        struct error_message *why)
{
    struct member_spec spec;
    int error = values_read_member(value, &spec, tree, why);
    if (error)
        return error;
    json_integer_field(writer, "item_limit", spec.item_limit);
    json_boolean_field(writer, "exiting", spec.exiting);
    resource_write_labels(writer, spec.labels);
    return 0;
}

static int write_assignment(struct json_writer *writer, struct span value,
                            struct json_object **tree, struct error_message *why)
{
    struct assignment_spec spec;
    int error = values_read_assignment(value, &spec, tree, why);
    if (error)
        return error;
    struct span text = spec.value ? json_text(spec.value) : SPAN("null");
    if (!text.data)
        return ALLOT_ENOMEM;
    json_boolean_field(writer, "reported", spec.consistent);
    json_raw_field(writer, "value", text);
    return 0;
}

/* A value that does not decode is told of by its absence. */
static void write_value(struct json_writer *writer, const struct key_parts *parts,
                        struct span value)
{
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = 0;
    if (parts->kind == KEY_ITEM)
        error = write_item(writer, value, &tree, &why);
    else if (parts->kind == KEY_MEMBER)
        error = write_member(writer, value, &tree, &why);
    else
        error = write_assignment(writer, value, &tree, &why);
    if (error == ALLOT_ENOMEM)
        writer->out->error = error;
    else if (error)
        json_boolean_field(writer, "invalid", true);
    json_object_put(tree);
}

void watch_encode(const struct store_event *event, const struct key_parts *parts,
                  struct buffer *out)
{
    bool is_put = event->kind == STORE_EVENT_PUT;
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    json_text_field(&writer, "kind", watch_kind_names[parts->kind]);
    json_text_field(&writer, "operation", is_put ? "put" : "delete");
    write_identity(&writer, parts);
    if (is_put) {
        write_value(&writer, parts, event->kv.value);
        json_integer_field(&writer, "create_revision", event->kv.create_revision);
    }
    json_integer_field(&writer, "mod_revision", event->kv.mod_revision);
    json_end(&writer, '}');
}

/* --- messages --- */

static bool is_or_any(struct span wanted, struct span given)
{
    return !wanted.data || span_equal(wanted, given);
}

static bool passes(const struct watch_filter *filter, const struct key_parts *parts)
{
    return (filter->kinds >> parts->kind & 1) && is_or_any(filter->item, parts->item) &&
           is_or_any(filter->zone, parts->zone) && is_or_any(filter->suffix, parts->suffix) &&
           span_has_prefix(parts->item, filter->prefix);
}

static void begin_message(const struct watch_stream *stream, const char *kind, int64_t revision,
                          struct buffer *out)
{
    if (stream->format != WATCH_SSE)
        return;
    if (revision >= 0)
        buffer_append_format(out, "id: %" PRId64 "\n", revision);
    buffer_append_format(out, "event: %s\ndata: ", kind);
}

static void end_message(const struct watch_stream *stream, struct buffer *out)
{
    buffer_append(out, stream->format == WATCH_SSE ? SPAN("\n\n") : SPAN("\n"));
}

void watch_write_message(const struct watch_stream *stream, int64_t revision,
                         const struct watch_event *events, size_t count, struct buffer *out)
{
    size_t written = 0;
    for (size_t i = 0; i < count; i++) {
        if (!passes(&stream->filter, &events[i].parts))
            continue;
        if (written++ == 0) {
            begin_message(stream, "change", revision, out);
            buffer_append_format(out, "{\"revision\":%" PRId64 ",\"events\":[", revision);
        } else {
            buffer_append(out, SPAN(","));
        }
        buffer_append(out, events[i].json);
    }
    if (written == 0)
        return;
    buffer_append(out, SPAN("]}"));
    end_message(stream, out);
}

void watch_write_bookmark(const struct watch_stream *stream, int64_t revision, struct buffer *out)
{
    begin_message(stream, "bookmark", revision, out);
    buffer_append_format(out, "{\"revision\":%" PRId64 ",\"bookmark\":true}", revision);
    end_message(stream, out);
}

void watch_write_gone(const struct watch_stream *stream, const char *detail, struct buffer *out)
{
    begin_message(stream, "gone", -1, out);
    buffer_append_format(out, "{\"gone\":true,\"detail\":\"%s\"}", detail);
    end_message(stream, out);
}

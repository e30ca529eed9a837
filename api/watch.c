#include "api/watch.h"

#include <inttypes.h>

#include "api/stored_json.h"

const char *const watch_kind_names[WATCH_KIND_COUNT] = {[KEY_OTHER] = "",
                                                        [KEY_ITEM] = "item",
                                                        [KEY_MEMBER] = "member",
                                                        [KEY_ASSIGNMENT] = "assignment"};

/* --- events --- */

bool watch_is_told(const struct key_parts *parts)
{
    return parts->kind != KEY_OTHER && (parts->item.size > 0 || parts->zone.size > 0);
}

void watch_encode(const struct store_event *event, const struct key_parts *parts,
                  struct buffer *out)
{
    bool is_put = event->kind == STORE_EVENT_PUT;
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    json_text_field(&writer, "kind", watch_kind_names[parts->kind]);
    json_text_field(&writer, "operation", is_put ? "put" : "delete");
    stored_write_identity(&writer, parts);
    if (is_put) {
        stored_write_value(&writer, parts, event->kv.value);
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

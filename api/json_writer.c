#include "api/json_writer.h"

#include "api/utf8.h"

static void separate(struct json_writer *writer)
{
    if (writer->comma)
        buffer_append(writer->out, SPAN(","));
    writer->comma = true;
}

/* @text, as it is, in quotes, between the comma that is due and @after. */
static void quote(struct json_writer *writer, struct span text, struct span after)
{
    size_t comma = writer->comma;
    char *place = buffer_extend(writer->out, comma + 2 + text.size + after.size);
    writer->comma = true;
    if (!place)
        return;
    if (comma)
        *place++ = ',';
    *place++ = '"';
    if (text.size > 0)
        memcpy(place, text.data, text.size);
    place += text.size;
    *place++ = '"';
    memcpy(place, after.data, after.size);
}

void json_begin(struct json_writer *writer, char open)
{
    separate(writer);
    buffer_append(writer->out, (struct span){&open, 1});
    writer->comma = false;
}

void json_end(struct json_writer *writer, char close)
{
    buffer_append(writer->out, (struct span){&close, 1});
    writer->comma = true;
}

void json_name(struct json_writer *writer, const char *name)
{
    quote(writer, span_of(name), SPAN(":"));
    writer->comma = false;
}

/* The bytes from the front of @text that need no escaping. */
static size_t plain_size(struct span text)
{
    size_t size = 0;
    while (size < text.size) {
        unsigned char c = (unsigned char)text.data[size];
        if (c >= 0x80) {
            uint32_t code;
            size_t length = utf8_decode((struct span){text.data + size, text.size - size}, &code);
            if (length == 0)
                break;
            size += length;
            continue;
        }
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
            break;
        size++;
    }
    return size;
}

static void append_escaped(struct buffer *out, unsigned char c)
{
    if (c == '"' || c == '\\')
        buffer_append_format(out, "\\%c", c);
    else if (c == '\n')
        buffer_append(out, SPAN("\\n"));
    else if (c >= 0x80)
        buffer_append(out, SPAN("\xEF\xBF\xBD"));
    else
        buffer_append_format(out, "\\u%04x", c);
}

void json_string(struct json_writer *writer, struct span text)
{
    if (plain_size(text) == text.size) {
        quote(writer, text, SPAN(""));
        return;
    }
    separate(writer);
    buffer_append(writer->out, SPAN("\""));
    while (text.size > 0) {
        size_t size = plain_size(text);
        buffer_append(writer->out, (struct span){text.data, size});
        text.data += size;
        text.size -= size;
        if (text.size > 0) {
            append_escaped(writer->out, (unsigned char)text.data[0]);
            text.data++;
            text.size--;
        }
    }
    buffer_append(writer->out, SPAN("\""));
}

void json_integer(struct json_writer *writer, int64_t number)
{
    separate(writer);
    buffer_append_integer(writer->out, number);
}

void json_boolean(struct json_writer *writer, bool truth)
{
    json_raw(writer, truth ? SPAN("true") : SPAN("false"));
}

void json_null(struct json_writer *writer)
{
    json_raw(writer, SPAN("null"));
}

void json_raw(struct json_writer *writer, struct span json)
{
    separate(writer);
    buffer_append(writer->out, json);
}

void json_string_field(struct json_writer *writer, const char *name, struct span text)
{
    json_name(writer, name);
    json_string(writer, text);
}

void json_text_field(struct json_writer *writer, const char *name, const char *text)
{
    json_string_field(writer, name, span_of(text));
}

void json_integer_field(struct json_writer *writer, const char *name, int64_t number)
{
    json_name(writer, name);
    json_integer(writer, number);
}

void json_boolean_field(struct json_writer *writer, const char *name, bool truth)
{
    json_name(writer, name);
    json_boolean(writer, truth);
}

void json_raw_field(struct json_writer *writer, const char *name, struct span json)
{
    json_name(writer, name);
    json_raw(writer, json);
}

#include "server/json_stream.h"

#include <errno.h>
#include <json-c/json_object.h>
#include <string.h>

#include "api/json_reader.h"

void json_stream_init(struct json_stream *stream, FILE *file)
{
    *stream = (struct json_stream){.file = file, .place = {1, 1}};
    buffer_init(&stream->text, JSON_STREAM_MAX_VALUE);
}

void json_stream_release(struct json_stream *stream)
{
    buffer_release(&stream->text);
}

static int fault_at(struct json_stream *stream, struct json_stream_place place, int error,
                    const char *what)
{
    snprintf(stream->why.text, sizeof stream->why.text, "line %ld, column %ld: %.200s", place.line,
             place.column, what);
    return error;
}

static int take(struct json_stream *stream)
{
    int c = getc_unlocked(stream->file);
    if (c == '\n') {
        stream->place.line++;
        stream->place.column = 1;
    } else {
        stream->place.column++;
    }
    return c;
}

static int peek(struct json_stream *stream)
{
    int c = getc_unlocked(stream->file);
    if (c != EOF)
        ungetc(c, stream->file);
    return c;
}

/* The next character that isn't white space, not taken. */
static int skip_space(struct json_stream *stream)
{
    int c;
    while ((c = peek(stream)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        take(stream);
    return c;
}

static int unexpected(struct json_stream *stream, const char *expected)
{
    char what[96];
    int c = peek(stream);
    if (c == EOF && ferror(stream->file)) {
        (void)snprintf(what, sizeof what, "cannot read the file: %s", strerrordesc_np(errno));
        return fault_at(stream, stream->place, ALLOT_EIO, what);
    }
    if (c == EOF)
        snprintf(what, sizeof what, "the text ends here, expected %s", expected);
    else if (c > ' ' && c < 127)
        snprintf(what, sizeof what, "unexpected '%c', expected %s", c, expected);
    else
        snprintf(what, sizeof what, "unexpected byte 0x%02x, expected %s", (unsigned)c, expected);
    return fault_at(stream, stream->place, ALLOT_ESYNTAX, what);
}

int json_stream_enter(struct json_stream *stream, char open)
{
    if (skip_space(stream) != open)
        return unexpected(stream, open == '{' ? "an object" : "an array");
    stream->value_place = stream->place;
    take(stream);
    stream->first = true;
    return 0;
}

int json_stream_next(struct json_stream *stream, char close, bool *ret_more)
{
    int c = skip_space(stream);
    *ret_more = c != close;
    if (c == close) {
        take(stream);
    } else if (!stream->first) {
        if (c != ',')
            return unexpected(stream, close == '}' ? "',' or '}'" : "',' or ']'");
        take(stream);
    }
    stream->first = false;
    return 0;
}

static void append(struct json_stream *stream, int c)
{
    char byte = (char)c;
    buffer_append(&stream->text, (struct span){&byte, 1});
}

/* Appends the string that begins here to the text, quotes and escapes as they are. */
static int take_string(struct json_stream *stream)
{
    append(stream, take(stream));
    for (bool escaped = false, end = false; !end;) {
        int c = peek(stream);
        if (c == EOF || c < ' ')
            return unexpected(stream, "the end of the string");
        append(stream, take(stream));
        end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    return 0;
}

/* Appends what can't end a value: white space within it, and all that makes up a scalar. */
static void take_run(struct json_stream *stream, const char *ends)
{
    int c;
    while ((c = peek(stream)) != EOF && c != 0 && !strchr(ends, c))
        append(stream, take(stream));
}

/* Appends a value to the text, as it stands: all up to where its brackets are closed, or a scalar
 * ends. Whether it is one is for the parser to say. */
static int take_value(struct json_stream *stream)
{
    int depth = 0;
    do {
        int c = peek(stream);
        int error = 0;
        if (c == EOF || (depth == 0 && (c == ',' || c == ']' || c == '}'))) {
            error = unexpected(stream, "a value");
        } else if (c == '"') {
            error = take_string(stream);
        } else {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            append(stream, take(stream));
            if (!strchr("{}[],: \t\r\n", c))
                take_run(stream, "{}[],:\" \t\r\n");
        }
        if (error)
            return error;
        if (stream->text.error)
            return fault_at(stream, stream->value_place, stream->text.error,
                            "the value is too large");
    } while (depth > 0);
    return 0;
}

/* Parses the text taken, strictly. */
static int parse(struct json_stream *stream, struct json_object **ret)
{
    struct error_message why = {{0}};
    char what[ERROR_MESSAGE_SIZE];
    int error = json_read(buffer_span(&stream->text), ret, &why);
    if (!error || error == ALLOT_ENOMEM)
        return error;
    snprintf(what, sizeof what, "in the value that begins here: %.180s", why.text);
    return fault_at(stream, stream->value_place, error, what);
}

int json_stream_name(struct json_stream *stream, char *buffer, size_t size)
{
    struct json_object *name = NULL;
    if (skip_space(stream) != '"')
        return unexpected(stream, "a name in quotes");
    int error = json_stream_value(stream, &name);
    if (error)
        return error;
    snprintf(buffer, size, "%s", json_object_get_string(name));
    json_object_put(name);
    if (skip_space(stream) != ':')
        return unexpected(stream, "':'");
    take(stream);
    return 0;
}

int json_stream_value(struct json_stream *stream, struct json_object **ret)
{
    skip_space(stream);
    stream->value_place = stream->place;
    stream->text.size = 0;
    stream->text.error = 0;
    int error = take_value(stream);
    return error ? error : parse(stream, ret);
}

int json_stream_end(struct json_stream *stream)
{
    return skip_space(stream) == EOF && !ferror(stream->file)
               ? 0
               : unexpected(stream, "the end of the text");
}

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/http_private.h"

struct http_joined {
    struct http_joined *next;
    struct span name; /* libmicrohttpd's, as the parts of the value */
    struct buffer value;
};

/* Of a line without one, so that it, too, is told from others by where it is. */
static const char no_value[] = "";

/* What a line says, without the spaces at its end (libmicrohttpd leaves out those before). */
static struct span line_value(const char *value, size_t size)
{
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
        size--;
    }
    return (struct span){value ? value : no_value, size};
}

static struct span first_line(struct MHD_Connection *connection, struct span name)
{
    const char *value = NULL;
    size_t size = 0;
    if (MHD_lookup_connection_value_n(connection, MHD_HEADER_KIND, name.data, name.size, &value,
                                      &size) != MHD_YES) {
        return (struct span){NULL, 0};
    }
    return line_value(value, size);
}

static struct http_joined *find_joined(const struct http_headers *headers, struct span name)
{
    struct http_joined *joined = headers->joined;
    while (joined && (joined->name.size != name.size ||
                      strncasecmp(joined->name.data, name.data, name.size) != 0)) {
        joined = joined->next;
    }
    return joined;
}

/* Begins the value of @name with its first line. NULL when out of memory. */
static struct http_joined *add_joined(struct http_headers *headers, struct span name)
{
    struct http_joined *joined = calloc(1, sizeof *joined);
    if (joined) {
        joined->name = name;
        buffer_init(&joined->value, HTTP_MEMORY);
        buffer_append(&joined->value, first_line(headers->connection, name));
        joined->next = headers->joined;
        headers->joined = joined;
    }
    return joined;
}

static bool continues(struct span name, struct span begin)
{
    return name.size > begin.size && strncasecmp(name.data, begin.data, begin.size) == 0;
}

/* Whether others may read the line as another header: for a space in its name or before its colon,
 * or because libmicrohttpd has put there what a second line had of the value. A name has the
 * characters of RFC 9110, 5.6.2. */
static bool is_false_name(struct span name)
{
    static const char characters[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i < name.size; i++) {
        if (!memchr(characters, name.data[i], sizeof characters - 1)) {
            return true;
        }
    }
    return continues(name, SPAN(MHD_HTTP_HEADER_CONTENT_LENGTH)) ||
           continues(name, SPAN(MHD_HTTP_HEADER_TRANSFER_ENCODING));
}

struct reading {
    struct http_headers *headers;
    int error;
};

static enum MHD_Result take_line(void *context, enum MHD_ValueKind kind, const char *name,
                                 size_t name_size, const char *value, size_t value_size)
{
    struct reading *reading = context;
    struct http_headers *headers = reading->headers;
    struct span key = {name, name_size};
    struct span text = line_value(value, value_size);
    (void)kind;
    headers->has_false_name = headers->has_false_name || is_false_name(key);
    if (first_line(headers->connection, key).data == text.data) {
        return MHD_YES;
    }
    struct http_joined *joined = find_joined(headers, key);
    if (!joined) {
        joined = add_joined(headers, key);
    }
    if (joined) {
        buffer_append(&joined->value, SPAN(", "));
        buffer_append(&joined->value, text);
    }
    reading->error = joined ? joined->value.error : ALLOT_ENOMEM;
    return reading->error < 0 ? MHD_NO : MHD_YES;
}

int http_headers_read(struct MHD_Connection *connection, struct http_headers *ret)
{
    struct reading reading = {ret, 0};
    *ret = (struct http_headers){.connection = connection};
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_line, &reading);
    return reading.error;
}

void http_headers_release(struct http_headers *headers)
{
    while (headers->joined) {
        struct http_joined *joined = headers->joined;
        headers->joined = joined->next;
        buffer_release(&joined->value);
        free(joined);
    }
}

struct span http_headers_find(const struct http_headers *headers, const char *name)
{
    const struct http_joined *joined = find_joined(headers, span_of(name));
    return joined ? buffer_span(&joined->value) : first_line(headers->connection, span_of(name));
}

#include "api/json_peek.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_space(struct span json, size_t at)
{
    while (at < json.size && is_space(json.data[at]))
        at++;
    return at;
}

/* Behind the quote that ends a string with escapes, from @at on; the size, if it has no end. */
static size_t skip_escaped(struct span json, size_t at)
{
    while (at < json.size && json.data[at] != '"')
        at += json.data[at] == '\\' ? 2 : 1;
    return at < json.size ? at + 1 : json.size;
}

/* The string that begins with the quote at @*at, which then is behind it. Data NULL: it has an
 * escape, or no end. */
static struct span take_string(struct span json, size_t *at)
{
    struct span rest = {json.data + *at + 1, json.size - *at - 1};
    const char *quote = rest.size > 0 ? memchr(rest.data, '"', rest.size) : NULL;
    size_t size = quote ? (size_t)(quote - rest.data) : rest.size;
    bool has_escape = size > 0 && memchr(rest.data, '\\', size);
    *at += 1;
    *at = has_escape ? skip_escaped(json, *at) : *at + size + (quote != NULL);
    return quote && !has_escape ? (struct span){rest.data, size} : (struct span){NULL, 0};
}

static int find_name(struct span name, const struct span *names, int count)
{
    int i = 0;
    while (i < count && !span_equal(name, names[i]))
        i++;
    return i;
}

/* Behind the value that begins at @at, of whatever kind. */
static size_t skip_value(struct span json, size_t at)
{
    int depth = 0;
    while (at < json.size) {
        char c = json.data[at];
        if (c == '"') {
            (void)take_string(json, &at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}'))
            return at;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        at++;
    }
    return at;
}

bool json_peek_texts(struct span json, const struct span *names, int count, struct span *ret)
{
    size_t at = skip_space(json, 0);
    for (int i = 0; i < count; i++)
        ret[i] = (struct span){NULL, 0};
    if (at == json.size || json.data[at] != '{')
        return false;
    do {
        at = skip_space(json, at + 1);
        if (at < json.size && json.data[at] == '}')
            return true;
        if (at == json.size || json.data[at] != '"')
            return false;
        struct span name = take_string(json, &at);
        if (!name.data) /* it may be one of those that are looked for */
            return false;
        at = skip_space(json, at);
        if (at == json.size || json.data[at] != ':')
            return false;
        at = skip_space(json, at + 1);
        int i = find_name(name, names, count);
        if (i < count && at < json.size && json.data[at] == '"') {
            ret[i] = take_string(json, &at);
            if (!ret[i].data)
                return false;
        }
        at = skip_value(json, at);
    } while (at < json.size && json.data[at] == ',');
    return at < json.size && json.data[at] == '}';
}

#include "api/json_peek.h"

static size_t skip_space(struct span json, size_t at)
{
    while (at < json.size && strchr(" \t\r\n", json.data[at]) && json.data[at])
        at++;
    return at;
}

/* The string that begins with the quote at @*at, which then is behind it. Data NULL: it has an
 * escape, or no end; of the former *@ret_escaped tells, and *@at is behind it all the same. */
static struct span take_string(struct span json, size_t *at, bool *ret_escaped)
{
    size_t begin = ++*at;
    *ret_escaped = false;
    for (; *at < json.size; ++*at) {
        if (json.data[*at] == '"') {
            struct span text = {json.data + begin, *at - begin};
            ++*at;
            return *ret_escaped ? (struct span){NULL, 0} : text;
        }
        if (json.data[*at] == '\\') {
            *ret_escaped = true;
            ++*at;
        }
    }
    return (struct span){NULL, 0};
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
    bool escaped;
    while (at < json.size) {
        char c = json.data[at];
        if (c == '"') {
            (void)take_string(json, &at, &escaped);
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
    bool escaped;
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
        struct span name = take_string(json, &at, &escaped);
        if (!name.data) /* it may be one of those that are looked for */
            return false;
        at = skip_space(json, at);
        if (at == json.size || json.data[at] != ':')
            return false;
        at = skip_space(json, at + 1);
        int i = find_name(name, names, count);
        if (i < count && at < json.size && json.data[at] == '"') {
            ret[i] = take_string(json, &at, &escaped);
            if (!ret[i].data)
                return false;
        }
        at = skip_value(json, at);
    } while (at < json.size && json.data[at] == ',');
    return at < json.size && json.data[at] == '}';
}

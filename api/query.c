#include "api/query.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/percent.h"

static int refuse(struct error_message *why, const char *story, struct span subject)
{
    (void)snprintf(why->text, sizeof why->text, "%s: '%.*s'", story, (int)subject.size,
                   subject.data);
    return ALLOT_ESYNTAX;
}

/* A `+` is a space, as in forms, and so as most clients write it. */
static int decode(struct span raw, char *storage, struct span *ret)
{
    for (size_t i = 0; i < raw.size; i++) {
        char c = raw.data[i];
        if (c == '+')
            c = ' ';
        storage[i] = c;
    }
    return percent_decode((struct span){storage, raw.size}, storage, ret);
}

static int parse_pair(struct span raw, char *storage, struct query *query,
                      struct error_message *why)
{
    const char *equals = memchr(raw.data, '=', raw.size);
    if (!equals)
        return refuse(why, "a query parameter needs a value", raw);
    struct span name = {raw.data, (size_t)(equals - raw.data)};
    struct span value = {equals + 1, raw.size - name.size - 1};
    struct query_parameter parameter;
    if (decode(name, storage, &parameter.name) ||
        decode(value, storage + name.size, &parameter.value))
        return refuse(why, "a query parameter is not percent-encoded UTF-8", raw);
    for (size_t i = 0; i < query->count; i++) {
        if (span_equal(query->parameters[i].name, parameter.name))
            return refuse(why, "a query parameter is given twice", parameter.name);
    }
    if (query->count == QUERY_MAX_PARAMETERS)
        return refuse(why, "one query parameter too many", parameter.name);
    query->parameters[query->count++] = parameter;
    return 0;
}

int query_parse(struct span raw, char *storage, struct query *ret, struct error_message *why)
{
    ret->count = 0;
    while (raw.size > 0) {
        const char *ampersand = memchr(raw.data, '&', raw.size);
        struct span pair = {raw.data, ampersand ? (size_t)(ampersand - raw.data) : raw.size};
        int error = pair.size > 0 ? parse_pair(pair, storage, ret, why) : 0;
        if (error)
            return error;
        storage += pair.size;
        raw.data += pair.size + (ampersand != NULL);
        raw.size -= pair.size + (ampersand != NULL);
    }
    return 0;
}

struct span query_value(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        if (span_equal(query->parameters[i].name, span_of(name)))
            return query->parameters[i].value;
    }
    return (struct span){NULL, 0};
}

/* Digits alone, and at most 18 of them: so it fits. */
static bool parse_integer(struct span text, int64_t *ret)
{
    int64_t number = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || number > (INT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret = number;
    return true;
}

int query_integer(const struct query *query, const char *name, int64_t least, int64_t most,
                  int64_t *ret, struct error_message *why)
{
    struct span value = query_value(query, name);
    int64_t number;
    if (!value.data)
        return 0;
    if (!parse_integer(value, &number) || number < least || number > most) {
        (void)snprintf(why->text, sizeof why->text,
                       "the query parameter '%s' must be an integer from %" PRId64 " to %" PRId64,
                       name, least, most);
        return ALLOT_ESYNTAX;
    }
    *ret = number;
    return 0;
}

int query_seconds(const struct query *query, const char *name, int64_t most, int64_t *ret,
                  struct error_message *why)
{
    struct span value = query_value(query, name);
    int64_t number;
    if (!value.data)
        return 0;
    if (value.size > 0 && value.data[value.size - 1] == 's')
        value.size--;
    if (!parse_integer(value, &number) || number > most) {
        (void)snprintf(why->text, sizeof why->text,
                       "the query parameter '%s' must be a time from 0s to %" PRId64 "s", name,
                       most);
        return ALLOT_ESYNTAX;
    }
    *ret = number;
    return 0;
}

int query_boolean(const struct query *query, const char *name, bool *ret, struct error_message *why)
{
    struct span value = query_value(query, name);
    if (!value.data)
        return 0;
    bool truth = span_equal(value, SPAN("true"));
    if (!truth && !span_equal(value, SPAN("false"))) {
        (void)snprintf(why->text, sizeof why->text,
                       "the query parameter '%s' must be true or false", name);
        return ALLOT_ESYNTAX;
    }
    *ret = truth;
    return 0;
}

/* --- choices --- */

static unsigned choice_bit(struct span text, const char *const *choices, size_t count)
{
    for (size_t i = 0; text.size > 0 && i < count; i++) {
        if (span_equal(text, span_of(choices[i])))
            return 1U << i;
    }
    return 0;
}

static int refuse_choices(const char *name, const char *const *choices, size_t count,
                          struct error_message *why)
{
    const char *comma = "";
    int size =
        snprintf(why->text, sizeof why->text,
                 "the query parameter '%s' must be one or several, joined by commas, of ", name);
    for (size_t i = 0; i < count && size >= 0 && (size_t)size < sizeof why->text; i++) {
        if (!choices[i][0])
            continue;
        size +=
            snprintf(why->text + size, sizeof why->text - (size_t)size, "%s%s", comma, choices[i]);
        comma = ", ";
    }
    return ALLOT_ESYNTAX;
}

int query_choices(const struct query *query, const char *name, const char *const *choices,
                  size_t count, unsigned *ret, struct error_message *why)
{
    struct span rest = query_value(query, name);
    unsigned bits = 0;
    if (!rest.data)
        return 0;
    for (bool more = true; more;) {
        const char *comma = rest.size > 0 ? memchr(rest.data, ',', rest.size) : NULL;
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;
        unsigned bit = choice_bit((struct span){rest.data, size}, choices, count);
        if (!bit)
            return refuse_choices(name, choices, count, why);
        bits |= bit;
        more = comma != NULL;
        rest = (struct span){rest.data + size + more, rest.size - size - more};
    }
    *ret = bits;
    return 0;
}

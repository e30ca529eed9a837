#include "api/headers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/buffer.h"

static struct span trim(struct span text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Takes what stands before the next @separator, trimmed, off the front of @rest. */
static struct span take(struct span *rest, char separator)
{
    const char *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    struct span part = {rest->data, end ? (size_t)(end - rest->data) : rest->size};
    size_t taken = part.size + (end != NULL);
    rest->data += taken;
    rest->size -= taken;
    return trim(part);
}

static bool equal_ignoring_case(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

/* --- media types --- */

static bool is_utf8_text_of(struct span content_type, struct span type)
{
    struct span rest = content_type;
    if (!equal_ignoring_case(take(&rest, ';'), type))
        return false;
    while (rest.size > 0) {
        struct span value = take(&rest, ';');
        struct span name = take(&value, '=');
        if (equal_ignoring_case(name, SPAN("charset")) &&
            !equal_ignoring_case(value, SPAN("utf-8")) &&
            !equal_ignoring_case(value, SPAN("\"utf-8\"")))
            return false;
    }
    return true;
}

bool headers_is_json(struct span content_type)
{
    return is_utf8_text_of(content_type, SPAN("application/json"));
}

bool headers_is_merge_patch(struct span content_type)
{
    return is_utf8_text_of(content_type, SPAN("application/merge-patch+json"));
}

bool headers_is_ndjson(struct span content_type)
{
    return is_utf8_text_of(content_type, SPAN("application/x-ndjson"));
}

/* --- what is accepted (RFC 9110, 12.4.2 and 12.5.1) --- */

enum { WHOLE = 1000 };

/* In thousandths; what can't be read counts as nothing said. */
static int read_weight(struct span text)
{
    int weight = 0, unit = WHOLE;
    for (size_t i = 0; i < text.size; i++) {
        if (i == 1 && text.data[i] == '.')
            continue;
        if (text.data[i] < '0' || text.data[i] > '9')
            return WHOLE;
        weight += (text.data[i] - '0') * unit;
        unit /= 10;
    }
    return text.size > 0 && weight < WHOLE ? weight : WHOLE;
}

static int find_weight(struct span parameters)
{
    while (parameters.size > 0) {
        struct span value = take(&parameters, ';');
        struct span name = take(&value, '=');
        if (equal_ignoring_case(name, SPAN("q")))
            return read_weight(value);
    }
    return WHOLE;
}

/* How precisely a media range means @type: 0 not at all, then any type, any of its kind, itself. A
 * problem is JSON. */
static int find_precision(struct span range, struct span type)
{
    struct span kind = {type.data,
                        (size_t)((const char *)memchr(type.data, '/', type.size) + 1 - type.data)};
    if (equal_ignoring_case(range, type) ||
        (span_equal(type, SPAN("application/json")) &&
         equal_ignoring_case(range, SPAN("application/problem+json"))))
        return 3;
    if (range.size == kind.size + 1 && range.data[kind.size] == '*' &&
        equal_ignoring_case((struct span){range.data, kind.size}, kind))
        return 2;
    return span_equal(range, SPAN("*/*")) ? 1 : 0;
}

struct wish {
    int weight;    /* 0: it is refused */
    int precision; /* of the range that says so; 0: none does */
};

static struct wish find_wish(struct span accept, struct span type)
{
    struct wish wish = {trim(accept).size == 0 ? WHOLE : 0, 0};
    while (accept.size > 0) {
        struct span parameters = take(&accept, ',');
        int precision = find_precision(take(&parameters, ';'), type);
        int weight = find_weight(parameters);
        if (precision > wish.precision ||
            (precision > 0 && precision == wish.precision && weight > wish.weight))
            wish = (struct wish){weight, precision};
    }
    return wish;
}

int headers_choose(struct span accept, const struct span *types, int count)
{
    struct wish best = {0, 0};
    int chosen = -1;
    for (int i = 0; i < count; i++) {
        struct wish wish = find_wish(accept, types[i]);
        if (wish.weight > best.weight ||
            (chosen >= 0 && wish.weight == best.weight && wish.precision > best.precision)) {
            best = wish;
            chosen = i;
        }
    }
    return chosen;
}

bool headers_accept_gzip(struct span accept_encoding)
{
    bool any = false;
    while (accept_encoding.size > 0) {
        struct span parameters = take(&accept_encoding, ',');
        struct span coding = take(&parameters, ';');
        bool good = find_weight(parameters) > 0;
        if (equal_ignoring_case(coding, SPAN("gzip")) ||
            equal_ignoring_case(coding, SPAN("x-gzip")))
            return good;
        if (span_equal(coding, SPAN("*")))
            any = good;
    }
    return any;
}

/* --- where from --- */

bool headers_host_is_ours(struct span host, const struct span *names, size_t count)
{
    static const struct span always[] = {{"localhost", 9}, {"127.0.0.1", 9}, {"[::1]", 5}};
    struct span name = host;
    /* The port's colon is the one after an IPv6 address' brackets. */
    for (size_t i = host.size; i > 0 && host.data[i - 1] != ']'; i--) {
        if (host.data[i - 1] == ':')
            name.size = i - 1;
    }
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (equal_ignoring_case(name, always[i]))
            return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (equal_ignoring_case(name, names[i]))
            return true;
    }
    return false;
}

bool headers_origin_matches(struct span origin, struct span host)
{
    static const struct span schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct span scheme = schemes[i];
        if (!span_has_prefix(origin, scheme))
            continue;
        struct span authority = {origin.data + scheme.size, origin.size - scheme.size};
        return equal_ignoring_case(authority, host);
    }
    return false;
}

/* --- entity tags --- */

void headers_write_etag(char text[HEADERS_ETAG_SIZE], int64_t revision, uint64_t status_hash)
{
    char number[BUFFER_INTEGER_SIZE];
    struct span revision_text = buffer_integer_text(revision, number);
    uint32_t hash = (uint32_t)(status_hash ^ status_hash >> 32);
    char *at = text;
    *at++ = '"';
    memcpy(at, revision_text.data, revision_text.size);
    at += revision_text.size;
    *at++ = '-';
    for (int shift = 28; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[hash >> shift & 0xF];
    *at++ = '"';
    *at = '\0';
}

/* Our tags hold no comma, so that lists split at them; a weak mark is ignored. */
static bool is_listed(struct span list, struct span wanted, bool whole)
{
    while (list.size > 0) {
        struct span tag = take(&list, ',');
        if (span_has_prefix(tag, SPAN("W/")))
            tag = (struct span){tag.data + 2, tag.size - 2};
        if (whole ? span_equal(tag, wanted) : span_has_prefix(tag, wanted))
            return true;
    }
    return false;
}

bool headers_etag_revision_listed(struct span list, int64_t revision)
{
    if (span_equal(trim(list), SPAN("*")))
        return revision != 0;
    char text[HEADERS_ETAG_SIZE];
    (void)snprintf(text, sizeof text, "\"%" PRId64, revision);
    char with_status[HEADERS_ETAG_SIZE + 2];
    char alone[HEADERS_ETAG_SIZE + 2];
    (void)snprintf(with_status, sizeof with_status, "%s-", text);
    (void)snprintf(alone, sizeof alone, "%s\"", text);
    return is_listed(list, span_of(with_status), false) || is_listed(list, span_of(alone), true);
}

bool headers_tag_listed(struct span list, struct span tag)
{
    return span_equal(trim(list), SPAN("*")) || is_listed(list, tag, true);
}

bool headers_etag_listed(struct span list, int64_t revision, uint64_t status_hash)
{
    char text[HEADERS_ETAG_SIZE];
    headers_write_etag(text, revision, status_hash);
    return headers_tag_listed(list, span_of(text));
}

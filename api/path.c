#include "api/path.h"

#include <stdio.h>

#include "api/percent.h"
#include "api/utf8.h"
#include "core/keys.h"

static int refuse(struct error_message *why, int error, const char *story)
{
    (void)snprintf(why->text, sizeof why->text, "%s", story);
    return error;
}

int path_parse(struct span raw, char *storage, struct path *ret, struct error_message *why)
{
    struct path path = {0};
    size_t at = 0;
    if (raw.size == 0 || raw.data[0] != '/')
        return refuse(why, ALLOT_ESYNTAX, "the path must begin with '/'");
    while (at < raw.size) {
        struct span rest = {raw.data + at + 1, raw.size - at - 1};
        const char *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
        struct span segment = {rest.data, slash ? (size_t)(slash - rest.data) : rest.size};
        struct span decoded;
        if (percent_decode(segment, storage + at, &decoded)) {
            (void)snprintf(why->text, sizeof why->text,
                           "segment %zu of the path is not percent-encoded UTF-8", path.count + 1);
            return ALLOT_ESYNTAX;
        }
        if (path.count < PATH_MAX_SEGMENTS)
            path.segments[path.count] = decoded;
        path.count++;
        at += 1 + segment.size;
    }
    *ret = path;
    return 0;
}

int path_check_name(struct span name, size_t most, struct error_message *why)
{
    if (name.size > most) {
        (void)snprintf(why->text, sizeof why->text, "must have at most %zu bytes", most);
        return ALLOT_EVALUE;
    }
    if (span_equal(name, SPAN(".")) || span_equal(name, SPAN("..")))
        return refuse(why, ALLOT_EVALUE, "must not be '.' or '..'");
    if (!keys_name_is_valid(name) || memchr(name.data, 0x7F, name.size))
        return refuse(why, ALLOT_EVALUE,
                      "must have only characters above '#', and no control characters");
    if (!utf8_is_valid(name))
        return refuse(why, ALLOT_EVALUE, "must be UTF-8");
    return 0;
}

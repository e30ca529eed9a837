/* The path of a request: split first, then decoded, so that an encoded `/` (%2F) stays part of the
 * name it is in. Pure functions of bytes. */
#ifndef ALLOT_API_PATH_H
#define ALLOT_API_PATH_H

#include "core/error.h"
#include "core/span.h"

enum { PATH_MAX_SEGMENTS = 8, PATH_MAX_ITEM = 512, PATH_MAX_NAME = 128 };

struct path {
    size_t count; /* of all segments; more than PATH_MAX_SEGMENTS are only counted */
    struct span segments[PATH_MAX_SEGMENTS];
};

/* Parses @raw, a target's path ("/v1/items/a%2Fb"), decoding into @storage of at least raw.size
 * bytes, from which @ret borrows. The path "/" has one segment, an empty one. ALLOT_ESYNTAX, told
 * in @why: no `/` at the front, a segment that doesn't decode. */
int path_parse(struct span raw, char *storage, struct path *ret, struct error_message *why);

/* Whether a decoded segment can name an item (of at most PATH_MAX_ITEM bytes), a zone or a suffix
 * (PATH_MAX_NAME): valid UTF-8, every byte above `#`, no DEL, not `.` or `..`. Returns 0, or
 * ALLOT_EVALUE with what it must be in @why. */
int path_check_name(struct span name, size_t most, struct error_message *why);

#endif

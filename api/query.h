/* The query of a request: name=value pairs, percent-decoded, with `+` for a space. Pure functions
 * of bytes. */
#ifndef ALLOT_API_QUERY_H
#define ALLOT_API_QUERY_H

#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

enum { QUERY_MAX_PARAMETERS = 16 };

struct query_parameter {
    struct span name;
    struct span value;
};

struct query {
    struct query_parameter parameters[QUERY_MAX_PARAMETERS];
    size_t count;
};

/* Parses @raw, what follows a target's `?` ("" if there is none), decoding into @storage of at
 * least raw.size bytes, from which @ret borrows. Empty pairs are skipped. ALLOT_ESYNTAX, told in
 * @why: a pair without `=`, one that doesn't decode, a name twice, too many. */
int query_parse(struct span raw, char *storage, struct query *ret, struct error_message *why);

/* The value of the parameter @name, or {NULL, 0}. */
struct span query_value(const struct query *query, const char *name);

/* The parameter @name as an integer from @least to @most, or as `true` or `false`. If it is absent
 * *@ret stays. ALLOT_ESYNTAX, told in @why: it is something else. */
int query_integer(const struct query *query, const char *name, int64_t least, int64_t most,
                  int64_t *ret, struct error_message *why);
/* The same as a time, in whole seconds: `30s`, or just `30`. */
int query_seconds(const struct query *query, const char *name, int64_t most, int64_t *ret,
                  struct error_message *why);
int query_boolean(const struct query *query, const char *name, bool *ret,
                  struct error_message *why);
/* The same as one or several of the @choices, joined by commas: bits 1 << number. A choice "" is
 * none. */
int query_choices(const struct query *query, const char *name, const char *const *choices,
                  size_t count, unsigned *ret, struct error_message *why);

#endif

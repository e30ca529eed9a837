/* The allocator's settings: what operators have it put off. Stored at ROOT/allocator, so that every
 * server obeys. */
#ifndef ALLOT_API_SETTINGS_H
#define ALLOT_API_SETTINGS_H

#include "core/allocator.h"
#include "core/keyspace.h"

extern const char *const settings_pause_names[]; /* by enum allocator_pause; ends with NULL */

struct settings {
    struct allocator_rules rules;
    int64_t until_ms; /* since 1970: when the pause ends by itself; INT64_MAX: it does not */
};

#define SETTINGS_NONE ((struct settings){ALLOCATOR_RULES_NONE, INT64_MAX})

/* The limits on moves, as they are named in requests and where they are stored. */
enum { SETTINGS_LIMITS = 4, SETTINGS_MAX_LIMIT = 1000000 };
extern const struct settings_limit {
    const char *name;
    size_t offset; /* of an int64_t in struct move_limits */
} settings_limits[SETTINGS_LIMITS];
int64_t settings_limit(const struct move_limits *limits, int number);

/* What @keyspace says of it; nothing is paused if there is nothing. What does not decode pauses
 * everything, for it was meant to keep something from happening: ALLOT_EVALUE, told in @why, with
 * @ret set. ALLOT_ENOMEM leaves @ret untouched. */
int settings_read(const struct keyspace *keyspace, struct settings *ret, struct error_message *why);

/* What is in force at @now_ms (since 1970). */
struct allocator_rules settings_rules_at(const struct settings *settings, int64_t now_ms);

/* The stored value's entry, or NULL. */
const struct entry *settings_find(const struct keyspace *keyspace);

#endif

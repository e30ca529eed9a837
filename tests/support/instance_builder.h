/* Instances of the allocation problem for tests: written down key by key, or random.
 *
 * Keys are given without the root. The values have a simple form, which builder_decoder reads:
 *
 *     {"items/i1", "2"}                replication 2; "2 all": its assignments are consistent only
 *                                      if all of them say so; "2 once": whatever they say
 *     {"members/a#1", "3"}             item limit 3; "3 exiting": and it is leaving; "3 decides"
 *                                      or "3 decides exiting": BUILDER_DECIDES is said of it
 *     {"assign/i1#a#1#0", "ok"}        consistent; "" is not
 *
 * Anything else does not decode. Whatever goes wrong in here ends the process. */
#ifndef ALLOT_TESTS_SUPPORT_INSTANCE_BUILDER_H
#define ALLOT_TESTS_SUPPORT_INSTANCE_BUILDER_H

#include "core/solver.h"
#include "tests/support/random.h"

#define BUILDER_ROOT "/t"
#define BUILDER_CONSISTENT "ok"

enum { BUILDER_DECIDES = 1 }; /* a member's user */

enum { BUILDER_CLUSTER_ID = 7 };

/* One key. Revisions that are 0 become its place among the keys, beginning with 1. */
struct builder_key {
    const char *key;
    const char *value;
    int64_t create_revision;
    int64_t mod_revision;
    int64_t lease;
};

/* An initialiser of a struct builder_key with nothing but a key and its value. */
#define KEY(name, text)                \
    {                                  \
        .key = (name), .value = (text) \
    }

/* Of a random instance. Percentages are chances, from 0 to 100. */
struct builder_knobs {
    int32_t items;
    int32_t members;
    int32_t zones;            /* members are spread over them at random */
    int32_t most_replication; /* each item wants 0 to this many */
    int32_t capacity_percent; /* sum of the limits, about, of what is wanted */
    int32_t idle_percent;     /* members of limit 0 */
    int32_t exiting_percent;
    int32_t assigned_percent;   /* replicas that are assigned now, to anybody */
    int32_t consistent_percent; /* of these */
    int32_t stray_percent;      /* assignments of items, and to members, that don't exist */
    int32_t invalid_percent;    /* items and members whose value does not decode */
};

struct decoder builder_decoder(void);

/* The keyspace of @keys, as of the greatest of their revisions. Owned by the caller. */
struct keyspace *builder_keyspace(const struct builder_key *keys, size_t count, bool keep_invalid);

/* Equal knobs and seeds give equal keyspaces. Names are z0#m000…, items i00000… */
struct keyspace *builder_random(const struct builder_knobs *knobs, uint64_t seed,
                                bool keep_invalid);

/* Knobs of all kinds: small instances, in which everything that can happen does. */
struct builder_knobs builder_random_knobs(struct random *random);

/* The state of @keyspace, whose reference it takes over; the members are the candidates. */
struct state *builder_observe(struct keyspace *keyspace);

/* A solution for @state that desires what @desired says: for each item, in key order, the members
 * in key order, as in "a#1 b#2". One reference, the caller's. */
struct solution *builder_solution(const struct state *state, const char *const *desired);

/* builder_keyspace and builder_observe of an array, not keeping what is invalid. */
#define BUILDER_STATE(keys) \
    builder_observe(builder_keyspace(keys, sizeof(keys) / sizeof((keys)[0]), false))

#endif

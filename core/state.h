/* The state of allocation: what the mirror says, as dense arrays by index.
 *
 * Made from a keyspace in one pass after every apply, then immutable; it holds a reference on the
 * keyspace, so that any thread may read it while it holds a reference on the state. Members, items
 * and assignments are numbered by their place in key order; everything that is decided is decided
 * on these numbers, strings are only looked at here.
 *
 * Cost: linear in the number of entries, and a sort of the members; also where names were chosen to
 * make it slow. Source: allocation.md, section 3. */
#ifndef ALLOT_CORE_STATE_H
#define ALLOT_CORE_STATE_H

#include <stdint.h>

#include "core/keyspace.h"

enum {
    STATE_NONE = -1,
    STATE_MAX_BALANCE_TOLERANCE = 1000,
};

struct state_config {
    /* Key prefix of the candidates for leadership; the members' own prefix in the reference's mode.
     * Copied. Must be under the keyspace's root. */
    struct span candidates;
    /* Where candidates are members: only those are of whom the decoder says this (`user`); 0: all,
     * also those that don't decode. */
    uint32_t candidate_user;
    /* This process's own candidate key, and its own member key; empty: none. Copied. */
    struct span own_key;
    struct span local_member;
    /* allotd's rule: an assignment whose member isn't registered is not consistent; and what was
     * said before its member was registered, a former one of that name has said: see state_report.
     */
    bool gone_members_are_inconsistent;
    /* How many percent of its fair share a member may hold beyond that before anything is moved for
     * balance (levels.h): 0 to STATE_MAX_BALANCE_TOLERANCE. */
    int32_t balance_tolerance;
};

/* One of the local member's items. */
struct local_item {
    int32_t item;             /* index */
    int32_t assignment_begin; /* of the item */
    int32_t assignment_end;
    int32_t assignment; /* ours */
};

struct state {
    struct keyspace *keyspace;
    int64_t revision; /* the keyspace's */

    /* Members in key order. Only valid ones. A member's node is in at most one zone. */
    int32_t member_count;
    const struct entry **members;
    int32_t *item_limit;
    int32_t *shed_capacity;
    int32_t *effective_limit; /* item_limit - shed_capacity */
    int32_t *member_zone;     /* index in zones, or STATE_NONE (its zone has no slots) */
    int32_t *total_count;     /* assignments of existing items */
    int32_t *primary_count;   /* those in slot 0 */
    /* A revision up from which the member's assignments, those of items that don't exist included,
     * are as they are: mostly that of their last change; the state's own if nothing is known of
     * what was before it. */
    int64_t *changed_revision;
    int32_t exiting_count;
    int32_t *exiting;       /* those that are, oldest first; */
    int32_t shedding_count; /* the first of them, which shed what they can */

    /* Distinct zones of the members with item limit > 0, sorted. Members of zone z are
     * zone_member_begin[z] <= m < zone_member_end[z], those with limit 0 included. */
    int32_t zone_count;
    struct span *zones; /* borrowed from the keyspace */
    int32_t *zone_member_begin;
    int32_t *zone_member_end;

    /* Items in key order. Only valid ones. Assignments of item i are
     * assignment_begin[i] <= a < assignment_end[i]. */
    int32_t item_count;
    const struct entry **items;
    int32_t *replication;
    int32_t *assignment_begin;
    int32_t *assignment_end;
    bool *packed; /* its assignments are known to be in the slots 0, 1, 2, …, one in each */

    /* Assignments in key order, those of items that don't exist included (item STATE_NONE). */
    int32_t assignment_count;
    const struct entry **assignments;
    int32_t *assignment_item;   /* or STATE_NONE: no such item, or it is invalid */
    int32_t *assignment_member; /* or STATE_NONE: not registered, or invalid */
    int32_t *assignment_zone;   /* index in zones by name, or STATE_NONE */
    bool *consistent;           /* false for assignments of items that don't exist */
    /* Its item or its member is registered, but with a value that does not decode: nobody can say
     * what is wanted of it, so it is to be left alone. */
    bool *frozen;

    int64_t zone_slots;        /* sum of item limits */
    int64_t item_slots;        /* sum of replications */
    int64_t member_slots;      /* sum of item limits minus what is shed */
    int32_t balance_tolerance; /* percent; the configuration's, as the next */
    bool gone_members_are_inconsistent;
    /* Of the members, of the items, and of the whole problem, with what is shed; network_hash.h. */
    uint64_t member_fingerprint;
    uint64_t item_fingerprint;
    uint64_t fingerprint;

    /* The candidate with the smallest (create revision, key), or NULL. */
    const struct entry *leader;
    const struct entry *own;  /* the entry of own_key, or NULL */
    int32_t local_member;     /* index or STATE_NONE */
    int32_t local_item_count; /* 0 without a local member */
    struct local_item *local_items;
};

/* Makes the state of @keyspace (a reference is taken). Errors, @ret untouched: ALLOT_ENOMEM;
 * ALLOT_ELIMIT (more than INT32_MAX / 2 members, items or assignments). */
int state_observe(const struct state_config *config, struct keyspace *keyspace, struct state **ret);

/* The same state, with the same errors, made from a @former one (borrowed; NULL: none) of the same
 * root and an equal @config, and not older; only changed_revision tells more. What is the same
 * entry in both is copied, so that beside a pass over plain arrays only what has changed costs
 * anything; unless a member or an item is invalid: then all is looked at anew. */
int state_follow(const struct state_config *config, const struct state *former,
                 struct keyspace *keyspace, struct state **ret);

struct state *state_ref(struct state *state);
void state_unref(struct state *state); /* NULL is fine */

/* The reference's hash of the problem; network_hash.h. Looks at all members and items. */
uint64_t state_network_hash(const struct state *state);

/* True if this process's own candidate leads. */
bool state_is_leader(const struct state *state);
/* True if the local member is exiting and has no local items. */
bool state_should_exit(const struct state *state);

/* Index of an item, a member, a zone, by identity, or STATE_NONE. O(log n). */
int32_t state_find_zone(const struct state *state, struct span zone);
int32_t state_find_item(const struct state *state, struct span item);
int32_t state_find_member(const struct state *state, struct span zone, struct span suffix);
/* Index of the assignment of item number @item to the named member, or STATE_NONE. */
int32_t state_find_assignment(const struct state *state, int32_t item, struct span zone,
                              struct span suffix);

/* Assignments of @item, whether or not that exists, are *ret_begin <= a < *ret_end. O(log n). */
void state_find_item_assignments(const struct state *state, struct span item, int32_t *ret_begin,
                                 int32_t *ret_end);

/* What the member of assignment number @assignment has said of it: its value. That is empty if
 * nothing has been said since the member was registered: what a former member of that name had, a
 * new one doesn't have. Of a member that isn't registered, what it said last. Borrowed from the
 * keyspace. */
struct span state_report(const struct state *state, int32_t assignment);

/* Whether assignment number @assignment is a replica that somebody has: its member is registered,
 * or it is frozen, and nobody can say. */
bool state_is_held(const struct state *state, int32_t assignment);

/* @counts of member @member over its effective limit, in 32-bit floating point: 0/0 is NaN, n/0 is
 * infinite; FLT_MAX if @member is STATE_NONE. @counts is total_count or primary_count, or a working
 * copy of one. */
float state_load_ratio(const struct state *state, int32_t member, const int32_t *counts);

#endif

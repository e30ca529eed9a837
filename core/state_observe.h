/* The making of a state: from the keyspace alone, or from it and a former state, and what both ways
 * share. Private to the state. */
#ifndef ALLOT_CORE_STATE_OBSERVE_H
#define ALLOT_CORE_STATE_OBSERVE_H

#include "core/state.h"

/* Fills @state, which is as state_create made it with @config, and is to be released by the caller
 * even after an error (as state_observe's). */
int state_observe_keyspace(struct state *state, const struct state_config *config);

/* Fills @state, as state_observe_keyspace would, from a @former one that was made with an equal
 * @config; *@ret: whether it did. It doesn't, and @state is as it was, if an item or a member of
 * the keyspace is invalid. Errors: as state_observe's. */
int state_follow_former(struct state *state, const struct state_config *config,
                        const struct state *former, bool *ret);

/* Sets changed_revision, all else being there. @former may be NULL. Errors: ALLOT_ENOMEM. */
int state_note_changes(struct state *state, const struct state *former);

/* A state of @keyspace (a reference is taken), in which nothing else is filled in but what @config
 * says. NULL if out of memory. */
struct state *state_create(const struct state_config *config, struct keyspace *keyspace);

/* --- shared --- */

/* An array of at least one element, zeroed; NULL (and *error set) when memory has run out. */
void *state_array(size_t count, size_t size, int *error);
/* The same, but for one of which every element is written before it is read. */
void *state_array_unset(size_t count, size_t size, int *error);

/* The entries whose keys begin with a prefix. */
struct state_range {
    struct keyspace_cursor cursor;
    size_t count;
};
typedef struct span state_prefix(struct span root, char *buffer, size_t size);
/* Those of a kind. Errors: ALLOT_ENOMEM. */
int state_find_kind(const struct keyspace *keyspace, state_prefix *prefix, struct state_range *ret);

/* Of the members, which are there: makes room for all else that is known of each. ALLOT_ENOMEM. */
int state_allocate_members(struct state *state);
/* The same, and fills in what follows from the members alone. ALLOT_ENOMEM. */
int state_describe_members(struct state *state);
/* Makes room for what is known of @count items. ALLOT_ENOMEM. */
int state_allocate_items(struct state *state, size_t count);
/* What an item, which is valid, adds to the fingerprint. */
uint64_t state_item_fingerprint(const struct entry *item);
/* Sums, what is shed, and the fingerprint of the whole: from members, replications, and theirs. */
void state_describe_network(struct state *state);

/* Makes room for @count assignments. Errors: ALLOT_ELIMIT, ALLOT_ENOMEM. */
int state_allocate_assignments(struct state *state, size_t count);

/* Adds @change to the counts of @member, if not STATE_NONE, for the @assignment of an item. */
void state_count_assignment(struct state *state, int32_t member, const struct entry *assignment,
                            int32_t change);

/* Looks at the assignments of @item together: which of them the decoder says are consistent, and
 * whether they are packed. Errors: ALLOT_ENOMEM. */
int state_observe_replicas(struct state *state, int32_t item);

/* What concerns this process: leader, own key, local items. Errors: ALLOT_ENOMEM. */
int state_observe_process(struct state *state, const struct state_config *config);

#endif

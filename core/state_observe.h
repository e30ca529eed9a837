/* The making of a state: from the keyspace alone, or from it and a former state, and what both ways
 * share. Private to the state. */
#ifndef ALLOT_CORE_STATE_OBSERVE_H
#define ALLOT_CORE_STATE_OBSERVE_H

#include "core/state.h"

/* Fills @state, which is zeroed but for its keyspace and revision, and is to be released by the
 * caller even after an error (as state_observe's). */
int state_observe_keyspace(struct state *state, const struct state_config *config);

/* Whether the items and members of @keyspace are those of @former, all of them valid: then
 * state_follow_former fills a state of @keyspace as state_observe_keyspace would. @former was made
 * with an equal @config. Errors: ALLOT_ENOMEM. */
int state_may_follow(const struct keyspace *keyspace, const struct state *former, bool *ret);
int state_follow_former(struct state *state, const struct state_config *config,
                        const struct state *former);

/* Sets changed_revision, all else being there. @former may be NULL. Errors: ALLOT_ENOMEM. */
int state_note_changes(struct state *state, const struct state *former);

/* --- shared --- */

/* An array of at least one element, zeroed; NULL (and *error set) when memory has run out. */
void *state_array(size_t count, size_t size, int *error);

/* The entries whose keys begin with a prefix. */
struct state_range {
    struct keyspace_cursor cursor;
    size_t count;
};
typedef struct span state_prefix(struct span root, char *buffer, size_t size);
/* Those of a kind. Errors: ALLOT_ENOMEM. */
int state_find_kind(const struct keyspace *keyspace, state_prefix *prefix, struct state_range *ret);

/* Makes room for @count assignments. Errors: ALLOT_ELIMIT, ALLOT_ENOMEM. */
int state_allocate_assignments(struct state *state, size_t count);

/* Adds @change to the counts of @member, if not STATE_NONE, for the @assignment of an item. */
void state_count_assignment(struct state *state, int32_t member, const struct entry *assignment,
                            int32_t change);

/* Asks the decoder which assignments of @item are consistent. Errors: ALLOT_ENOMEM. */
int state_observe_consistency(struct state *state, int32_t item,
                              bool gone_members_are_inconsistent);

/* What concerns this process: leader, own key, local items. Errors: ALLOT_ENOMEM. */
int state_observe_process(struct state *state, const struct state_config *config);

#endif

/* The making of a state: one pass over the keyspace. Private to state.c. */
#ifndef ALLOT_CORE_STATE_OBSERVE_H
#define ALLOT_CORE_STATE_OBSERVE_H

#include "core/state.h"

/* Fills @state, which is zeroed but for its keyspace and revision, and is to be released by the
 * caller even after an error (as state_observe's). */
int state_observe_keyspace(struct state *state, const struct state_config *config);

#endif

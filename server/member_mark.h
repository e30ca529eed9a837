/* How a member that runs the loop itself says that a replica of its own is consistent. */
#ifndef ALLOT_SERVER_MEMBER_MARK_H
#define ALLOT_SERVER_MEMBER_MARK_H

#include "core/state.h"
#include "core/store.h"

/* Whether that is to be reported of @local, and isn't yet. */
bool member_mark_is_due(const struct state *state, const struct local_item *local);

/* Marks the assignment of @local in the store, with the member as the one who has done it, unless
 * it has changed since @state, or another member of our name is registered; a newer state tells.
 * *@ret_marked is whether. Waits up to @timeout_ms for the answer: not on the store's thread.
 * Errors: those of store_wait_txn; ALLOT_ENOMEM. */
int member_mark_consistent(struct store *store, const struct state *state,
                           const struct local_item *local, int64_t timeout_ms, bool *ret_marked);

#endif

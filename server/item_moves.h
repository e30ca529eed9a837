/* How often items move, and which of them thrash: moved more often within the last hour than they
 * should.
 *
 * An item has moved when it has got an assignment to a member that held none of it, while it had
 * others. Of each item that has moved within an hour, a few bytes are remembered under a hash of
 * its name, of ITEM_MOVES_MAX at most: moves of further ones are only counted in all. The hour is
 * counted in twelfths: it is up to five minutes short. Any thread may call. */
#ifndef ALLOT_SERVER_ITEM_MOVES_H
#define ALLOT_SERVER_ITEM_MOVES_H

#include "core/state.h"

enum { ITEM_MOVES_MAX = 1 << 20, ITEM_MOVES_MAX_LIMIT = 100 };

struct item_moves;

/* Items thrash beyond @limit moves an hour, from 1 to ITEM_MOVES_MAX_LIMIT. ALLOT_ENOMEM. */
int item_moves_create(int limit, struct item_moves **ret);
void item_moves_destroy(struct item_moves *moves); /* NULL is fine */

/* The cluster has come from @former to @state, at @now_ms of the monotonic clock. What moved there
 * and back between the two is not seen. Cost: what has changed. */
void item_moves_follow(struct item_moves *moves, const struct state *former,
                       const struct state *state, int64_t now_ms);

/* All moves so far. */
int64_t item_moves_total(struct item_moves *moves);
/* Items that thrash. Cost: the items that have moved within the hour. */
int64_t item_moves_thrashing(struct item_moves *moves, int64_t now_ms);

#endif

/* Whether a store is the one that a history is of: not another one, and not one that was put back
 * to what it was. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_ORIGIN_H
#define ALLOT_SERVER_HISTORY_ORIGIN_H

#include "server/history_readers.h"
#include "server/history_writer.h"

/* Compares the store's cluster id and revision with what the history of @root says, and what was in
 * the store at the revision of the newest event with that event: a store that was put back, and has
 * come further than the history since, has something else there. (Who has made a change tells two
 * apart that are alike, in ROOT/actor.) What the store keeps no more, or the history can't tell, is
 * taken for the same. Not on the store's thread; errors as of store_wait_range. Cost: two requests
 * to the store, and one event. */
int history_origin_check(struct store *store, struct span root, const struct history_writer *writer,
                         struct history_readers *readers, bool *ret_is_same);

#endif

/* What can be told of a time of which the store keeps nothing any more: that it is not known, and
 * how what there is now differs from what there was. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_GAP_H
#define ALLOT_SERVER_HISTORY_GAP_H

#include "server/history_append.h"

/* Adds the gap from revision @from, as of which @former is, to @now's seen revision, and in the
 * same revision the reconstructed events that lead from the one to the other, in the order of the
 * keys. As history_append. */
int history_gap_append(struct history_db *db, struct history_appender *appender,
                       const struct history_keys *former, int64_t from, const struct keyspace *now,
                       int64_t now_ms);

#endif

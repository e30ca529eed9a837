/* Takes from a history what is older, or larger, than it is to be kept, in small steps. Private to
 * the history. */
#ifndef ALLOT_SERVER_HISTORY_PRUNE_H
#define ALLOT_SERVER_HISTORY_PRUNE_H

#include "server/history_replay.h"

/* What is not to be kept: 0: no limit. */
struct history_limits {
    int64_t max_age_ms;
    int64_t max_bytes; /* of the file's pages that hold something */
};

/* One step, of a few milliseconds, in the transaction under way. First, while a limit is exceeded,
 * the next checkpoint becomes the oldest moment, in @extent, which the caller writes down; what
 * happened up to there is then removed, step by step. So a little more is kept than the limits say,
 * and what is kept begins with a checkpoint. *@ret_removed: events. *@ret_more: there is more to
 * remove, now. As history_db_fail. */
int history_prune_step(struct history_db *db, const struct history_limits *limits, int64_t now_ms,
                       struct history_extent *extent, int64_t *ret_removed, bool *ret_more);

#endif

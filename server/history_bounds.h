/* Which part of a history a page is about. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_BOUNDS_H
#define ALLOT_SERVER_HISTORY_BOUNDS_H

#include "server/history_replay.h"

/* What is asked for. */
struct history_asked {
    int64_t from_revision;
    int64_t to_revision;
    bool newest_first;
    const struct history_position
        *after; /* where the page before has ended; NULL: it is the first */
};

/* Positions. */
struct history_bounds {
    int64_t first;
    int64_t last;
};

/* Those of the revisions that are asked for and still known, after where the page before has ended;
 * and an empty page of them. As history_db_fail. */
int history_bounds_read(struct history_db *db, const struct history_asked *asked,
                        struct history_bounds *ret, struct history_page *ret_page);

struct history_position history_position_at(int64_t position);

#endif

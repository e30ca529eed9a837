/* Tells the same story twice: what a history says of itself is compared with what it says again. */
#ifndef ALLOT_SERVER_HISTORY_CHECK_H
#define ALLOT_SERVER_HISTORY_CHECK_H

#include "server/history_replay.h"

struct history_check {
    int64_t events;
    int64_t checkpoints;
    int64_t gaps;
    int64_t keys; /* at the end */
    struct history_extent extent;
};

/* Checks the file as such, counts the events of each block and collects their postings again, and
 * replays all of them: each must fit what stood there before, and what comes out must be what the
 * next checkpoint says. ALLOT_EVALUE:
 * something does not fit, told in the db's message; as history_db_fail; ALLOT_ENOMEM. */
int history_check_all(struct history_db *db, struct history_check *ret);

#endif

/* The cluster as it was at a moment, from a history. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_MOMENT_H
#define ALLOT_SERVER_HISTORY_MOMENT_H

#include "server/history_replay.h"

/* As api_history's state. What is read is of one moment if the caller has begun a transaction.
 * ALLOT_EVALUE: the file is damaged. */
int history_moment_read(struct history_rows *rows, struct history_moment *at,
                        struct snapshot **ret);

/* For the test that all of them use an index: the texts of its statements, ending with NULL. */
const char *const *history_moment_texts(void);

#endif

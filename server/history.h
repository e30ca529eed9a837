/* The history of all that happens under the root, kept in a database of its own by a thread of its
 * own: a cache of the truth in the store, which the loop never waits for.
 *
 *   store --watch--> history.c ------> history_writer.c --> the file <-- history_readers.c <-- API
 *                    (queue, thread)   (a transaction for                (history_search.c,
 *                                       each batch)                       history_replay.c)
 *
 * It resumes after what it has written. If the store keeps nothing of that time any more, what has
 * changed since is written as a gap. While it can't write (the disk is full, say), it waits, says
 * so in its status, and goes on from there when it can. A file of another store's history is set
 * aside under another name; one that is moved away is begun anew. Only a file that it has found to
 * be its own is read. */
#ifndef ALLOT_SERVER_HISTORY_H
#define ALLOT_SERVER_HISTORY_H

#include "api/history.h"
#include "server/history_prune.h"

struct history_config {
    struct store *store; /* borrowed, outlives the history */
    const char *path;    /* of the file; its directory is made if it is missing. Copied */
    struct span root;    /* copied */
    struct history_limits limits;
    int64_t gather_ms;        /* how long changes are gathered for one transaction */
    int64_t longest_retry_ms; /* between tries to write */
    int64_t look_ms; /* between two looks at whether it is still there, and beyond its limits */
};

enum { HISTORY_GATHER_MS = 50, HISTORY_LONGEST_RETRY_MS = 10000, HISTORY_LOOK_MS = 10000 };

struct history;

/* Starts the thread. ALLOT_ENOMEM; ALLOT_EIO: no thread. That the file can't be opened is told by
 * the status. */
int history_start(const struct history_config *config, struct history **ret);
/* Writes down what has come so far, and ends. NULL is fine. */
void history_stop(struct history *history);

/* What has been measured since the start, beside what the status tells. */
struct history_measures {
    int64_t events;       /* written down */
    int64_t write_errors; /* failed tries to write */
    int64_t behind_ms;    /* for how long it has not been current; 0: it is */
};
void history_measure(struct history *history, struct history_measures *ret);

/* For the API; valid until the stop. */
const struct api_history *history_api(struct history *history);

#endif

/* What the keys under the root were at a moment, told anew from a history: the last checkpoint
 * before it, and the events since. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_REPLAY_H
#define ALLOT_SERVER_HISTORY_REPLAY_H

#include "core/keyspace.h"
#include "server/history_row.h"

/* Whose history it is, and how far it goes. */
struct history_extent {
    uint64_t cluster_id;
    int64_t reached; /* revision up to which everything is known */
    int64_t oldest;  /* and from which on the state is known */
    int64_t pruned;  /* and up to which events are to be removed */
};
/* False in *@ret_found: nothing was written yet. As history_db_fail. */
int history_extent_read(struct history_db *db, struct history_extent *ret, bool *ret_found);

/* Of a keyspace that takes every value for one that decodes, for who is only after the keys and
 * values as they are; the root is missing. */
extern const struct keyspace_config history_raw_config;

/* An empty keyspace for the root of the history, else of @config. *@ret NULL: nothing was written
 * yet. */
int history_replay_empty(struct history_db *db, const struct keyspace_config *config,
                         struct keyspace **ret);

/* The keys as of @revision, made from @empty. What is read is of one moment if the caller has begun
 * a transaction. ALLOT_ENOTFOUND: nothing is known of that revision; ALLOT_EVALUE (the history is
 * damaged); as history_db_fail; ALLOT_ENOMEM. */
int history_replay(struct history_rows *rows, const struct keyspace *empty,
                   const struct history_extent *extent, int64_t revision, struct keyspace **ret);

/* Goes on from @former with the events up to @revision. */
int history_replay_on(struct history_rows *rows, const struct history_extent *extent,
                      const struct keyspace *former, int64_t revision, struct keyspace **ret);

/* For the test that all of them use an index: the texts of its statements, ending with NULL. */
const char *const *history_replay_texts(void);

#endif

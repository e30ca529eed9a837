/* The whole state of the keys under a root as of one revision, in a history's database: pages of
 * entries, compressed. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_CHECKPOINT_H
#define ALLOT_SERVER_HISTORY_CHECKPOINT_H

#include "server/history_db.h"
#include "server/history_keys.h"

/* Writes @keys, which are under @root, as those of @revision, in the transaction under way. As
 * history_db_fail; ALLOT_ENOMEM. */
int history_checkpoint_write(struct history_db *db, struct span root,
                             const struct history_keys *keys, int64_t revision, int64_t time_ms);

/* The checkpoint of @revision as a keyspace, made from @empty (see history_replay.h). ALLOT_EVALUE:
 * it is damaged, or missing. */
int history_checkpoint_read(struct history_db *db, const struct keyspace *empty,
                            uint64_t cluster_id, int64_t revision, struct keyspace **ret);

/* Removes it. */
int history_checkpoint_remove(struct history_db *db, int64_t revision);

#endif

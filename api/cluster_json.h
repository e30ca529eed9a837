/* The whole of a cluster at a glance, as of a snapshot: now, or at a moment of its history. */
#ifndef ALLOT_API_CLUSTER_JSON_H
#define ALLOT_API_CLUSTER_JSON_H

#include "api/json_writer.h"
#include "core/snapshot.h"

/* Entries that do not decode: they are kept, but left out of everything. */
struct cluster_invalid {
    int64_t count;
    const struct entry *first; /* by key; NULL: there is none */
};

/* Cost: all entries. */
struct cluster_invalid cluster_find_invalid(const struct keyspace *keyspace);

/* Writes `totals`, `items_by_state`, `zones` and `balance` into an object that is open. What is
 * unattainable is null if the snapshot is not solved. @invalid: how many entries are. Cost: all
 * items and members. */
void cluster_write_glance(struct json_writer *writer, const struct snapshot *snapshot,
                          int64_t invalid);

#endif

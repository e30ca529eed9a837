/* The whole of a cluster at a glance, as of a snapshot: now, or at a moment of its history. */
#ifndef ALLOT_API_CLUSTER_JSON_H
#define ALLOT_API_CLUSTER_JSON_H

#include "api/json_writer.h"
#include "core/snapshot.h"

/* Writes `totals`, `items_by_state`, `zones` and `balance` into an object that is open. What is
 * unattainable is null if the snapshot is not solved. Cost: all entries. */
void cluster_write_glance(struct json_writer *writer, const struct snapshot *snapshot);

#endif

/* What a snapshot tells of the cluster, in numbers. */
#ifndef ALLOT_SERVER_CLUSTER_METRICS_H
#define ALLOT_SERVER_CLUSTER_METRICS_H

#include "api/metrics_text.h"
#include "core/snapshot.h"

/* As of @now_ms, since 1970. What rests on a solution is left out while there is none. Cost: all
 * entries. */
void cluster_metrics_write(struct metrics_text *text, const struct snapshot *snapshot,
                           int64_t now_ms);

#endif

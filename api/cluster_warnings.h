/* What an operator should look after in a cluster, in words: what the rules for alerts look at, and
 * a server knows of by itself. */
#ifndef ALLOT_API_CLUSTER_WARNINGS_H
#define ALLOT_API_CLUSTER_WARNINGS_H

#include "api/call.h"
#include "api/cluster_json.h"
#include "api/history.h"

/* Writes `warnings` into an object that is open; an empty array if all is well. @history is NULL if
 * none is kept. */
void cluster_write_warnings(struct json_writer *writer, const struct snapshot *snapshot,
                            const struct cluster_invalid *invalid, const struct api_health *health,
                            const struct history_status *history);

#endif

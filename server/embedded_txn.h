/* Runs transactions and ranges of the embedded store. Private to it. */
#ifndef ALLOT_SERVER_EMBEDDED_TXN_H
#define ALLOT_SERVER_EMBEDDED_TXN_H

#include "server/embedded_file.h"
#include "server/embedded_request.h"

/* Runs a transaction as one step. Returns what its `done` gets; on an error, what it would have
 * changed is undone. */
int embedded_txn_run(struct embedded_state *state, struct embedded_request *request);

/* Runs a range. One of a past revision (embedded_range_is_past) reads the file, so @state must have
 * no uncommitted changes then. */
int embedded_range_run(const struct embedded_state *state, struct embedded_file *file,
                       struct embedded_request *request);
bool embedded_range_is_past(const struct embedded_state *state, const struct store_range *range);

#endif

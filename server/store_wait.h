/* Requests to a store that wait for their answer, for threads that have nothing else to do.
 * Never on the store's own thread. */
#ifndef ALLOT_SERVER_STORE_WAIT_H
#define ALLOT_SERVER_STORE_WAIT_H

#include "core/error.h"
#include "core/store.h"

/* Each returns what `done` was given, or the error with which the request was refused, or after
 * @timeout_ms ALLOT_EUNKNOWN (txn, lease) or ALLOT_EUNAVAILABLE (range); a late answer is then
 * dropped.
 * @read, if not NULL, is called with a good answer, on the store's thread, before the function
 * returns, and never after. */
int store_wait_range(struct store *store, const struct store_range *range, int64_t timeout_ms,
                     void (*read)(void *context, const struct store_range_result *result),
                     void *context);
int store_wait_txn(struct store *store, const struct store_txn *txn, int64_t timeout_ms,
                   void (*read)(void *context, const struct store_txn_result *result),
                   void *context);
/* *@ret may be NULL. */
int store_wait_lease_grant(struct store *store, int64_t id, int64_t ttl, int64_t timeout_ms,
                           struct store_lease_result *ret);
int store_wait_lease_keep_alive(struct store *store, int64_t id, int64_t timeout_ms,
                                struct store_lease_result *ret);
int store_wait_lease_time_to_live(struct store *store, int64_t id, int64_t timeout_ms,
                                  struct store_lease_result *ret);
int store_wait_lease_revoke(struct store *store, int64_t id, int64_t timeout_ms);

#endif

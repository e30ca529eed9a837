/* Requests to etcd, written as the JSON that its gateway takes. Private to the etcd store. */
#ifndef ALLOT_SERVER_ETCD_REQUEST_H
#define ALLOT_SERVER_ETCD_REQUEST_H

#include "api/buffer.h"
#include "core/store.h"

/* What etcd takes of a request, by its usual configuration, in its own encoding. */
enum { ETCD_MAX_REQUEST = 1536 * 1024 };

/* An upper bound of a transaction's size in etcd's own encoding, of whose keys and values there are
 * @bytes. */
size_t etcd_request_txn_size(const struct store_txn *txn, size_t bytes);

/* Each appends to @out, and what fails shows in its error. The arguments have been checked. */
void etcd_request_range(struct buffer *out, const struct store_range *range);
void etcd_request_txn(struct buffer *out, const struct store_txn *txn);
/* @ttl 0: without. For grant, keep-alive, revocation and time to live alike. */
void etcd_request_lease(struct buffer *out, int64_t id, int64_t ttl);
void etcd_request_compact(struct buffer *out, int64_t revision);
/* @start_revision 0: the next one. */
void etcd_request_watch(struct buffer *out, const struct store_keys *keys, int64_t start_revision);
/* Of all keys that there are. */
void etcd_request_watch_all(struct buffer *out, int64_t start_revision);
void etcd_request_authenticate(struct buffer *out, struct span user, struct span password);

#endif

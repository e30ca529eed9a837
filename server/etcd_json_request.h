/* Requests to etcd, written as the JSON that its gateway takes. Private to the etcd store. */
#ifndef ALLOT_SERVER_ETCD_JSON_REQUEST_H
#define ALLOT_SERVER_ETCD_JSON_REQUEST_H

#include "server/etcd_wire.h"

/* As those of struct etcd_wire. */
void etcd_json_put_range(struct buffer *out, const struct store_range *range);
void etcd_json_put_txn(struct buffer *out, const struct store_txn *txn);
void etcd_json_put_lease(struct buffer *out, enum etcd_method method, int64_t id, int64_t ttl);
void etcd_json_put_compact(struct buffer *out, int64_t revision);
void etcd_json_put_authenticate(struct buffer *out, struct span user, struct span password);

/* Likewise. @start_revision 0: the next one. */
void etcd_json_put_watch(struct buffer *out, const struct store_keys *keys, int64_t start_revision);
/* Of all keys that there are. */
void etcd_json_put_watch_all(struct buffer *out, int64_t start_revision);

#endif

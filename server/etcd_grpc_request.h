/* Requests to etcd as gRPC has them: in protobuf's encoding, after a byte and the size. Private to
 * the etcd store. */
#ifndef ALLOT_SERVER_ETCD_GRPC_REQUEST_H
#define ALLOT_SERVER_ETCD_GRPC_REQUEST_H

#include "server/etcd_wire.h"

/* What stands before a message: whether it is compressed (none is), and its size, in big endian. */
enum { ETCD_GRPC_PREFIX = 5 };

/* As those of struct etcd_wire. */
void etcd_grpc_put_range(struct buffer *out, const struct store_range *range);
void etcd_grpc_put_txn(struct buffer *out, const struct store_txn *txn);
void etcd_grpc_put_lease(struct buffer *out, enum etcd_method method, int64_t id, int64_t ttl);
void etcd_grpc_put_compact(struct buffer *out, int64_t revision);
void etcd_grpc_put_authenticate(struct buffer *out, struct span user, struct span password);

#endif

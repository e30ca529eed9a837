/* What etcd answers over gRPC, in protobuf's encoding: what is zero, false or empty is left out,
 * and fields that we don't know are skipped. Private to the etcd store. */
#ifndef ALLOT_SERVER_ETCD_GRPC_ANSWER_H
#define ALLOT_SERVER_ETCD_GRPC_ANSWER_H

#include "server/etcd_wire.h"

/* As those of struct etcd_wire. */
int etcd_grpc_read_range(const struct etcd_answer *answer, int64_t asked_revision,
                         struct arena *arena, struct store_range_result *ret);
int etcd_grpc_read_txn(const struct etcd_answer *answer, const struct etcd_txn_kinds *kinds,
                       struct arena *arena, struct store_txn_result *ret);
int etcd_grpc_read_lease(const struct etcd_answer *answer, enum etcd_method method,
                         struct store_lease_result *ret);
int etcd_grpc_read_plain(const struct etcd_answer *answer);
int etcd_grpc_read_token(const struct etcd_answer *answer, struct arena *arena, struct span *ret);

#endif

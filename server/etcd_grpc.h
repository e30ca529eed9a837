/* gRPC: a wire for calls. Private to the etcd store.
 *
 * A call is a POST over HTTP/2 with one message each way; whether it was done is told by a status
 * after the answer, in its trailers, or alone, in its headers. */
#ifndef ALLOT_SERVER_ETCD_GRPC_H
#define ALLOT_SERVER_ETCD_GRPC_H

#include "server/etcd_wire.h"

extern const struct etcd_wire etcd_grpc;

#endif

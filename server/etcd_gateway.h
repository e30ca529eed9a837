/* The JSON gateway of etcd: a wire for calls, and the one that watches go over. Private to the etcd
 * store. */
#ifndef ALLOT_SERVER_ETCD_GATEWAY_H
#define ALLOT_SERVER_ETCD_GATEWAY_H

#include "server/etcd_wire.h"

/* An answer is parsed as it comes: the bytes of it are never held. An error's object is a fault,
 * unary or amid a stream, and so is the text of an error that has no object. */
extern const struct etcd_wire etcd_gateway;

#endif

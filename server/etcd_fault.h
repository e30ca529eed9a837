/* The errors of etcd, and what they mean to the port. Private to the etcd store. */
#ifndef ALLOT_SERVER_ETCD_FAULT_H
#define ALLOT_SERVER_ETCD_FAULT_H

#include <stdbool.h>

#include "core/span.h"

enum etcd_fault_kind {
    ETCD_FAULT_LOGIN,     /* without a valid token; was not executed */
    ETCD_FAULT_NO_LEADER, /* refused for want of a leader; was not executed */
    ETCD_FAULT_OTHER,
};

enum { ETCD_NO_CODE = -1, ETCD_FAULT_TEXT = 160 };

struct etcd_fault {
    enum etcd_fault_kind kind;
    int code; /* gRPC's; ETCD_NO_CODE: none that can be read */
    char text[ETCD_FAULT_TEXT];
};

/* Of a refusal's code and text, which is cut if it is longer. */
void etcd_fault_of_code(int code, struct span text, struct etcd_fault *ret);
/* From the reason that a watch was cancelled for. */
void etcd_fault_of_reason(const char *reason, struct etcd_fault *ret);
/* The port's error. @writes: whether the request may have changed something, so that an error that
 * leaves this open is ALLOT_EUNKNOWN. */
int etcd_fault_error(const struct etcd_fault *fault, bool writes);

#endif

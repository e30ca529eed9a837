#include "server/etcd_fault.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

/* gRPC's codes, as far as etcd uses them. */
enum {
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

static bool says(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static enum etcd_fault_kind kind_of(int code, const char *text)
{
    bool login = code == GRPC_UNAUTHENTICATED || says(text, "invalid auth token") ||
                 (code == GRPC_INVALID_ARGUMENT && (says(text, "user name is empty") ||
                                                    says(text, "revision of auth store is old")));
    if (login)
        return ETCD_FAULT_LOGIN;
    bool no_leader = code == GRPC_UNAVAILABLE && strcmp(text, "etcdserver: no leader") == 0;
    return no_leader ? ETCD_FAULT_NO_LEADER : ETCD_FAULT_OTHER;
}

void etcd_fault_of_code(int code, struct span text, struct etcd_fault *ret)
{
    int size = text.size < sizeof ret->text ? (int)text.size : (int)sizeof ret->text - 1;
    snprintf(ret->text, sizeof ret->text, "%.*s", size, text.size ? text.data : "");
    ret->code = code;
    ret->kind = kind_of(code, ret->text);
}

void etcd_fault_of_reason(const char *reason, struct etcd_fault *ret)
{
    bool login = says(reason, "user name is empty") || says(reason, "invalid auth token") ||
                 says(reason, "revision of auth store is old");
    ret->kind = login ? ETCD_FAULT_LOGIN : ETCD_FAULT_OTHER;
    ret->code = ETCD_NO_CODE;
    snprintf(ret->text, sizeof ret->text, "%s", *reason ? reason : "cancelled without a reason");
}

/* 0: not one of those that are certain. */
static int certain_error(const struct etcd_fault *fault)
{
    switch (fault->code) {
    case GRPC_INVALID_ARGUMENT:
        return says(fault->text, "too many operations") || says(fault->text, "too large")
                   ? ALLOT_ELIMIT
                   : ALLOT_EINVAL;
    case GRPC_NOT_FOUND:
        return says(fault->text, "lease not found") ? ALLOT_ELEASE : 0;
    case GRPC_PERMISSION_DENIED:
        return ALLOT_EUNAVAILABLE;
    case GRPC_RESOURCE_EXHAUSTED: /* "space exceeded" and "too many requests" pass */
        return says(fault->text, "larger than max") ? ALLOT_ELIMIT : ALLOT_EUNAVAILABLE;
    case GRPC_FAILED_PRECONDITION:
        return says(fault->text, "lease already exists") ? ALLOT_EEXISTS : 0;
    case GRPC_OUT_OF_RANGE:
        return says(fault->text, "compacted") ? ALLOT_ECOMPACTED
               : says(fault->text, "future")  ? ALLOT_EFUTURE
                                              : 0;
    default:
        return 0;
    }
}

int etcd_fault_error(const struct etcd_fault *fault, bool writes)
{
    if (fault->kind != ETCD_FAULT_OTHER)
        return ALLOT_EUNAVAILABLE;
    int error = certain_error(fault);
    if (error)
        return error;
    return writes ? ALLOT_EUNKNOWN : ALLOT_EUNAVAILABLE;
}

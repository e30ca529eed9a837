/* How what etcd is asked, and what it answers, go over the wire. There are two ways: the JSON of
 * its gateway (HTTP/1.1), and gRPC (HTTP/2). Each is a table of functions, so that the client and
 * the store know neither. Private to the etcd store. */
#ifndef ALLOT_SERVER_ETCD_WIRE_H
#define ALLOT_SERVER_ETCD_WIRE_H

#include <json-c/json_object.h>

#include "api/arena.h"
#include "api/buffer.h"
#include "core/store.h"
#include "server/etcd_fault.h"

/* What has one request and one answer. */
enum etcd_method {
    ETCD_RANGE,
    ETCD_TXN,
    ETCD_LEASE_GRANT,
    ETCD_LEASE_KEEP_ALIVE,
    ETCD_LEASE_REVOKE,
    ETCD_LEASE_TIME_TO_LIVE,
    ETCD_COMPACT,
    ETCD_AUTHENTICATE,
    ETCD_METHODS
};

/* What has come, as it came: what is not there is zero. */
struct etcd_answer {
    struct json_object *json; /* the gateway's */
    struct span bytes;        /* gRPC's message, in protobuf's encoding */
    bool has_status;          /* gRPC's */
    int status;               /* 0: it was done */
    char text[ETCD_FAULT_TEXT];
};

/* Of a transaction's operations in either branch: which of enum store_op_kind. */
struct etcd_txn_kinds {
    const unsigned char *success;
    size_t success_count;
    const unsigned char *failure;
    size_t failure_count;
};

struct etcd_transfer;

struct etcd_wire {
    const char *paths[ETCD_METHODS];

    /* --- a POST of it --- */

    const char *const *headers; /* up to a NULL */
    const char *trace; /* the header that etcd itself is told a trace by; NULL: as others */
    long http_version; /* curl's, for http:// */
    long https_version;
    bool has_status; /* an answer ends with one, else it is not whole */
    /* What a transfer needs to take answers. ALLOT_ENOMEM. The release is fine after a failed init,
     * and on what is zero. */
    int (*init)(struct etcd_transfer *transfer);
    void (*release)(struct etcd_transfer *transfer);
    /* Forgets the answer. */
    void (*clear)(struct etcd_transfer *transfer);
    /* Takes what has come of the answer's body. False: cut the connection; why is noted. */
    bool (*take_body)(struct etcd_transfer *transfer, struct span bytes);
    /* Takes a line of its headers or trailers; NULL: they tell nothing. */
    void (*take_header)(struct etcd_transfer *transfer, struct span line);

    /* --- requests: each appends to @out, in whose error shows what fails. The arguments have been
     * checked. --- */

    void (*put_range)(struct buffer *out, const struct store_range *range);
    void (*put_txn)(struct buffer *out, const struct store_txn *txn);
    /* Of any method about a lease. Id 0: etcd chooses; the TTL is for the grant alone. */
    void (*put_lease)(struct buffer *out, enum etcd_method method, int64_t id, int64_t ttl);
    void (*put_compact)(struct buffer *out, int64_t revision);
    void (*put_authenticate)(struct buffer *out, struct span user, struct span password);

    /* --- answers, read strictly: 0, ALLOT_ENOMEM, or ALLOT_EIO if what must be there is not, is of
     * the wrong type, or out of its range. What results point to is in the arena. --- */

    /* Whether it is a refusal. */
    bool (*is_fault)(const struct etcd_answer *answer, struct etcd_fault *ret);
    int (*read_range)(const struct etcd_answer *answer, int64_t asked_revision, struct arena *arena,
                      struct store_range_result *ret);
    int (*read_txn)(const struct etcd_answer *answer, const struct etcd_txn_kinds *kinds,
                    struct arena *arena, struct store_txn_result *ret);
    /* Also ALLOT_ELEASE, from an answer that says so. A revocation tells nothing of the lease. */
    int (*read_lease)(const struct etcd_answer *answer, enum etcd_method method,
                      struct store_lease_result *ret);
    /* One that tells nothing but that it was done. */
    int (*read_plain)(const struct etcd_answer *answer);
    /* Of ETCD_AUTHENTICATE: the token. */
    int (*read_token)(const struct etcd_answer *answer, struct arena *arena, struct span *ret);
};

#endif

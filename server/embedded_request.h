/* A request to the embedded store: checked and copied by whoever makes it, then queued, run and
 * answered by the store's thread. Private to the embedded store. */
#ifndef ALLOT_SERVER_EMBEDDED_REQUEST_H
#define ALLOT_SERVER_EMBEDDED_REQUEST_H

#include "server/embedded_map.h"

enum embedded_request_kind {
    EMBEDDED_RANGE,
    EMBEDDED_TXN,
    EMBEDDED_GRANT,
    EMBEDDED_KEEP_ALIVE,
    EMBEDDED_REVOKE,
    EMBEDDED_TIME_TO_LIVE,
    EMBEDDED_WATCH,
    EMBEDDED_COMPACT,
};

/* Key-values of an answer; a growing array. */
struct embedded_kvs {
    struct store_kv *all; /* owned; what they point to is not */
    size_t count;
    size_t capacity;
};

/* ALLOT_ENOMEM. */
int embedded_kvs_add(struct embedded_kvs *kvs, const struct store_kv *kv);

/* All in one block, but for what the answer needs. */
struct embedded_request {
    struct embedded_request *next;
    enum embedded_request_kind kind;
    size_t size; /* of the block, in bytes */
    union {
        store_range_done *range;
        store_txn_done *txn;
        store_lease_done *lease;
        store_compact_done *compact;
    } done; /* WATCH has none */
    void *context;
    union {
        struct store_range range;
        struct store_txn txn;
        struct {
            int64_t id;
            int64_t ttl;
        } lease;
        struct store_watch *watch;
        int64_t compact_revision;
    } asked;

    /* The answer. What it points to lives until the batch's changes are settled. */
    int error;
    bool writes; /* it changed something */
    union {
        struct store_range_result range;
        struct store_txn_result txn;
        struct store_lease_result lease;
    } answer;
    struct store_op_result *results; /* TXN: one for each operation of the larger branch */
    struct embedded_kvs kvs;
    struct embedded_version *past; /* RANGE: versions read from the file, owned */
};

/* Each makes a request that the caller destroys, or returns ALLOT_ENOMEM, ALLOT_EINVAL (an empty
 * key, a negative number, a key put twice, …) or ALLOT_ELIMIT (STORE_MAX_…). */
int embedded_request_range(const struct store_range *range, store_range_done *done, void *context,
                           struct embedded_request **ret);
int embedded_request_txn(const struct store_txn *txn, store_txn_done *done, void *context,
                         struct embedded_request **ret);
int embedded_request_lease(enum embedded_request_kind kind, int64_t id, int64_t ttl,
                           store_lease_done *done, void *context, struct embedded_request **ret);
int embedded_request_watch(struct store_watch *watch, struct embedded_request **ret);
int embedded_request_compact(int64_t revision, store_compact_done *done, void *context,
                             struct embedded_request **ret);

/* Calls its `done`. */
void embedded_request_answer(const struct embedded_request *request);
/* NULL is fine. */
void embedded_request_destroy(struct embedded_request *request);

#endif

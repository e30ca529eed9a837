/* The store port: what the allocation loop and the API need from a store of keys.
 *
 * The model is etcd v3's: keys and values are bytes; each transaction that changes something takes
 * the next revision; a key has the revision at which it was created and last modified, its version
 * (1 at creation), and the lease it is attached to (0: none). Old revisions stay readable and
 * watchable until they are compacted.
 *
 * A store is asynchronous: a request function copies what it is given, returns at once, and later
 * calls `done` exactly once, on the store's own thread. If it returns an error instead
 * (ALLOT_ENOMEM; ALLOT_EINVAL; ALLOT_ELIMIT: queue full, or a transaction beyond the limits below;
 * ALLOT_ECANCELED: the store is being stopped) then `done` is never called. What `done` is given is
 * borrowed and valid only during the call. `done` must not block; it may make further requests. Any
 * thread may make requests.
 *
 * Errors given to `done`: ALLOT_EUNAVAILABLE (not done, try again), ALLOT_EUNKNOWN (may or may not
 * have been done), ALLOT_ECOMPACTED, ALLOT_EFUTURE, ALLOT_ELEASE, ALLOT_EEXISTS (lease id taken),
 * ALLOT_EINVAL (a key put twice in one transaction, say), ALLOT_ELIMIT (too large for this store,
 * now and later; of a lease: there are too many), ALLOT_EIO, ALLOT_ENOMEM, ALLOT_ECANCELED.
 *
 * Source: the etcd v3 API, restricted to what allot uses. */
#ifndef ALLOT_CORE_STORE_H
#define ALLOT_CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

/* --- what is stored --- */

struct store_kv {
    struct span key;
    struct span value;
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
    int64_t lease; /* 0: none */
};

/* A set of keys: the one key if range_end is empty, else all k with key <= k < range_end.
 * store_range_end_of_prefix makes the range_end of a prefix. */
struct store_keys {
    struct span key;
    struct span range_end;
};

/* The smallest bytes that are greater than every key with prefix @prefix, into @buffer of at least
 * prefix.size bytes. (A prefix of 0xFF bytes only has none: the result is then empty.) */
struct span store_range_end_of_prefix(struct span prefix, char *buffer);

/* --- range --- */

struct store_range {
    struct store_keys keys;
    int64_t revision; /* 0: the newest */
    int64_t limit;    /* 0: all */
};

struct store_range_result {
    uint64_t cluster_id;
    int64_t revision;           /* that the answer reflects: the one asked for, or the newest */
    const struct store_kv *kvs; /* in key order */
    size_t kv_count;
    bool more; /* there are more than limit */
};

/* --- transactions --- */

enum store_compare_target {
    STORE_CREATE_REVISION, /* 0: the key does not exist */
    STORE_MOD_REVISION,
    STORE_VERSION,
    STORE_VALUE,
    STORE_LEASE,
};
enum store_compare_relation { STORE_EQUAL, STORE_NOT_EQUAL, STORE_GREATER, STORE_LESS };

/* An absent key compares as number 0; its value compares false to anything. Over a range the
 * comparison must hold for every key in it; over an empty range it is that of one absent key. */
struct store_compare {
    struct store_keys keys;
    enum store_compare_target target;
    enum store_compare_relation relation;
    int64_t number;    /* all targets but STORE_VALUE */
    struct span value; /* STORE_VALUE */
};

enum store_op_kind { STORE_OP_PUT, STORE_OP_DELETE, STORE_OP_GET };

/* PUT: keys.key = value under lease, or with keep_lease under the lease it has now (then the key
 * must exist: ALLOT_EINVAL). DELETE and GET: keys. Neither branch may put a key twice, or delete
 * one that it puts (ALLOT_EINVAL). */
struct store_op {
    enum store_op_kind kind;
    bool keep_lease;
    struct store_keys keys;
    struct span value;
    int64_t lease;
};

/* If every compare holds, then `success`, else `failure`: all of it or nothing. */
struct store_txn {
    const struct store_compare *compares;
    size_t compare_count;
    const struct store_op *success;
    size_t success_count;
    const struct store_op *failure;
    size_t failure_count;
    /* Of W3C Trace Context: what it is done for, which a store that is told over a network passes
     * on; {NULL, 0}: not known. */
    struct span traceparent;
};

enum {
    STORE_MAX_COMPARES = 128, /* of a transaction */
    STORE_MAX_OPS = 128,      /* of each branch of a transaction */
    /* Bytes of a transaction's keys and values. (etcd takes 1,536 KiB of its own encoding, which
     * needs some more for each operation and compare.) */
    STORE_MAX_REQUEST = 1504 * 1024,
    STORE_MIN_TTL = 1,
    STORE_MAX_TTL = 86400 /* seconds, of a lease */
};

struct store_op_result {
    int64_t deleted;            /* DELETE: how many keys */
    const struct store_kv *kvs; /* GET */
    size_t kv_count;
};

struct store_txn_result {
    uint64_t cluster_id;
    bool succeeded;
    int64_t revision; /* the store's, after the transaction; its own if it changed something */
    const struct store_op_result *results; /* one for each operation of the branch that ran */
    size_t result_count;
};

/* --- leases --- */

struct store_lease_result {
    int64_t id;
    int64_t granted_ttl; /* seconds */
    int64_t ttl;         /* seconds left */
};

/* --- watches --- */

enum store_event_kind { STORE_EVENT_PUT, STORE_EVENT_DELETE };

struct store_event {
    enum store_event_kind kind;
    struct store_kv kv; /* DELETE: only key and mod_revision */
};

enum { STORE_PROGRESS_MS = 1000 };

/* One message of a watch. All events of a revision come in one message, in the order of the
 * operations; messages come in order of revision. A message without events is progress: everything
 * up to `revision` has been sent. It comes about every STORE_PROGRESS_MS while nothing else does
 * and the store can be reached. `error` is 0, or the watch's end (its last message):
 * ALLOT_ECOMPACTED (it could start after compact_revision), ALLOT_EUNAVAILABLE,
 * ALLOT_ELIMIT (the watcher was too slow), ALLOT_EORDER (the store has gone back to an older
 * revision: what was told is not its past any more), ALLOT_EIO, ALLOT_ENOMEM, ALLOT_ECANCELED (the
 * store stops). The watch must be cancelled even then. */
struct store_watch_response {
    uint64_t cluster_id;
    int64_t revision;
    const struct store_event *events;
    size_t event_count;
    int error;
    int64_t compact_revision;
};

struct store_watch;

/* --- the port --- */

struct store;
typedef void store_range_done(void *context, int error, const struct store_range_result *result);
typedef void store_txn_done(void *context, int error, const struct store_txn_result *result);
typedef void store_lease_done(void *context, int error, const struct store_lease_result *result);
typedef void store_compact_done(void *context, int error);
typedef void store_watch_event(void *context, const struct store_watch_response *response);

struct store_operations {
    int (*range)(struct store *, const struct store_range *, store_range_done *done, void *context);
    int (*txn)(struct store *, const struct store_txn *, store_txn_done *done, void *context);

    /* @id 0 lets the store choose one; a positive @id that is taken gives ALLOT_EEXISTS. */
    int (*lease_grant)(struct store *, int64_t id, int64_t ttl, store_lease_done *done,
                       void *context);
    /* Back to the full TTL. ALLOT_ELEASE if it has expired or never was. */
    int (*lease_keep_alive)(struct store *, int64_t id, store_lease_done *done, void *context);
    /* Deletes the attached keys, all in one revision. */
    int (*lease_revoke)(struct store *, int64_t id, store_lease_done *done, void *context);
    int (*lease_time_to_live)(struct store *, int64_t id, store_lease_done *done, void *context);

    /* All events of @keys from @start_revision on (0: from the next one on). On success *@ret is
     * set before the first call of @event, which comes on the store's thread. */
    int (*watch)(struct store *, const struct store_keys *keys, int64_t start_revision,
                 store_watch_event *event, void *context, struct store_watch **ret);
    /* After this returns, @event is not called again. Not from within @event. NULL is fine. */
    void (*watch_cancel)(struct store *, struct store_watch *);

    /* Forgets what was overwritten or deleted before @revision: ranges before it and watches from
     * before it + 1 give ALLOT_ECOMPACTED from then on. */
    int (*compact)(struct store *, int64_t revision, store_compact_done *done, void *context);

    /* Answers every request still open (ALLOT_ECANCELED or its result), ends every watch, releases
     * everything. Watches must have been cancelled before. */
    void (*destroy)(struct store *);
};

/* A store begins with this; its own fields follow. */
struct store {
    const struct store_operations *operations;
};

#endif

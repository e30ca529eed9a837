/* Stores for tests: requests that wait for their answer, and a watch that collects its events.
 * What a store may never do (answer twice, not at all, out of order) ends the program. */
#ifndef ALLOT_TESTS_SUPPORT_STORE_SYNC_H
#define ALLOT_TESTS_SUPPORT_STORE_SYNC_H

#include <pthread.h>

#include "core/store.h"

/* The answer to a range or a transaction, copied. */
struct sync_answer {
    uint64_t cluster_id;
    int64_t revision;
    bool more;      /* range */
    bool succeeded; /* transaction */
    size_t result_count;
    int64_t *deleted;  /* of each result */
    size_t *kv_counts; /* of each result */
    size_t kv_count;
    struct store_kv *kvs; /* of the range, or of all results together */
};

void sync_answer_release(struct sync_answer *answer);

/* Each returns what `done` was given, or what the request function itself returned. @ret may be
 * NULL; sync_answer_release what it is given, which is something only if the function returned 0.
 */
int sync_range(struct store *store, const struct store_range *range, struct sync_answer *ret);
int sync_txn(struct store *store, const struct store_txn *txn, struct sync_answer *ret);
int sync_grant(struct store *store, int64_t id, int64_t ttl, struct store_lease_result *ret);
int sync_keep_alive(struct store *store, int64_t id, struct store_lease_result *ret);
int sync_revoke(struct store *store, int64_t id);
int sync_time_to_live(struct store *store, int64_t id, struct store_lease_result *ret);
int sync_compact(struct store *store, int64_t revision);

/* Transactions of one operation. @ret_revision may be NULL. */
int sync_put(struct store *store, struct span key, struct span value, int64_t lease,
             int64_t *ret_revision);
int sync_delete(struct store *store, struct span key, int64_t *ret_revision);

/* The key as it is now, but without its spans; @ret may be NULL. False: it isn't there. */
bool sync_exists(struct store *store, struct span key, struct store_kv *ret);
/* The newest revision. */
int64_t sync_revision(struct store *store);

/* A watch and what came of it. Its fields are read after a wait, or sync_watch_stop. */
struct sync_watch {
    struct store *store;
    struct store_watch *watch;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct store_event *events; /* copied */
    size_t count;
    size_t capacity;
    int64_t start_revision;
    int64_t revision; /* up to where it has heard of everything */
    size_t messages;
    int error;
    int64_t compact_revision;
};

/* Returns what the store's watch does. sync_watch_release it in any case. */
int sync_watch_start(struct sync_watch *watch, struct store *store, struct store_keys keys,
                     int64_t start_revision);
/* Waits until there are @count events, or the watch has ended. False: it took too long. */
bool sync_watch_wait(struct sync_watch *watch, size_t count);
/* Waits until everything up to @revision has been heard of, or the watch has ended. */
bool sync_watch_wait_revision(struct sync_watch *watch, int64_t revision);
/* Cancels: nothing comes from then on. */
void sync_watch_stop(struct sync_watch *watch);
void sync_watch_release(struct sync_watch *watch);

#endif

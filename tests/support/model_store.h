/* A small store in memory with the semantics of the store port (core/store.h), driven directly: no
 * threads, no time, no callbacks. It keeps its whole history, so what it hands out (keys, values,
 * events) stays where it is until it is destroyed. Running out of memory ends the process. */
#ifndef ALLOT_TESTS_SUPPORT_MODEL_STORE_H
#define ALLOT_TESTS_SUPPORT_MODEL_STORE_H

#include "core/error.h"
#include "core/store.h"

/* --- keys as of a revision --- */

/* In key order. Keys and values are borrowed from the store that the events come from. */
struct model_table {
    struct store_kv *kvs;
    size_t count;
    size_t capacity;
};

/* Begins zeroed. */
void model_table_apply(struct model_table *table, const struct store_event *event);
/* As it stands now; what it points to stays where it is. Released by the caller. */
struct model_table model_table_copy(const struct model_table *table);
/* NULL if there is no such key. Valid until the next apply. */
const struct store_kv *model_table_find(const struct model_table *table, struct span key);
void model_table_release(struct model_table *table);

/* --- the store --- */

enum { MODEL_STORE_CLUSTER_ID = 42 };

struct model_store;

/* Empty, as of revision 1, as etcd is at first. */
struct model_store *model_store_create(void);
void model_store_destroy(struct model_store *store); /* NULL is fine */

int64_t model_store_revision(const struct model_store *store);
/* What stands there now. */
const struct model_table *model_store_table(const struct model_store *store);

/* What a store's `done` would be given: ALLOT_EINVAL, ALLOT_ELIMIT or ALLOT_ELEASE, with nothing
 * done; or 0 and @ret, valid until the next call. */
int model_store_txn(struct model_store *store, const struct store_txn *txn,
                    struct store_txn_result *ret);
/* One operation each; what is put under a lease that isn't there ends the process. */
void model_store_put(struct model_store *store, struct span key, struct span value, int64_t lease);
void model_store_delete(struct model_store *store, struct span key);

/* Takes over what has happened in another store: the events of one revision, which becomes this
 * one's. They are copied. */
void model_store_replay(struct model_store *store, const struct store_event *events, size_t count);

/* Returns the lease's id: 1, 2 and so on. */
int64_t model_store_grant(struct model_store *store);
/* Also how a lease expires: the attached keys go in one revision. ALLOT_ELEASE if there is none. */
int model_store_revoke(struct model_store *store, int64_t lease);
bool model_store_has_lease(const struct model_store *store, int64_t lease);

/* The events of revision @revision and all later ones, in order; valid until the next change. */
const struct store_event *model_store_events_since(const struct model_store *store,
                                                   int64_t revision, size_t *ret_count);

#endif

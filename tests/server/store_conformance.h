/* What every store must do, tested through core/store.h alone, so that any store can run it.
 *
 *     #define CASE(name) Test(my_store, name) { …; store_conformance_##name(store, "/run-17/"); … }
 *     STORE_CONFORMANCE_CASES(CASE)
 *
 * A case uses keys under @prefix only, where there are none; other keys may exist, but nobody may
 * change anything meanwhile. It knows nothing of the store's revisions before it began. It waits
 * for what must happen, never for time to pass. It may compact the store. */
#ifndef ALLOT_TESTS_SERVER_STORE_CONFORMANCE_H
#define ALLOT_TESTS_SERVER_STORE_CONFORMANCE_H

#include "core/store.h"

#define STORE_CONFORMANCE_CASES(X)         \
    X(put_and_delete)                      \
    X(keys_and_values_of_any_bytes)        \
    X(range_bounds_and_order)              \
    X(range_of_the_past)                   \
    X(range_in_pages_of_one_revision)      \
    X(range_that_is_wrong)                 \
    X(compare_every_target_and_relation)   \
    X(compare_absent_keys)                 \
    X(compare_ranges)                      \
    X(txn_takes_one_branch)                \
    X(txn_takes_a_revision_if_it_changes)  \
    X(txn_sees_its_own_writes)             \
    X(txn_is_all_or_nothing)               \
    X(txn_conflicts)                       \
    X(txn_limits)                          \
    X(txn_that_is_wrong)                   \
    X(txn_increments_from_many_threads)    \
    X(put_keeps_the_lease)                 \
    X(lease_grant)                         \
    X(lease_that_is_unknown)               \
    X(lease_revoke_deletes_its_keys)       \
    X(lease_of_a_key_changes)              \
    X(lease_expires_unless_kept_alive)     \
    X(watch_follows)                       \
    X(watch_from_the_past)                 \
    X(watch_catches_up_on_much)            \
    X(watch_from_the_future)               \
    X(watch_one_key)                       \
    X(watch_cancelled)                     \
    X(watch_that_is_wrong)                 \
    X(watches_see_what_many_threads_write) \
    X(compact)                             \
    X(compact_at_a_deletion)

#define STORE_CONFORMANCE_DECLARE(name) \
    void store_conformance_##name(struct store *store, const char *prefix);
STORE_CONFORMANCE_CASES(STORE_CONFORMANCE_DECLARE)
#undef STORE_CONFORMANCE_DECLARE

/* --- for the cases --- */

/* @prefix and @name as one key. Good until the process ends; memory for some thousand of them. */
struct span conformance_key(const char *prefix, const char *name);
/* Likewise, with a number of five digits. */
struct span conformance_numbered(const char *prefix, int number);
/* All keys under the prefix. */
struct store_keys conformance_all(const char *prefix);

/* One operation, as an expression. */
struct store_op op_put(struct span key, const char *value);
struct store_op op_put_under(struct span key, const char *value, int64_t lease);
struct store_op op_delete(struct span key);
struct store_op op_get(struct span key);
/* A transaction that compares nothing. */
struct store_txn txn_of(const struct store_op *ops, size_t count);

/* Puts, which must succeed. The revision. */
int64_t must_put(struct store *store, struct span key, const char *value, int64_t lease);

#endif

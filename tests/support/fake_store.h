/* A store in memory, for tests of the API: does at once what api/ asks for, and publishes a
 * snapshot of it. Ends the test where it can't. */
#ifndef ALLOT_TESTS_SUPPORT_FAKE_STORE_H
#define ALLOT_TESTS_SUPPORT_FAKE_STORE_H

#include "api/call.h"

#define FAKE_ROOT "/allot"

struct fake_entry;
struct fake_lease {
    int64_t id;
    int64_t ttl;
};

enum { FAKE_MAX_LEASES = 8, FAKE_MAX_KEPT = 4 };

struct fake_store {
    struct fake_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    struct fake_lease leases[FAKE_MAX_LEASES];
    size_t lease_count;
    int64_t next_lease;
    int64_t revision;
    bool solves;                          /* snapshots have a solution */
    struct snapshot *newest;              /* NULL: nothing published yet */
    struct snapshot *kept[FAKE_MAX_KEPT]; /* by api_runtime.keep_snapshot */
    size_t kept_count;
    /* Results of the last action, for its outcome. */
    struct api_txn_outcome txn;
    struct store_lease_result lease;
};

void fake_store_init(struct fake_store *store);
void fake_store_release(struct fake_store *store);

/* As somebody else: each is a revision of its own, and published only by fake_store_publish. Keys
 * go without the root: "/items/a". */
void fake_store_put(struct fake_store *store, const char *key, const char *value);
void fake_store_put_leased(struct fake_store *store, const char *key, const char *value,
                           int64_t lease);
void fake_store_delete(struct fake_store *store, const char *key);
void fake_store_publish(struct fake_store *store);
/* A lease that the store then has. */
int64_t fake_store_grant(struct fake_store *store, int64_t ttl);
bool fake_store_has_lease(const struct fake_store *store, int64_t id);

/* What is stored: {NULL, 0} if nothing is. The lease: 0 too. */
struct span fake_store_value(const struct fake_store *store, const char *key);
int64_t fake_store_lease_of(const struct fake_store *store, const char *key);
/* Mod revision; 0: absent. */
int64_t fake_store_mod_revision(const struct fake_store *store, const char *key);

/* Does what @step and @action ask for, publishes, and returns the outcome. */
struct api_outcome fake_store_perform(struct fake_store *store, enum api_step step,
                                      const union api_action *action);

#endif

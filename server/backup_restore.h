/* Restores a backup into an empty root of a store.
 *
 * First ROOT/format is put, if nothing else is under the root: it says that a snapshot is being
 * restored, and which. As long as it does, no server works on the root, and each transaction checks
 * that it is still ours. It goes with the last one. A restore that was interrupted is begun anew by
 * restoring the same backup again: what the former one has put is removed.
 *
 * Not restored is what belongs to the processes of the former store, and to its revisions: the
 * candidates for leadership, who made the last change, and the records of the allocator's rounds.
 * Revisions are new; but members are created in the order in which they were, for the oldest of
 * them leads, or leaves, first. Leases are new, too, with the TTLs of the former ones, and are kept
 * alive until all is done. */
#ifndef ALLOT_SERVER_BACKUP_RESTORE_H
#define ALLOT_SERVER_BACKUP_RESTORE_H

#include "server/backup.h"

struct backup_restored {
    size_t keys;
    size_t leases;
    int64_t shortest_ttl; /* seconds; 0: there are no leases */
    int64_t revision;     /* of the last transaction */
};

struct backup_restore_config {
    struct store *store;         /* borrowed */
    struct span root;            /* borrowed; any valid one */
    const struct backup *backup; /* borrowed */
    const char *digest;          /* of its file; borrowed */
    /* When all is there, and leases are about to be held; may be NULL. */
    void (*tell)(void *context, const struct backup_restored *restored);
    void *context;
    int64_t hold_ms; /* how long its leases are kept alive then, for its members to find a server */
    int64_t retry_ms; /* what is tried again, after */
    int retries;      /* how often, in a row */
};

enum { BACKUP_RESTORE_RETRY_MS = 1000, BACKUP_RESTORE_RETRIES = 30 };

/* Errors, told in @why: ALLOT_EEXISTS (the root isn't empty), ALLOT_EFENCE (another restore has
 * taken over), ALLOT_EVALUE (the backup is of a format that this allotd doesn't know, or of a root
 * that was being restored), ALLOT_ELEASE (a lease could not be kept alive), ALLOT_EINVAL (no such
 * root can be), ALLOT_ENOMEM, and what the store gives. Not on the store's thread. */
int backup_restore(const struct backup_restore_config *config, struct backup_restored *ret,
                   struct error_message *why);

#endif

/* The embedded store: core/store.h in one process, durable in one SQLite file.
 *
 * One thread owns the file and everything in memory. It takes all requests that are queued, runs
 * them in order, each seeing the ones before it, writes what they changed in one commit
 * (synchronous=FULL), and only then tells anyone: first the watches, then each request's `done`, in
 * order. So concurrent transactions share the wait for the disk, what was acknowledged is durable,
 * and a mirror fed by a watch may be ahead of the answer to the transaction, never behind it.
 *
 * If writing fails, all requests of the batch fail with it, since those that only read may have
 * seen what was not written, and nothing of them remains: ALLOT_EUNAVAILABLE if the disk is full,
 * or the file was moved, removed or replaced, else ALLOT_EIO; or ALLOT_EUNKNOWN for those that
 * write if it was the commit itself that failed in any other way (a quota is one), because what had
 * reached the file by then may reappear after a crash. The next batch tries anew.
 *
 * Beyond the port:
 * - The newest version of each key is held in memory as well, older ones in the file alone. Opening
 *   reads the whole file.
 * - A revision has at most EMBEDDED_STORE_MAX_CHANGES changes, and a lease as many keys
 *   (ALLOT_ELIMIT).
 * - At most EMBEDDED_STORE_MAX_QUEUE requests, and EMBEDDED_STORE_MAX_QUEUED_BYTES, wait at a time,
 *   and there are at most EMBEDDED_STORE_MAX_WATCHES and EMBEDDED_STORE_MAX_LEASES (ALLOT_ELIMIT).
 * - What can be known to be wrong from a request alone is returned at once, not given to `done`.
 * - Leases and what is attached to them are in the file, how much time is left is not: each has its
 *   full TTL after a restart. When the thread finds that it slept more than a second longer than it
 *   meant to (the process was stopped, the machine paused, the disk hung), every lease gets that
 *   time too. A lease expires within a tenth of a second after it is due, but requests that were
 *   queued by then come first.
 * - A range at a past revision costs time in the number of changes since.
 * - A watch that has been told nothing for STORE_PROGRESS_MS gets a progress message.
 * - watch_cancel waits for an `event` under way, except on the store's own thread. */
#ifndef ALLOT_SERVER_EMBEDDED_STORE_H
#define ALLOT_SERVER_EMBEDDED_STORE_H

#include "core/error.h"
#include "core/store.h"

enum {
    EMBEDDED_STORE_MAX_CHANGES = 1 << 20,
    EMBEDDED_STORE_MAX_QUEUE = 4096,
    EMBEDDED_STORE_MAX_QUEUED_BYTES = 64 << 20,
    EMBEDDED_STORE_MAX_WATCHES = 1024,
    EMBEDDED_STORE_MAX_LEASES = 20000,
    EMBEDDED_STORE_RETENTION = 100000, /* the usual one */
};

struct embedded_store_config {
    const char *data_dir; /* needed only while opening; made (0700) if its parent exists */
    /* Revisions kept for ranges and watches; older ones are compacted. 0: all, until asked to. */
    int64_t retention;
    /* Milliseconds, never going back; called on the store's thread. NULL: the system's. */
    int64_t (*monotonic_ms)(void *clock_context);
    void *clock_context;
    /* Called on the store's thread when the file could not be written or read. May be NULL. */
    void (*failed)(void *failed_context, int error, const char *why);
    void *failed_context;
};

/* Opens the store of a directory, which is locked until the store is destroyed. Errors, with @why
 * telling what, and of which file: ALLOT_ELOCKED (another process, or this one, has it open),
 * ALLOT_EVALUE (a file of someone else's, of a newer version, or damaged), ALLOT_EIO, ALLOT_ENOMEM,
 * ALLOT_EINVAL (no directory, or one with a name too long; a negative retention). */
int embedded_store_open(const struct embedded_store_config *config, struct store **ret,
                        struct error_message *why);

/* 16 hexadecimal digits chosen at random when the file was made: the name of this instance.
 * Borrowed from the store. */
const char *embedded_store_instance(const struct store *store);

struct embedded_store_statistics {
    int64_t revision;
    int64_t compact_revision;
    int64_t requests; /* answered since the store was opened */
    int64_t commits;
    int64_t failed_commits;
    int64_t keys;
    int64_t leases;
    int64_t watches;
    int64_t sweeping; /* revisions compacted, but not removed from the file yet */
};

/* As of the last batch. Any thread. */
void embedded_store_statistics(struct store *store, struct embedded_store_statistics *ret);

#endif

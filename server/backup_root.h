/* The root that a backup is restored into, and who has it: see backup_restore.h. */
#ifndef ALLOT_SERVER_BACKUP_ROOT_H
#define ALLOT_SERVER_BACKUP_ROOT_H

#include "core/transaction.h"
#include "server/backup.h"

struct backup_root {
    struct store *store;       /* borrowed */
    struct span path;          /* borrowed; valid */
    const char *digest;        /* of the backup; borrowed */
    int64_t retry_ms;          /* what is tried again, after */
    int retries;               /* how often, in a row */
    struct error_message *why; /* borrowed: where all faults are told */
    /* Made by backup_root_take. */
    struct transaction transaction; /* what backup_root_submit submits */
    struct span format_key;
    struct span marker; /* what stands there as long as the root is ours */
    int64_t fence;      /* and its mod revision */
    int64_t revision;   /* of the last transaction */
    struct arena arena;
};

/* Takes the root, if it is empty, or if another run has begun to restore the same backup: then what
 * that has put is removed. The fields above are set, the others zero; released in any case.
 * ALLOT_EEXISTS, ALLOT_EIO, ALLOT_ENOMEM, and what the store gives. */
int backup_root_take(struct backup_root *root);
void backup_root_release(struct backup_root *root);

/* Empties the transaction but for the check that the root is still ours; and submits it: what it
 * has is put twice where the first answer was lost. ALLOT_EFENCE: the root isn't ours any more. */
void backup_root_begin(struct backup_root *root);
int backup_root_submit(struct backup_root *root);

/* Puts @format (data NULL: nothing) in the place of the marker: the root is whole. */
int backup_root_leave(struct backup_root *root, struct span format);

#endif

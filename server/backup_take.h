/* Takes a backup. */
#ifndef ALLOT_SERVER_BACKUP_TAKE_H
#define ALLOT_SERVER_BACKUP_TAKE_H

#include "server/backup.h"

/* Each takes all that is under @root, as of one revision, which is the newest when it begins. On
 * success the caller releases @ret; errors, nothing to be released, are told in @why:
 * ALLOT_EINVAL (no such root can be), ALLOT_ELIMIT (more than a backup can have, or a lease with a
 * longer TTL than STORE_MAX_TTL), ALLOT_ENOMEM. */

/* From a store, which others may be writing to. Keys under a lease that has expired meanwhile are
 * left out. Also ALLOT_ECOMPACTED (it took so long that the revision is gone), and what else a
 * range gives. Not on the store's thread. */
int backup_take_store(struct store *store, struct span root, struct backup *ret,
                      struct error_message *why);

/* From the file of an embedded store, also while a process has it open and writes to it. Also
 * ALLOT_EVALUE (it is none, or damaged), ALLOT_EIO. */
int backup_take_file(const char *path, struct span root, struct backup *ret,
                     struct error_message *why);

#endif

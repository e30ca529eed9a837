/* A backup's file, by its path: "-" is the standard output, or input. What is in it is told in
 * backup_format.h. */
#ifndef ALLOT_SERVER_BACKUP_FILE_H
#define ALLOT_SERVER_BACKUP_FILE_H

#include "server/backup.h"

/* Writes @backup to @path: all of it, durably and for its owner only, or nothing, and a file that
 * was there is replaced only then. Errors, with the path in @why: ALLOT_EIO, ALLOT_EINVAL (there is
 * something that isn't a file), ALLOT_ENOMEM. */
int backup_file_write(const struct backup *backup, const char *path, struct error_message *why);

/* As backup_format_read, with the path in @why. */
int backup_file_read(const char *path, struct backup *ret, char ret_digest[BACKUP_DIGEST_SIZE + 1],
                     struct error_message *why);

#endif

/* What a backup looks like in a file: lines of JSON, in this order.
 *
 *   {"format":"allot-snapshot","version":1,"allot":"0.1.0","root":"/allot","revision":9,
 *    "taken":"2026-01-31T12:00:00.000Z","leases":1,"keys":2}
 *   {"lease":1,"ttl_seconds":30}                                        a line for each lease
 *   {"key":"/items/a","value":"{\"replication\":3}","create_revision":4,"mod_revision":7,
 *    "version":2}                                    a line for each key, in the order of the keys
 *   {"key":"/members/a#one","value":"{…}","create_revision":3,"mod_revision":3,"version":1,
 *    "lease":1}
 *   {"lines":4,"sha256":"…"}                               of all that stands before
 *
 * Keys are without their root. A key or a value that JSON can't hold as a string (it isn't UTF-8,
 * or has a zero byte) is `key_base64` or `value_base64`. */
#ifndef ALLOT_SERVER_BACKUP_FORMAT_H
#define ALLOT_SERVER_BACKUP_FORMAT_H

#include <stdio.h>

#include "server/backup.h"

enum { BACKUP_FORMAT_VERSION = 1 };

/* Writes @backup. Errors, told in @why: ALLOT_EIO, ALLOT_ENOMEM. */
int backup_format_write(const struct backup *backup, FILE *out, struct error_message *why);

/* Reads one, which must be all that there is. On success the caller releases @ret, and @ret_digest
 * is its checksum. Errors, with the line and what was expected in @why, nothing to be released:
 * ALLOT_EVALUE (damaged, or of a newer version), ALLOT_EIO, ALLOT_ELIMIT (more keys than a backup
 * can have), ALLOT_ENOMEM. */
int backup_format_read(FILE *in, struct backup *ret, char ret_digest[BACKUP_DIGEST_SIZE + 1],
                       struct error_message *why);

#endif

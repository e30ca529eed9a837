/* What writing and reading a backup's file share: its lines, and their checksum. */
#ifndef ALLOT_SERVER_BACKUP_FORMAT_INTERNAL_H
#define ALLOT_SERVER_BACKUP_FORMAT_INTERNAL_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "api/buffer.h"
#include "server/backup_format.h"

#define BACKUP_FORMAT_NAME "allot-snapshot"

/* A file being written or read, line by line. */
struct backup_lines {
    FILE *file;         /* borrowed */
    struct buffer text; /* of the line, without its end */
    size_t number;      /* of the line, from 1 */
    gnutls_hash_hd_t hash;
    struct error_message *why; /* borrowed */
};

/* ALLOT_ENOMEM. Closed in any case. */
int backup_lines_open(struct backup_lines *lines, FILE *file, struct error_message *why);
void backup_lines_close(struct backup_lines *lines);

/* Tells that memory has run out, and returns that. */
int backup_lines_fail_memory(struct backup_lines *lines);

/* The line takes part in the checksum. ALLOT_ENOMEM. */
int backup_lines_hash(struct backup_lines *lines);

/* The last line, of the @count lines whose checksum is @digest, which is made of them before. */
void backup_lines_digest(struct backup_lines *lines, char digest[BACKUP_DIGEST_SIZE + 1]);
void backup_lines_write_trailer(struct buffer *out, size_t count, const char *digest);

#endif

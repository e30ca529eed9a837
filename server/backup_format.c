#include "api/json_writer.h"
#include "api/secret.h"
#include "server/backup_format_internal.h"

/* Bytes of a line: what a transaction can put, each byte of it escaped; and the rest. */
enum { MAX_LINE = 6 * STORE_MAX_REQUEST + 64 * 1024 };

int backup_lines_open(struct backup_lines *lines, FILE *file, struct error_message *why)
{
    *lines = (struct backup_lines){.file = file, .why = why};
    buffer_init(&lines->text, MAX_LINE);
    return gnutls_hash_init(&lines->hash, GNUTLS_DIG_SHA256) < 0 ? backup_lines_fail_memory(lines)
                                                                 : 0;
}

void backup_lines_close(struct backup_lines *lines)
{
    if (lines->hash)
        gnutls_hash_deinit(lines->hash, NULL);
    buffer_release(&lines->text);
}

int backup_lines_fail_memory(struct backup_lines *lines)
{
    (void)snprintf(lines->why->text, sizeof lines->why->text, "%s", allot_error_text(ALLOT_ENOMEM));
    return ALLOT_ENOMEM;
}

int backup_lines_hash(struct backup_lines *lines)
{
    int result = gnutls_hash(lines->hash, lines->text.data, lines->text.size);
    if (result >= 0)
        result = gnutls_hash(lines->hash, "\n", 1);
    return result < 0 ? backup_lines_fail_memory(lines) : 0;
}

void backup_lines_digest(struct backup_lines *lines, char digest[BACKUP_DIGEST_SIZE + 1])
{
    unsigned char bytes[BACKUP_DIGEST_SIZE / 2];
    gnutls_hash_output(lines->hash, bytes);
    secret_write_hex(bytes, sizeof bytes, digest);
}

void backup_lines_write_trailer(struct buffer *out, size_t count, const char *digest)
{
    struct json_writer writer = json_writer_of(out);
    json_begin(&writer, '{');
    json_integer_field(&writer, "lines", (int64_t)count);
    json_text_field(&writer, "sha256", digest);
    json_end(&writer, '}');
}

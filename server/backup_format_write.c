#include <errno.h>
#include <string.h>

#include "api/json_writer.h"
#include "api/timestamp.h"
#include "api/utf8.h"
#include "server/backup_format_internal.h"
#include "server/base64.h"
#include "server/version.h"

static int write_line(struct backup_lines *lines)
{
    struct buffer *text = &lines->text;
    if (text->error)
        return backup_lines_fail_memory(
            lines); /* lines that are too long aren't taken into a backup */
    if (fwrite(text->data, 1, text->size, lines->file) == text->size &&
        putc('\n', lines->file) != EOF)
        return backup_lines_hash(lines);
    (void)snprintf(lines->why->text, sizeof lines->why->text, "%s", strerror(errno));
    return ALLOT_EIO;
}

static struct json_writer begin_line(struct backup_lines *lines)
{
    buffer_clear(&lines->text);
    lines->number++;
    struct json_writer writer = json_writer_of(&lines->text);
    json_begin(&writer, '{');
    return writer;
}

static int write_header(struct backup_lines *lines, const struct backup *backup)
{
    char taken[TIMESTAMP_SIZE];
    struct json_writer writer = begin_line(lines);
    timestamp_format(backup->taken_ms, taken);
    json_text_field(&writer, "format", BACKUP_FORMAT_NAME);
    json_integer_field(&writer, "version", BACKUP_FORMAT_VERSION);
    json_text_field(&writer, "allot", ALLOT_VERSION);
    json_string_field(&writer, "root", backup->root);
    json_integer_field(&writer, "revision", backup->revision);
    json_text_field(&writer, "taken", taken);
    json_integer_field(&writer, "leases", (int64_t)backup->lease_count);
    json_integer_field(&writer, "keys", (int64_t)backup->key_count);
    json_end(&writer, '}');
    return write_line(lines);
}

static int write_lease(struct backup_lines *lines, size_t number, int64_t ttl)
{
    struct json_writer writer = begin_line(lines);
    json_integer_field(&writer, "lease", (int64_t)number);
    json_integer_field(&writer, "ttl_seconds", ttl);
    json_end(&writer, '}');
    return write_line(lines);
}

static bool is_text(struct span bytes)
{
    return utf8_is_valid(bytes) && (bytes.size == 0 || !memchr(bytes.data, 0, bytes.size));
}

static void write_bytes(struct json_writer *writer, const char *name, const char *base64_name,
                        struct span bytes)
{
    if (is_text(bytes)) {
        json_string_field(writer, name, bytes);
        return;
    }
    json_name(writer, base64_name);
    json_raw(writer, SPAN("\""));
    base64_append(writer->out, bytes);
    buffer_append(writer->out, SPAN("\""));
}

static int write_key(struct backup_lines *lines, const struct backup_key *key)
{
    struct json_writer writer = begin_line(lines);
    write_bytes(&writer, "key", "key_base64", key->name);
    write_bytes(&writer, "value", "value_base64", key->value);
    json_integer_field(&writer, "create_revision", key->create_revision);
    json_integer_field(&writer, "mod_revision", key->mod_revision);
    json_integer_field(&writer, "version", key->version);
    if (key->lease > 0)
        json_integer_field(&writer, "lease", (int64_t)key->lease);
    json_end(&writer, '}');
    return write_line(lines);
}

int backup_format_write(const struct backup *backup, FILE *out, struct error_message *why)
{
    struct backup_lines lines;
    int error = backup_lines_open(&lines, out, why);
    if (!error)
        error = write_header(&lines, backup);
    for (size_t i = 0; i < backup->lease_count && !error; i++)
        error = write_lease(&lines, i + 1, backup->ttls[i]);
    for (size_t i = 0; i < backup->key_count && !error; i++)
        error = write_key(&lines, &backup->keys[i]);
    if (!error) {
        char digest[BACKUP_DIGEST_SIZE + 1];
        backup_lines_digest(&lines, digest);
        buffer_clear(&lines.text);
        backup_lines_write_trailer(&lines.text, lines.number, digest);
        error = write_line(&lines);
    }
    backup_lines_close(&lines);
    return error;
}

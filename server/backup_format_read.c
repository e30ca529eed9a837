#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/json_reader.h"
#include "api/json_spec.h"
#include "api/timestamp.h"
#include "server/backup_format_internal.h"
#include "server/base64.h"

static int fail(struct backup_lines *lines, int error, const char *expected, const char *found)
{
    (void)snprintf(lines->why->text, sizeof lines->why->text, "line %zu: expected %.100s%s%.120s",
                   lines->number, expected, *found ? ": " : "", found);
    return error;
}

static int read_line(struct backup_lines *lines, const char *expected)
{
    int c;
    buffer_clear(&lines->text);
    lines->number++;
    errno = 0;
    while ((c = getc_unlocked(lines->file)) != EOF && c != '\n' && !lines->text.error) {
        char byte = (char)c;
        buffer_append(&lines->text, (struct span){&byte, 1});
    }
    if (ferror(lines->file))
        return fail(lines, ALLOT_EIO, expected, strerror(errno));
    if (lines->text.error == ALLOT_ENOMEM)
        return backup_lines_fail_memory(lines);
    if (lines->text.error)
        return fail(lines, ALLOT_EVALUE, expected, "the line is too long");
    if (c == EOF)
        return fail(lines, ALLOT_EVALUE, expected, "the file ends here");
    return 0;
}

static void keep_first_fault(void *context, const char *pointer, const char *detail)
{
    struct error_message *fault = context;
    if (!fault->text[0])
        (void)snprintf(fault->text, sizeof fault->text, "%.60s %.120s", pointer, detail);
}

/* Decodes the line by @spec into @target, which borrows from *@ret_tree; that the caller drops. */
static int decode_line(struct backup_lines *lines, const struct json_spec *spec,
                       const char *expected, void *target, uint32_t *ret_given,
                       struct json_object **ret_tree)
{
    struct error_message fault = {""};
    int error = json_read(buffer_span(&lines->text), ret_tree, &fault);
    if (error == ALLOT_ENOMEM)
        return backup_lines_fail_memory(lines);
    if (error || !json_spec_decode(spec, *ret_tree, target, ret_given, keep_first_fault, &fault))
        return fail(lines, ALLOT_EVALUE, expected, fault.text);
    return 0;
}

#define COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

struct header {
    struct span format;
    int64_t version;
    struct span allot;
    struct span root;
    int64_t revision;
    struct span taken;
    int64_t leases;
    int64_t keys;
};

static const struct json_field header_fields[] = {
    {"format", JSON_STRING, true, 1, 64, NULL, offsetof(struct header, format)},
    {"version", JSON_INTEGER, true, 1, INT32_MAX, NULL, offsetof(struct header, version)},
    {"allot", JSON_STRING, true, 1, 64, NULL, offsetof(struct header, allot)},
    {"root", JSON_STRING, true, 1, BACKUP_MAX_ROOT, NULL, offsetof(struct header, root)},
    {"revision", JSON_INTEGER, true, 1, INT64_MAX, NULL, offsetof(struct header, revision)},
    {"taken", JSON_STRING, true, 1, TIMESTAMP_SIZE, NULL, offsetof(struct header, taken)},
    {"leases", JSON_INTEGER, true, 0, BACKUP_MAX_KEYS, NULL, offsetof(struct header, leases)},
    {"keys", JSON_INTEGER, true, 0, BACKUP_MAX_KEYS, NULL, offsetof(struct header, keys)},
};
static const struct json_spec header_json = {header_fields, COUNT(header_fields), false};
/* Of any version: what tells whether we can read the rest. */
static const struct json_spec version_json = {header_fields, 2, true};

static const char header_expected[] = "the header of a snapshot of allot";

static int check_version(struct backup_lines *lines, const struct header *header)
{
    char text[80];
    if (!span_equal(header->format, SPAN(BACKUP_FORMAT_NAME)))
        return fail(lines, ALLOT_EVALUE, header_expected,
                    "/format must be \"" BACKUP_FORMAT_NAME "\"");
    if (header->version == BACKUP_FORMAT_VERSION)
        return 0;
    (void)snprintf(text, sizeof text, "it is of version %" PRId64 ", this allotd reads %d",
                   header->version, BACKUP_FORMAT_VERSION);
    return fail(lines, ALLOT_EVALUE, header_expected, text);
}

static int take_header(struct backup_lines *lines, const struct header *header,
                       struct backup *backup)
{
    int error = backup_set_root(backup, header->root);
    if (error == ALLOT_ENOMEM)
        return backup_lines_fail_memory(lines);
    if (error)
        return fail(lines, ALLOT_EVALUE, header_expected, "/root must be a clean absolute path");
    if (timestamp_parse(header->taken, &backup->taken_ms))
        return fail(lines, ALLOT_EVALUE, header_expected, "/taken must be a time");
    backup->revision = header->revision;
    return 0;
}

static int read_header(struct backup_lines *lines, struct backup *backup, size_t *ret_leases,
                       size_t *ret_keys)
{
    struct header header = {.version = 0};
    struct json_object *tree = NULL;
    uint32_t given;
    int error = read_line(lines, header_expected);
    if (!error)
        error = decode_line(lines, &version_json, header_expected, &header, &given, &tree);
    if (!error)
        error = check_version(lines, &header);
    json_object_put(tree);
    tree = NULL;
    if (!error)
        error = decode_line(lines, &header_json, header_expected, &header, &given, &tree);
    if (!error)
        error = take_header(lines, &header, backup);
    json_object_put(tree);
    *ret_leases = (size_t)header.leases;
    *ret_keys = (size_t)header.keys;
    return error ? error : backup_lines_hash(lines);
}

struct lease_line {
    int64_t lease;
    int64_t ttl_seconds;
};

static const struct json_field lease_fields[] = {
    {"lease", JSON_INTEGER, true, 1, BACKUP_MAX_KEYS, NULL, offsetof(struct lease_line, lease)},
    {"ttl_seconds", JSON_INTEGER, true, STORE_MIN_TTL, STORE_MAX_TTL, NULL,
     offsetof(struct lease_line, ttl_seconds)},
};
static const struct json_spec lease_json = {lease_fields, COUNT(lease_fields), false};

static int read_lease(struct backup_lines *lines, struct backup *backup)
{
    struct lease_line line = {0, 0};
    struct json_object *tree = NULL;
    uint32_t given;
    char expected[40];
    (void)snprintf(expected, sizeof expected, "lease %zu", backup->lease_count + 1);
    int error = read_line(lines, expected);
    if (!error)
        error = decode_line(lines, &lease_json, expected, &line, &given, &tree);
    json_object_put(tree);
    if (!error && (size_t)line.lease != backup->lease_count + 1)
        error = fail(lines, ALLOT_EVALUE, expected, "it has another number");
    if (!error && backup_add_lease(backup, line.ttl_seconds))
        error = backup_lines_fail_memory(lines);
    return error ? error : backup_lines_hash(lines);
}

struct key_line {
    struct span key, key_base64;
    struct span value, value_base64;
    int64_t create_revision, mod_revision, version;
    int64_t lease;
};

enum { HAS_KEY = 1, HAS_KEY_BASE64 = 2, HAS_VALUE = 4, HAS_VALUE_BASE64 = 8 }; /* by field */
enum { MAX_BYTES = STORE_MAX_REQUEST, MAX_BASE64 = STORE_MAX_REQUEST / 3 * 4 + 4 };

static const struct json_field key_fields[] = {
    {"key", JSON_STRING, false, 1, MAX_BYTES, NULL, offsetof(struct key_line, key)},
    {"key_base64", JSON_TOKEN, false, 1, MAX_BASE64, NULL, offsetof(struct key_line, key_base64)},
    {"value", JSON_STRING, false, 0, MAX_BYTES, NULL, offsetof(struct key_line, value)},
    {"value_base64", JSON_TOKEN, false, 0, MAX_BASE64, NULL,
     offsetof(struct key_line, value_base64)},
    {"create_revision", JSON_INTEGER, true, 1, INT64_MAX, NULL,
     offsetof(struct key_line, create_revision)},
    {"mod_revision", JSON_INTEGER, true, 1, INT64_MAX, NULL,
     offsetof(struct key_line, mod_revision)},
    {"version", JSON_INTEGER, true, 1, INT64_MAX, NULL, offsetof(struct key_line, version)},
    {"lease", JSON_INTEGER, false, 1, BACKUP_MAX_KEYS, NULL, offsetof(struct key_line, lease)},
};
static const struct json_spec key_json = {key_fields, COUNT(key_fields), false};

/* Puts what @encoded says into @arena. */
static int decode_base64(struct backup_lines *lines, struct span encoded, const char *expected,
                         struct arena *arena, struct span *ret)
{
    char *bytes = arena_allocate(arena, base64_decoded_bound(encoded.size) + 1);
    size_t size;
    if (!bytes)
        return backup_lines_fail_memory(lines);
    if (!base64_decode(encoded, bytes, &size))
        return fail(lines, ALLOT_EVALUE, expected, "what should be base64 isn't");
    *ret = (struct span){bytes, size};
    return 0;
}

static const char *key_fault(const struct key_line *line, uint32_t given,
                             const struct backup *backup)
{
    if (!(given & HAS_KEY) == !(given & HAS_KEY_BASE64))
        return "either key or key_base64 is required";
    if (!(given & HAS_VALUE) == !(given & HAS_VALUE_BASE64))
        return "either value or value_base64 is required";
    if (line->create_revision > line->mod_revision || line->mod_revision > backup->revision)
        return "its revisions are out of order";
    if ((size_t)line->lease > backup->lease_count)
        return "there is no such lease";
    return NULL;
}

static int take_key(struct backup_lines *lines, struct key_line *line, uint32_t given,
                    const char *expected, struct backup *backup)
{
    const char *fault = key_fault(line, given, backup);
    int error = fault ? fail(lines, ALLOT_EVALUE, expected, fault) : 0;
    if (!error && given & HAS_KEY_BASE64)
        error = decode_base64(lines, line->key_base64, expected, &backup->arena, &line->key);
    if (!error && given & HAS_VALUE_BASE64)
        error = decode_base64(lines, line->value_base64, expected, &backup->arena, &line->value);
    if (error)
        return error;
    if (line->key.size == 0 || line->key.data[0] != '/')
        return fail(lines, ALLOT_EVALUE, expected, "it must begin with a slash");
    const struct backup_key key = {.name = line->key,
                                   .value = line->value,
                                   .create_revision = line->create_revision,
                                   .mod_revision = line->mod_revision,
                                   .version = line->version,
                                   .lease = (size_t)line->lease};
    error = backup_add_key(backup, &key);
    if (error == ALLOT_ENOMEM)
        return backup_lines_fail_memory(lines);
    return error
               ? fail(lines, ALLOT_EVALUE, expected,
                      error == ALLOT_EORDER ? "it isn't behind the one before" : "it is too large")
               : 0;
}

static int read_key(struct backup_lines *lines, struct backup *backup, size_t keys)
{
    struct key_line line = {.lease = 0};
    struct json_object *tree = NULL;
    uint32_t given = 0;
    char expected[64];
    (void)snprintf(expected, sizeof expected, "key %zu of %zu", backup->key_count + 1, keys);
    int error = read_line(lines, expected);
    if (!error)
        error = decode_line(lines, &key_json, expected, &line, &given, &tree);
    if (!error)
        error = take_key(lines, &line, given, expected, backup);
    json_object_put(tree);
    return error ? error : backup_lines_hash(lines);
}

/* The last line is compared as it stands: so no byte of it can be another. */
static int read_trailer(struct backup_lines *lines, char digest[BACKUP_DIGEST_SIZE + 1])
{
    struct buffer wanted;
    size_t count = lines->number;
    int error = read_line(lines, "the checksum");
    if (error)
        return error;
    backup_lines_digest(lines, digest);
    buffer_init(&wanted, 256);
    backup_lines_write_trailer(&wanted, count, digest);
    if (wanted.error)
        error = backup_lines_fail_memory(lines);
    else if (!span_equal(buffer_span(&wanted), buffer_span(&lines->text)))
        error = fail(lines, ALLOT_EVALUE, "the checksum of what stands before",
                     "it is another: the file is damaged");
    else if (getc_unlocked(lines->file) != EOF)
        error = fail(lines, ALLOT_EVALUE, "the end of the file behind it", "there is more");
    buffer_release(&wanted);
    return error;
}

int backup_format_read(FILE *in, struct backup *ret, char ret_digest[BACKUP_DIGEST_SIZE + 1],
                       struct error_message *why)
{
    struct backup_lines lines;
    size_t leases = 0, keys = 0;
    backup_init(ret);
    int error = backup_lines_open(&lines, in, why);
    if (!error)
        error = read_header(&lines, ret, &leases, &keys);
    while (!error && ret->lease_count < leases)
        error = read_lease(&lines, ret);
    while (!error && ret->key_count < keys)
        error = read_key(&lines, ret, keys);
    if (!error)
        error = read_trailer(&lines, ret_digest);
    backup_lines_close(&lines);
    if (error)
        backup_release(ret);
    return error;
}

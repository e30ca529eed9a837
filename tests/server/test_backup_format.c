/* A backup's file: what is written is read again, and nothing else is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/secret.h"
#include "server/backup_file.h"
#include "server/backup_format.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/temporary.h"

static const char odd[] = {'\0', '\xFF', '"', '\n', 'x'};

/* --- a backup with something of everything --- */

static void add(struct backup *backup, struct span name, struct span value, size_t lease)
{
    const struct backup_key key = {.name = name,
                                   .value = value,
                                   .create_revision = 3,
                                   .mod_revision = 5,
                                   .version = 2,
                                   .lease = lease};
    cr_assert_eq(backup_add_key(backup, &key), 0);
}

static void fill(struct backup *backup)
{
    backup_init(backup);
    cr_assert_eq(backup_set_root(backup, SPAN("/allot")), 0);
    backup->revision = 9;
    backup->taken_ms = 1769860800123;
    cr_assert_eq(backup_add_lease(backup, 30), 0);
    add(backup, SPAN("/assign/ä#a#one#0"), SPAN(""), 1);
    add(backup, SPAN("/items/ä"), SPAN("{\"replication\":1,\"labels\":{\"a\":\"\\n\"}}"), 0);
    add(backup, SPAN("/members/a#one"), SPAN("{\"item_limit\":4}"), 1);
    add(backup, SPAN("/odd/control"), SPAN("\x01\t\x7F\xE2\x80\xA8"), 0);
    add(backup, SPAN("/odd/\xFE"), (struct span){odd, sizeof odd}, 0);
}

static FILE *write_to_memory(const struct backup *backup, char **ret_text, size_t *ret_size)
{
    struct error_message why = {""};
    FILE *out = open_memstream(ret_text, ret_size);
    cr_assert_not_null(out);
    cr_assert_eq(backup_format_write(backup, out, &why), 0, "%s", why.text);
    cr_assert_eq(fflush(out), 0);
    return out;
}

static int read_bytes(const char *text, size_t size, struct backup *ret, struct error_message *why)
{
    char digest[BACKUP_DIGEST_SIZE + 1];
    FILE *in = fmemopen((void *)text, size ? size : 1, "r");
    cr_assert_not_null(in);
    if (size == 0)
        (void)getc(in);
    int error = backup_format_read(in, ret, digest, why);
    (void)fclose(in);
    return error;
}

Test(backup_format, reads_what_it_writes)
{
    struct backup backup, again;
    struct error_message why = {""};
    char *text = NULL, summary[BACKUP_SUMMARY_SIZE];
    size_t size = 0;
    fill(&backup);
    FILE *out = write_to_memory(&backup, &text, &size);
    cr_assert_eq(read_bytes(text, size, &again, &why), 0, "%s", why.text);
    cr_expect(span_equal(again.root, backup.root));
    cr_expect_eq(again.revision, backup.revision);
    cr_expect_eq(again.taken_ms, backup.taken_ms);
    cr_assert_eq(again.lease_count, 1);
    cr_expect_eq(again.ttls[0], 30);
    cr_assert_eq(again.key_count, backup.key_count);
    for (size_t i = 0; i < backup.key_count; i++) {
        const struct backup_key *a = &backup.keys[i], *b = &again.keys[i];
        cr_expect(span_equal(a->name, b->name), "key %zu", i);
        cr_expect(span_equal(a->value, b->value), "value %zu", i);
        cr_expect(a->create_revision == b->create_revision && a->mod_revision == b->mod_revision &&
                  a->version == b->version && a->lease == b->lease);
    }
    backup_summary(&again, summary);
    cr_expect_str_eq(summary, "/allot as of revision 9, taken 2026-01-31T12:00:00.123Z: keys: 5 "
                              "(items: 1, members: 1, assignments: 1, others: 2, malformed: 0), "
                              "leases: 1");
    backup_release(&again);
    backup_release(&backup);
    (void)fclose(out);
    free(text);
}

Test(backup_format, takes_no_part_of_a_file_for_the_whole)
{
    struct backup backup, again;
    char *text = NULL;
    size_t size = 0;
    fill(&backup);
    FILE *out = write_to_memory(&backup, &text, &size);
    for (size_t cut = 0; cut < size; cut++) {
        struct error_message why = {""};
        cr_assert_eq(read_bytes(text, cut, &again, &why), ALLOT_EVALUE, "%zu bytes", cut);
        cr_assert(strncmp(why.text, "line ", 5) == 0, "%s", why.text);
    }
    backup_release(&backup);
    (void)fclose(out);
    free(text);
}

Test(backup_format, takes_no_other_byte)
{
    struct backup backup, again;
    char *text = NULL;
    size_t size = 0;
    fill(&backup);
    FILE *out = write_to_memory(&backup, &text, &size);
    char *changed = malloc(size + 1);
    cr_assert_not_null(changed);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct error_message why = {""};
            memcpy(changed, text, size);
            changed[i] = (char)(changed[i] ^ 1 << bit);
            cr_assert_neq(read_bytes(changed, size, &again, &why), 0, "byte %zu, bit %d", i, bit);
            cr_assert(strncmp(why.text, "line ", 5) == 0, "%s", why.text);
        }
    }
    memcpy(changed, text, size);
    changed[size] = '\n';
    struct error_message why = {""};
    cr_assert_eq(read_bytes(changed, size + 1, &again, &why), ALLOT_EVALUE);
    cr_expect(strstr(why.text, "there is more"), "%s", why.text);
    free(changed);
    backup_release(&backup);
    (void)fclose(out);
    free(text);
}

/* --- what is told of what can't be --- */

/* The lines with the checksum that they should have. */
static void write_lines(const char *lines, char *out, size_t out_size)
{
    char digest[SECRET_HASH_SIZE + 1];
    size_t count = 0;
    for (const char *c = lines; *c; c++)
        count += *c == '\n';
    cr_assert_eq(secret_hash(span_of(lines), digest), 0);
    cr_assert_lt(
        snprintf(out, out_size, "%s{\"lines\":%zu,\"sha256\":\"%s\"}\n", lines, count, digest),
        (int)out_size);
}

#define HEADER(leases, keys)                                                                   \
    "{\"format\":\"allot-snapshot\",\"version\":1,\"allot\":\"9\",\"root\":\"/a\","            \
    "\"revision\":5,\"taken\":\"2026-01-31T12:00:00Z\",\"leases\":" #leases ",\"keys\":" #keys \
    "}\n"
#define REVISIONS ",\"create_revision\":2,\"mod_revision\":2,\"version\":1"

Test(backup_format, tells_the_line_and_what_was_expected)
{
    static const struct {
        const char *lines;
        const char *why; /* NULL: good */
    } cases[] = {
        {HEADER(0, 0), NULL},
        {HEADER(1, 1) "{\"lease\":1,\"ttl_seconds\":5}\n"
                      "{\"key\":\"/x\",\"value\":\"\"" REVISIONS ",\"lease\":1}\n",
         NULL},
        {"", "line 1: expected the header of a snapshot of allot: /format is required"},
        {"nonsense\n", "line 1: expected the header"},
        {"{\"format\":\"x\",\"version\":1}\n", "/format must be \"allot-snapshot\""},
        {"{\"format\":\"allot-snapshot\",\"version\":2,\"new\":1}\n",
         "line 1: expected the header of a snapshot of allot: it is of version 2, this allotd "
         "reads "
         "1"},
        {"{\"format\":\"allot-snapshot\",\"version\":1}\n", "/allot is required"},
        {HEADER(0, 0) "{}\n", "line 2: expected the checksum of what stands before"},
        {HEADER(1, 0) "{\"lease\":2,\"ttl_seconds\":5}\n",
         "line 2: expected lease 1: it has another number"},
        {HEADER(1, 0) "{\"lease\":1,\"ttl_seconds\":0}\n",
         "/ttl_seconds must be an integer from 1"},
        {HEADER(0, 1), "line 2: expected key 1 of 1: /lines is not a field"},
        {HEADER(0, 1) "{\"key\":\"/x\"" REVISIONS "}\n", "either value or value_base64"},
        {HEADER(0, 1) "{\"value\":\"\"" REVISIONS "}\n", "either key or key_base64"},
        {HEADER(0, 1) "{\"key\":\"x\",\"value\":\"\"" REVISIONS "}\n", "begin with a slash"},
        {HEADER(0, 1) "{\"key_base64\":\"L\",\"value\":\"\"" REVISIONS "}\n", "base64"},
        {HEADER(0, 1) "{\"key\":\"/x\",\"value\":\"\"" REVISIONS ",\"lease\":1}\n",
         "there is no such lease"},
        {HEADER(0, 1) "{\"key\":\"/x\",\"value\":\"\",\"create_revision\":3,\"mod_revision\":2,"
                      "\"version\":1}\n",
         "its revisions are out of order"},
        {HEADER(0, 1) "{\"key\":\"/x\",\"value\":\"\",\"create_revision\":3,\"mod_revision\":6,"
                      "\"version\":1}\n",
         "its revisions are out of order"},
        {HEADER(0, 1) "{\"key\":\"/x\",\"value\":\"\"" REVISIONS ",\"color\":1}\n",
         "/color is not a field"},
        {HEADER(0, 2) "{\"key\":\"/x\",\"value\":\"\"" REVISIONS "}\n"
                      "{\"key\":\"/x\",\"value\":\"\"" REVISIONS "}\n",
         "line 3: expected key 2 of 2: it isn't behind the one before"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct backup backup;
        struct error_message why = {""};
        char text[1024];
        write_lines(cases[i].lines, text, sizeof text);
        int error = read_bytes(text, strlen(text), &backup, &why);
        if (!cases[i].why) {
            cr_assert_eq(error, 0, "case %zu: %s", i, why.text);
            backup_release(&backup);
            continue;
        }
        cr_expect_eq(error, ALLOT_EVALUE, "case %zu", i);
        cr_expect(strstr(why.text, cases[i].why), "case %zu: %s", i, why.text);
    }
}

Test(backup_format, survives_a_want_of_memory)
{
    struct backup backup, again;
    char *text = NULL, *lost = NULL;
    size_t size = 0, lost_size = 0;
    int error = ALLOT_ENOMEM;
    fill(&backup);
    FILE *out = write_to_memory(&backup, &text, &size);
    for (long n = 1; error == ALLOT_ENOMEM; n++) {
        struct error_message why = {""};
        FILE *in = fmemopen(text, size, "r");
        char digest[BACKUP_DIGEST_SIZE + 1];
        cr_assert_not_null(in);
        fail_alloc_set(n);
        error = backup_format_read(in, &again, digest, &why);
        fail_alloc_set(0);
        (void)fclose(in);
        cr_assert(error == 0 || error == ALLOT_ENOMEM, "%ld: %s", n, why.text);
    }
    backup_release(&again);
    error = ALLOT_ENOMEM;
    for (long n = 1; error == ALLOT_ENOMEM; n++) {
        struct error_message why = {""};
        FILE *sink = open_memstream(&lost, &lost_size);
        cr_assert_not_null(sink);
        fail_alloc_set(n);
        error = backup_format_write(&backup, sink, &why);
        fail_alloc_set(0);
        (void)fclose(sink);
        free(lost);
    }
    cr_assert_eq(error, 0);
    backup_release(&backup);
    (void)fclose(out);
    free(text);
}

Test(backup_format, has_limits)
{
    struct backup backup;
    char *large = calloc(1, STORE_MAX_REQUEST + 1);
    cr_assert_not_null(large);
    fill(&backup);
    const struct backup_key key = {.name = SPAN("/z"), .value = {large, STORE_MAX_REQUEST}};
    cr_expect_eq(backup_add_key(&backup, &key), ALLOT_ELIMIT);
    const struct backup_key former = {.name = SPAN("/items/a")};
    cr_expect_eq(backup_add_key(&backup, &former), ALLOT_EORDER);
    cr_expect_eq(backup_set_root(&backup, SPAN("relative")), ALLOT_EINVAL);
    free(large);
    backup_release(&backup);
}

Test(backup_format, carries_the_largest_value)
{
    struct backup backup, again;
    struct error_message why = {""};
    char *text = NULL, *large = malloc(STORE_MAX_REQUEST);
    size_t size = 0;
    cr_assert_not_null(large);
    memset(large, 1, STORE_MAX_REQUEST); /* six characters each */
    backup_init(&backup);
    cr_assert_eq(backup_set_root(&backup, SPAN("/allot")), 0);
    backup.revision = 9;
    add(&backup, SPAN("/x"), (struct span){large, STORE_MAX_REQUEST - 2}, 0);
    FILE *out = write_to_memory(&backup, &text, &size);
    cr_assert_eq(read_bytes(text, size, &again, &why), 0, "%s", why.text);
    cr_expect(span_equal(again.keys[0].value, backup.keys[0].value));
    backup_release(&again);
    backup_release(&backup);
    (void)fclose(out);
    free(text);
    free(large);
}

/* --- its file --- */

Test(backup_format, replaces_a_file_only_by_a_whole_one)
{
    char directory[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 16], digest[BACKUP_DIGEST_SIZE + 1];
    struct backup backup, again;
    struct error_message why = {""};
    (void)snprintf(path, sizeof path, "%s/file", temporary_directory(directory));
    fill(&backup);
    cr_assert_eq(backup_file_write(&backup, path, &why), 0, "%s", why.text);
    add(&backup, SPAN("/z"), SPAN("1"), 0);
    cr_assert_eq(backup_file_write(&backup, path, &why), 0, "%s", why.text);
    cr_assert_eq(backup_file_read(path, &again, digest, &why), 0, "%s", why.text);
    cr_expect_eq(again.key_count, backup.key_count);
    backup_release(&again);

    cr_expect_eq(backup_file_write(&backup, directory, &why), ALLOT_EINVAL);
    cr_expect(strstr(why.text, "isn't a file"), "%s", why.text);
    cr_expect_eq(backup_file_write(&backup, "/nowhere/at/all", &why), ALLOT_EIO);
    cr_expect_eq(backup_file_write(&backup, "/dev/full", &why), ALLOT_EINVAL);
    cr_assert_eq(truncate(path, 100), 0);
    cr_expect_eq(backup_file_read(path, &again, digest, &why), ALLOT_EVALUE);
    cr_expect(strstr(why.text, path) && strstr(why.text, "line 1"), "%s", why.text);
    cr_expect_eq(backup_file_read("/nowhere", &again, digest, &why), ALLOT_EIO);
    backup_release(&backup);
    temporary_remove(directory);
}

#include "server/principals.h"

#include <ctype.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/path.h"
#include "api/percent.h"
#include "api/secret.h"
#include "server/regular_file.h"

struct known_principal {
    struct principal principal;
    char hash[SECRET_HASH_SIZE + 1];
};

struct table {
    size_t count;
    struct known_principal entries[];
};

struct principals {
    pthread_rwlock_t lock; /* protects what follows */
    struct table *table;
    char path[];
};

/* --- reading the file --- */

struct reading {
    const char *path;
    int line;
    struct table *table;
    struct error_message *why;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reading *reading,
                                                        const char *format, ...)
{
    char text[ERROR_MESSAGE_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)snprintf(reading->why->text, sizeof reading->why->text, "%.80s, line %d: %s",
                   reading->path, reading->line, text);
    return ALLOT_ESYNTAX;
}

static struct span take_word(struct span *line)
{
    while (line->size > 0 && isspace((unsigned char)*line->data)) {
        *line = (struct span){line->data + 1, line->size - 1};
    }
    size_t size = 0;
    while (size < line->size && !isspace((unsigned char)line->data[size])) {
        size++;
    }
    struct span word = {line->data, size};
    *line = (struct span){line->data + size, line->size - size};
    return word;
}

static void copy_text(char *text, struct span span)
{
    memcpy(text, span.data, span.size);
    text[span.size] = '\0';
}

static const char *const reserved[] = {PRINCIPAL_OF_ALLOCATOR, PRINCIPAL_OF_ALLOCATING_MEMBER,
                                       PRINCIPAL_OF_ANYBODY};

static int read_name(const struct reading *reading, struct span word, struct principal *principal)
{
    if (word.size == 0 || word.size >= PRINCIPAL_NAME_SIZE) {
        return refuse(reading, "expected a name of 1 to %d bytes", PRINCIPAL_NAME_SIZE - 1);
    }
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] <= ' ' || word.data[i] > '~') {
            return refuse(reading, "expected a name of printable ASCII characters");
        }
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (span_equal(word, span_of(reserved[i]))) {
            return refuse(reading, "the name %s is reserved for what no token is shown for",
                          reserved[i]);
        }
    }
    copy_text(principal->name, word);
    return 0;
}

/* One half of ZONE/SUFFIX. */
static int read_part(const struct reading *reading, struct span word, char *text)
{
    char decoded[3 * PRINCIPAL_PART_SIZE];
    struct error_message why = {""};
    struct span name;
    if (word.size >= sizeof decoded || percent_decode(word, decoded, &name)) {
        return refuse(reading, "expected member:ZONE/SUFFIX, percent-encoded");
    }
    if (path_check_name(name, PATH_MAX_NAME, &why)) {
        return refuse(reading, "the zone or suffix of a member %s", why.text);
    }
    copy_text(text, name);
    return 0;
}

static int read_role(const struct reading *reading, struct span word, struct principal *principal)
{
    const struct span prefix = SPAN("member:");
    if (span_equal(word, SPAN("reader")) || span_equal(word, SPAN("operator"))) {
        principal->role = *word.data == 'r' ? PRINCIPAL_READER : PRINCIPAL_OPERATOR;
        return 0;
    }
    const char *slash = word.size > 0 ? memchr(word.data, '/', word.size) : NULL;
    if (!span_has_prefix(word, prefix) || !slash) {
        return refuse(reading, "expected a role: reader, operator or member:ZONE/SUFFIX");
    }
    struct span zone = {word.data + prefix.size, (size_t)(slash - word.data) - prefix.size};
    struct span suffix = {slash + 1, (size_t)(word.data + word.size - slash) - 1};
    principal->role = PRINCIPAL_MEMBER;
    int error = read_part(reading, zone, principal->zone);
    return error ? error : read_part(reading, suffix, principal->suffix);
}

static int read_hash(const struct reading *reading, struct span word, char *hash)
{
    bool good = word.size == SECRET_HASH_SIZE;
    for (size_t i = 0; good && i < word.size; i++) {
        good = isxdigit((unsigned char)word.data[i]);
        hash[i] = (char)tolower((unsigned char)word.data[i]);
    }
    return good ? 0
                : refuse(reading, "expected the SHA-256 of the token, %d hexadecimal digits",
                         SECRET_HASH_SIZE);
}

static int check_new(const struct reading *reading, const struct known_principal *entry)
{
    for (size_t i = 0; i < reading->table->count; i++) {
        const struct known_principal *other = &reading->table->entries[i];
        if (strcmp(other->principal.name, entry->principal.name) == 0) {
            return refuse(reading, "the name %s is there already", entry->principal.name);
        }
        if (memcmp(other->hash, entry->hash, SECRET_HASH_SIZE) == 0) {
            return refuse(reading, "the same token has been given to %s already",
                          other->principal.name);
        }
    }
    return 0;
}

static int read_line(struct reading *reading, struct span line)
{
    struct known_principal entry = {.hash = ""};
    struct span name = take_word(&line);
    if (name.size == 0 || *name.data == '#') {
        return 0;
    }
    struct span role = take_word(&line);
    struct span hash = take_word(&line);
    int error = read_name(reading, name, &entry.principal);
    if (!error) {
        error = read_role(reading, role, &entry.principal);
    }
    if (!error) {
        error = read_hash(reading, hash, entry.hash);
    }
    if (!error && take_word(&line).size > 0) {
        error = refuse(reading, "expected nothing after NAME ROLE HASH");
    }
    if (!error) {
        error = check_new(reading, &entry);
    }
    if (!error && reading->table->count == PRINCIPALS_MAX) {
        (void)refuse(reading, "expected at most %d principals", PRINCIPALS_MAX);
        error = ALLOT_ELIMIT;
    }
    if (!error) {
        reading->table->entries[reading->table->count++] = entry;
    }
    return error;
}

static int read_text(struct reading *reading, struct span text)
{
    int error = 0;
    while (!error && text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        reading->line++;
        error = read_line(reading, (struct span){text.data, size});
        size += end != NULL;
        text = (struct span){text.data + size, text.size - size};
    }
    if (!error && reading->table->count == 0) {
        (void)snprintf(reading->why->text, sizeof reading->why->text,
                       "%.80s: expected a line NAME ROLE HASH at least", reading->path);
        error = ALLOT_ESYNTAX;
    }
    return error;
}

/* The file's bytes into @text of PRINCIPALS_MAX_FILE + 1. */
static int load_file(const char *path, char *text, size_t *ret_size, struct error_message *why)
{
    FILE *file = NULL;
    int error = regular_file_open(path, &file, why);
    if (error) {
        return error;
    }
    size_t size = fread(text, 1, PRINCIPALS_MAX_FILE + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed) {
        (void)snprintf(why->text, sizeof why->text, "%.120s: can't be read", path);
        return ALLOT_EIO;
    }
    if (size > PRINCIPALS_MAX_FILE) {
        (void)snprintf(why->text, sizeof why->text, "%.120s: expected at most %d bytes", path,
                       PRINCIPALS_MAX_FILE);
        return ALLOT_ELIMIT;
    }
    *ret_size = size;
    return 0;
}

static int load(const char *path, struct table **ret, struct error_message *why)
{
    char *text = malloc(PRINCIPALS_MAX_FILE + 1);
    struct table *table =
        calloc(1, sizeof *table + PRINCIPALS_MAX * sizeof(struct known_principal));
    struct reading reading = {.path = path, .table = table, .why = why};
    size_t size = 0;
    int error = text && table ? load_file(path, text, &size, why) : ALLOT_ENOMEM;
    if (error == ALLOT_ENOMEM) {
        (void)snprintf(why->text, sizeof why->text, "out of memory");
    }
    if (!error) {
        error = read_text(&reading, (struct span){text, size});
    }
    free(text);
    if (error) {
        free(table);
    } else {
        *ret = table;
    }
    return error;
}

/* --- the interface --- */

int principals_open(const char *path, struct principals **ret, struct error_message *why)
{
    struct table *table = NULL;
    int error = load(path, &table, why);
    if (error) {
        return error;
    }
    size_t size = strlen(path) + 1;
    struct principals *principals = calloc(1, sizeof *principals + size);
    if (!principals || pthread_rwlock_init(&principals->lock, NULL) != 0) {
        free(principals);
        free(table);
        (void)snprintf(why->text, sizeof why->text, "out of memory");
        return ALLOT_ENOMEM;
    }
    memcpy(principals->path, path, size);
    principals->table = table;
    *ret = principals;
    return 0;
}

void principals_close(struct principals *principals)
{
    if (!principals) {
        return;
    }
    (void)pthread_rwlock_destroy(&principals->lock);
    free(principals->table);
    free(principals);
}

static bool tables_equal(const struct table *a, const struct table *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; i < a->count && equal; i++) {
        const struct known_principal *one = &a->entries[i];
        const struct known_principal *other = &b->entries[i];
        equal = one->principal.role == other->principal.role &&
                strcmp(one->principal.name, other->principal.name) == 0 &&
                strcmp(one->principal.zone, other->principal.zone) == 0 &&
                strcmp(one->principal.suffix, other->principal.suffix) == 0 &&
                strcmp(one->hash, other->hash) == 0;
    }
    return equal;
}

int principals_reload(struct principals *principals, bool *ret_changed, struct error_message *why)
{
    struct table *table = NULL;
    int error = load(principals->path, &table, why);
    if (error) {
        return error;
    }
    (void)pthread_rwlock_wrlock(&principals->lock);
    struct table *former = principals->table;
    principals->table = table;
    (void)pthread_rwlock_unlock(&principals->lock);
    *ret_changed = !tables_equal(former, table);
    free(former);
    return 0;
}

bool principals_find(struct principals *principals, struct span token, struct principal *ret)
{
    char hash[SECRET_HASH_SIZE + 1];
    bool found = false;
    if (token.size < PRINCIPAL_MIN_TOKEN || token.size > PRINCIPAL_MAX_TOKEN ||
        secret_hash(token, hash)) {
        return false;
    }
    (void)pthread_rwlock_rdlock(&principals->lock);
    for (size_t i = 0; i < principals->table->count; i++) {
        const struct known_principal *entry = &principals->table->entries[i];
        if (gnutls_memcmp(hash, entry->hash, SECRET_HASH_SIZE) == 0) {
            *ret = entry->principal; /* and on through the others */
            found = true;
        }
    }
    (void)pthread_rwlock_unlock(&principals->lock);
    return found;
}

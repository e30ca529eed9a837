#include "server/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/root_format.h"
#include "api/timestamp.h"
#include "core/keys.h"

enum { FIRST_CAPACITY = 64 };

void backup_init(struct backup *backup)
{
    *backup = (struct backup){.revision = 0};
}

void backup_release(struct backup *backup)
{
    free(backup->keys);
    free(backup->ttls);
    arena_release(&backup->arena);
    backup_init(backup);
}

int backup_set_root(struct backup *backup, struct span root)
{
    if (root.size > BACKUP_MAX_ROOT || !keys_root_is_valid(root))
        return ALLOT_EINVAL;
    struct span copy = arena_copy(&backup->arena, root);
    if (!copy.data)
        return ALLOT_ENOMEM;
    backup->root = copy;
    return 0;
}

/* Makes room for one more of @size bytes. */
static int grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count >= BACKUP_MAX_KEYS)
        return ALLOT_ELIMIT;
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity ? 2 * *capacity : FIRST_CAPACITY;
    void *grown = realloc(*array, wanted * size);
    if (!grown)
        return ALLOT_ENOMEM;
    *array = grown;
    *capacity = wanted;
    return 0;
}

int backup_add_key(struct backup *backup, const struct backup_key *key)
{
    if (backup->key_count > 0 &&
        span_compare(backup->keys[backup->key_count - 1].name, key->name) >= 0)
        return ALLOT_EORDER;
    if (key->name.size + key->value.size > STORE_MAX_REQUEST)
        return ALLOT_ELIMIT;
    void *keys = backup->keys;
    int error = grow(&keys, backup->key_count, &backup->key_capacity, sizeof *backup->keys);
    backup->keys = keys;
    if (error)
        return error;
    struct backup_key copy = *key;
    copy.name = arena_copy(&backup->arena, key->name);
    copy.value = arena_copy(&backup->arena, key->value);
    if (!copy.name.data || !copy.value.data)
        return ALLOT_ENOMEM;
    backup->keys[backup->key_count++] = copy;
    return 0;
}

int backup_add_lease(struct backup *backup, int64_t ttl)
{
    void *ttls = backup->ttls;
    int error = grow(&ttls, backup->lease_count, &backup->lease_capacity, sizeof *backup->ttls);
    backup->ttls = ttls;
    if (!error)
        backup->ttls[backup->lease_count++] = ttl;
    return error;
}

/* --- what is in it --- */

const struct backup_key *backup_find(const struct backup *backup, struct span name)
{
    size_t low = 0;
    size_t high = backup->key_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(backup->keys[middle].name, name);
        if (order == 0)
            return &backup->keys[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Why nobody could restore what has such a value at its format key; NULL: it can be. */
static const char *format_fault(struct span value, int *ret_error)
{
    struct root_format format;
    *ret_error = root_format_read(value, &format);
    if (*ret_error)
        return *ret_error == ALLOT_ENOMEM ? allot_error_text(ALLOT_ENOMEM)
                                          : "what stands at its format key can't be read";
    *ret_error = ALLOT_EVALUE;
    if (format.version > ROOT_FORMAT_VERSION)
        return "it is in a format of a newer version of allot";
    if (format.restoring[0])
        return "it was itself being restored, and isn't whole";
    *ret_error = 0;
    return NULL;
}

int backup_check_format(const struct backup *backup, struct error_message *why)
{
    const struct backup_key *format = backup_find(backup, SPAN(KEYS_FORMAT));
    int error = 0;
    const char *fault = format ? format_fault(format->value, &error) : NULL;
    if (fault)
        (void)snprintf(why->text, sizeof why->text, "the root %.*s: %s", (int)backup->root.size,
                       backup->root.data, fault);
    return error;
}

struct counts {
    size_t kinds[KEY_ASSIGNMENT + 1];
    size_t malformed;
};

static struct counts count(const struct backup *backup)
{
    struct counts counts = {{0}, 0};
    for (size_t i = 0; i < backup->key_count; i++) {
        struct key_parts parts;
        if (keys_parse(SPAN(""), backup->keys[i].name, &parts) == 0)
            counts.kinds[parts.kind]++;
        else
            counts.malformed++;
    }
    return counts;
}

void backup_summary(const struct backup *backup, char text[BACKUP_SUMMARY_SIZE])
{
    char taken[TIMESTAMP_SIZE];
    const struct counts counts = count(backup);
    timestamp_format(backup->taken_ms, taken);
    (void)snprintf(text, BACKUP_SUMMARY_SIZE,
                   "%.*s as of revision %" PRId64
                   ", taken %s: keys: %zu (items: %zu, members: %zu, assignments: %zu, others: "
                   "%zu, malformed: %zu), leases: %zu",
                   (int)backup->root.size, backup->root.data, backup->revision, taken,
                   backup->key_count, counts.kinds[KEY_ITEM], counts.kinds[KEY_MEMBER],
                   counts.kinds[KEY_ASSIGNMENT], counts.kinds[KEY_OTHER], counts.malformed,
                   backup->lease_count);
}

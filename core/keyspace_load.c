#include "core/keyspace_internal.h"

#include <stdlib.h>

struct keyspace_loader {
    const struct keyspace *former;
    const struct entry **entries; /* a reference on each */
    size_t count;
    size_t capacity;
};

int keyspace_loader_create(const struct keyspace *former, struct keyspace_loader **ret)
{
    struct keyspace_loader *loader = malloc(sizeof *loader);
    if (!loader)
        return ALLOT_ENOMEM;
    *loader = (struct keyspace_loader){.former = former};
    *ret = loader;
    return 0;
}

/* Lets go of the entries. */
static void empty(struct keyspace_loader *loader)
{
    for (size_t i = 0; i < loader->count; i++)
        entry_unref(loader->entries[i]);
    free(loader->entries);
    *loader = (struct keyspace_loader){.former = loader->former};
}

void keyspace_loader_destroy(struct keyspace_loader *loader)
{
    if (!loader)
        return;
    empty(loader);
    free(loader);
}

static int reserve(struct keyspace_loader *loader, size_t count)
{
    if (count <= loader->capacity)
        return 0;
    size_t capacity = count > 2 * loader->capacity ? count : 2 * loader->capacity;
    const struct entry **entries = realloc(loader->entries, capacity * sizeof(struct entry *));
    if (!entries)
        return ALLOT_ENOMEM;
    loader->entries = entries;
    loader->capacity = capacity;
    return 0;
}

int keyspace_loader_add(struct keyspace_loader *loader, const struct store_kv *kvs, size_t count)
{
    int error = reserve(loader, loader->count + count);
    for (size_t i = 0; !error && i < count; i++) {
        const struct entry *entry = NULL;
        if (!keyspace_holds(loader->former, kvs[i].key))
            continue;
        error = entry_create(&loader->former->settings->config, &kvs[i], &entry);
        if (entry)
            loader->entries[loader->count++] = entry;
    }
    return error;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *const *left = a;
    const struct entry *const *right = b;
    return span_compare((*left)->key, (*right)->key);
}

/* Puts the entries in order. ALLOT_EEXISTS: a key twice. */
static int sort(struct keyspace_loader *loader)
{
    const struct entry **entries = loader->entries;
    bool sorted = true;
    for (size_t i = 1; sorted && i < loader->count; i++)
        sorted = compare_entries(&entries[i - 1], &entries[i]) < 0;
    if (sorted)
        return 0;
    qsort(entries, loader->count, sizeof(struct entry *), compare_entries);
    for (size_t i = 1; i < loader->count; i++)
        if (compare_entries(&entries[i - 1], &entries[i]) == 0)
            return ALLOT_EEXISTS;
    return 0;
}

int keyspace_loader_finish(struct keyspace_loader *loader, uint64_t cluster_id, int64_t revision,
                           struct keyspace **ret)
{
    const struct keyspace *former = loader->former;
    struct keyspace *keyspace = NULL;
    int error = 0;

    if (former->cluster_id != 0 && former->cluster_id != cluster_id) {
        error = ALLOT_ECLUSTER;
        goto out;
    }
    error = sort(loader);
    if (error)
        goto out;
    keyspace = keyspace_succeed(former);
    if (!keyspace) {
        error = ALLOT_ENOMEM;
        goto out;
    }
    error = page_list_append(&keyspace->list, loader->entries, loader->count);
    if (error)
        goto out;
    keyspace->cluster_id = cluster_id;
    keyspace->revision = revision;
    keyspace->seen_revision = revision;
    *ret = keyspace;
    keyspace = NULL;
out:
    keyspace_unref(keyspace);
    empty(loader);
    return error;
}

#include "core/keyspace_internal.h"

#include <stdlib.h>

/* --- life --- */

static void settings_unref(struct keyspace_settings *settings)
{
    if (settings && atomic_fetch_sub_explicit(&settings->references, 1, memory_order_acq_rel) == 1)
        free(settings);
}

static struct keyspace_settings *settings_create(const struct keyspace_config *config)
{
    struct keyspace_settings *settings = malloc(sizeof *settings + config->root.size);
    if (!settings)
        return NULL;
    atomic_init(&settings->references, 1);
    settings->config = *config;
    memcpy(settings->root, config->root.data, config->root.size);
    settings->config.root = (struct span){settings->root, config->root.size};
    return settings;
}

/* Takes the caller's reference on @settings. */
static struct keyspace *create(struct keyspace_settings *settings)
{
    struct keyspace *keyspace = settings ? malloc(sizeof *keyspace) : NULL;
    if (!keyspace) {
        settings_unref(settings);
        return NULL;
    }
    *keyspace = (struct keyspace){.settings = settings};
    atomic_init(&keyspace->references, 1);
    return keyspace;
}

int keyspace_create(const struct keyspace_config *config, struct keyspace **ret)
{
    if (!keys_root_is_valid(config->root))
        return ALLOT_EINVAL;
    struct keyspace *keyspace = create(settings_create(config));
    if (!keyspace)
        return ALLOT_ENOMEM;
    *ret = keyspace;
    return 0;
}

struct keyspace *keyspace_succeed(const struct keyspace *former)
{
    atomic_fetch_add_explicit(&former->settings->references, 1, memory_order_relaxed);
    return create(former->settings);
}

struct keyspace *keyspace_ref(struct keyspace *keyspace)
{
    atomic_fetch_add_explicit(&keyspace->references, 1, memory_order_relaxed);
    return keyspace;
}

void keyspace_unref(struct keyspace *keyspace)
{
    if (!keyspace || atomic_fetch_sub_explicit(&keyspace->references, 1, memory_order_acq_rel) != 1)
        return;
    page_list_release(&keyspace->list);
    settings_unref(keyspace->settings);
    free(keyspace);
}

/* --- facts --- */

uint64_t keyspace_cluster_id(const struct keyspace *keyspace)
{
    return keyspace->cluster_id;
}

int64_t keyspace_revision(const struct keyspace *keyspace)
{
    return keyspace->revision;
}

int64_t keyspace_seen_revision(const struct keyspace *keyspace)
{
    return keyspace->seen_revision;
}

size_t keyspace_count(const struct keyspace *keyspace)
{
    return keyspace->list.entry_count;
}

struct span keyspace_root(const struct keyspace *keyspace)
{
    return keyspace->settings->config.root;
}

const struct decoder *keyspace_decoder(const struct keyspace *keyspace)
{
    return &keyspace->settings->config.decoder;
}

bool keyspace_holds(const struct keyspace *keyspace, struct span key)
{
    struct span root = keyspace_root(keyspace);
    return span_has_prefix(key, root) && key.size > root.size && key.data[root.size] == '/';
}

/* --- search --- */

/* A key in pieces, so that one can be looked for without a buffer to make it in. */
struct pieces {
    const struct span *spans;
    size_t count;
};

/* < 0, 0 or > 0 as @key sorts before, with or after the pieces put together. */
static int compare_pieces(struct span key, struct pieces pieces)
{
    for (size_t i = 0; i < pieces.count; i++) {
        struct span piece = pieces.spans[i];
        size_t size = key.size < piece.size ? key.size : piece.size;
        int order = size ? memcmp(key.data, piece.data, size) : 0;
        if (order)
            return order;
        if (size < piece.size)
            return -1;
        if (size > 0)
            key = (struct span){key.data + size, key.size - size};
    }
    return key.size > 0;
}

/* How many of the pages begin at or before @key. */
static size_t pages_up_to(const struct page_list *list, struct pieces key)
{
    size_t begin = 0;
    size_t end = list->count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (compare_pieces(list->pages[middle]->entries[0]->key, key) <= 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* How many of the page's entries are before @key. */
static size_t entries_before(const struct page *page, struct pieces key)
{
    size_t begin = 0;
    size_t end = page->count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (compare_pieces(page->entries[middle]->key, key) < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static struct keyspace_cursor seek(const struct keyspace *keyspace, struct pieces from)
{
    struct keyspace_cursor cursor = {.keyspace = keyspace};
    size_t pages = pages_up_to(&keyspace->list, from);
    if (pages > 0) {
        cursor.page = pages - 1;
        cursor.index = entries_before(keyspace->list.pages[cursor.page], from);
    }
    return cursor;
}

static const struct entry *find(const struct keyspace *keyspace, struct pieces key)
{
    struct keyspace_cursor cursor = seek(keyspace, key);
    const struct entry *entry = keyspace_next(&cursor);
    return entry && compare_pieces(entry->key, key) == 0 ? entry : NULL;
}

struct keyspace_cursor keyspace_seek(const struct keyspace *keyspace, struct span from)
{
    return seek(keyspace, (struct pieces){&from, 1});
}

const struct entry *keyspace_next(struct keyspace_cursor *cursor)
{
    const struct page_list *list = &cursor->keyspace->list;
    if (cursor->page < list->count && cursor->index == list->pages[cursor->page]->count) {
        cursor->page++;
        cursor->index = 0;
    }
    return cursor->page < list->count ? list->pages[cursor->page]->entries[cursor->index++] : NULL;
}

size_t keyspace_rank(const struct keyspace_cursor *cursor)
{
    size_t rank = cursor->index;
    for (size_t page = 0; page < cursor->page; page++)
        rank += cursor->keyspace->list.pages[page]->count;
    return rank;
}

const struct entry *keyspace_find(const struct keyspace *keyspace, struct span key)
{
    return find(keyspace, (struct pieces){&key, 1});
}

const struct entry *keyspace_find_under_root(const struct keyspace *keyspace, struct span name)
{
    struct span root = keyspace_root(keyspace);
    char key[512];
    if (root.size + name.size > sizeof key)
        return NULL; /* no such root is taken */
    memcpy(key, root.data, root.size);
    memcpy(key + root.size, name.data, name.size);
    return keyspace_find(keyspace, (struct span){key, root.size + name.size});
}

const struct entry *keyspace_item(const struct keyspace *keyspace, struct span item)
{
    const struct span spans[] = {keyspace_root(keyspace), SPAN(KEYS_ITEMS), item};
    const struct entry *entry = find(keyspace, (struct pieces){spans, 3});
    return entry && entry->valid ? entry : NULL;
}

const struct entry *keyspace_member(const struct keyspace *keyspace, struct span zone,
                                    struct span suffix)
{
    const struct span spans[] = {keyspace_root(keyspace), SPAN(KEYS_MEMBERS), zone, SPAN("#"),
                                 suffix};
    const struct entry *entry = find(keyspace, (struct pieces){spans, 5});
    return entry && entry->valid ? entry : NULL;
}

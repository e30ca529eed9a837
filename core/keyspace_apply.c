/* A new version of a keyspace, in four steps: the responses are checked; their events sorted by
 * (key, order); the events of each key netted to one change; the changes merged into the pages. */
#include "core/keyspace_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "core/watch_progress.h"

/* --- checking --- */

static int check(const struct keyspace *former, const struct store_watch_response *responses,
                 size_t count, struct watch_progress *ret)
{
    *ret = (struct watch_progress){.cluster_id = former->cluster_id,
                                   .revision = former->revision,
                                   .seen = former->seen_revision,
                                   .responses = former->seen_revision};
    int error = 0;
    for (size_t i = 0; !error && i < count; i++)
        error = watch_progress_take(ret, &responses[i]);
    return error;
}

/* --- sorting --- */

struct ordered_event {
    const struct store_event *event;
    size_t order; /* as they came, and so by mod revision too: that was checked */
};

static int compare_events(const void *a, const void *b)
{
    const struct ordered_event *left = a;
    const struct ordered_event *right = b;
    int order = span_compare(left->event->kv.key, right->event->kv.key);
    return order ? order : (left->order > right->order) - (left->order < right->order);
}

/* The events of keys that @keyspace holds, by key; the caller's to free. */
static int sort_events(const struct keyspace *keyspace,
                       const struct store_watch_response *responses, size_t count,
                       struct ordered_event **ret, size_t *ret_count)
{
    size_t capacity = 0;
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        capacity += responses[i].event_count;
    struct ordered_event *events = malloc((capacity + 1) * sizeof *events);
    if (!events)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < responses[i].event_count; j++) {
            const struct store_event *event = &responses[i].events[j];
            if (keyspace_holds(keyspace, event->kv.key)) {
                events[used] = (struct ordered_event){.event = event, .order = used};
                used++;
            }
        }
    if (used > 1)
        qsort(events, used, sizeof *events, compare_events);
    *ret = events;
    *ret_count = used;
    return 0;
}

/* --- netting --- */

/* What becomes of one key. */
struct change {
    struct span key;           /* borrowed from an event */
    const struct entry *entry; /* a reference; NULL: the key is gone */
};

static void report(const struct keyspace *keyspace, enum keyspace_anomaly anomaly,
                   const struct store_kv *kv, const char *why)
{
    const struct keyspace_config *config = &keyspace->settings->config;
    if (config->report)
        config->report(config->report_context, anomaly, kv->key, kv->mod_revision, why);
}

/* Sets @current, a reference or NULL, to what is there after a put. */
static int net_put(const struct keyspace *keyspace, const struct store_kv *kv,
                   const struct entry **current)
{
    const struct entry *entry = NULL;
    int error = entry_create(&keyspace->settings->config, kv, &entry);
    if (error || !entry) /* what doesn't decode and isn't kept leaves the former value */
        return error;
    if (kv->version != (*current ? (*current)->version + 1 : 1))
        report(keyspace, KEYSPACE_VERSION_SKIP, kv, "version is not the next one");
    entry_unref(*current);
    *current = entry;
    return 0;
}

static void net_delete(const struct keyspace *keyspace, const struct store_kv *kv,
                       const struct entry **current)
{
    if (!*current)
        report(keyspace, KEYSPACE_ABSENT_DELETE, kv, "no such key");
    entry_unref(*current);
    *current = NULL;
}

/* Nets the @count events of one key. Sets @ret and returns true in @ret_changed if the key changes.
 */
static int net_key(const struct keyspace *former, const struct ordered_event *events, size_t count,
                   struct change *ret, bool *ret_changed)
{
    const struct entry *before = keyspace_find(former, events[0].event->kv.key);
    const struct entry *current = before ? entry_ref(before) : NULL;
    int error = 0;
    for (size_t i = 0; !error && i < count; i++) {
        const struct store_kv *kv = &events[i].event->kv;
        if (events[i].event->kind == STORE_EVENT_PUT)
            error = net_put(former, kv, &current);
        else
            net_delete(former, kv, &current);
    }
    *ret_changed = !error && current != before;
    if (*ret_changed)
        *ret = (struct change){.key = events[0].event->kv.key, .entry = current};
    else
        entry_unref(current);
    return error;
}

/* Sets @changes, which has room for one for each event, and its @ret_count, even on error. */
static int net_events(const struct keyspace *former, const struct ordered_event *events,
                      size_t count, struct change *changes, size_t *ret_count)
{
    int error = 0;
    *ret_count = 0;
    for (size_t begin = 0, end; !error && begin < count; begin = end) {
        struct span key = events[begin].event->kv.key;
        for (end = begin + 1; end < count && span_equal(events[end].event->kv.key, key);)
            end++;
        bool changed = false;
        error = net_key(former, events + begin, end - begin, &changes[*ret_count], &changed);
        *ret_count += changed;
    }
    return error;
}

/* --- merging --- */

/* Entries, in order, that are to follow what is in the list. All borrowed. */
struct run {
    const struct entry **entries;
    size_t count;
    size_t capacity;
};

static int run_reserve(struct run *run, size_t more)
{
    size_t count = run->count + more;
    if (run->entries && count <= run->capacity)
        return 0;
    const struct entry **entries = realloc(run->entries, count * sizeof(struct entry *));
    if (!entries)
        return ALLOT_ENOMEM;
    run->entries = entries;
    run->capacity = count;
    return 0;
}

static int run_flush(struct run *run, struct page_list *list)
{
    int error = page_list_append(list, run->entries, run->count);
    run->count = 0;
    return error;
}

static void run_add(struct run *run, const struct entry *const *entries, size_t count)
{
    if (count > 0)
        memcpy(run->entries + run->count, entries, count * sizeof(struct entry *));
    run->count += count;
}

/* The first of the entries from @begin on whose key is at least @key; @end: none. */
static size_t find_place(const struct entry *const *entries, size_t begin, size_t end,
                         struct span key)
{
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (span_compare(entries[middle]->key, key) < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Appends the entries of @page (NULL: none) with @changes made to them. What lies between two
 * changes is not looked at. */
static int run_merge(struct run *run, const struct page *page, const struct change *changes,
                     size_t change_count)
{
    const struct entry *const *entries = page ? page->entries : NULL;
    size_t count = page ? page->count : 0;
    size_t done = 0;
    int error = run_reserve(run, count + change_count);
    if (error)
        return error;
    for (size_t c = 0; c < change_count; c++) {
        size_t place = find_place(entries, done, count, changes[c].key);
        assert(place <= count);
        run_add(run, entries + done, place - done);
        run_add(run, &changes[c].entry, changes[c].entry != NULL);
        done = place + (place < count && span_equal(entries[place]->key, changes[c].key));
    }
    run_add(run, entries + done, count - done);
    return 0;
}

/* Puts the last page of @list, if there is one, in front of the run. Its entries are borrowed from
 * the former keyspace and the changes, so the page may go. */
static int run_prepend(struct run *run, struct page_list *list)
{
    if (list->count == 0)
        return 0;
    int error = run_reserve(run, list->pages[list->count - 1]->count);
    if (error)
        return error;
    struct page *page = page_list_pop(list);
    memmove(run->entries + page->count, run->entries, run->count * sizeof(struct entry *));
    memcpy(run->entries, page->entries, page->count * sizeof(struct entry *));
    run->count += page->count;
    page_unref(page);
    return 0;
}

/* How many of the changes concern page number @page of @list: those before the next one's first
 * key. */
static size_t changes_of_page(const struct page_list *list, size_t page,
                              const struct change *changes, size_t count)
{
    if (page + 1 >= list->count)
        return count;
    struct span limit = list->pages[page + 1]->entries[0]->key;
    size_t of_page = 0;
    while (of_page < count && span_compare(changes[of_page].key, limit) < 0)
        of_page++;
    return of_page;
}

/* Shares the pages that no change concerns, and makes the others anew: split if they have become
 * too large; and what has become too small is joined with the page after it, or at the end the one
 * before it, whether that one changes or not. So it costs one page more for each run of changes to
 * keep every page at least PAGE_MIN long, in whatever order keys go. */
static int merge(const struct page_list *former, const struct change *changes, size_t count,
                 struct page_list *list)
{
    struct run run = {0};
    int error = 0;
    for (size_t page = 0; page < former->count || count > 0; page++) {
        size_t of_page = changes_of_page(former, page, changes, count);
        if (run.count >= PAGE_MIN)
            error = run_flush(&run, list);
        if (error)
            goto out;
        if (of_page == 0 && run.count == 0)
            error = page_list_share(list, former->pages[page]);
        else
            error = run_merge(&run, page < former->count ? former->pages[page] : NULL, changes,
                              of_page);
        if (error)
            goto out;
        changes += of_page;
        count -= of_page;
    }
    if (run.count > 0 && run.count < PAGE_MIN)
        error = run_prepend(&run, list);
    if (!error)
        error = run_flush(&run, list);
out:
    free(run.entries);
    return error;
}

int keyspace_apply(const struct keyspace *former, const struct store_watch_response *responses,
                   size_t count, struct keyspace **ret)
{
    struct watch_progress progress;
    struct ordered_event *events = NULL;
    size_t event_count = 0;
    struct change *changes = NULL;
    size_t change_count = 0;
    struct keyspace *keyspace = NULL;

    int error = check(former, responses, count, &progress);
    if (!error)
        error = sort_events(former, responses, count, &events, &event_count);
    if (error)
        goto out;
    keyspace = keyspace_succeed(former);
    changes = malloc((event_count + 1) * sizeof *changes);
    if (!keyspace || !changes) {
        error = ALLOT_ENOMEM;
        goto out;
    }
    error = net_events(former, events, event_count, changes, &change_count);
    if (!error)
        error = merge(&former->list, changes, change_count, &keyspace->list);
    if (error)
        goto out;
    keyspace->cluster_id = progress.cluster_id;
    keyspace->revision = progress.revision;
    keyspace->seen_revision = progress.seen;
    *ret = keyspace;
    keyspace = NULL;
out:
    for (size_t i = 0; i < change_count; i++)
        entry_unref(changes[i].entry);
    free(changes);
    free(events);
    keyspace_unref(keyspace);
    return error;
}

#include "core/keyspace_difference.h"

#include "core/keyspace_internal.h"

struct keyspace_difference keyspace_compare(const struct keyspace *former,
                                            const struct keyspace *newer)
{
    return (struct keyspace_difference){.former = {.keyspace = former},
                                        .newer = {.keyspace = newer}};
}

/* The page that the cursor is in, or NULL at the end. */
static const struct page *page_at(struct keyspace_cursor *cursor)
{
    const struct page_list *list = &cursor->keyspace->list;
    if (cursor->page < list->count && cursor->index == list->pages[cursor->page]->count) {
        cursor->page++;
        cursor->index = 0;
    }
    return cursor->page < list->count ? list->pages[cursor->page] : NULL;
}

/* Passes what the two pages have in common from where the cursors are. */
static void pass_same(const struct page *before, size_t *former, const struct page *after,
                      size_t *newer)
{
    size_t left = before->count - *former;
    size_t same = 0;
    if (after->count - *newer < left)
        left = after->count - *newer;
    while (same < left && before->entries[*former + same] == after->entries[*newer + same])
        same++;
    *former += same;
    *newer += same;
}

bool keyspace_next_difference(struct keyspace_difference *difference)
{
    struct keyspace_cursor *former = &difference->former;
    struct keyspace_cursor *newer = &difference->newer;
    for (;;) {
        const struct page *before = page_at(former);
        const struct page *after = page_at(newer);
        if (!before && !after)
            return false;
        if (before == after && former->index == newer->index) {
            former->index = newer->index = before->count;
            continue;
        }
        if (before && after && before->entries[former->index] == after->entries[newer->index]) {
            pass_same(before, &former->index, after, &newer->index);
            continue;
        }
        const struct entry *old = before ? before->entries[former->index] : NULL;
        const struct entry *new = after ? after->entries[newer->index] : NULL;
        int order = !old ? 1 : !new ? -1 : span_compare(old->key, new->key);
        former->index += order <= 0;
        newer->index += order >= 0;
        difference->before = order <= 0 ? old : NULL;
        difference->after = order >= 0 ? new : NULL;
        return true;
    }
}

/* Private to the keyspace: its pages, and the list of them.
 *
 * A page is an immutable, counted, sorted array of entries; versions of a keyspace share the pages
 * that they have in common. A list that is being made grows at its end. In a finished list of
 * several pages each holds PAGE_MIN to PAGE_MAX entries, so that no sequence of changes leaves many
 * nearly empty pages behind. */
#ifndef ALLOT_CORE_PAGE_H
#define ALLOT_CORE_PAGE_H

#include <stdatomic.h>

#include "core/entry.h"

enum {
    PAGE_MAX = 512,
    PAGE_FILL = 384, /* about as full is a page when more than one is made: room to grow */
    PAGE_MIN = 128,
};

struct page {
    atomic_size_t references;
    size_t count; /* > 0 */
    const struct entry *entries[];
};

struct page_list {
    struct page **pages; /* a reference on each */
    size_t count;
    size_t capacity;
    size_t entry_count; /* in all pages */
};

/* Appends a page of another list, shared. ALLOT_ENOMEM leaves the list as it was. */
int page_list_share(struct page_list *list, struct page *page);

/* Appends @count entries, which are in order, in as many pages of similar sizes as they need (none
 * if there are none). Takes references. ALLOT_ENOMEM leaves the list valid, with some of them. */
int page_list_append(struct page_list *list, const struct entry *const *entries, size_t count);

/* Takes the last page off a list that has one; the caller's to page_unref. */
struct page *page_list_pop(struct page_list *list);

void page_unref(struct page *page); /* NULL is fine */
void page_list_release(struct page_list *list);

#endif

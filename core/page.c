#include "core/page.h"

#include <stdlib.h>

static struct page *page_create(const struct entry *const *entries, size_t count)
{
    struct page *page = malloc(sizeof *page + count * sizeof page->entries[0]);
    if (!page)
        return NULL;
    atomic_init(&page->references, 1);
    page->count = count;
    for (size_t i = 0; i < count; i++)
        page->entries[i] = entry_ref(entries[i]);
    return page;
}

void page_unref(struct page *page)
{
    if (!page || atomic_fetch_sub_explicit(&page->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < page->count; i++)
        entry_unref(page->entries[i]);
    free(page);
}

static int reserve(struct page_list *list, size_t count)
{
    if (count <= list->capacity)
        return 0;
    size_t capacity = count > 2 * list->capacity ? count : 2 * list->capacity;
    struct page **pages = realloc(list->pages, capacity * sizeof *pages);
    if (!pages)
        return ALLOT_ENOMEM;
    list->pages = pages;
    list->capacity = capacity;
    return 0;
}

/* Room for it was reserved. */
static void push(struct page_list *list, struct page *page)
{
    list->pages[list->count++] = page;
    list->entry_count += page->count;
}

int page_list_share(struct page_list *list, struct page *page)
{
    int error = reserve(list, list->count + 1);
    if (error)
        return error;
    atomic_fetch_add_explicit(&page->references, 1, memory_order_relaxed);
    push(list, page);
    return 0;
}

int page_list_append(struct page_list *list, const struct entry *const *entries, size_t count)
{
    size_t left = count <= PAGE_MAX ? count > 0 : (count + PAGE_FILL - 1) / PAGE_FILL;
    int error = reserve(list, list->count + left);
    if (error)
        return error;
    for (; left > 0; left--) {
        size_t size = count / left;
        struct page *page = page_create(entries, size);
        if (!page)
            return ALLOT_ENOMEM;
        push(list, page);
        entries += size;
        count -= size;
    }
    return 0;
}

struct page *page_list_pop(struct page_list *list)
{
    struct page *page = list->pages[--list->count];
    list->entry_count -= page->count;
    return page;
}

void page_list_release(struct page_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        page_unref(list->pages[i]);
    free(list->pages);
    *list = (struct page_list){0};
}

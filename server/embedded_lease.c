#include "server/embedded_lease.h"

#include <stdlib.h>

#include "core/error.h"

enum { FIRST_CAPACITY = 16 };

void embedded_leases_release(struct embedded_leases *leases)
{
    for (size_t i = 0; i < leases->count; i++)
        free(leases->all[i]);
    free(leases->all);
    *leases = (struct embedded_leases){0};
}

int embedded_leases_reserve(struct embedded_leases *leases)
{
    if (leases->count < leases->capacity)
        return 0;
    size_t capacity = leases->capacity ? 2 * leases->capacity : FIRST_CAPACITY;
    struct embedded_lease **all = realloc(leases->all, capacity * sizeof *all);
    if (!all)
        return ALLOT_ENOMEM;
    leases->all = all;
    leases->capacity = capacity;
    return 0;
}

/* Where the lease is, or would have to be. */
static size_t place_of(const struct embedded_leases *leases, int64_t id)
{
    size_t low = 0, high = leases->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (leases->all[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void embedded_leases_insert(struct embedded_leases *leases, struct embedded_lease *lease)
{
    size_t place = place_of(leases, lease->id);
    struct embedded_lease **at = leases->all + place;
    memmove(at + 1, at, (leases->count - place) * sizeof(struct embedded_lease *));
    *at = lease;
    leases->count++;
    if (leases->count == 1 || lease->deadline_ms < leases->next_due_ms)
        leases->next_due_ms = lease->deadline_ms;
}

void embedded_leases_remove(struct embedded_leases *leases, struct embedded_lease *lease)
{
    size_t place = place_of(leases, lease->id);
    struct embedded_lease **at = leases->all + place;
    leases->count--;
    memmove(at, at + 1, (leases->count - place) * sizeof(struct embedded_lease *));
}

struct embedded_lease *embedded_leases_find(const struct embedded_leases *leases, int64_t id)
{
    size_t place = place_of(leases, id);
    return place < leases->count && leases->all[place]->id == id ? leases->all[place] : NULL;
}

void embedded_lease_attach(struct embedded_lease *lease, struct embedded_node *node)
{
    if (!lease)
        return;
    node->lease = lease;
    node->lease_previous = NULL;
    node->lease_next = lease->first;
    if (lease->first)
        lease->first->lease_previous = node;
    lease->first = node;
    lease->attached++;
}

void embedded_lease_detach(struct embedded_node *node)
{
    if (!node->lease)
        return;
    if (node->lease_previous)
        node->lease_previous->lease_next = node->lease_next;
    else
        node->lease->first = node->lease_next;
    if (node->lease_next)
        node->lease_next->lease_previous = node->lease_previous;
    node->lease->attached--;
    node->lease = NULL;
}

void embedded_lease_renew(struct embedded_leases *leases, struct embedded_lease *lease,
                          int64_t now_ms)
{
    lease->deadline_ms = now_ms + lease->ttl * 1000;
    if (lease->deadline_ms < leases->next_due_ms)
        leases->next_due_ms = lease->deadline_ms;
}

void embedded_leases_postpone(struct embedded_leases *leases, int64_t ms)
{
    for (size_t i = 0; i < leases->count; i++)
        leases->all[i]->deadline_ms += ms;
    leases->next_due_ms += ms;
}

struct embedded_lease *embedded_leases_next_due(struct embedded_leases *leases, int64_t now_ms,
                                                size_t *cursor)
{
    if (leases->count == 0 || now_ms < leases->next_due_ms)
        return NULL;
    while (*cursor > 0) {
        struct embedded_lease *lease = leases->all[--*cursor];
        if (lease->deadline_ms <= now_ms)
            return lease;
    }
    /* All that were due are gone: what is left tells when to look again. */
    leases->next_due_ms = INT64_MAX;
    for (size_t i = 0; i < leases->count; i++) {
        if (leases->all[i]->deadline_ms < leases->next_due_ms)
            leases->next_due_ms = leases->all[i]->deadline_ms;
    }
    return NULL;
}

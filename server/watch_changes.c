#include "server/watch_changes.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"

enum { MAX_MESSAGE = 64 << 20 };

struct watch_change *watch_change_ref(struct watch_change *change)
{
    atomic_fetch_add(&change->references, 1);
    return change;
}

void watch_change_unref(struct watch_change *change)
{
    if (change && atomic_fetch_sub(&change->references, 1) == 1)
        free(change);
}

/* --- encoding --- */

/* Where each event's identity and JSON lie in the text, until that has its place. */
struct encoded {
    struct key_parts parts; /* borrowed from the event's key */
    size_t begin, size;
};

static struct span place(struct span span, char **at)
{
    struct span copy = {span.data ? *at : NULL, span.size};
    if (span.data && span.size > 0)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return copy;
}

static size_t names_size(const struct key_parts *parts)
{
    return parts->item.size + parts->zone.size + parts->suffix.size;
}

static struct watch_change *make_change(int64_t revision, const struct encoded *encoded,
                                        size_t count, const struct buffer *text)
{
    size_t size = sizeof(struct watch_change) + count * sizeof(struct watch_event) + text->size;
    for (size_t i = 0; i < count; i++)
        size += names_size(&encoded[i].parts);
    struct watch_change *change = malloc(size);
    if (!change)
        return NULL;
    atomic_init(&change->references, 1);
    change->revision = revision;
    change->size = size;
    change->event_count = count;
    char *at = (char *)&change->events[count];
    for (size_t i = 0; i < count; i++) {
        const struct key_parts *parts = &encoded[i].parts;
        change->events[i] = (struct watch_event){.parts = *parts};
        change->events[i].parts.item = place(parts->item, &at);
        change->events[i].parts.zone = place(parts->zone, &at);
        change->events[i].parts.suffix = place(parts->suffix, &at);
        change->events[i].json =
            place((struct span){text->data + encoded[i].begin, encoded[i].size}, &at);
    }
    return change;
}

int watch_change_create(struct span root, const struct store_event *events, size_t count,
                        struct watch_change **ret)
{
    struct encoded *encoded = calloc(count, sizeof *encoded);
    struct buffer text;
    size_t told = 0;
    *ret = NULL;
    if (!encoded)
        return ALLOT_ENOMEM;
    buffer_init(&text, MAX_MESSAGE);
    for (size_t i = 0; i < count; i++) {
        struct encoded *next = &encoded[told];
        if (keys_parse(root, events[i].kv.key, &next->parts) || !watch_is_told(&next->parts))
            continue;
        next->begin = text.size;
        watch_encode(&events[i], &next->parts, &text);
        next->size = text.size - next->begin;
        told++;
    }
    int error = text.error;
    if (!error && told > 0) {
        *ret = make_change(events[0].kv.mod_revision, encoded, told, &text);
        error = *ret ? 0 : ALLOT_ENOMEM;
    }
    buffer_release(&text);
    free(encoded);
    return error;
}

/* --- the newest ones --- */

struct watch_change *watch_changes_at(const struct watch_changes *changes, size_t index)
{
    return changes->ring[(changes->first + index) % changes->capacity];
}

size_t watch_changes_find_after(const struct watch_changes *changes, int64_t revision)
{
    size_t low = 0;
    size_t high = changes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (watch_changes_at(changes, middle)->revision <= revision)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Drops the oldest change. */
static void drop_first(struct watch_changes *changes)
{
    struct watch_change *change = changes->ring[changes->first];
    changes->first = (changes->first + 1) % changes->capacity;
    changes->count--;
    changes->bytes -= change->size;
    changes->oldest = change->revision;
    watch_change_unref(change);
}

void watch_changes_clear(struct watch_changes *changes)
{
    while (changes->count > 0)
        drop_first(changes);
}

void watch_changes_drop(struct watch_changes *changes, int64_t revision)
{
    while (changes->count > 0 && watch_changes_at(changes, 0)->revision <= revision)
        drop_first(changes);
    changes->oldest = revision;
}

void watch_changes_release(struct watch_changes *changes)
{
    watch_changes_clear(changes);
    free(changes->ring);
}

static bool grow(struct watch_changes *changes)
{
    size_t capacity = changes->capacity ? 2 * changes->capacity : 1024;
    struct watch_change **ring = calloc(capacity, sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < changes->count; i++)
        ring[i] = watch_changes_at(changes, i);
    free(changes->ring);
    changes->ring = ring;
    changes->first = 0;
    changes->capacity = capacity;
    return true;
}

int watch_changes_append(struct watch_changes *changes, struct watch_change *change)
{
    if (changes->count == changes->capacity && !grow(changes)) {
        watch_change_unref(change);
        return ALLOT_ENOMEM;
    }
    changes->ring[(changes->first + changes->count++) % changes->capacity] = change;
    changes->bytes += change->size;
    while (changes->count > 1 && changes->bytes > changes->max_bytes)
        drop_first(changes);
    return 0;
}

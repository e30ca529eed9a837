/* Changes as they are told to who watches, in the order of their revisions: the newest ones, up to
 * a number of bytes. One thread at a time, but for changes themselves, which are immutable and
 * counted. */
#ifndef ALLOT_SERVER_WATCH_CHANGES_H
#define ALLOT_SERVER_WATCH_CHANGES_H

#include <stdatomic.h>

#include "api/watch.h"

/* The changes of one revision, in one block. */
struct watch_change {
    atomic_int references;
    int64_t revision;
    size_t size; /* bytes of the block */
    size_t event_count;
    struct watch_event events[];
};

/* The change of @count events, all of one revision, under @root: *@ret has one reference; NULL, and
 * no error, if nobody is told of any. ALLOT_ENOMEM; ALLOT_ELIMIT: they are too large. */
int watch_change_create(struct span root, const struct store_event *events, size_t count,
                        struct watch_change **ret);
struct watch_change *watch_change_ref(struct watch_change *change);
void watch_change_unref(struct watch_change *change); /* NULL is fine */

/* Zero at first, but for max_bytes. */
struct watch_changes {
    size_t max_bytes;
    struct watch_change **ring; /* ascending; private, as what follows */
    size_t first, capacity;
    size_t bytes;
    size_t count;
    int64_t oldest; /* changes after this revision are there */
};

void watch_changes_release(struct watch_changes *changes);

/* Number @index of them, from 0. */
struct watch_change *watch_changes_at(const struct watch_changes *changes, size_t index);
/* The number of the first change after @revision; their count, if there is none. */
size_t watch_changes_find_after(const struct watch_changes *changes, int64_t revision);

/* Takes the reference over, also on error (ALLOT_ENOMEM), and drops the oldest beyond max_bytes. */
int watch_changes_append(struct watch_changes *changes, struct watch_change *change);
/* Drops all of up to @revision: what comes after that is there. */
void watch_changes_drop(struct watch_changes *changes, int64_t revision);
void watch_changes_clear(struct watch_changes *changes);

#endif

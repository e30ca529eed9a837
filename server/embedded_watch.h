/* The embedded store's watches. Private to it. All functions are for the store's thread, but for
 * embedded_watches_make and _cancel.
 *
 * A watch either follows (everything before the batch has been sent to it: it gets the batch's
 * events from memory) or catches up, piece by piece, from the file. */
#ifndef ALLOT_SERVER_EMBEDDED_WATCH_H
#define ALLOT_SERVER_EMBEDDED_WATCH_H

#include <pthread.h>

#include "server/embedded_file.h"

struct embedded_watches {
    pthread_mutex_t mutex;
    pthread_cond_t told;         /* an `event` has returned */
    struct store_watch *telling; /* whose `event` runs */
    size_t made;                 /* and not freed yet */
    bool any_cancelled;

    /* the store's thread's own */
    struct store_watch *first; /* in order of registration */
    uint64_t cluster_id;
    struct store_event *events; /* of the message being made */
    size_t event_count;
    size_t event_capacity;
};

/* ALLOT_ENOMEM. */
int embedded_watches_init(struct embedded_watches *watches);
void embedded_watches_release(struct embedded_watches *watches);
/* To be called by the store's thread first: so that _cancel knows it. */
void embedded_watches_own(const struct embedded_watches *watches);

/* A watch that is not registered yet. ALLOT_EINVAL, ALLOT_ELIMIT, ALLOT_ENOMEM. */
int embedded_watches_make(struct embedded_watches *watches, const struct store_keys *keys,
                          int64_t start_revision, store_watch_event *event, void *context,
                          struct store_watch **ret);
/* As watch_cancel of the port, and it is freed: by the store's thread if it was queued. */
void embedded_watches_cancel(struct embedded_watches *watches, struct store_watch *watch);
/* Frees one that could not be queued. */
void embedded_watches_discard(struct embedded_watches *watches, struct store_watch *watch);

/* Registers a watch: from now on it is owned by the list. */
void embedded_watches_add(struct embedded_watches *watches, struct store_watch *watch,
                          int64_t revision, int64_t now_ms);
/* The batch failed, and with it the revisions after @revision. */
void embedded_watches_undone(struct embedded_watches *watches, int64_t revision);
/* The batch is committed: sends what it changed to the watches that follow. Those that followed it
 * had been sent everything up to @former_revision. */
void embedded_watches_tell(struct embedded_watches *watches, const struct embedded_state *state,
                           int64_t former_revision, int64_t now_ms);
/* Sends each watch that is behind the next piece. Whether some are behind still. No changes may be
 * uncommitted. */
bool embedded_watches_catch_up(struct embedded_watches *watches, const struct embedded_state *state,
                               struct embedded_file *file, int64_t now_ms);
/* Whether some are behind. */
bool embedded_watches_are_behind(const struct embedded_watches *watches, int64_t revision);
/* Tells those that have heard nothing for a while how far things are. */
void embedded_watches_progress(struct embedded_watches *watches, int64_t revision, int64_t now_ms);
/* Frees those that were cancelled. Returns how many there are left. */
size_t embedded_watches_reap(struct embedded_watches *watches);

#endif

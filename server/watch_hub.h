/* The changes of late, kept once for all who watch.
 *
 * The hub is told of every change by the mirror's watch, and of every snapshot that is published:
 * only then is a change shown, so that whoever reads after an event finds it. It keeps changes up
 * to a number of bytes, the newest ones; each watcher has nothing but its place among them. Whoever
 * falls behind that is told so and let go, and nobody waits for anybody. All functions may be
 * called from any thread. */
#ifndef ALLOT_SERVER_WATCH_HUB_H
#define ALLOT_SERVER_WATCH_HUB_H

#include "api/watch.h"

enum { WATCH_HUB_BYTES = 32 << 20 };

struct watch_hub_config {
    struct span root; /* of the keys; borrowed */
    size_t max_bytes; /* of the changes that are kept */
    int max_watchers;
    int64_t bookmark_ms; /* after which a watcher to whom nothing was sent is told where it is */
};

struct watch_hub;

/* ALLOT_ENOMEM; ALLOT_EIO: no thread. */
int watch_hub_create(const struct watch_hub_config *config, struct watch_hub **ret);
/* No watcher may be left. NULL is fine. */
void watch_hub_destroy(struct watch_hub *hub);

/* A response of the mirror's watch, before it is applied. */
void watch_hub_hear(struct watch_hub *hub, const struct store_watch_response *response);
/* The mirror has come to @revision. If it had started over, or a change could not be kept, what
 * happens is known again from there on. */
void watch_hub_reach(struct watch_hub *hub, int64_t revision);
/* What was heard up to @revision can be seen in a published snapshot. */
void watch_hub_publish(struct watch_hub *hub, int64_t revision);
/* The mirror starts over: what happens until it has come to a revision again is not known. All who
 * watch are let go. */
void watch_hub_break(struct watch_hub *hub);

/* Ends all who watch now: nothing is missed, and they may come again and go on where they were, if
 * they are let in. */
void watch_hub_dismiss(struct watch_hub *hub);

/* Changes after *@ret_oldest or any later revision can be watched, up to *@ret_newest so far. */
void watch_hub_range(struct watch_hub *hub, int64_t *ret_oldest, int64_t *ret_newest);

/* How many watch. */
int watch_hub_count(struct watch_hub *hub);

/* --- watchers --- */

struct watcher;

/* Lets a watcher sleep, and wakes it. Called with the hub's lock held: they must be short, and must
 * not call the hub. */
struct watch_sleep {
    void (*sleep)(void *context);
    void (*wake)(void *context);
    void *context;
};

/* @stream is borrowed until the watcher is closed. ALLOT_ENOMEM; ALLOT_ELIMIT: there are too many.
 */
int watch_hub_open(struct watch_hub *hub, const struct watch_stream *stream,
                   const struct watch_sleep *sleep, struct watcher **ret);
void watch_hub_close(struct watcher *watcher); /* NULL is fine */

enum watch_next { WATCH_MORE, WATCH_SLEEPS, WATCH_ENDS };

/* Appends what there is next to @out (WATCH_MORE: something was); or the watcher has been put to
 * sleep, and will be woken; or it has come to its end: after a last message, if @out has one. */
enum watch_next watch_hub_next(struct watcher *watcher, struct buffer *out);

/* Ends all watchers, and refuses others (ALLOT_ECANCELED). */
void watch_hub_stop(struct watch_hub *hub);

#endif

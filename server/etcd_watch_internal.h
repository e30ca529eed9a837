/* What the parts of the etcd store's watches share: etcd_watch.c (their life),
 * etcd_watch_stream.c (what comes in on their streams) and etcd_watch_refresh.c (how far the store
 * is). */
#ifndef ALLOT_SERVER_ETCD_WATCH_INTERNAL_H
#define ALLOT_SERVER_ETCD_WATCH_INTERNAL_H

#include "server/etcd_json_answer.h"
#include "server/etcd_watch.h"

struct store_watch {
    struct store_watch *next;
    struct etcd_watches *watches;
    store_watch_event *event;
    void *context;
    struct store_keys keys; /* point into bytes */
    bool cancelled;         /* under the mutex */

    /* the thread's own */
    bool ended;             /* its last message has been told */
    int64_t next_revision;  /* everything before it has been told; 0: from the next one on */
    int64_t event_revision; /* of the last event told that isn't compacted; 0: none */
    int64_t told_again;     /* the revision that the stream begins with, though it has been told;
                             * 0: that is over */

    struct etcd_stream stream;
    struct buffer body;
    bool created; /* the stream is */
    bool cut;     /* to be opened anew */
    bool logged_in_again;
    int64_t broken_ms; /* since when there is no stream that works */
    int64_t open_ms;   /* when to open it, or to give up opening it */
    int64_t heard_ms;  /* when the stream's member was last heard of */

    struct etcd_call refresh;
    struct etcd_known refresh_known; /* when it was sent */
    bool refreshing;                 /* the call is the client's */
    bool orphan;                     /* freed when the call comes back */

    struct etcd_stream look_back;
    struct buffer look_back_body;
    bool look_back_is_made;
    bool cannot_look_back;   /* until the next event */
    int64_t look_back_ms;    /* when to open it, or to give it up; 0: not needed */
    int64_t seen_revision;   /* what it has shown: complete up to here, */
    int64_t seen_last_event; /* if everything up to here has been told */
    char bytes[];
};

/* Everything up to it has been told. */
static inline int64_t etcd_watch_told(const struct store_watch *watch)
{
    return watch->next_revision - 1;
}

/* Tells a message, unless the watch was cancelled or has ended. */
void etcd_watch_tell(struct store_watch *watch, const struct store_watch_response *response);
/* Tells its end. */
void etcd_watch_end(struct store_watch *watch, int error, int64_t compact_revision);

/* It has neither streams nor a call. */
void etcd_watch_free(struct store_watch *watch);

/* A member, which may be behind, has told of a revision of the store: watches that are behind will
 * get there. */
void etcd_watches_reach(struct etcd_watches *watches, int64_t revision);
/* Asks the member of its stream how far the store is. It isn't being asked yet. */
void etcd_watch_refresh(struct store_watch *watch);

/* The callbacks of its streams. */
bool etcd_watch_on_message(struct etcd_stream *stream, const struct etcd_answer *message);
void etcd_watch_on_ended(struct etcd_stream *stream, enum etcd_transfer_end end);
bool etcd_watch_on_look_back(struct etcd_stream *stream, const struct etcd_answer *message);
void etcd_watch_on_look_back_ended(struct etcd_stream *stream, enum etcd_transfer_end end);

#endif

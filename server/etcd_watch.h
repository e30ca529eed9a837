/* The etcd store's watches. Private to it.
 *
 * Each is a stream of its own, which is opened again, at another endpoint if there is one, where
 * the last one broke off; if that takes too long the watch ends (ALLOT_EUNAVAILABLE). While nothing
 * comes, a cheap linearizable read at the stream's endpoint shows every `refresh_ms` that the
 * member is alive and has a quorum, and how far the store is; if it fails, the stream is cut.
 *
 * How far a watch is. A message with events of fewer than 1,000 different revisions is complete up
 * to its header's revision: etcd sends a batch of 1,000 revisions at a time to a watch that catches
 * up, and one revision at a time to one that follows. So is the server's own progress message. When
 * the store is known to be further than the watch, because others have written elsewhere, the watch
 * looks back: a second, short stream asks for everything since the last event that it knows. Its
 * first message holds that event, all later ones, and the revision that it is complete up to. When
 * all of these events have been told, so has everything up to there. That needs no clock, no
 * version, and nothing but what a watch is. If no event is known, or it has been compacted, the
 * stream asks for the events of all keys since the watch's own revision: there is at least the one
 * that has brought the store further. Only if etcd denies that as well is progress as rare as the
 * server's own messages. (etcd's answer to a request for progress proves nothing before 3.4.26 and
 * 3.5.9: it may overtake events.)
 *
 * A store that goes back. An etcd that was restored from a backup, or begun anew with the same
 * names, is the same cluster to who watches it, and a stream from a revision that it hasn't come to
 * yet just waits. But no linearizable answer can be behind what was known before it was asked for:
 * if one is, all watches end. So that this shows before others have brought the store further, a
 * stream that begins behind its watch has the store asked at once: mostly its member is late. If
 * others were faster, the events that a stream begins with again are missing: that watch ends. (Or
 * what they had deleted was compacted in that very revision. Nothing is lost by that end either.)
 */
#ifndef ALLOT_SERVER_ETCD_WATCH_H
#define ALLOT_SERVER_ETCD_WATCH_H

#include <pthread.h>

#include "core/store.h"
#include "server/etcd_client.h"

/* What is known of the store at a time. */
struct etcd_known {
    int64_t revision; /* the newest that anything has told of since it has gone back */
    int64_t returns;  /* how often it has */
};

struct etcd_watches {
    struct etcd_client *client;
    int64_t refresh_ms;
    int64_t resume_timeout_ms;

    pthread_mutex_t mutex;
    pthread_cond_t told;         /* an `event` has returned */
    struct store_watch *telling; /* whose `event` runs */
    struct store_watch *added;   /* since the last round */
    size_t made;                 /* and not freed yet */
    size_t maximum;
    bool stopped;
    struct etcd_known known; /* set by the thread alone */

    /* the thread's own */
    struct store_watch *first;
};

/* ALLOT_ENOMEM. The client is set before the first round. */
int etcd_watches_init(struct etcd_watches *watches);
void etcd_watches_release(struct etcd_watches *watches);

/* As the port's watch and watch_cancel. Any thread. */
int etcd_watches_add(struct etcd_watches *watches, const struct store_keys *keys,
                     int64_t start_revision, store_watch_event *event, void *context,
                     struct store_watch **ret);
void etcd_watches_cancel(struct etcd_watches *watches, struct store_watch *watch);

/* To be asked before a request is made. Any thread. */
struct etcd_known etcd_watches_known(struct etcd_watches *watches);

/* --- on the client's thread --- */

/* Opens, refreshes and frees what is due. Returns when it must be called again. */
int64_t etcd_watches_round(struct etcd_watches *watches, int64_t now_ms);
/* A linearizable answer has told of the store's revision, to a request before which that much was
 * known: watches that are behind will get there. If the store has gone back, all of them end
 * (ALLOT_EORDER), and the client's owner is told. */
void etcd_watches_heard(struct etcd_watches *watches, struct etcd_known before, int64_t revision);
/* Ends and frees them all. */
void etcd_watches_stop(struct etcd_watches *watches);

#endif

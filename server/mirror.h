/* Keeps a keyspace in step with a store: loads it, watches, applies what comes, and starts over
 * when the watch breaks, or tells of what can't follow what there is (then the store has gone back
 * to another past), with a thread of its own. */
#ifndef ALLOT_SERVER_MIRROR_H
#define ALLOT_SERVER_MIRROR_H

#include "core/keyspace.h"
#include "server/progress.h"

struct mirror_config {
    struct store *store;             /* borrowed, outlives the mirror */
    struct keyspace_config keyspace; /* copied as keyspace_create does */
    /* Changes are gathered for as long as the last ones took to apply, but not for longer than
     * this: so that a large keyspace which changes all the time is not busy with nothing else. */
    int64_t gather_ms;
    /* Called on the mirror's thread after a load and after every apply that changed something, with
     * the newest keyspace, borrowed. Returns 0, or an error (ALLOT_ENOMEM): then it is tried again.
     */
    int (*applied)(void *context, struct keyspace *keyspace);
    /* Called on the store's thread with each message of the watch, before it is gathered. May be
     * NULL. */
    void (*heard)(void *context, const struct store_watch_response *response);
    /* Called on the mirror's thread when it has to start over, with why. */
    void (*broken)(void *context, int error);
    void *context;
};

struct mirror;

/* ALLOT_ENOMEM, ALLOT_EINVAL (root not valid). */
int mirror_start(const struct mirror_config *config, struct mirror **ret);
void mirror_stop(struct mirror *mirror); /* NULL is fine */

/* As of when (monotonic) the keyspace that was last applied was the store's: when the last message
 * that it takes in was heard; 0: never. And whether the store is being watched now. */
int64_t mirror_current_ms(struct mirror *mirror);
bool mirror_is_following(struct mirror *mirror);

/* How its thread gets on; valid until the end. */
struct progress *mirror_progress(struct mirror *mirror);

#endif

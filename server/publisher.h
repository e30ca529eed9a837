/* Publishes snapshots to readers, who never wait for the loop, and wakes those who wait for a
 * revision. All functions may be called from any thread. */
#ifndef ALLOT_SERVER_PUBLISHER_H
#define ALLOT_SERVER_PUBLISHER_H

#include "core/snapshot.h"

struct publisher;

int publisher_create(struct publisher **ret);
/* Ends every wait with ALLOT_ECANCELED. NULL is fine. */
void publisher_destroy(struct publisher *publisher);

/* Makes @snapshot (a reference is taken) the newest, and ends the waits that it satisfies, on the
 * caller's thread. Revisions never go back. */
void publisher_publish(struct publisher *publisher, struct snapshot *snapshot);

/* The newest: a new reference, or NULL while there is none. A few instructions under a lock. */
struct snapshot *publisher_snapshot(struct publisher *publisher);

/* Calls done(context, 0) once a snapshot of at least @revision is published (at once, on this
 * thread, if it is already), or done(context, ALLOT_EUNAVAILABLE) after @timeout_ms. Exactly once.
 */
typedef void publisher_done(void *context, int error);
int publisher_wait(struct publisher *publisher, int64_t revision, int64_t timeout_ms,
                   publisher_done *done, void *context);

/* The same for a snapshot of which holds(@subject, snapshot) is true: asked of the newest one at
 * once, and then of each that is published, with a copy of the subject's bytes. It must be quick.
 */
typedef bool publisher_condition(struct span subject, const struct snapshot *snapshot);
int publisher_wait_for(struct publisher *publisher, publisher_condition *holds, struct span subject,
                       int64_t timeout_ms, publisher_done *done, void *context);

/* Ends the waits for a condition that were begun with @context: done(context, ALLOT_ECANCELED), on
 * this thread, which must hold no lock that `done` takes. None: nothing happens. Cost: all such
 * waits. */
void publisher_cancel(struct publisher *publisher, const void *context);

#endif

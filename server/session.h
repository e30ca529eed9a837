/* A key that says this process is alive: put under a lease, kept alive by a thread of its own, so
 * that nothing else can starve it; announced again when it was lost, withdrawn at the end. Source:
 * allocation.md, section 10. */
#ifndef ALLOT_SERVER_SESSION_H
#define ALLOT_SERVER_SESSION_H

#include "api/arena.h"
#include "core/allocator.h"
#include "core/error.h"
#include "core/store.h"
#include "server/progress.h"

struct session_config {
    struct store *store; /* borrowed, outlives the session */
    struct span key;     /* copied */
    struct span value;   /* copied */
    int64_t ttl_seconds; /* of the lease */
    /* The key is our own, from a former run, until we have announced it: it is taken over at once,
     * its former lease revoked. From then on who puts it is another process that takes it for its
     * own. That one's key, and without `exclusive` any under another lease, is waited for until it
     * disappears. */
    bool exclusive;
    /* The key is only put while no key begins so. Empty: none. Copied. */
    struct span absent_prefix;
    /* Called on the session's thread when announcing or keeping alive failed. Announcing fails with
     * ALLOT_EEXISTS for a key of somebody else's, with ALLOT_ELOCKED for keys that should be
     * absent: of these, for which it waits, only the first in a row is told. It is tried again. May
     * be NULL. */
    void (*failed)(void *context, const char *what, int error);
    void *context;
};

struct session;

/* Starts the thread. The key is announced when it is first checked. ALLOT_ENOMEM. */
int session_start(const struct session_config *config, struct session **ret);

/* Looks at once whether the key stands, and announces it, again, if it doesn't. */
void session_check(struct session *session);

/* Revokes the lease, which deletes the key, until session_check is called. The term is over. */
void session_retract(struct session *session);

/* Our lease, and until when it can't have expired (on the monotonic clock): counted from before the
 * last request that renewed it. The lease is told before the key is put under it. */
struct allocator_term session_term(struct session *session);

/* Whether an exclusive key was taken from us by another process, which has it still. */
bool session_is_displaced(struct session *session);

/* Makes what is to stand in place of @former, in @arena; of its own result the same. ALLOT_ENOMEM.
 */
typedef int session_change(void *context, struct span former, struct arena *arena,
                           struct span *ret);

/* Has @change change what stands at the key under our lease, whoever has put that, and waits for
 * the answer. Not on the store's thread. ALLOT_EFENCE: nothing of ours stands there;
 * ALLOT_EUNKNOWN: it may have been done; ALLOT_EUNAVAILABLE, also if others change it all the time;
 * ALLOT_ENOMEM. After any of them it may be called again. */
int session_update(struct session *session, session_change *change, void *context);

/* How its thread gets on; valid until the end. */
struct progress *session_progress(struct session *session);

/* Revokes the lease, which deletes the key, and ends the thread. The other functions have no effect
 * from then on. */
void session_withdraw(struct session *session);

/* Withdraws, and releases everything. NULL is fine. */
void session_destroy(struct session *session);

#endif

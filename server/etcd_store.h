/* The etcd store: core/store.h over etcd v3 (3.4 to 3.6). Watches go over its JSON gateway,
 * requests over that or over gRPC.
 *
 * One thread does all input and output. Requests run over several connections, so their order is
 * etcd's; each watch has a connection of its own. All reads are linearizable.
 *
 * Failures. Requests turn to one of the endpoints as long as it works, then to the next one. What
 * only reads is tried once at each of them within its time. What writes is tried again only where
 * it certainly was not executed: it was not sent, or etcd refused it for want of a leader or of a
 * valid token. Else it ends in ALLOT_EUNKNOWN. While no endpoint can be reached (one that lets a
 * request run out of time is taken for such), requests are answered with ALLOT_EUNAVAILABLE at
 * once, but for one now and then that tries.
 *
 * Beyond the port:
 * - What can be known to be wrong from a request alone is returned at once.
 * - ALLOT_EUNAVAILABLE is also the answer of an etcd that is out of space, and to a user without
 *   permission. ALLOT_EIO: an answer that cannot be read, if the request only reads.
 * - An answer larger than `max_answer` is ALLOT_ELIMIT, to a request that writes ALLOT_EUNKNOWN.
 * - Over gRPC, what etcd refuses before all of it has come, for it is larger than etcd is told to
 *   take, may be ALLOT_EUNKNOWN instead of ALLOT_ELIMIT.
 * - A watch goes on at the next endpoint when its connection breaks. It ends (ALLOT_EUNAVAILABLE)
 *   when that takes longer than `resume_timeout_ms`; also when etcd denies it.
 * - All watches end (ALLOT_EORDER) when an answer shows that the store has gone back to an older
 *   revision: it was restored from a backup, or emptied. One does when a connection anew doesn't
 *   tell again what the last one had told last.
 * - If any answer of this store has told of a revision, its watches come to know that they have
 *   been told everything up to there, although nothing of what they watch may have changed: mostly
 *   within 200 ms. Where the user may read less than all keys, and etcd has compacted what a quiet
 *   watch has last seen, that takes until its next event, or etcd's own progress message:
 *   every --experimental-watch-progress-notify-interval, 10 minutes unless told otherwise.
 * - A watch of an empty range (its end is not greater than its key) is ALLOT_EINVAL.
 * - A granted TTL may be longer than asked for: etcd has a minimum, of 2 s usually.
 * - watch_cancel waits for an `event` under way, except on the store's own thread. */
#ifndef ALLOT_SERVER_ETCD_STORE_H
#define ALLOT_SERVER_ETCD_STORE_H

#include "core/error.h"
#include "core/store.h"

enum {
    ETCD_STORE_MAX_QUEUE = 4096, /* requests that are not answered yet */
    ETCD_STORE_MAX_QUEUED_BYTES = 64 << 20,
    ETCD_STORE_MAX_WATCHES = 1024,
};

enum etcd_protocol { ETCD_GATEWAY, ETCD_GRPC };

/* Texts are borrowed while opening. What is 0 or NULL is the default. */
struct etcd_store_config {
    const char *endpoints; /* "http://10.0.0.1:2379,http://10.0.0.2:2379"; or https:// */
    const char *ca_file;   /* whose certificates to trust; default: the system's */
    const char *cert_file; /* the client's; default: none */
    const char *key_file;
    const char *user;            /* default: none */
    const char *password_file;   /* its last newline doesn't count; needed with a user */
    enum etcd_protocol protocol; /* of requests; ETCD_GATEWAY */
    int connections;             /* for requests; 8 */
    int64_t request_timeout_ms;  /* 5000 */
    int64_t connect_timeout_ms;  /* 2000 */
    int64_t resume_timeout_ms;   /* 5000 */
    int64_t refresh_ms;          /* STORE_PROGRESS_MS */
    size_t max_answer;           /* bytes of an answer, or of one message of a watch; 64 MiB */
    /* Called on the store's thread when an endpoint or a login fails, or the store has gone back;
     * with an @error of 0 when an endpoint answers again. May be NULL. */
    void (*failed)(void *failed_context, int error, const char *why);
    void *failed_context;
};

/* Opens a store. Connects to nothing yet: whether etcd is there shows by the first request. Errors,
 * with @why telling what: ALLOT_EINVAL (an endpoint that is none, a key without a certificate or a
 * certificate without a key, a user without a password's file), ALLOT_EIO (a file that can't be
 * read), ALLOT_ENOMEM. */
int etcd_store_open(const struct etcd_store_config *config, struct store **ret,
                    struct error_message *why);

/* 16 hexadecimal digits chosen at random when the store was opened: a name for this process among
 * others that use the same etcd. Borrowed from the store. */
const char *etcd_store_instance(const struct store *store);

#endif

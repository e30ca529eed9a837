/* One API request on its way to a reply: the seam between api/ (says things) and server/ (does
 * things).
 *
 * The API is a step function, like the core. api_begin looks at a whole request and either fills in
 * the reply, or asks for one action of the store and is called again, by api_resume, with its
 * outcome; until there is a reply. It has no socket, no thread, no clock and never waits: the
 * adapter does the waiting, so that a test can drive every handler by hand.
 *
 *     step = api_begin(call);
 *     while (step != API_REPLY) step = api_resume(call, outcome of call->action);
 *     … send call->reply …
 *
 * A call is used by one thread at a time. */
#ifndef ALLOT_API_CALL_H
#define ALLOT_API_CALL_H

#include <stdatomic.h>

#include "api/assets.h"
#include "api/buffer.h"
#include "api/history.h"
#include "api/metrics_text.h"
#include "api/principal.h"
#include "api/watch.h"
#include "core/snapshot.h"

/* --- what came in --- */

/* Limits of what a caller may send; the adapter enforces those that it can see first. */
enum {
    API_MAX_TARGET = 4096,    /* bytes of the raw path and query */
    API_MAX_BODY = 64 * 1024, /* bytes, unless a route says otherwise */
};

/* Looks a header up, case-insensitively; {NULL, 0} if it is absent. Of several lines of that name,
 * the values are joined by commas. */
typedef struct span api_header_lookup(void *context, const char *name);

struct api_request {
    struct span method; /* GET for HEAD, too: of its reply the adapter sends only the head */
    struct span target; /* raw, as on the request line: path and query, still percent-encoded */
    struct span body;
    api_header_lookup *header;
    void *header_context;
    struct span client;     /* its address, as text; {NULL, 0} if that is not known */
    struct span request_id; /* accepted or made by the adapter */
    /* Of a span of the adapter's own, in the trace that it is part of: see trace.h; {NULL, 0}: in
     * none. */
    struct span traceparent;
};

/* --- what goes out --- */

enum { API_MAX_REPLY_HEADERS = 12 };

struct api_header {
    const char *name;  /* static */
    const char *value; /* lives as long as the call */
};

struct api_call;  /* opaque; see api_call_create */
struct api_route; /* see routes.h */

struct api_reply {
    int status;
    const char *content_type; /* static; NULL: no body. Of a 304 it is that of the 200, which the
                               * adapter doesn't send, but tells the length of. */
    struct api_header headers[API_MAX_REPLY_HEADERS];
    size_t header_count;
    struct buffer body;
    bool gzipped; /* the body is compressed already, all of it: who doesn't take that is to get it
                     decompressed */
    /* Not NULL: the body goes on. Appends the next piece of it to @out, each time it is called, and
     * returns whether there is another. An error in @out ends the body where it is: what was said
     * can't be taken back. Called by one thread at a time, until the call is destroyed. */
    bool (*more)(struct api_call *call, struct buffer *out);
    /* Not NULL: after the head come the changes that it describes, for as long as the client likes.
     * Lives as long as the call. */
    const struct watch_stream *stream;
};

/* --- what the API needs from the runtime: a port that server/ implements --- */

/* A snapshot of this age no longer counts as current: what is read of it says how old it is. */
enum { API_STALE_MS = 5 * STORE_PROGRESS_MS };

struct api_health {
    bool store_reachable;
    int64_t snapshot_age_ms; /* since the snapshot was known to be current; -1: none yet */
    int64_t failed_writes;   /* to the store, in a row; 0: the last was made, or is long ago */
    int write_error;         /* of the last of them */
    bool allocator_running;
    bool leading;          /* this server, and its lease can't have expired */
    const char *refused;   /* why this server can't lead this root; NULL: it may */
    const char *store;     /* "embedded" or "etcd" */
    const char *instance;  /* this process's name among the schedulers */
    int64_t failed_passes; /* in a row */
    int pass_error;        /* of the last of them; 0: something had changed meanwhile */
};

/* What may still be sent, of whoever sends a request. */
struct api_quota {
    int64_t burst; /* requests, in window_seconds */
    int64_t window_seconds;
    int64_t remaining;
    int64_t reset_seconds; /* until all of the burst is there again */
};

struct api_runtime {
    void *context;
    enum solver_kind solver; /* that decides here */
    /* A new reference on the newest snapshot, or NULL while there is none. */
    struct snapshot *(*snapshot)(void *context);
    void (*health)(void *context, struct api_health *ret);
    int64_t (*wall_clock_ms)(void *context); /* since 1970 */
    /* Whose @token it is; false: nobody's. NULL: there are no tokens, and everybody may do
     * everything. */
    bool (*authenticate)(void *context, struct span token, struct principal *ret);
    /* Unpredictable bytes. Returns 0 or ALLOT_EIO. */
    int (*random)(void *context, void *bytes, size_t size);
    /* So that a list can go on where it was: keeps a reference on @snapshot for a while, along with
     * a bounded number of others; and a new reference on the kept snapshot of @revision, or NULL.
     * Both may be NULL: then a list can go on only until the next change. */
    void (*keep_snapshot)(void *context, struct snapshot *snapshot);
    struct snapshot *(*kept_snapshot)(void *context, int64_t revision);
    /* Which changes can be watched: those after *@ret_oldest or a later revision; *@ret_newest is
     * the last one that was told. NULL: none. */
    void (*watch_range)(void *context, int64_t *ret_oldest, int64_t *ret_newest);
    /* Takes one request from what @key (a principal, or an address) may send, and sets @ret. False:
     * that is used up. NULL: no limit. */
    bool (*take_quota)(void *context, struct span key, struct api_quota *ret);
    const struct api_history *history; /* NULL: none is kept */
    /* Appends all metrics of this server to @text, by a worker. Cost: all entries. */
    void (*write_metrics)(void *context, struct metrics_text *text);
    struct span root;
    /* What a request's Host may be, beside localhost, 127.0.0.1 and [::1]: names or addresses,
     * without ports; IPv6 addresses in brackets. */
    const struct span *host_names;
    size_t host_name_count;
    struct api_assets assets;
};

/* --- steps --- */

enum api_step {
    API_REPLY, /* call->reply is complete */
    API_TXN,   /* submit call->action.txn; resume with its result once the published snapshot
                * has reached the result's revision */
    /* call->action.lease {id or 0, ttl}. The lease is the call's until it replies, and then, or
     * when the client has left, revoked by the adapter without waiting; unless a transaction of the
     * call has put a key under it, or may have. A call has one at a time. */
    API_LEASE_GRANT,
    API_LEASE_KEEP_ALIVE, /* call->action.lease.id */
    API_LEASE_REVOKE,     /* call->action.lease.id; resume once the snapshot has passed it */
    API_LEASE_TIME_TO_LIVE,
    API_COMPUTE,       /* call action.compute.run on a thread that may take its time, then resume:
                        * with 0, or with ALLOT_ELIMIT if it was not called as too much else is under way
                        */
    API_WAIT_CHANGE,   /* resume once action.change.holds of a snapshot, or with ALLOT_EUNAVAILABLE
                        * after action.change.timeout_ms, or before, when the server stops */
    API_WAIT_REVISION, /* resume once the snapshot has reached call->action.revision, or after 5 s
                        * with ALLOT_EUNAVAILABLE */
};

union api_action {
    struct store_txn txn; /* borrowed from the call until it is resumed */
    struct {
        int64_t id;
        int64_t ttl;
    } lease;
    struct {
        /* Ends early, with an error of its own, once *@cancelled. */
        void (*run)(void *context, const atomic_bool *cancelled);
        void *context;
    } compute;
    struct {
        /* Asked of each snapshot that is published, with a copy of @subject. Quick, and pure. */
        bool (*holds)(struct span subject, const struct snapshot *snapshot);
        struct span subject;
        int64_t timeout_ms;
    } change;
    int64_t revision;
};

/* What became of a transaction. */
struct api_txn_outcome {
    bool succeeded;
    int64_t revision; /* the store's, after it; its own if it changed something */
};

/* The outcome of an action: what the store's `done` was given, or the error it was refused with. */
struct api_outcome {
    int error;
    bool refused; /* the error is what the store refused the request with: it was not even begun */
    const struct api_txn_outcome *txn;
    const struct store_lease_result *lease;
};

/* @request and @runtime are borrowed until the call is destroyed. ALLOT_ENOMEM leaves @ret
 * untouched. */
int api_call_create(const struct api_request *request, const struct api_runtime *runtime,
                    struct api_call **ret);
void api_call_destroy(struct api_call *call); /* NULL is fine */

/* Never fails: what goes wrong becomes a reply (out of memory: a constant one). */
enum api_step api_begin(struct api_call *call);
enum api_step api_resume(struct api_call *call, const struct api_outcome *outcome);

const union api_action *api_call_action(const struct api_call *call);
const struct api_reply *api_call_reply(const struct api_call *call);
/* The route that the request takes; NULL: it was refused before one was found. */
const struct api_route *api_call_route(const struct api_call *call);

/* Before the body is read: whether the method, target and headers alone already decide that the
 * request is refused (unknown path, method not allowed, wrong media type, foreign Host or Origin,
 * body too large by @content_length; -1: unknown). True: the reply is complete and the body need
 * not be read. *@ret_body_limit is the most bytes that may be read. */
bool api_refuse_early(struct api_call *call, int64_t content_length, size_t *ret_body_limit);

#endif

/* What can be wrong, and the text that tells it: what of problem details (RFC 9457) needs no call.
 * See problem.h. */
#ifndef ALLOT_API_PROBLEM_KIND_H
#define ALLOT_API_PROBLEM_KIND_H

#include "api/json_writer.h"

#define PROBLEMS(X)                                                                 \
    X(MALFORMED, 400, "malformed-request", "Malformed request")                     \
    X(UNAUTHORIZED, 401, "unauthorized", "Who are you?")                            \
    X(FORBIDDEN, 403, "forbidden", "Not allowed to you")                            \
    X(HOST, 403, "foreign-host", "Not addressed to this server")                    \
    X(ORIGIN, 403, "foreign-origin", "Sent by another site")                        \
    X(NO_PATH, 404, "no-such-path", "No such path")                                 \
    X(NOT_FOUND, 404, "not-found", "No such resource")                              \
    X(NO_HISTORY, 404, "no-history", "No history is kept")                          \
    X(METHOD, 405, "method-not-allowed", "Method not allowed")                      \
    X(NOT_ACCEPTABLE, 406, "not-acceptable", "Not acceptable")                      \
    X(SESSION, 409, "wrong-session", "Owned by another session")                    \
    X(NO_LEASE, 409, "no-lease", "The member has no lease")                         \
    X(TTL_FIXED, 409, "ttl-fixed", "The TTL of a live registration can't change")   \
    X(HOLDS, 409, "holds-assignments", "The member holds assignments")              \
    X(NOT_REGISTERED, 409, "member-not-registered", "The member is not registered") \
    X(CONTENDED, 409, "contended", "Changed by others all the time")                \
    X(GONE, 410, "revision-gone", "The revision is gone")                           \
    X(PRECONDITION, 412, "precondition-failed", "Precondition failed")              \
    X(TOO_LARGE, 413, "body-too-large", "The body is too large")                    \
    X(TARGET, 414, "target-too-long", "The path and query are too long")            \
    X(STORE_LIMIT, 413, "too-large-for-store", "Too large for the store")           \
    X(MEDIA_TYPE, 415, "unsupported-media-type", "Unsupported media type")          \
    X(INVALID, 422, "invalid", "Invalid content")                                   \
    X(KEY_USED, 422, "key-used", "Key used for another request")                    \
    X(REQUIRED, 428, "precondition-required", "Precondition required")              \
    X(TOO_MANY, 429, "too-many-requests", "Too many requests")                      \
    X(INTERNAL, 500, "internal-error", "Internal error")                            \
    X(NOT_READY, 503, "not-ready", "Not ready")                                     \
    X(UNAVAILABLE, 503, "store-unavailable", "The store is unavailable")            \
    X(MEMORY, 503, "out-of-memory", "Out of memory")                                \
    X(BUSY, 503, "busy", "Too busy")                                                \
    X(UNKNOWN, 504, "outcome-unknown", "Outcome unknown")

enum problem_kind {
#define PROBLEM_ENUM(name, status, code, title) PROBLEM_##name,
    PROBLEMS(PROBLEM_ENUM)
#undef PROBLEM_ENUM
};

int problem_status(enum problem_kind kind);

/* Appends what every problem has to @out. The object is left open. @instance is the path of the
 * request. */
struct json_writer problem_begin(struct buffer *out, enum problem_kind kind, const char *detail,
                                 struct span instance);

/* The whole text of one where nothing can be written any more. */
extern const char problem_out_of_memory[];

#endif

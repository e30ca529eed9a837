/* Problem details (RFC 9457): what a request gets that can't be served.
 *
 *   {"type":"urn:allot:problem:not-found","title":"No such
 * resource","status":404,"code":"not-found",
 *    "detail":"…","instance":"/v1/items/a","errors":[{"pointer":"/replication","detail":"…"}]} */
#ifndef ALLOT_API_PROBLEM_H
#define ALLOT_API_PROBLEM_H

#include "api/buffer.h"
#include "api/call.h"

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

/* Faults of the input, gathered to be told all at once; more than PROBLEM_MAX_FAULTS are only
 * counted. */
enum { PROBLEM_MAX_FAULTS = 64 };
struct problem_faults {
    struct buffer json; /* the members of `errors`, with their commas */
    size_t count;
};

void problem_faults_init(struct problem_faults *faults);
void problem_faults_release(struct problem_faults *faults);
/* @context is a struct problem_faults: fits json_spec_decode. */
void problem_add_fault(void *context, const char *pointer, const char *detail);
/* A fault of the path or the query: @parameter names which. */
void problem_add_parameter_fault(struct problem_faults *faults, struct span parameter,
                                 const char *detail);

/* Each makes the reply of @call that problem, in place of what it was, and returns API_REPLY.
 * Retry-After is added to every 503. */
enum api_step problem(struct api_call *call, enum problem_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum api_step problem_invalid(struct api_call *call, const struct problem_faults *faults);
/* The same for one fault alone. */
enum api_step problem_invalid_at(struct api_call *call, const char *pointer, const char *detail);
/* The one table from error codes to HTTP. @what was attempted: "to write the item". */
enum api_step problem_of_error(struct api_call *call, int error, const char *what);

#endif

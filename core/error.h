/* The one set of error codes of allot, and their names and texts.
 *
 * Functions that can fail return 0 or one of these (always negative). The code says what kind of
 * failure it is, so that a caller can act on it; the story (which key, which file) is told in a
 * struct error_message where a function takes one. */
#ifndef ALLOT_CORE_ERROR_H
#define ALLOT_CORE_ERROR_H

#define ALLOT_ERRORS(X)                              \
    X(ENOMEM, -1, "out of memory")                   \
    X(EINVAL, -2, "invalid argument")                \
    X(EKEY, -3, "malformed key")                     \
    X(EVALUE, -4, "value does not decode")           \
    X(ENOTFOUND, -5, "not found")                    \
    X(EEXISTS, -6, "exists already")                 \
    X(ELIMIT, -7, "limit exceeded")                  \
    X(ECLUSTER, -8, "cluster id changed")            \
    X(EORDER, -9, "revisions out of order")          \
    X(ECOMPACTED, -10, "revision is compacted away") \
    X(EFUTURE, -11, "revision is not reached yet")   \
    X(ELEASE, -12, "lease not found")                \
    X(EFENCE, -13, "leadership lost")                \
    X(EUNAVAILABLE, -14, "store unavailable")        \
    X(EUNKNOWN, -15, "outcome unknown")              \
    X(ECANCELED, -16, "canceled")                    \
    X(ELOCKED, -17, "locked by another process")     \
    X(EIO, -18, "input/output error")                \
    X(ESYNTAX, -19, "syntax error")

enum allot_error {
    ALLOT_OK = 0,
#define ALLOT_ERROR_ENUM(name, code, text) ALLOT_##name = (code),
    ALLOT_ERRORS(ALLOT_ERROR_ENUM)
#undef ALLOT_ERROR_ENUM
};

/* "ENOMEM" and "out of memory" of a code; "OK" and "ok" of 0, "EUNKNOWNCODE" of any other.
 * Static strings. */
const char *allot_error_name(int error);
const char *allot_error_text(int error);

/* The story of a failure, for people. Empty when nothing failed. Longer stories are cut. */
enum { ERROR_MESSAGE_SIZE = 256 };
struct error_message {
    char text[ERROR_MESSAGE_SIZE];
};

#endif

/* How often the log says the same: the same message at the same level with the same
 * outcome (an error, or the status of a reply) is written so many times in a window, and those
 * beyond that are counted instead. The first of its kind always is written; debug is never limited,
 * as who asks for it wants all. Times are monotonic arguments. One thread at a time. */
#ifndef ALLOT_SERVER_LOG_LIMIT_H
#define ALLOT_SERVER_LOG_LIMIT_H

#include "core/span.h"
#include "server/log.h"

enum {
    LOG_LIMIT_WINDOW_MS = 60000, /* from the first of its kind on */
    LOG_LIMIT_FAULTS = 60,       /* errors and warnings of a kind in it */
    LOG_LIMIT_EVENTS = 600,      /* and others */
    LOG_LIMIT_KINDS = 64,        /* that are remembered; what is beyond that is not limited */
};

/* All private, and zero at first. */
struct log_limit {
    struct log_limit_kind {
        uint64_t hash; /* of the level, message and outcome; 0: free */
        enum log_level level;
        const char *message;
        int64_t begin_ms; /* of the window */
        int64_t count;    /* in it */
    } kinds[LOG_LIMIT_KINDS];
};

/* Whether an entry may be written at @now_ms. @message is static, @outcome empty if it has none. If
 * so, *@ret_suppressed is how many of its kind were not since the last one that was. */
bool log_limit_allows(struct log_limit *limit, enum log_level level, const char *message,
                      struct span outcome, int64_t now_ms, int64_t *ret_suppressed);

/* Takes a kind of which some were not written in a window that is over (INT64_MAX: all are), and
 * none has come since to tell it. False: there is none. */
bool log_limit_take(struct log_limit *limit, int64_t now_ms, enum log_level *ret_level,
                    const char **ret_message, int64_t *ret_suppressed);

#endif

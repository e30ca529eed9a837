/* The process's log: one line an entry on a file descriptor, as logfmt or JSON.
 *
 *     time=2026-01-31T12:00:00.123Z level=info msg=listening address=127.0.0.1 port=8080
 *     {"time":"2026-01-31T12:00:00.123Z","level":"info","msg":"listening","port":8080}
 *
 * Only server/ logs. Any thread may log at any time: a line is made on the caller's stack and
 * written by one write(), so lines never mix, nothing is allocated, and no lock is held meanwhile.
 * What cannot be written is dropped; there is nowhere to complain. What says the same over and over
 * is written only so often (see log_limit.h), and then `suppressed=N` says how often it was not. */
#ifndef ALLOT_SERVER_LOG_H
#define ALLOT_SERVER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* Bytes of a line, its newline included. Fields that don't fit are left out, and `cut=true` says
 * so; a text of more than LOG_MAX_TEXT bytes is cut at a character and ends in "...". */
enum { LOG_MAX_LINE = 4096, LOG_MAX_TEXT = 1024 };

enum log_field_kind { LOG_FIELD_END, LOG_FIELD_TEXT, LOG_FIELD_INTEGER, LOG_FIELD_MILLISECONDS };

struct log_field {
    const char *key; /* static, lower case, no escaping needed */
    enum log_field_kind kind;
    struct span text;
    int64_t number; /* MILLISECONDS: in microseconds; printed as a decimal fraction */
};

/* Where entries of at least the importance of @level go from now on. Before the first call: logfmt,
 * LOG_INFO, standard error. Not while other threads log. */
void log_configure(enum log_level level, enum log_format format, int fd);

/* From now on everything is written; or what log_configure has said. Any thread. */
void log_set_debug(bool on);

/* Writes how often entries were suppressed whose time is over at @now_ms, monotonic, and that have
 * not come again; INT64_MAX: all. To be called now and then. */
void log_tell_suppressed(int64_t now_ms);

/* Whether entries of @level are written: for callers that must work to make a field. */
bool log_enabled(enum log_level level);

/* Writes @message, which is static, with @fields, an array that LOG_FIELDS makes, or NULL:
 *     log_write(LOG_INFO, "listening", LOG_FIELDS(log_text("address", a), log_integer("port", p)));
 * Texts may hold any bytes: what is not printable UTF-8 is escaped. Borrowed during the call. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* clang-format off */
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {.key = NULL}})
/* clang-format on */

static inline struct log_field log_span(const char *key, struct span text)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_TEXT, .text = text};
}

static inline struct log_field log_text(const char *key, const char *text)
{
    return log_span(key, span_of(text ? text : ""));
}

static inline struct log_field log_integer(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_INTEGER, .number = number};
}

static inline struct log_field log_milliseconds(const char *key, int64_t microseconds)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_MILLISECONDS, .number = microseconds};
}

#endif

#include "server/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log_limit.h"

static struct {
    atomic_int level; /* enum log_level */
    enum log_level configured;
    enum log_format format;
    int fd;
} settings = {LOG_INFO, LOG_INFO, LOG_FORMAT_LOGFMT, STDERR_FILENO};

static pthread_mutex_t limit_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct log_limit limit;

void log_configure(enum log_level level, enum log_format format, int fd)
{
    atomic_store(&settings.level, (int)level);
    settings.configured = level;
    settings.format = format;
    settings.fd = fd;
}

void log_set_debug(bool on)
{
    atomic_store(&settings.level, (int)(on ? LOG_DEBUG : settings.configured));
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load(&settings.level);
}

/* A line as it grows. What doesn't fit sets `full`, and what was begun is taken back. */
struct line {
    char data[LOG_MAX_LINE];
    size_t size;
    bool full;
};

/* Kept free in a line for the mark that it was cut, the closing brace and the newline. */
enum { LINE_RESERVE = 16 };

static void line_put(struct line *line, const char *bytes, size_t size)
{
    if (line->full || size > sizeof line->data - LINE_RESERVE - line->size) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->size, bytes, size);
    line->size += size;
}

static void line_put_text(struct line *line, const char *text)
{
    line_put(line, text, strlen(text));
}

/* --- texts --- */

/* The length of the character at @bytes and its code point; 0 if it is not well-formed UTF-8. */
static size_t decode_character(const unsigned char *bytes, size_t size, uint32_t *ret)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t smallest;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    for (size_t extra = 0; extra < 4; extra++) {
        if ((bytes[0] & forms[extra].mask) != forms[extra].lead) {
            continue;
        }
        if (extra + 1 > size) {
            return 0;
        }
        uint32_t code = bytes[0] & (unsigned char)~forms[extra].mask;
        for (size_t i = 1; i <= extra; i++) {
            if ((bytes[i] & 0xC0) != 0x80) {
                return 0;
            }
            code = code << 6 | (bytes[i] & 0x3F);
        }
        if (code < forms[extra].smallest || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
            return 0;
        }
        *ret = code;
        return extra + 1;
    }
    return 0;
}

/* Controls, the C1 ones too: a terminal that shows the log might obey them. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

static void put_escaped(struct line *line, uint32_t code)
{
    char escape[8];
    switch (code) {
    case '\n':
        line_put_text(line, "\\n");
        break;
    case '\r':
        line_put_text(line, "\\r");
        break;
    case '\t':
        line_put_text(line, "\\t");
        break;
    default:
        (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code & 0xFFFF);
        line_put_text(line, escape);
    }
}

static void put_quoted(struct line *line, struct span text)
{
    size_t i = 0;
    line_put_text(line, "\"");
    while (i < text.size && i < LOG_MAX_TEXT) {
        uint32_t code = 0;
        size_t length =
            decode_character((const unsigned char *)text.data + i, text.size - i, &code);
        if (length == 0) {
            put_escaped(line, 0xFFFD); /* the replacement character stands for a bad byte */
            length = 1;
        } else if (is_control(code)) {
            put_escaped(line, code);
        } else if (code == '"' || code == '\\') {
            line_put(line, code == '"' ? "\\\"" : "\\\\", 2);
        } else {
            line_put(line, text.data + i, length);
        }
        i += length;
    }
    line_put_text(line, i < text.size ? "...\"" : "\"");
}

/* Whether logfmt can do without quotes. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte >= 0x7F) {
            return false;
        }
    }
    return text.size > 0 && text.size <= LOG_MAX_TEXT;
}

/* --- fields --- */

static void put_key(struct line *line, const char *key)
{
    bool first = line->size == 0;
    if (settings.format == LOG_FORMAT_JSON) {
        line_put_text(line, first ? "{\"" : ",\"");
        line_put_text(line, key);
        line_put_text(line, "\":");
    } else {
        line_put_text(line, first ? "" : " ");
        line_put_text(line, key);
        line_put_text(line, "=");
    }
}

static void put_value(struct line *line, const struct log_field *field)
{
    char number[32];
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        if (settings.format == LOG_FORMAT_LOGFMT && is_plain(field->text)) {
            line_put(line, field->text.data, field->text.size);
        } else {
            put_quoted(line, field->text);
        }
        break;
    case LOG_FIELD_INTEGER:
        (void)snprintf(number, sizeof number, "%" PRId64, field->number);
        line_put_text(line, number);
        break;
    case LOG_FIELD_MILLISECONDS:
        (void)snprintf(number, sizeof number, "%.3f", (double)field->number / 1000);
        line_put_text(line, number);
        break;
    case LOG_FIELD_END:
        break;
    }
}

/* Either the whole field, or nothing of it and the line's mark `full`. */
static void put_field(struct line *line, struct log_field field)
{
    size_t before = line->size;
    put_key(line, field.key);
    put_value(line, &field);
    if (line->full) {
        line->size = before;
    }
}

static void put_end(struct line *line)
{
    const char *end = "\n";
    if (settings.format == LOG_FORMAT_JSON) {
        end = line->full ? ",\"cut\":true}\n" : "}\n";
    } else if (line->full) {
        end = " cut=true\n";
    }
    memcpy(line->data + line->size, end, strlen(end)); /* LINE_RESERVE is for this */
    line->size += strlen(end);
}

static void format_now(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + length, size - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

static void write_line(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(settings.fd, data, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        data += written;
        size -= (size_t)written;
    }
}

static void write_entry(enum log_level level, const char *message, const struct log_field *fields,
                        int64_t suppressed)
{
    static const char *const level_names[] = {"error", "warning", "info", "debug"};
    int saved_errno = errno;
    char now[40];
    struct line line;
    line.size = 0;
    line.full = false;
    format_now(now, sizeof now);
    put_field(&line, log_text("time", now));
    put_field(&line, log_text("level", level_names[level]));
    put_field(&line, log_text("msg", message));
    if (suppressed > 0) {
        put_field(&line, log_integer("suppressed", suppressed));
    }
    for (const struct log_field *field = fields; field && field->kind != LOG_FIELD_END; field++) {
        put_field(&line, *field);
    }
    put_end(&line);
    write_line(line.data, line.size);
    errno = saved_errno;
}

/* --- entries --- */

enum { LOG_STATUS_SIZE = 24 };

/* What tells entries of the same message from each other: an error's text, or a reply's status. */
static struct span find_outcome(const struct log_field *fields, char status[LOG_STATUS_SIZE])
{
    for (const struct log_field *field = fields; field && field->kind != LOG_FIELD_END; field++) {
        if (strcmp(field->key, "error") == 0) {
            return field->text;
        }
        if (strcmp(field->key, "status") == 0) {
            (void)snprintf(status, LOG_STATUS_SIZE, "%" PRId64, field->number);
            return span_of(status);
        }
    }
    return (struct span){NULL, 0};
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    int64_t suppressed = 0;
    if (!log_enabled(level)) {
        return;
    }
    char status[LOG_STATUS_SIZE];
    struct span outcome = find_outcome(fields, status);
    int64_t now_ms = clock_monotonic_ms();
    (void)pthread_mutex_lock(&limit_mutex);
    bool allowed = log_limit_allows(&limit, level, message, outcome, now_ms, &suppressed);
    (void)pthread_mutex_unlock(&limit_mutex);
    if (allowed) {
        write_entry(level, message, fields, suppressed);
    }
}

void log_tell_suppressed(int64_t now_ms)
{
    enum log_level level;
    const char *message;
    int64_t suppressed;
    bool more = true;
    while (more) {
        (void)pthread_mutex_lock(&limit_mutex);
        more = log_limit_take(&limit, now_ms, &level, &message, &suppressed);
        (void)pthread_mutex_unlock(&limit_mutex);
        if (more) {
            write_entry(level, message, NULL, suppressed);
        }
    }
}

/* The log: what a line looks like, whatever its texts hold. */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"

/* Everything written to the log since log_to_pipe, as one string. */
static int pipe_ends[2];
static char written[65536];

static void log_to_pipe(enum log_level level, enum log_format format)
{
    cr_assert_eq(pipe(pipe_ends), 0);
    log_configure(level, format, pipe_ends[1]);
}

static char *logged(void)
{
    size_t size = 0;
    ssize_t got;
    close(pipe_ends[1]);
    while ((got = read(pipe_ends[0], written + size, sizeof written - 1 - size)) > 0) {
        size += (size_t)got;
    }
    close(pipe_ends[0]);
    written[size] = '\0';
    return written;
}

/* The line without its time, which must look like one. */
static const char *after_time(const char *line)
{
    int year, month, day, hour, minute, second, millisecond, length = 0;
    int fields = sscanf(line, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour,
                        &minute, &second, &millisecond, &length);
    cr_assert_eq(fields, 7, "%s", line);
    return line + length;
}

Test(log, writes_logfmt)
{
    log_to_pipe(LOG_INFO, LOG_FORMAT_LOGFMT);
    log_write(LOG_INFO, "listening",
              LOG_FIELDS(log_text("address", "[::1]"), log_integer("port", 8080),
                         log_milliseconds("duration_ms", 1234567)));
    cr_assert_str_eq(after_time(logged()), "level=info msg=listening address=[::1] port=8080 "
                                           "duration_ms=1234.567\n");
}

Test(log, quotes_what_is_not_plain)
{
    const struct {
        struct span text;
        const char *shown;
    } cases[] = {
        {SPAN(""), "\"\""},
        {SPAN("a b"), "\"a b\""},
        {SPAN("a=b"), "\"a=b\""},
        {SPAN("say \"hi\" \\"), "\"say \\\"hi\\\" \\\\\""},
        {SPAN("line\nbreak\r\t\x01\x7f"), "\"line\\nbreak\\r\\t\\u0001\\u007f\""},
        {SPAN("zero\0byte"), "\"zero\\u0000byte\""},
        {SPAN("caf\xc3\xa9"), "\"caf\xc3\xa9\""},
        {SPAN("\xc2\x9b[31m"), "\"\\u009b[31m\""},           /* a terminal's escape in one byte */
        {SPAN("\xff\xfe"), "\"\\ufffd\\ufffd\""},            /* never UTF-8 */
        {SPAN("\xc0\xaf"), "\"\\ufffd\\ufffd\""},            /* overlong */
        {SPAN("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""}, /* a surrogate */
        {SPAN("\xe2\x82"), "\"\\ufffd\\ufffd\""},            /* cut short */
        {SPAN("\xf0\x9f\x8d\x80"), "\"\xf0\x9f\x8d\x80\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[200];
        log_to_pipe(LOG_INFO, LOG_FORMAT_LOGFMT);
        log_write(LOG_INFO, "m", LOG_FIELDS(log_span("text", cases[i].text)));
        (void)snprintf(expected, sizeof expected, "level=info msg=m text=%s\n", cases[i].shown);
        cr_expect_str_eq(after_time(logged()), expected, "case %zu", i);
    }
}

Test(log, writes_json_whatever_the_texts_hold)
{
    char bytes[256];
    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)i;
    }
    log_to_pipe(LOG_DEBUG, LOG_FORMAT_JSON);
    log_write(LOG_WARNING, "every \"byte\"",
              LOG_FIELDS(log_span("text", (struct span){bytes, sizeof bytes}),
                         log_integer("number", INT64_MIN), log_milliseconds("ms", 1500)));
    struct json_object *line = json_tokener_parse(logged());
    struct json_object *field = NULL;
    cr_assert_not_null(line, "%s", written);
    cr_assert(json_object_object_get_ex(line, "level", &field));
    cr_assert_str_eq(json_object_get_string(field), "warning");
    cr_assert(json_object_object_get_ex(line, "msg", &field));
    cr_assert_str_eq(json_object_get_string(field), "every \"byte\"");
    cr_assert(json_object_object_get_ex(line, "number", &field));
    cr_assert_eq(json_object_get_int64(field), INT64_MIN);
    cr_assert(json_object_object_get_ex(line, "ms", &field));
    cr_assert_float_eq(json_object_get_double(field), 1.5, 1e-9);
    cr_assert(json_object_object_get_ex(line, "text", &field));
    json_object_put(line);
}

Test(log, leaves_out_what_is_less_important)
{
    log_to_pipe(LOG_WARNING, LOG_FORMAT_LOGFMT);
    log_write(LOG_INFO, "not this", NULL);
    log_write(LOG_WARNING, "but-this", NULL);
    cr_assert(log_enabled(LOG_ERROR));
    cr_assert_not(log_enabled(LOG_INFO));
    cr_assert_str_eq(after_time(logged()), "level=warning msg=but-this\n");
}

Test(log, cuts_what_is_too_long_and_says_so)
{
    char text[LOG_MAX_TEXT * 2];
    memset(text, '"', sizeof text); /* each takes two bytes */
    struct span large = {text, sizeof text};
    log_to_pipe(LOG_INFO, LOG_FORMAT_JSON);
    log_write(LOG_INFO, "m",
              LOG_FIELDS(log_span("a", large), log_span("b", large), log_integer("small", 1)));
    const char *line = logged();
    cr_assert_leq(strlen(line), (size_t)LOG_MAX_LINE);
    struct json_object *parsed = json_tokener_parse(line);
    struct json_object *field = NULL;
    cr_assert_not_null(parsed, "%s", line);
    cr_assert(json_object_object_get_ex(parsed, "a", &field));
    cr_assert_eq(json_object_get_string_len(field), LOG_MAX_TEXT + 3);
    cr_assert_not(json_object_object_get_ex(parsed, "b", &field));
    cr_assert(json_object_object_get_ex(parsed, "cut", &field));
    json_object_put(parsed);
}

static void *log_a_lot(void *argument)
{
    for (int i = 0; i < 100; i++) {
        log_write(LOG_INFO, argument, LOG_FIELDS(log_integer("i", i)));
    }
    return NULL;
}

Test(log, never_mixes_lines)
{
    pthread_t other;
    int counts[2] = {0, 0};
    log_to_pipe(LOG_INFO, LOG_FORMAT_LOGFMT);
    cr_assert_eq(pthread_create(&other, NULL, log_a_lot, "aaaa"), 0);
    log_a_lot("bbbb");
    cr_assert_eq(pthread_join(other, NULL), 0);
    for (char *rest = NULL, *line = strtok_r(logged(), "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char name;
        int number, end = 0;
        cr_assert_eq(sscanf(after_time(line), "level=info msg=%c%*3c i=%d%n", &name, &number, &end),
                     2, "%s", line);
        cr_assert_eq(number, counts[name == 'b']++);
    }
    cr_assert_eq(counts[0], 100);
    cr_assert_eq(counts[1], 100);
}

static int count_lines_with(const char *text)
{
    int count = 0;
    for (const char *at = written; (at = strstr(at, text)); at++) {
        count++;
    }
    return count;
}

Test(log, says_how_often_it_said_nothing)
{
    log_to_pipe(LOG_INFO, LOG_FORMAT_LOGFMT);
    for (int i = 0; i < 100; i++) {
        log_write(LOG_WARNING, "again", LOG_FIELDS(log_text("error", "this one")));
    }
    log_write(LOG_WARNING, "again", LOG_FIELDS(log_text("error", "another")));
    log_tell_suppressed(INT64_MAX);
    (void)logged();
    cr_assert_eq(count_lines_with(" msg=again error=\"this one\"\n"), 60);
    cr_assert_eq(count_lines_with(" msg=again error=another\n"), 1);
    cr_assert_eq(count_lines_with(" level=warning msg=again suppressed=40\n"), 1);
}

/* What strangers are refused doesn't hide what others are. */
Test(log, tells_replies_by_their_status)
{
    log_to_pipe(LOG_INFO, LOG_FORMAT_LOGFMT);
    for (int i = 0; i < 700; i++) {
        log_write(LOG_INFO, "request", LOG_FIELDS(log_integer("status", 401)));
    }
    log_write(LOG_INFO, "request", LOG_FIELDS(log_integer("status", 403)));
    (void)logged();
    cr_assert_eq(count_lines_with(" msg=request status=401\n"), 600);
    cr_assert_eq(count_lines_with(" msg=request status=403\n"), 1);
}

Test(log, may_be_told_to_say_everything)
{
    log_to_pipe(LOG_WARNING, LOG_FORMAT_LOGFMT);
    log_set_debug(true);
    log_write(LOG_DEBUG, "this", NULL);
    log_set_debug(false);
    cr_assert_not(log_enabled(LOG_INFO));
    log_write(LOG_INFO, "not-this", NULL);
    log_write(LOG_WARNING, "and-this", NULL);
    (void)logged();
    cr_assert_eq(count_lines_with("msg="), 2);
    cr_assert_eq(count_lines_with("this\n"), 2);
}

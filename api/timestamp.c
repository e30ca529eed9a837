#include "api/timestamp.h"

#include <stdbool.h>
#include <time.h>

/* @digits digits of @number, and then @after. Returns the place behind that. */
static char *put_number(char *text, int number, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        text[i] = (char)('0' + number % 10);
    text[digits] = after;
    return text + digits + 1;
}

void timestamp_format(int64_t milliseconds, char text[TIMESTAMP_SIZE])
{
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts = {0};
    (void)gmtime_r(&seconds, &parts);
    text = put_number(text, parts.tm_year + 1900, 4, '-');
    text = put_number(text, parts.tm_mon + 1, 2, '-');
    text = put_number(text, parts.tm_mday, 2, 'T');
    text = put_number(text, parts.tm_hour, 2, ':');
    text = put_number(text, parts.tm_min, 2, ':');
    text = put_number(text, parts.tm_sec, 2, '.');
    text = put_number(text, (int)(milliseconds % 1000), 3, 'Z');
    *text = '\0';
}

/* --- parsing --- */

struct scan {
    struct span rest;
    bool failed;
};

/* A number of exactly @digits digits, from @least to @most. */
static int take_number(struct scan *scan, size_t digits, int least, int most)
{
    int number = 0;
    if (scan->failed || scan->rest.size < digits) {
        scan->failed = true;
        return least;
    }
    for (size_t i = 0; i < digits; i++) {
        char c = scan->rest.data[i];
        scan->failed |= c < '0' || c > '9';
        number = number * 10 + (c - '0');
    }
    scan->rest = (struct span){scan->rest.data + digits, scan->rest.size - digits};
    scan->failed |= number < least || number > most;
    return scan->failed ? least : number;
}

/* The next character, if it is one of @wanted; else 0. */
static char take_any(struct scan *scan, const char *wanted)
{
    if (scan->failed || scan->rest.size == 0)
        return 0;
    char c = scan->rest.data[0];
    for (const char *w = wanted; *w; w++) {
        if (*w != c)
            continue;
        scan->rest = (struct span){scan->rest.data + 1, scan->rest.size - 1};
        return c;
    }
    return 0;
}

static char expect(struct scan *scan, const char *wanted)
{
    char c = take_any(scan, wanted);
    scan->failed |= c == 0;
    return c;
}

static int take_milliseconds(struct scan *scan)
{
    int milliseconds = 0;
    int unit = 100;
    if (!take_any(scan, "."))
        return 0;
    for (char c = expect(scan, "0123456789"); c; c = take_any(scan, "0123456789")) {
        milliseconds += (c - '0') * unit;
        unit /= 10;
    }
    return milliseconds;
}

/* Minutes that the time is ahead of UTC. */
static int take_offset(struct scan *scan)
{
    char sign = expect(scan, "Zz+-");
    if (sign != '+' && sign != '-')
        return 0;
    int hours = take_number(scan, 2, 0, 23);
    (void)expect(scan, ":");
    int minutes = hours * 60 + take_number(scan, 2, 0, 59);
    return sign == '-' ? -minutes : minutes;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leaps = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leaps);
}

/* From the first day of 1970 to the first of the month. */
static int64_t days_before(int year, int month)
{
    int64_t past = year - 1;
    int64_t days = 365 * past + past / 4 - past / 100 + past / 400 - 719162;
    for (int i = 1; i < month; i++)
        days += days_of_month(year, i);
    return days;
}

int timestamp_parse(struct span text, int64_t *ret_milliseconds)
{
    struct scan scan = {text, false};
    int year = take_number(&scan, 4, 1970, 9999);
    (void)expect(&scan, "-");
    int month = take_number(&scan, 2, 1, 12);
    (void)expect(&scan, "-");
    int day = take_number(&scan, 2, 1, days_of_month(year, month));
    (void)expect(&scan, "Tt ");
    int hour = take_number(&scan, 2, 0, 23);
    (void)expect(&scan, ":");
    int minute = take_number(&scan, 2, 0, 59);
    (void)expect(&scan, ":");
    int second = take_number(&scan, 2, 0, 60);
    int milliseconds = take_milliseconds(&scan);
    int offset = take_offset(&scan);
    if (scan.failed || scan.rest.size > 0)
        return ALLOT_ESYNTAX;
    int64_t minutes = ((days_before(year, month) + day - 1) * 24 + hour) * 60 + minute - offset;
    int64_t time = (minutes * 60 + second) * 1000 + milliseconds;
    if (time < 0)
        return ALLOT_ESYNTAX;
    *ret_milliseconds = time;
    return 0;
}

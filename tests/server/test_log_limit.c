/* What the log says over and over: how much of it is written, and that the rest is counted. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "server/log_limit.h"

static struct log_limit limit;
static int64_t suppressed;

static const int64_t BEGIN_MS = 1000;
static const int64_t LATER_MS = BEGIN_MS + LOG_LIMIT_WINDOW_MS;

static bool allows_error(enum log_level level, const char *message, const char *error,
                         int64_t now_ms)
{
    suppressed = -1;
    return log_limit_allows(&limit, level, message, span_of(error), now_ms, &suppressed);
}

static bool allows(enum log_level level, const char *message, int64_t now_ms)
{
    return allows_error(level, message, "", now_ms);
}

static int count_allowed(enum log_level level, const char *message, int tries, int64_t now_ms)
{
    int count = 0;
    for (int i = 0; i < tries; i++) {
        count += allows(level, message, now_ms);
        cr_assert_eq(suppressed, 0);
    }
    return count;
}

static void expect_taken(enum log_level level, const char *message, int64_t count, int64_t now_ms)
{
    enum log_level taken_level;
    const char *taken;
    cr_assert(log_limit_take(&limit, now_ms, &taken_level, &taken, &suppressed));
    cr_assert_eq(taken_level, level);
    cr_assert_str_eq(taken, message);
    cr_assert_eq(suppressed, count);
}

static void expect_none(int64_t now_ms)
{
    enum log_level level;
    const char *message;
    cr_assert_not(log_limit_take(&limit, now_ms, &level, &message, &suppressed));
}

Test(log_limit, counts_what_is_beyond_it)
{
    cr_assert_eq(count_allowed(LOG_ERROR, "e", 1000, BEGIN_MS), LOG_LIMIT_FAULTS);
    cr_assert_eq(count_allowed(LOG_WARNING, "e", 1000, BEGIN_MS), LOG_LIMIT_FAULTS);
    cr_assert_eq(count_allowed(LOG_INFO, "e", 1000, BEGIN_MS), LOG_LIMIT_EVENTS);
    cr_assert_eq(count_allowed(LOG_DEBUG, "e", 1000, BEGIN_MS), 1000);
    cr_assert_not(allows(LOG_ERROR, "e", LATER_MS - 1));
    cr_assert(allows(LOG_ERROR, "e", LATER_MS));
    cr_assert_eq(suppressed, 1001 - LOG_LIMIT_FAULTS);
    cr_assert(allows(LOG_ERROR, "e", LATER_MS));
    cr_assert_eq(suppressed, 0);
}

Test(log_limit, tells_each_message_and_error_apart)
{
    cr_assert_eq(count_allowed(LOG_ERROR, "store", 1000, BEGIN_MS), LOG_LIMIT_FAULTS);
    cr_assert(allows_error(LOG_ERROR, "store", "disk full", BEGIN_MS));
    cr_assert(allows(LOG_ERROR, "stored", BEGIN_MS));
    cr_assert_not(allows(LOG_ERROR, "store", BEGIN_MS));
}

Test(log_limit, tells_of_what_does_not_come_again)
{
    (void)count_allowed(LOG_WARNING, "w", LOG_LIMIT_FAULTS + 7, BEGIN_MS);
    (void)count_allowed(LOG_INFO, "i", LOG_LIMIT_EVENTS, BEGIN_MS); /* none too many */
    expect_none(LATER_MS - 1);
    expect_taken(LOG_WARNING, "w", 7, LATER_MS);
    expect_none(LATER_MS);
    cr_assert(allows(LOG_WARNING, "w", LATER_MS));
    cr_assert_eq(suppressed, 0, "it has been told");
}

Test(log_limit, tells_of_all_in_the_end)
{
    (void)count_allowed(LOG_WARNING, "w", LOG_LIMIT_FAULTS + 7, BEGIN_MS);
    expect_taken(LOG_WARNING, "w", 7, INT64_MAX);
    expect_none(INT64_MAX);
}

/* The first of a kind is never lost, however many kinds there are. */
Test(log_limit, limits_what_it_has_room_for)
{
    static char messages[3 * LOG_LIMIT_KINDS][16];
    for (int i = 0; i < 3 * LOG_LIMIT_KINDS; i++) {
        int wanted = i < LOG_LIMIT_KINDS ? LOG_LIMIT_FAULTS : 2 * LOG_LIMIT_FAULTS;
        snprintf(messages[i], sizeof messages[i], "%d", i);
        cr_assert_eq(count_allowed(LOG_ERROR, messages[i], 2 * LOG_LIMIT_FAULTS, BEGIN_MS), wanted);
    }
    for (int i = 0; i < LOG_LIMIT_KINDS; i++)
        expect_taken(LOG_ERROR, messages[i], LOG_LIMIT_FAULTS, LATER_MS);
    /* There is room for others now; also where nothing was suppressed. */
    for (int i = 0; i < LOG_LIMIT_KINDS; i++)
        cr_assert(allows(LOG_ERROR, messages[i], LATER_MS));
    cr_assert_eq(
        count_allowed(LOG_ERROR, "another", 2 * LOG_LIMIT_FAULTS, LATER_MS + LOG_LIMIT_WINDOW_MS),
        LOG_LIMIT_FAULTS);
}

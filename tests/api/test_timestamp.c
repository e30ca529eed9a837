#include <criterion/criterion.h>

#include "api/timestamp.h"
#include "tests/support/random.h"

Test(timestamp, reads_what_it_writes)
{
    struct random random = {20261129};
    for (int i = 0; i < 20000; i++) {
        int64_t wanted = (int64_t)(random_next(&random) % 253402300800000u); /* to the year 10000 */
        int64_t got = -1;
        char text[TIMESTAMP_SIZE];
        timestamp_format(wanted, text);
        cr_assert_eq(timestamp_parse(span_of(text), &got), 0, "%s", text);
        cr_assert_eq(got, wanted, "%s", text);
    }
}

Test(timestamp, takes_all_of_rfc_3339)
{
    static const struct {
        const char *text;
        int64_t time;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:01z", 1000},
        {"1970-01-01 00:00:01.5Z", 1500},
        {"1970-01-01T00:00:01.12345678Z", 1123},
        {"1970-01-01T01:00:00+01:00", 0},
        {"2024-02-29T12:00:00-05:30", 1709227800000},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t got = -1;
        cr_expect_eq(timestamp_parse(span_of(cases[i].text), &got), 0, "%s", cases[i].text);
        cr_expect_eq(got, cases[i].time, "%s", cases[i].text);
    }
}

Test(timestamp, refuses_the_rest)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-01-01",
                                      "2026-01-01T00:00:00",
                                      "2026-01-01T00:00Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:61Z",
                                      "2026-01-01T00:00:00+0100",
                                      "2026-01-01T00:00:00+24:00",
                                      "2026-01-01T00:00:00Zx",
                                      " 2026-01-01T00:00:00Z",
                                      "+026-01-01T00:00:00Z",
                                      "1970-01-01T00:00:00+00:01"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t got = 7;
        cr_expect_eq(timestamp_parse(span_of(bad[i]), &got), ALLOT_ESYNTAX, "%s", bad[i]);
        cr_expect_eq(got, 7, "%s", bad[i]);
    }
}

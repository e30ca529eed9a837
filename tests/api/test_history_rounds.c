#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/api_client.h"
#include "tests/support/history_events.h"
#include "tests/support/scripted_history.h"

/* GET /v1/history/rounds. */

#define TEXT(literal)                        \
    {                                        \
        ("" literal), sizeof("" literal) - 1 \
    }

static const struct history_round rounds[] = {
    {10, EVENTS_TIME,
     TEXT("{\"round\":1,\"why\":\"change\",\"later\":{\"deep\":[1]},\"revision\":7,"
          "\"recorded\":\"x\",\"cause\":0}"),
     9, 3},
    {12, EVENTS_TIME, TEXT("[]"), 0, 0},
    {14, EVENTS_TIME, TEXT("{}"), 13, 1},
};
enum { ROUNDS = sizeof rounds / sizeof rounds[0] };

static struct client client;
static struct scripted_history history;

static void setup(void)
{
    client_init(&client);
    scripted_history_init(&history);
    history.rounds = rounds;
    history.round_count = ROUNDS;
    client.runtime.history = &history.port;
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(history_rounds, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

Test(history_rounds, are_what_was_recorded_and_more)
{
    cr_expect_eq(get("/v1/history/rounds?order=oldest"), 200);
    const char *text = json_object_to_json_string_ext(client.reply.json, JSON_C_TO_STRING_PLAIN);
    cr_expect_str_eq(text,
                     "{\"rounds\":[{\"revision\":10,\"recorded\":\"2026-01-01T00:00:00.123Z\","
                     "\"cause\":{\"revision\":9,\"count\":3},\"round\":1,\"why\":\"change\","
                     "\"later\":{\"deep\":[1]}},{\"revision\":12,\"recorded\":"
                     "\"2026-01-01T00:00:00.123Z\",\"cause\":null,\"invalid\":true},{\"revision\":"
                     "14,\"recorded\":\"2026-01-01T00:00:00.123Z\",\"cause\":{\"revision\":13,"
                     "\"count\":1}}],\"revision\":40}");
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "40");
}

Test(history_rounds, come_as_lines)
{
    client_header(&client, "Accept", "application/x-ndjson");
    cr_expect_eq(get("/v1/history/rounds?limit=1"), 200);
    cr_expect_str_eq(client.reply.content_type, "application/x-ndjson");
    cr_expect_str_eq(client.reply.text,
                     "{\"revision\":14,\"recorded\":\"2026-01-01T00:00:00.123Z\",\"cause\":{"
                     "\"revision\":13,\"count\":1}}\n");
    cr_expect_not_null(client_reply_header(&client, "Allot-Continue"));
}

Test(history_rounds, go_on_after_a_page)
{
    char target[200];
    cr_expect_eq(get("/v1/history/rounds?limit=2"), 200);
    cr_expect_eq(client_number(&client, "/rounds/0/revision"), 14);
    cr_expect_eq(client_number(&client, "/rounds/1/revision"), 12);
    (void)snprintf(target, sizeof target, "/v1/history/rounds?limit=2&continue=%s",
                   client_text(&client, "/continue"));
    cr_expect_eq(get(target), 200);
    cr_expect_eq(client_number(&client, "/rounds/0/revision"), 10);
    cr_expect_null(client_json(&client, "/rounds/1"));
    cr_expect_null(client_json(&client, "/continue"));
    history.looks_at = 1;
    cr_expect_eq(get("/v1/history/rounds"), 200);
    cr_expect_neq(strlen(client_text(&client, "/continue")), 0);
}

Test(history_rounds, are_asked_for_by_when)
{
    cr_expect_eq(get("/v1/history/rounds"), 200);
    const struct history_round_query *asked = &history.asked_rounds;
    cr_expect_eq(asked->from_revision, 0);
    cr_expect_eq(asked->to_revision, INT64_MAX);
    cr_expect_eq(asked->from_ms, 0);
    cr_expect_eq(asked->to_ms, INT64_MAX);
    cr_expect_eq(asked->limit, 500);
    cr_expect(asked->newest_first);
    cr_expect_not(asked->continues);
    cr_expect_eq(get("/v1/history/rounds?from=2&to=2026-01-01T00:00:00.123Z&order=oldest&limit=9"
                     "&min_revision=1"),
                 200);
    cr_expect_eq(asked->from_revision, 2);
    cr_expect_eq(asked->to_ms, EVENTS_TIME);
    cr_expect_eq(asked->limit, 9);
    cr_expect_eq(asked->min_revision, 1);
    cr_expect_not(asked->newest_first);
    cr_expect_eq(get("/v1/history/rounds?kind=item"), 400);
    cr_expect_eq(get("/v1/history/rounds?from=then"), 400);
}

Test(history_rounds, each_allocation_may_fail)
{
    cr_assert_eq(get("/v1/history/rounds?limit=2"), 200);
    long allocations = client.allocations;
    cr_assert_geq(allocations, 3);
    for (long failing = 1; failing <= allocations; failing++) {
        client.failing_allocation = failing;
        int status = get("/v1/history/rounds?limit=2");
        cr_expect(status == 503 || (status == 200 && client_json(&client, "/rounds/1")), "%ld: %d",
                  failing, status);
    }
}

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/api_client.h"
#include "tests/support/history_events.h"
#include "tests/support/scripted_history.h"

/* GET /v1/history, and the same of an item and of a member, in JSON. */

static struct client client;
static struct scripted_history history;

static void setup(void)
{
    client_init(&client);
    scripted_history_init(&history);
    history.events = history_events;
    history.event_count = EVENT_COUNT;
    client.runtime.history = &history.port;
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(history, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

static size_t count_events(void)
{
    return json_object_array_length(client_json(&client, "/events"));
}

static bool has(const char *text)
{
    return strstr(client.reply.text, text) != NULL;
}

/* --- what events are shown as --- */

/* Asks for the event alone. */
static void get_event(int number)
{
    history.events = &history_events[number];
    history.event_count = 1;
    cr_assert_eq(get("/v1/history?kind=item,member,assignment,allocator,scheduler,other,gap"), 200);
    cr_assert_eq(count_events(), 1);
    cr_expect_not(has(SECRET), "event %d shows a secret", number);
}

static void expect_event(int number, const char *wanted)
{
    get_event(number);
    const char *text = json_object_to_json_string_ext(
        client_json(&client, "/events/0"), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    cr_expect_str_eq(text, wanted);
}

Test(history, shows_an_item)
{
    expect_event(
        EVENT_ITEM,
        "{\"revision\":21,\"order\":0,\"time\":\"2026-01-01T00:00:00.123Z\",\"time_source\":"
        "\"writer\",\"kind\":\"item\",\"operation\":\"update\",\"id\":\"orders/1\",\"actor\":{"
        "\"principal\":\"ops\",\"request_id\":\"r-1\",\"trace_id\":\"t-1\",\"method\":\"PUT\","
        "\"path\":\"/v1/items/orders%2F1\",\"reason\":\"more \\\"load\\\", now\"},"
        "\"before\":{\"replication\":1,\"consistency\":\"immediate\",\"labels\":{}},"
        "\"after\":{\"replication\":2,\"consistency\":\"immediate\",\"labels\":{\"tier\":\"1\"}},"
        "\"create_revision\":7,\"version\":2}");
}

Test(history, shows_a_member_without_its_secret)
{
    expect_event(
        EVENT_MEMBER,
        "{\"revision\":21,\"order\":1,\"time\":\"2026-01-01T00:00:00.123Z\",\"time_source\":"
        "\"writer\",\"kind\":\"member\",\"operation\":\"create\",\"zone\":\"east\",\"suffix\":"
        "\"1\",\"actor\":{\"invalid\":true},\"before\":null,\"after\":{\"item_limit\":4,"
        "\"exiting\":false,\"labels\":{\"rack\":\"7\"}},\"create_revision\":21,\"version\":1,"
        "\"lease\":\"7587884871923548161\"}");
}

Test(history, shows_an_assignment)
{
    expect_event(
        EVENT_ASSIGNMENT,
        "{\"revision\":22,\"order\":0,\"time\":\"2026-01-01T00:00:00.123Z\",\"time_source\":"
        "\"writer\",\"kind\":\"assignment\",\"operation\":\"update\",\"item\":\"orders/1\","
        "\"zone\":\"east\",\"suffix\":\"1\",\"slot\":0,\"actor\":{\"instance\":\"i-1\",\"fence\":3,"
        "\"round\":12,\"decided_on\":21},\"before\":{\"reported\":false,\"value\":null},\"after\":{"
        "\"reported\":true,\"value\":{\"offset\":42}},\"create_revision\":21,\"version\":2}");
}

Test(history, shows_what_is_not_known_as_such)
{
    expect_event(
        EVENT_EXPIRY,
        "{\"revision\":23,\"order\":0,\"time\":\"2026-01-01T00:00:00.123Z\",\"time_source\":"
        "\"observed\",\"kind\":\"member\",\"operation\":\"expire\",\"reconstructed\":true,"
        "\"zone\":\"east\",\"suffix\":\"1\",\"actor\":{\"principal\":\"ops\",\"revision\":22},"
        "\"before\":{\"invalid\":true},\"after\":null,\"create_revision\":0,\"version\":0}");
    expect_event(EVENT_GAP,
                 "{\"revision\":20,\"order\":0,\"time\":\"2026-01-01T00:00:00.123Z\","
                 "\"time_source\":\"observed\",\"kind\":\"gap\",\"operation\":\"miss\",\"actor\":"
                 "null,\"before\":null,\"after\":{\"from_revision\":1,\"to_revision\":20},"
                 "\"create_revision\":0,\"version\":0}");
}

Test(history, shows_other_keys)
{
    get_event(EVENT_ALLOCATOR);
    cr_expect_str_eq(client_text(&client, "/events/0/key"), "/allocator");
    cr_expect_str_eq(client_text(&client, "/events/0/after/paused"), "all");
    cr_expect(client_true(&client, "/events/0/before/invalid"));
    get_event(EVENT_SCHEDULER);
    cr_expect_str_eq(client_text(&client, "/events/0/key"), "/schedulers/i-1");
    cr_expect(client_true(&client, "/events/0/after/invalid"));
    cr_expect_str_eq(client_text(&client, "/events/0/lease"), "1");
    get_event(EVENT_OTHER);
    cr_expect_str_eq(client_text(&client, "/events/0/key"), "/members/a,\xEF\xBF\xBD\"");
    cr_expect_eq(client_number(&client, "/events/0/after/bytes"),
                 (int64_t)history_events[EVENT_OTHER].after.size);
    cr_expect_eq(json_object_object_length(client_json(&client, "/events/0/after")), 1);
}

/* --- pages --- */

Test(history, is_newest_first_and_without_other_keys)
{
    cr_expect_eq(get("/v1/history"), 200);
    cr_expect_str_eq(client.reply.content_type, "application/json");
    cr_expect_eq(count_events(), EVENT_COUNT - 1);
    cr_expect_eq(client_number(&client, "/events/0/revision"), 25);
    cr_expect_eq(client_number(&client, "/events/6/revision"), 20);
    cr_expect_eq(client_number(&client, "/revision"), 40);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "40");
    cr_expect_null(client_json(&client, "/continue"));
    cr_expect_null(client_reply_header(&client, "Allot-Continue"));
    cr_expect_eq(history.asked.limit, 500);
    cr_expect_eq(get("/v1/history?order=oldest&limit=5000"), 200);
    cr_expect_eq(client_number(&client, "/events/0/revision"), 20);
    cr_expect_eq(history.asked.limit, 5000);
}

/* Follows the tokens of @target; returns how many pages that took, and asserts the events. */
static int follow(const char *target, int64_t first, int64_t last)
{
    char next[400];
    int pages = 0;
    size_t total = 0;
    int64_t seen = -1;
    (void)snprintf(next, sizeof next, "%s", target);
    do {
        cr_assert_eq(get(next), 200, "%s", next);
        char pointer[40];
        for (size_t i = 0; i < count_events(); i++) {
            (void)snprintf(pointer, sizeof pointer, "/events/%zu/revision", i);
            seen = client_number(&client, pointer);
            if (total++ == 0)
                cr_expect_eq(seen, first);
        }
        const char *token = client_text(&client, "/continue");
        (void)snprintf(next, sizeof next, "%s&continue=%s", target, token);
        pages++;
        if (!token[0])
            break;
        cr_expect_str_eq(client_reply_header(&client, "Allot-Continue"), token);
    } while (pages < 100);
    cr_expect_eq(seen, last);
    cr_expect_eq(total, EVENT_COUNT - 1);
    return pages;
}

Test(history, goes_on_after_a_page)
{
    cr_expect_eq(follow("/v1/history?limit=2", 25, 20), 4);
    cr_expect_eq(follow("/v1/history?order=oldest&limit=3", 20, 25), 3);
    cr_expect_eq(follow("/v1/history?order=oldest&limit=7", 20, 25), 2); /* `other` is to come */
}

Test(history, a_page_without_events_may_go_on)
{
    history.looks_at = 1;
    cr_expect_eq(get("/v1/history?kind=item"), 200);
    cr_expect_eq(count_events(), 0);
    cr_expect_neq(strlen(client_text(&client, "/continue")), 0);
    cr_expect_eq(follow("/v1/history?limit=5", 25, 20), EVENT_COUNT);
}

static void expect_refused(const char *target, const char *part)
{
    int questions = history.questions;
    cr_expect_eq(get(target), 400, "%s: %d", target, client.reply.status);
    cr_expect_str_eq(client_text(&client, "/code"), "malformed-request");
    cr_expect(strstr(client_text(&client, "/detail"), part), "%s: %s", target,
              client_text(&client, "/detail"));
    cr_expect_eq(history.questions, questions);
}

Test(history, a_token_is_bound_to_path_and_filters)
{
    char token[100];
    char target[400];
    static const char *const others[] = {
        "/v1/history?order=oldest", "/v1/history?kind=member",       "/v1/history?from=1",
        "/v1/history/rounds?",      "/v1/items/orders%2F1/history?", "/v1/members/east/1/history?",
    };
    cr_assert_eq(get("/v1/history?kind=item,member&limit=1"), 200);
    (void)snprintf(token, sizeof token, "%s", client_text(&client, "/continue"));
    (void)snprintf(target, sizeof target,
                   "/v1/history?continue=%s&min_revision=1&limit=3&kind=item,member", token);
    cr_expect_eq(get(target), 200);
    cr_expect_eq(history.asked.position.revision, 23);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        (void)snprintf(target, sizeof target, "%s&continue=%s", others[i], token);
        expect_refused(target, "'continue'");
    }
    (void)snprintf(target, sizeof target, "/v1/history?kind=item,member&continue=%sx", token);
    expect_refused(target, "'continue'");
    expect_refused("/v1/history?kind=item,member&continue=17-0-0", "'continue'");
    expect_refused("/v1/history?kind=item,member&continue=", "'continue'");
}

/* Of events as large as they come, a page takes as many as it has room for. */
Test(history, a_page_has_room_for_so_many_bytes)
{
    enum { EVENTS = 100, VALUE = 100 << 10 };
    static char value[VALUE + 32];
    static struct history_event large[EVENTS];
    int size = snprintf(value, sizeof value, "{\"consistent\":true,\"value\":\"%0*d\"}", VALUE, 0);
    for (int i = 0; i < EVENTS; i++) {
        large[i] = history_events[EVENT_ASSIGNMENT];
        large[i].position.revision = 100 + i;
        large[i].after = (struct span){value, (size_t)size};
    }
    history.events = large;
    history.event_count = EVENTS;
    cr_expect_eq(get("/v1/history?order=oldest"), 200);
    size_t first = count_events();
    cr_expect(first > 10 && first < EVENTS, "%zu", first);
    char target[200];
    (void)snprintf(target, sizeof target, "/v1/history?order=oldest&continue=%s",
                   client_text(&client, "/continue"));
    cr_expect_eq(get(target), 200);
    cr_expect_eq(client_number(&client, "/events/0/revision"), 100 + (int64_t)first);
}

/* --- filters --- */

Test(history, asks_for_everything)
{
    cr_expect_eq(get("/v1/history"), 200);
    const struct history_query *asked = &history.asked;
    unsigned all = (1U << HISTORY_KIND_COUNT) - 1;
    cr_expect_eq(asked->filter.kinds, all & ~(1U << HISTORY_OTHER));
    cr_expect_eq(asked->filter.from_revision, 0);
    cr_expect_eq(asked->filter.to_revision, INT64_MAX);
    cr_expect_eq(asked->filter.from_ms, 0);
    cr_expect_eq(asked->filter.to_ms, INT64_MAX);
    cr_expect_str_eq(history.item, "-");
    cr_expect_str_eq(history.zone, "-");
    cr_expect_str_eq(history.suffix, "-");
    cr_expect_str_eq(history.principal, "-");
    cr_expect(asked->newest_first);
    cr_expect_not(asked->continues);
    cr_expect_eq(asked->min_revision, 0);
}

Test(history, asks_for_what_is_filtered)
{
    cr_expect_eq(get("/v1/history?item=orders/1&zone=east&suffix=1&actor=ops%20team&kind=gap,other"
                     "&from=2&to=39&order=oldest"),
                 200);
    const struct history_filter *filter = &history.asked.filter;
    cr_expect_str_eq(history.item, "orders/1");
    cr_expect_str_eq(history.zone, "east");
    cr_expect_str_eq(history.suffix, "1");
    cr_expect_str_eq(history.principal, "ops team");
    cr_expect_eq(filter->kinds, 1U << HISTORY_GAP | 1U << HISTORY_OTHER);
    cr_expect_eq(filter->from_revision, 2);
    cr_expect_eq(filter->to_revision, 39);
    cr_expect_not(history.asked.newest_first);
    cr_expect_eq(get("/v1/history?from=2026-01-01T01:00:00%2B01:00&to=2026-01-01T00:00:00.123Z"),
                 200);
    cr_expect_eq(filter->from_ms, EVENTS_TIME - 123);
    cr_expect_eq(filter->to_ms, EVENTS_TIME);
    cr_expect_eq(filter->from_revision, 0);
    cr_expect_eq(filter->to_revision, INT64_MAX);
}

Test(history, of_an_item_and_of_a_member)
{
    cr_expect_eq(get("/v1/items/orders%2F1/history?kind=item&actor=ops"), 200);
    cr_expect_str_eq(history.item, "orders/1");
    cr_expect_str_eq(history.zone, "-");
    cr_expect_str_eq(history.principal, "ops");
    cr_expect_eq(history.asked.filter.kinds, 1U << HISTORY_ITEM);
    cr_expect_eq(get("/v1/members/east/1/history?limit=7"), 200);
    cr_expect_str_eq(history.item, "-");
    cr_expect_str_eq(history.zone, "east");
    cr_expect_str_eq(history.suffix, "1");
    cr_expect_eq(history.asked.limit, 7);
    cr_expect_eq(get("/v1/items/orders%2F1/history?item=a"), 400);
    cr_expect_eq(get("/v1/members/east/1/history?zone=a"), 400);
}

Test(history, refuses_what_is_no_question)
{
    static const char *const bad[][2] = {
        {"kind=items", "'kind'"},
        {"kind=", "'kind'"},
        {"kind=item,", "'kind'"},
        {"kind=,item", "'kind'"},
        {"from=0", "'from'"},
        {"from=-1", "'from'"},
        {"from=", "'from'"},
        {"to=now", "'to'"},
        {"to=2026-01-01", "'to'"},
        {"limit=0", "'limit'"},
        {"limit=5001", "'limit'"},
        {"order=up", "'order'"},
        {"order=", "'order'"},
        {"item=", "'item'"},
        {"actor=", "'actor'"},
        {"suffix=1", "'zone'"},
        {"zone=", "'zone'"},
        {"from=9223372036854775808", "'from'"},
        {"min_revision=x", "'min_revision'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char target[200];
        (void)snprintf(target, sizeof target, "/v1/history?%s", bad[i][0]);
        expect_refused(target, bad[i][1]);
    }
    cr_expect_eq(get("/v1/history?prefix=a"), 400);
}

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/api_client.h"
#include "tests/support/history_events.h"
#include "tests/support/scripted_history.h"

/* GET /v1/history/moves. */

enum { MAX_EVENTS = 64 };

static struct client client;
static struct scripted_history history;
static struct history_event events[MAX_EVENTS];

static void setup(void)
{
    client_init(&client);
    scripted_history_init(&history);
    history.events = events;
    client.runtime.history = &history.port;
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(history_moves, .init = setup, .fini = teardown);

static struct history_event *add(int64_t revision, enum history_operation operation)
{
    struct history_event *event = &events[history.event_count];
    bool same = history.event_count > 0 && event[-1].position.revision == revision;
    cr_assert_lt(history.event_count++, MAX_EVENTS);
    *event = (struct history_event){
        .position = {revision, same ? event[-1].position.order + 1 : 0},
        .time_ms = EVENTS_TIME + revision,
        .kind = HISTORY_ASSIGNMENT,
        .operation = operation,
    };
    return event;
}

static struct history_event *assign(int64_t revision, enum history_operation operation,
                                    const char *item, const char *member)
{
    struct history_event *event = add(revision, operation);
    event->parts = (struct key_parts){.kind = KEY_ASSIGNMENT,
                                      .item = span_of(item),
                                      .zone = SPAN("z"),
                                      .suffix = span_of(member)};
    return event;
}

static void make_item(int64_t revision, const char *item)
{
    struct history_event *event = add(revision, HISTORY_CREATE);
    event->kind = HISTORY_ITEM;
    event->parts = (struct key_parts){.kind = KEY_ITEM, .item = span_of(item)};
}

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

/* "a 2, b 1": the items and their moves, as listed. */
static const char *moves(const char *target)
{
    static char text[400];
    char pointer[64];
    size_t size = 0;
    text[0] = '\0';
    cr_assert_eq(get(target), 200, "%s", client.reply.text);
    for (int i = 0;; i++) {
        (void)snprintf(pointer, sizeof pointer, "/moves/%d/item", i);
        if (!client_json(&client, pointer))
            return text;
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s ", i > 0 ? ", " : "",
                                 client_text(&client, pointer));
        (void)snprintf(pointer, sizeof pointer, "/moves/%d/moves", i);
        size += (size_t)snprintf(text + size, sizeof text - size, "%d",
                                 (int)client_number(&client, pointer));
    }
}

Test(history_moves, are_listed_most_often_first)
{
    assign(10, HISTORY_CREATE, "b", "1");
    assign(11, HISTORY_CREATE, "a", "1");
    assign(12, HISTORY_DELETE, "a", "1");
    assign(13, HISTORY_CREATE, "c", "1");
    assign(14, HISTORY_CREATE, "c", "2");
    assign(15, HISTORY_UPDATE, "b", "1");
    cr_expect_str_eq(moves("/v1/history/moves"), "c 2, a 1, b 1");
    cr_expect_eq(client_number(&client, "/moves/0/last_revision"), 14);
    cr_expect_str_eq(client_text(&client, "/moves/0/last_time"), "2026-01-01T00:00:00.137Z");
    cr_expect_eq(client_number(&client, "/revision"), 40);
    cr_expect(client_true(&client, "/complete"));
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "40");
    cr_expect_str_eq(moves("/v1/history/moves?more_than=1"), "c 2");
    cr_expect(client_true(&client, "/complete"));
    cr_expect_str_eq(moves("/v1/history/moves?more_than=2"), "");
    cr_expect_str_eq(moves("/v1/history/moves?limit=2"), "c 2, a 1");
    cr_expect_not(client_true(&client, "/complete"));
}

Test(history_moves, are_not_what_an_item_gets_first)
{
    make_item(10, "a");
    assign(11, HISTORY_CREATE, "a", "1");
    assign(11, HISTORY_CREATE, "a", "2");
    cr_expect_str_eq(moves("/v1/history/moves"), "");
    assign(12, HISTORY_CREATE, "a", "3");
    cr_expect_str_eq(moves("/v1/history/moves"), "a 1");
    assign(13, HISTORY_EXPIRE, "a", "1");
    assign(13, HISTORY_EXPIRE, "a", "2");
    assign(13, HISTORY_EXPIRE, "a", "3");
    assign(14, HISTORY_CREATE, "a", "4");
    cr_expect_str_eq(moves("/v1/history/moves"), "a 1", "it had lost all");
    assign(15, HISTORY_CREATE, "a", "5");
    cr_expect_str_eq(moves("/v1/history/moves"), "a 2");
}

Test(history_moves, are_not_other_slots_of_the_same_member)
{
    assign(10, HISTORY_CREATE, "a", "1");
    assign(10, HISTORY_DELETE, "a", "1");
    cr_expect_str_eq(moves("/v1/history/moves"), "");
    assign(11, HISTORY_DELETE, "a", "1");
    assign(11, HISTORY_CREATE, "a", "2");
    assign(11, HISTORY_CREATE, "b", "1");
    cr_expect_str_eq(moves("/v1/history/moves"), "a 1, b 1");
}

Test(history_moves, are_not_what_nobody_knows_the_steps_of)
{
    make_item(10, "a");
    assign(12, HISTORY_CREATE, "a", "1")->reconstructed = true;
    assign(12, HISTORY_CREATE, "a", "2")->reconstructed = true;
    cr_expect_str_eq(moves("/v1/history/moves"), "");
    assign(13, HISTORY_CREATE, "a", "3");
    cr_expect_str_eq(moves("/v1/history/moves"), "a 1");
}

Test(history_moves, are_counted_over_pages)
{
    for (int64_t revision = 10; revision < 30; revision += 2) {
        assign(revision, HISTORY_CREATE, "a", "1");
        assign(revision + 1, HISTORY_DELETE, "a", "1");
    }
    history.looks_at = 3;
    cr_expect_str_eq(moves("/v1/history/moves"), "a 10");
}

Test(history_moves, are_of_the_last_hour_unless_another_is_given)
{
    static const int64_t HOUR_MS = INT64_C(3600) * 1000;
    cr_expect_eq(get("/v1/history/moves"), 200);
    cr_expect_eq(history.asked.filter.from_ms, EVENTS_TIME - HOUR_MS); /* it is that time now */
    cr_expect_eq(history.asked.filter.to_ms, INT64_MAX);
    cr_expect_eq(history.asked.filter.kinds, 1U << HISTORY_ITEM | 1U << HISTORY_ASSIGNMENT);
    cr_expect_not(history.asked.newest_first);
    cr_expect_eq(get("/v1/history/moves?to=2026-01-01T00:00:00Z"), 200);
    cr_expect_eq(history.asked.filter.from_ms, EVENTS_TIME - 123 - HOUR_MS);
    cr_expect_eq(history.asked.filter.to_ms, EVENTS_TIME - 123);
    cr_expect_eq(get("/v1/history/moves?from=7"), 200);
    cr_expect_eq(history.asked.filter.from_revision, 7);
    cr_expect_eq(history.asked.filter.from_ms, 0);
    cr_expect_eq(get("/v1/history/moves?min_revision=1"), 200);
    cr_expect_eq(history.asked.min_revision, 1);
}

Test(history_moves, are_of_the_hour_before_a_revision)
{
    static const int64_t HOUR_MS = INT64_C(3600) * 1000;
    assign(10, HISTORY_CREATE, "a", "1");
    add(11, HISTORY_UPDATE)->kind = HISTORY_OTHER;
    cr_expect_str_eq(moves("/v1/history/moves?to=12"), "a 1");
    cr_expect_eq(history.asked.filter.from_ms, EVENTS_TIME + 11 - HOUR_MS);
    cr_expect_eq(history.asked.filter.to_revision, 12);
    cr_expect_eq(history.asked.filter.kinds, 1U << HISTORY_ITEM | 1U << HISTORY_ASSIGNMENT);
    cr_expect_eq(history.questions, 2);
    cr_expect_eq(get("/v1/history/moves?from=7&to=12"), 200);
    cr_expect_eq(history.asked.filter.from_ms, 0);
}

Test(history_moves, are_refused_as_other_history_is)
{
    static const char *const bad[] = {"more_than=-1", "more_than=x",  "from=x",
                                      "limit=0",      "order=newest", "item=a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char target[64];
        (void)snprintf(target, sizeof target, "/v1/history/moves?%s", bad[i]);
        cr_expect_eq(get(target), 400, "%s", bad[i]);
    }
    history.error = ALLOT_EIO;
    cr_expect_eq(get("/v1/history/moves"), 500);
    history.error = ALLOT_EUNAVAILABLE;
    cr_expect_eq(get("/v1/history/moves"), 503);
    client.runtime.history = NULL;
    cr_expect_eq(get("/v1/history/moves"), 404);
}

Test(history_moves, fail_cleanly_without_memory)
{
    int status = 0;
    make_item(10, "a");
    assign(11, HISTORY_CREATE, "b", "1");
    for (long failing = 1; status != 200; failing++) {
        client.failing_allocation = failing;
        status = get("/v1/history/moves");
        cr_assert(status == 200 || status == 503, "%d at %ld", status, failing);
        cr_assert_lt(failing, 100);
    }
}

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/history_csv.h"
#include "tests/support/api_client.h"
#include "tests/support/history_events.h"
#include "tests/support/scripted_history.h"

/* History as lines of JSON and as CSV. */

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

TestSuite(history_formats, .init = setup, .fini = teardown);

static int get_as(const char *accept, const char *target)
{
    client_header(&client, "Accept", accept);
    return client_send(&client, "GET", target, NULL);
}

/* --- which --- */

Test(history_formats, are_chosen_by_accept)
{
    static const char *const cases[][2] = {
        {NULL, "application/json"},
        {"*/*", "application/json"},
        {"application/json", "application/json"},
        {"application/x-ndjson", "application/x-ndjson"},
        {"text/csv", "text/csv; charset=utf-8; header=present"},
        {"text/html, text/csv;q=0.5", "text/csv; charset=utf-8; header=present"},
        {"application/json, text/csv;q=0", "application/json"},
        {"text/csv;q=0.1, application/json", "application/json"},
        {"text/csv;q=0.25, application/json;q=0.2499", "text/csv; charset=utf-8; header=present"},
        {"text/csv, application/json", "application/json"},
        {"text/*", "text/csv; charset=utf-8; header=present"},
        {"text/*;q=0.9, text/csv;q=0.1, application/*;q=0.5", "application/json"},
        {"application/x-ndjson, */*", "application/x-ndjson"},
        {"APPLICATION/*;Q=0.1", "application/json"},
        {"text/csv;q=1;q=0, */*;q=0.1", "text/csv; charset=utf-8; header=present"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(get_as(cases[i][0], "/v1/history"), 200);
        cr_expect_str_eq(client.reply.content_type, cases[i][1], "%s", cases[i][0]);
        cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "40");
    }
    cr_expect_eq(get_as("text/html", "/v1/history"), 406);
    cr_expect_eq(get_as("text", "/v1/history"), 406);
    cr_expect_eq(get_as("*/*;q=0", "/v1/history"), 406);
    cr_expect_eq(get_as("*/*, application/*;q=0, text/*;q=0.0", "/v1/history"), 406);
    cr_expect_str_eq(client_text(&client, "/detail"),
                     "only application/json, application/x-ndjson, text/csv is served here");
    cr_expect_eq(get_as("text/csv", "/v1/history/rounds"), 406);
    cr_expect_eq(get_as("text/*", "/v1/history/rounds"), 406);
    cr_expect_eq(get_as("text/csv", "/v1/history/state?at=1"), 406);
    cr_expect_eq(get_as("text/csv", "/v1/items"), 406);
    cr_expect_eq(get_as("text/csv", "/v1/items/a/history"), 200);
    cr_expect_eq(get_as("text/csv", "/v1/members/a/b/history"), 200);
}

/* --- lines --- */

Test(history_formats, a_line_is_the_event_of_the_list)
{
    cr_expect_eq(get_as(NULL, "/v1/history?limit=3"), 200);
    char token[100];
    (void)snprintf(token, sizeof token, "%s", client_text(&client, "/continue"));
    char *lines[3];
    for (int i = 0; i < 3; i++) {
        char pointer[40];
        (void)snprintf(pointer, sizeof pointer, "/events/%d", i);
        const char *text = json_object_to_json_string_ext(
            client_json(&client, pointer), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        lines[i] = strdup(text);
    }
    cr_expect_eq(get_as("application/x-ndjson", "/v1/history?limit=3"), 200);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Continue"), token);
    const char *rest = client.reply.text;
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(lines[i]);
        cr_expect_eq(strncmp(rest, lines[i], size), 0, "%s", rest);
        rest += size;
        cr_expect_eq(*rest++, '\n');
        free(lines[i]);
    }
    cr_expect_str_eq(rest, "");
}

Test(history_formats, no_events_are_no_lines)
{
    history.event_count = 0;
    cr_expect_eq(get_as("application/x-ndjson", "/v1/history"), 200);
    cr_expect_eq(client.reply.size, 0);
    cr_expect_null(client_reply_header(&client, "Allot-Continue"));
}

/* --- CSV --- */

#define HEADER                                                                                \
    "revision,order,time,time_source,kind,operation,reconstructed,item,zone,suffix,slot,key," \
    "principal,request_id,trace_id,method,path,reason,instance,fence,round,decided_on,"       \
    "actor_revision,before,after,create_revision,version,lease\r\n"

static void expect_record(int number, const char *wanted)
{
    history.events = &history_events[number];
    history.event_count = 1;
    cr_assert_eq(get_as("text/csv", "/v1/history?kind=item,member,assignment,other,gap"), 200);
    cr_expect_null(strstr(client.reply.text, SECRET));
    cr_assert_eq(strncmp(client.reply.text, HEADER, strlen(HEADER)), 0, "%s", client.reply.text);
    cr_expect_str_eq(client.reply.text + strlen(HEADER), wanted);
}

Test(history_formats, csv_has_a_record_an_event)
{
    expect_record(EVENT_ITEM,
                  "21,0,2026-01-01T00:00:00.123Z,writer,item,update,false,orders/1,,,,,ops,r-1,t-1,"
                  "PUT,/v1/items/orders%2F1,\"more \"\"load\"\", now\",,,,,21,"
                  "\"{\"\"replication\"\":1,\"\"consistency\"\":\"\"immediate\"\",\"\"labels\"\":{}"
                  "}\",\"{\"\"replication\"\":2,\"\"consistency\"\":\"\"immediate\"\","
                  "\"\"labels\"\":{\"\"tier\"\":\"\"1\"\"}}\",7,2,\r\n");
    expect_record(EVENT_MEMBER,
                  "21,1,2026-01-01T00:00:00.123Z,writer,member,create,false,,east,1,,,,,,,,,,,,,21,"
                  ",\"{\"\"item_limit\"\":4,\"\"exiting\"\":false,\"\"labels\"\":{\"\"rack\"\":"
                  "\"\"7\"\"}}\",21,1,7587884871923548161\r\n");
    expect_record(EVENT_ASSIGNMENT,
                  "22,0,2026-01-01T00:00:00.123Z,writer,assignment,update,false,orders/1,east,1,0,"
                  ",,,,,,,i-1,3,12,21,22,\"{\"\"reported\"\":false,\"\"value\"\":null}\","
                  "\"{\"\"reported\"\":true,\"\"value\"\":{\"\"offset\"\":42}}\",21,2,\r\n");
    expect_record(EVENT_EXPIRY,
                  "23,0,2026-01-01T00:00:00.123Z,observed,member,expire,true,,east,1,,,ops,,,,,,,,,"
                  ",22,\"{\"\"invalid\"\":true}\",,0,0,\r\n");
    expect_record(EVENT_GAP,
                  "20,0,2026-01-01T00:00:00.123Z,observed,gap,miss,false,,,,,,,,,,,,,,,,,,"
                  "\"{\"\"from_revision\"\":1,\"\"to_revision\"\":20}\",0,0,\r\n");
    expect_record(EVENT_OTHER, "26,0,2026-01-01T00:00:00.123Z,writer,other,create,false,,,,,"
                               "\"/members/a,\xEF\xBF\xBD\"\"\",,,,,,,,,,,,,"
                               "\"{\"\"bytes\"\":153}\",26,1,\r\n");
}

Test(history_formats, csv_without_events_is_its_header)
{
    history.event_count = 0;
    cr_expect_eq(get_as("text/csv", "/v1/history"), 200);
    cr_expect_str_eq(client.reply.text, HEADER);
}

Test(history_formats, csv_quotes_what_needs_it)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a,b", "\"a,b\""},
        {"say \"a\"", "\"say \"\"a\"\"\""},
        {"\"", "\"\"\"\""},
        {"two\nlines", "\"two\nlines\""},
        {"two\r\nlines", "\"two\r\nlines\""},
        {"tab\there", "tab\there"},
        {"\xC3\xA9\xF0\x9F\x98\x80", "\xC3\xA9\xF0\x9F\x98\x80"},
        {"\xC3", "\xEF\xBF\xBD"},
        {"a\x01,\x7F", "\"a\xEF\xBF\xBD,\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out;
        buffer_init(&out, 1000);
        history_csv_write_field(span_of(cases[i][0]), &out);
        cr_expect(span_equal(buffer_span(&out), span_of(cases[i][1])), "%zu: %.*s", i,
                  (int)out.size, out.data);
        buffer_release(&out);
    }
    struct buffer out;
    buffer_init(&out, 1000);
    history_csv_write_field((struct span){"\0", 1}, &out);
    cr_expect(span_equal(buffer_span(&out), SPAN("\xEF\xBF\xBD")));
    buffer_release(&out);
}

/* --- without memory --- */

Test(history_formats, each_allocation_may_fail)
{
    static const char *const accepts[] = {"application/json", "application/x-ndjson", "text/csv"};
    for (size_t i = 0; i < sizeof accepts / sizeof accepts[0]; i++) {
        client.failing_allocation = 0;
        cr_assert_eq(get_as(accepts[i], "/v1/history?limit=3&kind=item,member,assignment"), 200);
        long allocations = client.allocations;
        cr_assert_geq(allocations, 4);
        char *whole = strdup(client.reply.text);
        for (long failing = 1; failing <= allocations; failing++) {
            client.failing_allocation = failing;
            int status = get_as(accepts[i], "/v1/history?limit=3&kind=item,member,assignment");
            cr_expect(status == 503 || status == 200, "%s, %ld: %d", accepts[i], failing, status);
            if (status == 200)
                cr_expect_str_eq(client.reply.text, whole, "%s, %ld", accepts[i], failing);
            else if (client.reply.json)
                cr_expect_str_eq(client_text(&client, "/code"), "out-of-memory");
        }
        free(whole);
    }
}

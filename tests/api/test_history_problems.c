#include <criterion/criterion.h>

#include "tests/support/api_client.h"
#include "tests/support/history_events.h"
#include "tests/support/scripted_history.h"

/* What goes wrong when history is asked for, and what the cluster says of it. */

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

TestSuite(history_problems, .init = setup, .fini = teardown);

static const char *const targets[] = {
    "/v1/history",         "/v1/history/rounds",      "/v1/history/state?at=1",
    "/v1/items/a/history", "/v1/members/a/b/history",
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

static void expect_problems(int status, const char *code)
{
    for (size_t i = 0; i < TARGETS; i++) {
        cr_expect_eq(client_send(&client, "GET", targets[i], NULL), status, "%s: %d", targets[i],
                     client.reply.status);
        cr_expect_str_eq(client_text(&client, "/code"), code);
        cr_expect_str_eq(client.reply.content_type, "application/problem+json");
        cr_expect_neq(strlen(client_text(&client, "/detail")), 0);
        cr_expect_eq(client_reply_header(&client, "Retry-After") != NULL, status == 503);
        cr_expect_null(client_reply_header(&client, "Allot-Continue"));
    }
}

Test(history_problems, no_history_is_kept)
{
    client.runtime.history = NULL;
    expect_problems(404, "no-history");
    cr_expect(strstr(client_text(&client, "/detail"), "--history none"));
    cr_expect_eq(client.steps, 0);
}

Test(history_problems, errors_of_the_history)
{
    history.error = ALLOT_EUNAVAILABLE;
    expect_problems(503, "not-ready");
    history.error = ALLOT_ECANCELED;
    expect_problems(503, "busy");
    history.error = ALLOT_ENOMEM;
    expect_problems(503, "out-of-memory");
    history.error = ALLOT_EIO;
    expect_problems(500, "internal-error");
    cr_expect(strstr(client_text(&client, "/detail"), "damaged"));
}

Test(history_problems, a_history_that_fails_says_why)
{
    history.error = ALLOT_EUNAVAILABLE;
    history.status = (struct history_status){
        .condition = HISTORY_FAILS, .reached = 7, .detail = "is that of another root"};
    expect_problems(503, "not-ready");
    cr_expect_str_eq(client_text(&client, "/detail"),
                     "the history has come to revision 7, and fails: is that of another root");
}

Test(history_problems, too_much_is_computed_already)
{
    client.failing_step = API_COMPUTE;
    client.failing_error = ALLOT_ELIMIT;
    expect_problems(503, "busy");
}

/* --- least revisions --- */

static void catch_up(struct client *caller, enum api_step step)
{
    if (step != API_WAIT_REVISION)
        return;
    fake_store_put(&caller->store, "/items/a", "{\"replication\":1}");
    fake_store_publish(&caller->store);
}

/* First this server has to have seen the revision, which keeps no worker; then the history. */
Test(history_problems, a_least_revision_is_waited_for_without_a_worker)
{
    cr_expect_eq(client_send(&client, "GET", "/v1/history?min_revision=2", NULL), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "not-ready");
    cr_expect_eq(history.questions, 0);
    client.meddle = catch_up;
    cr_expect_eq(client_send(&client, "GET", "/v1/history?min_revision=2", NULL), 200);
    cr_expect_eq(history.questions, 1);
    cr_expect_eq(history.asked.min_revision, 2);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "40");
}

/* What has happened can be read although what is can't. */
Test(history_problems, needs_no_snapshot)
{
    snapshot_unref(client.store.newest);
    client.store.newest = NULL;
    history.snapshot = NULL;
    cr_expect_eq(client_send(&client, "GET", "/v1/history?min_revision=9", NULL), 200);
    cr_expect_eq(history.asked.min_revision, 9);
    cr_expect_eq(client_send(&client, "GET", "/v1/history/rounds", NULL), 200);
    history.error = ALLOT_EFUTURE;
    cr_expect_eq(client_send(&client, "GET", "/v1/history/state?at=9", NULL), 422);
}

/* --- the cluster --- */

static void elect(void)
{
    fake_store_put(&client.store, "/schedulers/there", "{}");
    fake_store_publish(&client.store);
}

static struct json_object *warnings(void)
{
    struct json_object *list = client_json(&client, "/warnings");
    cr_assert(json_object_is_type(list, json_type_array));
    return list;
}

Test(history_problems, the_cluster_tells_how_its_history_is)
{
    elect();
    history.status = (struct history_status){.condition = HISTORY_BEHIND,
                                             .reached = 40,
                                             .oldest = 3,
                                             .event_count = 77,
                                             .bytes = 4096,
                                             .queued_events = 5,
                                             .oldest_ms = EVENTS_TIME,
                                             .detail = "no matter"};
    cr_expect_eq(client_send(&client, "GET", "/v1/cluster", NULL), 200);
    cr_expect_str_eq(client_text(&client, "/history/condition"), "behind");
    cr_expect_null(client_json(&client, "/history/detail"));
    cr_expect_eq(client_number(&client, "/history/revision"), 40);
    cr_expect_eq(client_number(&client, "/history/oldest_revision"), 3);
    cr_expect_str_eq(client_text(&client, "/history/oldest_time"), "2026-01-01T00:00:00.123Z");
    cr_expect_eq(client_number(&client, "/history/events"), 77);
    cr_expect_eq(client_number(&client, "/history/bytes"), 4096);
    cr_expect_eq(client_number(&client, "/history/queued_events"), 5);
    cr_expect_eq(json_object_array_length(warnings()), 0);
    scripted_history_init(&history);
    cr_expect_eq(client_send(&client, "GET", "/v1/cluster", NULL), 200);
    cr_expect_str_eq(client_text(&client, "/history/condition"), "works");
    cr_expect(json_object_object_get_ex(client_json(&client, "/history"), "oldest_time", NULL));
    cr_expect_null(client_json(&client, "/history/oldest_time"));
}

Test(history_problems, the_cluster_warns_of_a_history_that_fails)
{
    elect();
    history.status =
        (struct history_status){.condition = HISTORY_FAILS, .detail = "no space is left"};
    cr_expect_eq(client_send(&client, "GET", "/v1/cluster", NULL), 200);
    cr_expect_str_eq(client_text(&client, "/history/condition"), "fails");
    cr_expect_str_eq(client_text(&client, "/history/detail"), "no space is left");
    cr_expect_str_eq(client_text(&client, "/warnings/0"),
                     "the history can't be written: no space is left");
    cr_expect_eq(json_object_array_length(warnings()), 1);
}

Test(history_problems, the_cluster_tells_that_there_is_none)
{
    elect();
    client.runtime.history = NULL;
    cr_expect_eq(client_send(&client, "GET", "/v1/cluster", NULL), 200);
    cr_expect(json_object_object_get_ex(client.reply.json, "history", NULL));
    cr_expect_null(client_json(&client, "/history"));
    cr_expect_eq(json_object_array_length(warnings()), 0);
}

#include <criterion/criterion.h>
#include <json-c/linkhash.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/api_client.h"
#include "tests/support/history_events.h"
#include "tests/support/scripted_history.h"

/* GET /v1/history/state. */

static struct client client;
static struct scripted_history history;

/* What was: three members and items, as of revision 9; nothing is left of it now. */
static struct snapshot *make_past(int items)
{
    struct fake_store past;
    fake_store_init(&past);
    past.solves = false;
    fake_store_put(&past, "/members/east#1",
                   "{\"item_limit\":4,\"ttl_seconds\":30,\"session_hash\":\"" SECRET "\"}");
    fake_store_put(&past, "/members/west#1", "{\"item_limit\":2,\"labels\":{\"rack\":\"7\"}}");
    fake_store_put(&past, "/members/west#2", "{");
    fake_store_put(&past, "/assign/00000#east#1#0", "{\"consistent\":true,\"value\":[1]}");
    fake_store_put(&past, "/assign/00000#west#1#1", "");
    for (int i = 0; i < items; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "/items/%05d", i);
        fake_store_put(&past, key, "{\"replication\":2,\"consistency\":\"reported\"}");
    }
    fake_store_publish(&past);
    struct snapshot *snapshot = snapshot_ref(past.newest);
    fake_store_release(&past);
    return snapshot;
}

static void setup(void)
{
    client_init(&client);
    scripted_history_init(&history);
    history.snapshot = make_past(3);
    history.found = (struct history_moment){.revision = 9, .time_ms = EVENTS_TIME};
    client.runtime.history = &history.port;
}

static void teardown(void)
{
    snapshot_unref(history.snapshot);
    client_release(&client);
}

TestSuite(history_state, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

static size_t count(const char *pointer)
{
    struct json_object *list = client_json(&client, pointer);
    cr_assert(json_object_is_type(list, json_type_array), "%s", pointer);
    return json_object_array_length(list);
}

/* --- what it shows --- */

Test(history_state, is_the_whole_cluster)
{
    cr_expect_eq(get("/v1/history/state?at=9"), 200);
    cr_expect_eq(history.asked_at.revision, 9);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "9");
    cr_expect_str_eq(client.reply.content_type, "application/json");
    cr_expect_eq(client_number(&client, "/revision"), 9);
    cr_expect_str_eq(client_text(&client, "/time"), "2026-01-01T00:00:00.123Z");
    cr_expect_eq(client_number(&client, "/cluster/totals/items"), 3);
    cr_expect_eq(client_number(&client, "/cluster/totals/invalid"), 1);
    cr_expect(
        json_object_object_get_ex(client_json(&client, "/cluster/totals"), "unattainable", NULL));
    cr_expect_null(client_json(&client, "/cluster/totals/unattainable"));
    cr_expect_eq(client_number(&client, "/cluster/items_by_state/unassigned"), 2);
    cr_expect_eq(client_number(&client, "/cluster/items_by_state/converging"), 1);
    cr_expect_eq(client_number(&client, "/cluster/zones/1/slots"), 2);
    cr_expect_str_eq(client_text(&client, "/cluster/balance/most_loaded/zone"), "west");
    cr_expect_eq(count("/members"), 2);
    cr_expect_eq(client_number(&client, "/members/0/status/assigned"), 1);
    cr_expect_eq(client_number(&client, "/members/0/ttl_seconds"), 30);
    cr_expect_str_eq(client_text(&client, "/members/1/labels/rack"), "7");
    cr_expect_eq(count("/items"), 3);
    cr_expect_str_eq(client_text(&client, "/items/0/status/state"), "converging");
    cr_expect_eq(count("/assignments"), 2);
    cr_expect_str_eq(client_text(&client, "/assignments/0/item"), "00000");
    cr_expect_eq(client_number(&client, "/assignments/0/value/0"), 1);
    cr_expect_null(strstr(client.reply.text, SECRET));
}

/* In the very words that the resources have, as long as they are there. */
Test(history_state, is_shown_as_what_is_now_is)
{
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/items/a", "{\"replication\":1,\"labels\":{\"x\":\"y\"}}");
    fake_store_put(&client.store, "/assign/a#east#1#0", "");
    fake_store_publish(&client.store);
    snapshot_unref(history.snapshot);
    history.snapshot = snapshot_ref(client.store.newest);
    static const char *const lists[] = {"members", "items", "assignments"};
    for (size_t i = 0; i < 3; i++) {
        char target[40];
        (void)snprintf(target, sizeof target, "/v1/%s", lists[i]);
        cr_expect_eq(get(target), 200);
        struct json_object *now = json_object_get(client_json(&client, "/items"));
        cr_expect_eq(get("/v1/history/state?at=9"), 200);
        (void)snprintf(target, sizeof target, "/%s", lists[i]);
        cr_expect(json_object_equal(now, client_json(&client, target)), "%s", target);
        json_object_put(now);
    }
    cr_expect_eq(get("/v1/cluster"), 200);
    struct json_object *now = json_object_get(client.reply.json);
    cr_expect_eq(get("/v1/history/state?at=9"), 200);
    json_object_object_foreach(client_json(&client, "/cluster"), name, value)
    {
        struct json_object *same = NULL;
        cr_expect(json_object_object_get_ex(now, name, &same) && json_object_equal(same, value),
                  "%s", name);
    }
    json_object_put(now);
}

Test(history_state, of_a_time)
{
    history.found.time_ms = 0;
    cr_expect_eq(get("/v1/history/state?at=2026-01-01T00:00:00.123Z"), 200);
    cr_expect_eq(history.asked_at.revision, 0);
    cr_expect_eq(history.asked_at.time_ms, EVENTS_TIME);
    cr_expect(json_object_object_get_ex(client.reply.json, "time", NULL));
    cr_expect_null(client_json(&client, "/time"));
}

Test(history_state, of_some_kinds)
{
    cr_expect_eq(get("/v1/history/state?at=9&kind=item"), 200);
    cr_expect_eq(count("/items"), 3);
    cr_expect_eq(client_number(&client, "/cluster/totals/members"), 2);
    cr_expect_eq(json_object_object_length(client.reply.json), 4);
    cr_expect_eq(get("/v1/history/state?at=9&kind=assignment,member"), 200);
    cr_expect_eq(count("/members"), 2);
    cr_expect_eq(count("/assignments"), 2);
    cr_expect_eq(json_object_object_length(client.reply.json), 5);
    cr_expect_eq(get("/v1/history/state?at=9&kind=gap"), 400);
}

Test(history_state, of_nothing)
{
    struct fake_store nothing;
    fake_store_init(&nothing);
    fake_store_publish(&nothing);
    snapshot_unref(history.snapshot);
    history.snapshot = snapshot_ref(nothing.newest);
    fake_store_release(&nothing);
    cr_expect_eq(get("/v1/history/state?at=9"), 200);
    cr_expect_eq(count("/members") + count("/items") + count("/assignments"), 0);
}

/* It may be large: no more than a piece is held at a time. */
Test(history_state, comes_in_pieces)
{
    enum { ITEMS = 3000, MOST_PIECE = 33 << 10 };
    snapshot_unref(history.snapshot);
    history.snapshot = make_past(ITEMS);
    cr_expect_eq(get("/v1/history/state?at=9"), 200);
    cr_expect_geq(client.pieces, 10);
    cr_expect_leq(client.longest_piece, MOST_PIECE);
    cr_assert_eq(count("/items"), ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        char pointer[32];
        (void)snprintf(pointer, sizeof pointer, "/items/%d/id", i);
        cr_assert_eq(atoi(client_text(&client, pointer)), i);
    }
    cr_expect_eq(count("/assignments"), 2);
}

Test(history_state, each_allocation_may_fail)
{
    snapshot_unref(history.snapshot);
    history.snapshot = make_past(300);
    cr_assert_eq(get("/v1/history/state?at=9"), 200);
    long allocations = client.allocations;
    for (long failing = 1; failing <= allocations; failing += 1 + failing / 20) {
        client.failing_allocation = failing;
        int status = get("/v1/history/state?at=9");
        cr_expect(status == 503 || (status == 200 && (client.reply.broken || client.reply.json)),
                  "%ld: %d", failing, status);
    }
}

/* --- moments that there is no state of --- */

static const char *detail(void)
{
    return client_text(&client, "/detail");
}

Test(history_state, is_gone_before_the_oldest_moment)
{
    history.error = ALLOT_ECOMPACTED;
    cr_expect_eq(get("/v1/history/state?at=8"), 410);
    cr_expect_str_eq(client_text(&client, "/code"), "revision-gone");
    cr_expect(strstr(detail(), "revision 9 of 2026-01-01T00:00:00.123Z"), "%s", detail());
    history.found.time_ms = 0;
    cr_expect_eq(get("/v1/history/state?at=1970-01-01T00:00:00Z"), 410);
    cr_expect(strstr(detail(), "at revision 9, and"), "%s", detail());
}

Test(history_state, is_not_there_in_the_future)
{
    history.error = ALLOT_EFUTURE;
    cr_expect_eq(get("/v1/history/state?at=2"), 422);
    cr_expect_str_eq(client_text(&client, "/code"), "invalid");
    cr_expect_str_eq(client_text(&client, "/errors/0/parameter"), "at");
    const char *fault = client_text(&client, "/errors/0/detail");
    cr_expect(strstr(fault, "revision 9 of 2026-01-01T00:00:00.123Z"), "%s", fault);
}

Test(history_state, is_not_there_at_a_time_that_is_to_come)
{
    cr_expect_eq(get("/v1/history/state?at=2026-01-01T00:00:00.124Z"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/parameter"), "at");
    cr_expect_eq(history.questions, 0);
}

/* What has been is only not written down yet. */
Test(history_state, is_to_come_if_the_history_is_behind)
{
    history.error = ALLOT_EFUTURE;
    cr_expect_eq(get("/v1/history/state?at=1"), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "not-ready");
    cr_expect_not_null(client_reply_header(&client, "Retry-After"));
    cr_expect_eq(get("/v1/history/state?at=2026-01-01T00:00:00.123Z"), 503);
}

/* A write is answered when this server has seen it; its history may need a moment more. */
Test(history_state, waits_for_a_revision_that_this_server_has_seen)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_publish(&client.store);
    int64_t newest = client.store.newest->state->revision;
    char target[64];
    (void)snprintf(target, sizeof target, "/v1/history/state?at=%d", (int)newest);
    cr_expect_eq(get(target), 200);
    cr_expect_eq(history.asked_min_revision, newest);
    (void)snprintf(target, sizeof target, "/v1/history/state?at=%d", (int)newest + 1);
    cr_expect_eq(get(target), 200);
    cr_expect_eq(history.asked_min_revision, 0, "which may never be");
    (void)snprintf(target, sizeof target, "/v1/history/state?at=1&min_revision=%d", (int)newest);
    cr_expect_eq(get(target), 200);
    cr_expect_eq(history.asked_min_revision, newest);
    cr_expect_eq(history.asked_at.revision, 1);
}

Test(history_state, needs_a_moment)
{
    cr_expect_eq(get("/v1/history/state"), 400);
    cr_expect(strstr(detail(), "'at'"));
    cr_expect_eq(get("/v1/history/state?at="), 400);
    cr_expect_eq(get("/v1/history/state?at=0"), 400);
    cr_expect_eq(get("/v1/history/state?at=now"), 400);
    cr_expect_eq(get("/v1/history/state?at=9&item=a"), 400);
    cr_expect_eq(history.questions, 0);
}

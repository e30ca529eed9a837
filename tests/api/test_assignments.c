#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/api_client.h"

#define TARGET "/v1/assignments/a%2Fb/east/1"

static struct client client;

/* Items a/b and c of reported consistency; a/b on both members, and a dead assignment of x. */
static void setup(void)
{
    client_init(&client);
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a/b", "{\"replication\":2,\"consistency\":\"reported\"}");
    fake_store_put(store, "/items/c", "{\"replication\":1}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_put(store, "/assign/a/b#east#1#0", "");
    fake_store_put(store, "/assign/a/b#west#1#1", "{\"consistent\":true,\"value\":{\"at\":7}}");
    fake_store_put(store, "/assign/c#east#1#0", "");
    fake_store_put(store, "/assign/x#east#1#0", "");
    fake_store_publish(store);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(assignments, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

static int patch(const char *body)
{
    return client_send(&client, "PATCH", TARGET, body);
}

static size_t count(void)
{
    return json_object_array_length(client_json(&client, "/items"));
}

Test(assignments, one)
{
    cr_expect_eq(get("/v1/assignments/a%2Fb/west/1"), 200);
    cr_expect_str_eq(client_text(&client, "/item"), "a/b");
    cr_expect_str_eq(client_text(&client, "/zone"), "west");
    cr_expect_str_eq(client_text(&client, "/suffix"), "1");
    cr_expect_eq(client_number(&client, "/slot"), 1);
    cr_expect_not(client_true(&client, "/primary"));
    cr_expect(client_true(&client, "/consistent"));
    cr_expect(client_true(&client, "/reported"));
    cr_expect_eq(client_number(&client, "/value/at"), 7);
    cr_expect_not_null(client_reply_header(&client, "ETag"));
    cr_expect_eq(get(TARGET), 200);
    cr_expect(client_true(&client, "/primary"));
    cr_expect_not(client_true(&client, "/consistent"));
}

Test(assignments, immediate_items_are_consistent_without_a_report)
{
    cr_expect_eq(get("/v1/assignments/c/east/1"), 200);
    cr_expect(client_true(&client, "/consistent"));
    cr_expect_not(client_true(&client, "/reported"));
}

Test(assignments, those_that_do_not_exist)
{
    cr_expect_eq(get("/v1/assignments/a%2Fb/north/1"), 404);
    cr_expect_eq(get("/v1/assignments/a/b/east"), 404);
    cr_expect_eq(get("/v1/items/none/assignments"), 404);
    cr_expect_eq(get("/v1/members/north/1/assignments"), 404);
    cr_expect_eq(client_send(&client, "PATCH", "/v1/assignments/n/east/1", "{}"), 404);
}

Test(assignments, lists)
{
    cr_expect_eq(get("/v1/assignments"), 200);
    cr_expect_eq(count(), 4);
    cr_expect_str_eq(client_text(&client, "/items/3/item"), "x");
    cr_expect_eq(get("/v1/assignments?zone=west"), 200);
    cr_expect_eq(count(), 1);
    cr_expect_eq(get("/v1/assignments?item=a%2Fb"), 200);
    cr_expect_eq(count(), 2);
    cr_expect_eq(get("/v1/assignments?item=a%2Fb&suffix=2"), 200);
    cr_expect_eq(count(), 0);
    cr_expect_eq(get("/v1/items/a%2Fb/assignments"), 200);
    cr_expect_eq(count(), 2);
    cr_expect_eq(get("/v1/members/east/1/assignments"), 200);
    cr_expect_eq(count(), 3);
    cr_expect_str_eq(client_text(&client, "/items/1/item"), "c");
}

Test(assignments, a_list_of_one_item_is_that_items_alone)
{
    char target[200];
    cr_expect_eq(get("/v1/assignments?item=a%2Fb&limit=1"), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/zone"), "east");
    cr_expect_eq(count(), 1);
    (void)snprintf(target, sizeof target, "/v1/assignments?item=a%%2Fb&continue=%s",
                   client_text(&client, "/continue"));
    cr_expect_eq(get(target), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/zone"), "west");
    cr_expect_eq(count(), 1);
    cr_expect(!client_json(&client, "/continue"));
    cr_expect_eq(get("/v1/assignments?item=a%2Fb&limit=2"), 200);
    cr_expect(!client_json(&client, "/continue"));
    static const char *const others[][2] = {{"c", "1"}, {"x", "1"}, {"a", "0"}, {"y", "0"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        (void)snprintf(target, sizeof target, "/v1/assignments?item=%s", others[i][0]);
        cr_expect_eq(get(target), 200);
        cr_expect_eq(count(), (size_t)atoi(others[i][1]), "%s", others[i][0]);
    }
    cr_expect_eq(get("/v1/assignments?item=a%2Fb&zone=west"), 200);
    cr_expect_eq(count(), 1);
}

Test(assignments, a_members_list_goes_on)
{
    char target[200];
    cr_expect_eq(get("/v1/members/east/1/assignments?limit=2"), 200);
    cr_expect_eq(count(), 2);
    (void)snprintf(target, sizeof target, "/v1/members/east/1/assignments?continue=%s",
                   client_text(&client, "/continue"));
    cr_expect_eq(get(target), 200);
    cr_expect_eq(count(), 1);
    cr_expect_str_eq(client_text(&client, "/items/0/item"), "x");
    cr_expect(!client_json(&client, "/continue"));
}

/* --- reports --- */

Test(assignments, a_report_of_consistency)
{
    cr_expect_eq(patch("{\"consistent\":true}"), 200);
    cr_expect(client_true(&client, "/consistent"));
    cr_expect(span_equal(fake_store_value(&client.store, "/assign/a/b#east#1#0"),
                         SPAN("{\"consistent\":true}")));
    cr_expect_eq(patch("{\"consistent\":true}"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(patch("{}"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect(client_true(&client, "/consistent"));
    cr_expect_eq(patch("{\"consistent\":false}"), 200);
    cr_expect_not(client_true(&client, "/consistent"));
}

Test(assignments, a_report_of_a_value)
{
    cr_expect_eq(patch("{\"value\":[1,{\"a\":null}]}"), 200);
    cr_expect_eq(client_number(&client, "/value/0"), 1);
    cr_expect_not(client_true(&client, "/reported"));
    cr_expect_eq(patch("{\"consistent\":true}"), 200);
    cr_expect_eq(client_number(&client, "/value/0"), 1);
    cr_expect_eq(patch("{\"value\":null}"), 200);
    cr_expect(!client_json(&client, "/value"));
    cr_expect(client_true(&client, "/consistent"));
}

Test(assignments, a_value_has_a_limit)
{
    char body[5000];
    (void)snprintf(body, sizeof body, "{\"value\":\"%04094d\"}", 0);
    cr_expect_eq(patch(body), 200);
    (void)snprintf(body, sizeof body, "{\"value\":\"%04095d\",\"consistent\":0}", 0);
    cr_expect_eq(patch(body), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/value");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/consistent");
}

Test(assignments, unknown_stored_fields_are_kept)
{
    fake_store_put(&client.store, "/assign/a/b#east#1#0", "{\"future\":1e3}");
    fake_store_publish(&client.store);
    cr_expect_eq(patch("{\"consistent\":true}"), 200);
    struct span value = fake_store_value(&client.store, "/assign/a/b#east#1#0");
    cr_expect(span_equal(value, SPAN("{\"future\":1e3,\"consistent\":true}")), "%.*s",
              (int)value.size, value.data);
}

Test(assignments, a_report_needs_the_members_session)
{
    client_header(&client, "Allot-Session", "0123456789abcdef");
    cr_expect_eq(
        client_send(&client, "PUT", "/v1/members/east/2", "{\"item_limit\":1,\"ttl_seconds\":9}"),
        201);
    int64_t lease = fake_store_lease_of(&client.store, "/members/east#2");
    fake_store_put_leased(&client.store, "/assign/c#east#2#1", "", lease);
    fake_store_publish(&client.store);
    const char *target = "/v1/assignments/c/east/2";
    cr_expect_eq(client_send(&client, "PATCH", target, "{\"consistent\":true}"), 200);
    cr_expect_eq(fake_store_lease_of(&client.store, "/assign/c#east#2#1"), lease);
    client_header(&client, "Allot-Session", "fedcba9876543210");
    cr_expect_eq(client_send(&client, "PATCH", target, "{\"consistent\":false}"), 409);
    client_header(&client, "Allot-Session", NULL);
    cr_expect_eq(client_send(&client, "PATCH", target, "{\"consistent\":false}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
}

Test(assignments, a_report_for_a_member_of_somebody_elses)
{
    fake_store_put_leased(&client.store, "/members/east#1", "{\"item_limit\":4}",
                          fake_store_grant(&client.store, 60));
    fake_store_publish(&client.store);
    cr_expect_eq(patch("{\"consistent\":true}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
    cr_expect_eq(client.steps, 0);
}

Test(assignments, a_report_for_a_member_that_is_gone)
{
    fake_store_delete(&client.store, "/members/east#1");
    fake_store_publish(&client.store);
    cr_expect_eq(patch("{\"consistent\":true}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "member-not-registered");
    cr_expect_eq(get(TARGET), 200);
    cr_expect_not(client_true(&client, "/consistent"));
}

/* Another machine under the name of one that was: it has nothing of what that one had. */
Test(assignments, a_report_of_a_former_member)
{
    char etag[64];
    cr_expect_eq(get("/v1/assignments/a%2Fb/west/1"), 200);
    (void)snprintf(etag, sizeof etag, "%s", client_reply_header(&client, "ETag"));
    fake_store_delete(&client.store, "/members/west#1");
    fake_store_put(&client.store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/assignments/a%2Fb/west/1"), 200);
    cr_expect_not(client_true(&client, "/consistent"));
    cr_expect_not(client_true(&client, "/reported"));
    cr_expect(!client_json(&client, "/value"));
    cr_expect_str_neq(client_reply_header(&client, "ETag"), etag);
    cr_expect_eq(get("/v1/items/a%2Fb"), 200);
    cr_expect_eq(client_number(&client, "/status/consistent"), 0);

    /* What it says itself counts, and nothing of the other is mixed with it. */
    cr_expect_eq(client_send(&client, "PATCH", "/v1/assignments/a%2Fb/west/1", "{}"), 200);
    cr_expect_not(client_true(&client, "/reported"));
    cr_expect_eq(
        client_send(&client, "PATCH", "/v1/assignments/a%2Fb/west/1", "{\"consistent\":true}"),
        200);
    cr_expect(client_true(&client, "/consistent"));
    cr_expect(client_true(&client, "/reported"));
    cr_expect(!client_json(&client, "/value"));
    cr_expect_eq(get("/v1/assignments/a%2Fb/west/1"), 200);
    cr_expect(client_true(&client, "/consistent"));
    cr_expect(!client_json(&client, "/value"));
}

Test(assignments, a_merge_patch_of_a_former_members_report)
{
    fake_store_delete(&client.store, "/members/west#1");
    fake_store_put(&client.store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_publish(&client.store);
    client_header(&client, "Content-Type", "application/merge-patch+json");
    cr_expect_eq(
        client_send(&client, "PATCH", "/v1/assignments/a%2Fb/west/1", "{\"value\":{\"on\":8}}"),
        200);
    cr_expect_not(client_true(&client, "/consistent"));
    cr_expect_eq(client_number(&client, "/value/on"), 8);
    cr_expect(!client_json(&client, "/value/at"));
}

Test(assignments, a_report_with_a_precondition)
{
    client_header(&client, "If-Match", "\"2\"");
    cr_expect_eq(patch("{\"consistent\":true}"), 412);
    cr_expect_eq(client.steps, 0);
    client_header(&client, "If-Match", "\"6\"");
    cr_expect_eq(patch("{\"consistent\":true}"), 200);
}

/* The allocator promotes the replica while its report is under way: another slot, another key. */
static void move(struct client *meddled, enum api_step step)
{
    (void)step;
    if (fake_store_mod_revision(&meddled->store, "/assign/a/b#east#1#0") > 0) {
        fake_store_delete(&meddled->store, "/assign/a/b#east#1#0");
        fake_store_put(&meddled->store, "/assign/a/b#east#1#2", "");
    }
}

Test(assignments, a_report_follows_a_replica_that_moves)
{
    client.meddle = move;
    cr_expect_eq(patch("{\"consistent\":true}"), 200);
    cr_expect_eq(client_number(&client, "/slot"), 2);
    cr_expect(client_true(&client, "/consistent"));
}

static bool removes;

static void take_away(struct client *overtaken, enum api_step step)
{
    (void)step;
    fake_store_delete(&overtaken->store, "/assign/a/b#east#1#0");
    if (!removes)
        fake_store_put(&overtaken->store, "/assign/a/b#east#1#3", "{\"consistent\":true}");
}

Test(assignments, a_report_is_answered_with_itself)
{
    removes = false;
    client.overtake = take_away;
    cr_expect_eq(patch("{\"consistent\":true,\"value\":7}"), 200);
    cr_expect_eq(client_number(&client, "/slot"), 0);
    cr_expect_eq(client_number(&client, "/value"), 7);
    cr_expect_eq(client_number(&client, "/create_revision"), 6);
    cr_expect_eq(client_number(&client, "/mod_revision"), 10);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "10");
    cr_expect(client_true(&client, "/consistent"));
    fake_store_delete(&client.store, "/assign/a/b#east#1#3");
    fake_store_put(&client.store, "/assign/a/b#east#1#0", "");
    fake_store_publish(&client.store);
    removes = true;
    cr_expect_eq(patch("{\"consistent\":true}"), 200);
    cr_expect_str_eq(client_text(&client, "/item"), "a/b");
    cr_expect(client_true(&client, "/reported"));
    cr_expect_not(client_true(&client, "/consistent"));
}

Test(assignments, a_report_replaces_the_fields_that_it_gives)
{
    cr_expect_eq(patch("{\"value\":{\"a\":1,\"b\":{\"c\":1}}}"), 200);
    cr_expect_eq(patch("{\"value\":{\"b\":{\"d\":null}}}"), 200);
    cr_expect(span_equal(fake_store_value(&client.store, "/assign/a/b#east#1#0"),
                         SPAN("{\"consistent\":false,\"value\":{\"b\":{\"d\":null}}}")));
}

Test(assignments, a_report_can_be_a_merge_patch)
{
    cr_expect_eq(patch("{\"consistent\":true,\"value\":{\"a\":1,\"b\":{\"c\":1}}}"), 200);
    client_header(&client, "Content-Type", "application/merge-patch+json");
    cr_expect_eq(patch("{\"value\":{\"b\":{\"d\":2}}}"), 200);
    cr_expect(
        span_equal(fake_store_value(&client.store, "/assign/a/b#east#1#0"),
                   SPAN("{\"consistent\":true,\"value\":{\"a\":1,\"b\":{\"c\":1,\"d\":2}}}")));
    cr_expect_eq(patch("{\"value\":{\"b\":null}}"), 200);
    cr_expect(span_equal(fake_store_value(&client.store, "/assign/a/b#east#1#0"),
                         SPAN("{\"consistent\":true,\"value\":{\"a\":1}}")));
    cr_expect_eq(patch("{\"value\":{\"b\":null}}"), 200); /* there is none */
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(patch("{\"consistent\":null,\"value\":null}"), 200);
    cr_expect(span_equal(fake_store_value(&client.store, "/assign/a/b#east#1#0"),
                         SPAN("{\"consistent\":false}")));
    cr_expect_eq(patch("{\"colour\":null,\"consistent\":1}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/colour");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/consistent");
    cr_expect_eq(patch("[]"), 422);
}

/* The limit is that of what is stored in the end. */
Test(assignments, a_merged_value_can_be_too_large)
{
    char body[3000];
    client_header(&client, "Content-Type", "application/merge-patch+json");
    (void)snprintf(body, sizeof body, "{\"value\":{\"a\":\"%02500d\"}}", 0);
    cr_expect_eq(patch(body), 200);
    (void)snprintf(body, sizeof body, "{\"value\":{\"b\":\"%02500d\"}}", 0);
    cr_expect_eq(patch(body), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/value");
}

static void leave(struct client *meddled, enum api_step step)
{
    (void)step;
    if (fake_store_mod_revision(&meddled->store, "/members/east#1") > 0) {
        fake_store_delete(&meddled->store, "/members/east#1");
        fake_store_put(&meddled->store, "/members/east#1",
                       "{\"item_limit\":1,\"session_hash\":\"0\"}");
    }
    meddled->meddle = NULL;
}

Test(assignments, a_report_for_a_member_that_was_replaced)
{
    client.meddle = leave;
    cr_expect_eq(patch("{\"consistent\":true}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
}

/* --- long polls --- */

static void remove_assignment(struct client *meddled, enum api_step step)
{
    cr_expect_eq(step, API_WAIT_CHANGE);
    fake_store_delete(&meddled->store, "/assign/c#east#1#0");
    fake_store_publish(&meddled->store);
}

static void touch_another(struct client *meddled, enum api_step step)
{
    cr_expect_eq(step, API_WAIT_CHANGE);
    fake_store_put(&meddled->store, "/items/other", "{\"replication\":1}");
    fake_store_publish(&meddled->store);
}

Test(assignments, of_a_member_are_waited_for)
{
    char target[100];
    cr_expect_eq(get("/v1/members/east/1/assignments"), 200);
    int64_t revision = client_number(&client, "/revision");
    cr_expect_eq(count(), 3);
    snprintf(target, sizeof target, "/v1/members/east/1/assignments?after=%d&wait=30s",
             (int)revision);
    client.meddle = touch_another;
    cr_expect_eq(get(target), 200); /* the time is over, and the list the same */
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(count(), 3);
    client.meddle = remove_assignment;
    cr_expect_eq(get(target), 200);
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(count(), 2);
    cr_expect_gt(client_number(&client, "/revision"), revision);
}

Test(assignments, of_nobody_are_not_waited_for)
{
    cr_expect_eq(get("/v1/members/east/none/assignments?after=1&wait=30s"), 404);
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(get("/v1/members/east/1/assignments?wait=30s"), 400);
    cr_expect_eq(get("/v1/members/east/1/assignments?after=1&wait=301s"), 400);
    cr_expect_eq(get("/v1/members/east/1/assignments?after=1&wait=-1"), 400);
    cr_expect_eq(get("/v1/members/east/1/assignments?after=x&wait=1"), 400);
    cr_expect_eq(get("/v1/members/east/1/assignments?after=1&wait=0"), 200);
    cr_expect_eq(client.steps, 0);
}

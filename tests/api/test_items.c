#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/api_client.h"
#include "tests/support/array.h"

static struct client client;

static void setup(void)
{
    client_init(&client);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(items, .init = setup, .fini = teardown);

static int put(const char *target, const char *body)
{
    return client_send(&client, "PUT", target, body);
}

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

/* A store with item a of two replicas, in the hands of two members. */
static void assign_two(void)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":2}");
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/assign/a#east#1#1", "");
    fake_store_put(&client.store, "/assign/a#west#1#0", "");
    fake_store_publish(&client.store);
}

Test(items, put_creates_and_get_shows)
{
    cr_expect_eq(put("/v1/items/a%2Fb", "{\"replication\":3,\"consistency\":\"reported\","
                                        "\"labels\":{\"team\":\"x\"}}"),
                 201);
    cr_expect_str_eq(client_reply_header(&client, "Location"), "/v1/items/a%2Fb");
    cr_expect_str_eq(client.reply.content_type, "application/json");
    cr_expect_str_eq(client_text(&client, "/id"), "a/b");
    cr_expect_eq(client.steps, 1);

    cr_expect_eq(get("/v1/items/a%2Fb"), 200);
    cr_expect_str_eq(client_text(&client, "/id"), "a/b");
    cr_expect_eq(client_number(&client, "/replication"), 3);
    cr_expect_str_eq(client_text(&client, "/consistency"), "reported");
    cr_expect_str_eq(client_text(&client, "/labels/team"), "x");
    cr_expect_eq(client_number(&client, "/create_revision"), 2);
    cr_expect_eq(client_number(&client, "/mod_revision"), 2);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "2");
    cr_expect_eq(get("/v1/items/a/b"), 404);
}

Test(items, defaults_are_immediate_and_no_labels)
{
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 201);
    cr_expect_str_eq(client_text(&client, "/consistency"), "immediate");
    cr_expect(json_object_is_type(client_json(&client, "/labels"), json_type_object));
}

Test(items, a_write_names_its_actor_first)
{
    client_header(&client, "X-Allot-Reason", "more load");
    cr_expect_eq(put("/v1/items/a?", "{\"replication\":1}"), 201);
    struct span actor = fake_store_value(&client.store, "/actor");
    cr_expect(span_equal(actor, SPAN("{\"principal\":\"anonymous\",\"request_id\":\"request-1\","
                                     "\"method\":\"PUT\",\"path\":\"/v1/items/a\","
                                     "\"reason\":\"more load\","
                                     "\"time\":\"2026-01-01T00:00:00.123Z\","
                                     "\"write\":\"a5a5a5a5a5a5a5a5\"}")),
              "%.*s", (int)actor.size, actor.data);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"),
                 fake_store_mod_revision(&client.store, "/items/a"));
}

Test(items, a_write_names_the_trace_that_it_is_part_of)
{
    client_header(&client, "traceparent",
                  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 201);
    struct span actor = fake_store_value(&client.store, "/actor");
    struct span wanted = SPAN(",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",");
    cr_expect_not_null(memmem(actor.data, actor.size, wanted.data, wanted.size));
    client_header(&client, "traceparent", "nonsense");
    cr_expect_eq(put("/v1/items/a", "{\"replication\":2}"), 200);
    actor = fake_store_value(&client.store, "/actor");
    cr_expect_null(memmem(actor.data, actor.size, "trace_id", 8));
}

Test(items, a_put_that_changes_nothing_writes_nothing)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":2}");
    fake_store_publish(&client.store);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":2,\"labels\":{}}"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/items/a"), 2);
}

Test(items, a_put_replaces_what_it_knows_and_keeps_what_it_does_not)
{
    fake_store_put(&client.store, "/items/a",
                   "{\"future\":[1,2.50],\"replication\":2,\"labels\":{\"x\":\"y\"}}");
    fake_store_publish(&client.store);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":4}"), 200);
    struct span value = fake_store_value(&client.store, "/items/a");
    cr_expect(span_equal(value, SPAN("{\"future\":[1,2.50],\"replication\":4,"
                                     "\"consistency\":\"immediate\"}")),
              "%.*s", (int)value.size, value.data);
    cr_expect_eq(client_number(&client, "/replication"), 4);
    cr_expect_null(client_json(&client, "/future"));
}

static int patch(const char *target, const char *body)
{
    return client_send(&client, "PATCH", target, body);
}

Test(items, a_patch_changes_what_it_names)
{
    fake_store_put(&client.store, "/items/a",
                   "{\"future\":1,\"replication\":2,\"consistency\":\"reported\","
                   "\"labels\":{\"x\":\"y\",\"z\":\"w\"}}");
    fake_store_publish(&client.store);
    client_header(&client, "Content-Type", "application/merge-patch+json");
    cr_expect_eq(patch("/v1/items/a", "{\"replication\":3,\"labels\":{\"x\":null,\"n\":\"1\"}}"),
                 200);
    struct span value = fake_store_value(&client.store, "/items/a");
    cr_expect(span_equal(value, SPAN("{\"future\":1,\"replication\":3,\"consistency\":\"reported\","
                                     "\"labels\":{\"z\":\"w\",\"n\":\"1\"}}")),
              "%.*s", (int)value.size, value.data);
    cr_expect_eq(client_number(&client, "/replication"), 3);
    cr_expect_eq(patch("/v1/items/a", "{\"consistency\":null,\"labels\":null}"), 200);
    value = fake_store_value(&client.store, "/items/a");
    cr_expect(span_equal(value, SPAN("{\"future\":1,\"replication\":3,"
                                     "\"consistency\":\"immediate\"}")),
              "%.*s", (int)value.size, value.data);
}

Test(items, a_patch_that_changes_nothing_writes_nothing)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":2}");
    fake_store_publish(&client.store);
    cr_expect_eq(patch("/v1/items/a", "{}"), 200);
    cr_expect_eq(patch("/v1/items/a", "{\"replication\":2,\"labels\":{}}"), 200);
    cr_expect_eq(client.steps, 0);
}

Test(items, a_patch_is_checked_as_what_it_makes)
{
    cr_expect_eq(patch("/v1/items/a", "{\"replication\":2}"), 404);
    fake_store_put(&client.store, "/items/a", "{\"replication\":2}");
    fake_store_publish(&client.store);
    cr_expect_eq(patch("/v1/items/a", "{\"replication\":null,\"x\":1,\"labels\":[]}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/x");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/labels");
    cr_expect_str_eq(client_text(&client, "/errors/2/pointer"), "/replication");
    cr_expect_eq(patch("/v1/items/a", "[]"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/detail"), "must be an object");
    cr_expect_eq(patch("/v1/items/a", "null"), 422);
    client_header(&client, "If-Match", "\"1-0\"");
    cr_expect_eq(patch("/v1/items/a", "{\"replication\":3}"), 412);
    client_header(&client, "Content-Type", "application/merge-patch+json");
    client_header(&client, "If-Match", NULL);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":3}"), 415); /* it is not one */
}

Test(items, a_patch_removes_nothing_that_it_does_not_know)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":2,\"colour\":\"red\"}");
    fake_store_publish(&client.store);
    cr_expect_eq(patch("/v1/items/a", "{\"a/b\":null,\"colour\":null,\"x\":1,\"labels\":null}"),
                 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/a~1b");
    cr_expect_str_eq(client_text(&client, "/errors/0/detail"), "is not a field of this resource");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/colour");
    cr_expect_str_eq(client_text(&client, "/errors/2/pointer"), "/x");
    cr_expect_null(client_json(&client, "/errors/3"));
    cr_expect_eq(client.steps, 0);
}

Test(items, delete_removes)
{
    assign_two();
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 204);
    cr_expect_null(client.reply.text);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "7");
    cr_expect_eq(get("/v1/items/a"), 404);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 404);
}

Test(items, all_faults_at_once)
{
    cr_expect_eq(put("/v1/items/a", "{\"replication\":-1,\"consistency\":7,\"colour\":\"red\","
                                    "\"labels\":{\"a/b\":1}}"),
                 422);
    cr_expect_str_eq(client.reply.content_type, "application/problem+json");
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/replication");
    cr_expect_str_eq(client_text(&client, "/errors/0/detail"), "must be an integer from 0 to 64");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/consistency");
    cr_expect_str_eq(client_text(&client, "/errors/1/detail"),
                     "must be one of \"immediate\", \"reported\"");
    cr_expect_str_eq(client_text(&client, "/errors/2/pointer"), "/colour");
    cr_expect_str_eq(client_text(&client, "/errors/3/pointer"), "/labels/a~1b");
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(put("/v1/items/a", "{}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/replication");
    cr_expect_str_eq(client_text(&client, "/errors/0/detail"), "is required");
}

Test(items, numbers_out_of_range_or_of_another_form_are_invalid)
{
    static const char *const bad[] = {"65",    "-1",
                                      "1.0",   "1e1",
                                      "\"3\"", "true",
                                      "null",  "99999999999999999999999999",
                                      "[3]",   "9223372036854775807"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char body[100];
        (void)snprintf(body, sizeof body, "{\"replication\":%s}", bad[i]);
        cr_expect_eq(put("/v1/items/a", body), 422, "%s gives %d", bad[i], client.reply.status);
    }
    cr_expect_eq(put("/v1/items/a", "{\"replication\":64}"), 201);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":0}"), 200);
}

Test(items, preconditions)
{
    char match[64];
    client_header(&client, "If-Match", "*");
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 412);
    client_header(&client, "If-Match", NULL);
    client_header(&client, "If-None-Match", "*");
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 201);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":2}"), 412);
    client_header(&client, "If-None-Match", NULL);

    cr_expect_eq(get("/v1/items/a"), 200);
    (void)snprintf(match, sizeof match, "%s", client_reply_header(&client, "ETag"));
    client_header(&client, "If-Match", match);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":2}"), 200);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":3}"), 412);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 412);
    client_header(&client, "If-Match", "\"3-00000000\", \"1-0\"");
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 204);
}

Test(items, an_etag_changes_with_the_status_and_saves_the_body)
{
    char etag[64];
    assign_two();
    cr_expect_eq(get("/v1/items/a"), 200);
    (void)snprintf(etag, sizeof etag, "%s", client_reply_header(&client, "ETag"));
    client_header(&client, "If-None-Match", etag);
    cr_expect_eq(get("/v1/items/a"), 304);
    cr_expect_str_eq(client_reply_header(&client, "ETag"), etag);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "6");
    fake_store_delete(&client.store, "/assign/a#east#1#1");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items/a"), 200);
    cr_expect_str_neq(client_reply_header(&client, "ETag"), etag);
}

Test(items, status_counts_and_names_the_primary)
{
    assign_two();
    cr_expect_eq(get("/v1/items/a"), 200);
    cr_expect_eq(client_number(&client, "/status/assigned"), 2);
    cr_expect_eq(client_number(&client, "/status/consistent"), 2);
    cr_expect_eq(client_number(&client, "/status/desired"), 2);
    cr_expect_str_eq(client_text(&client, "/status/primary/zone"), "west");
    cr_expect_str_eq(client_text(&client, "/status/primary/suffix"), "1");
    cr_expect_str_eq(client_text(&client, "/status/state"), "healthy");
}

Test(items, states)
{
    assign_two();
    fake_store_put(&client.store, "/items/a", "{\"replication\":2,\"consistency\":\"reported\"}");
    fake_store_put(&client.store, "/items/b", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/c", "{\"replication\":0}");
    fake_store_put(&client.store, "/items/d", "{\"replication\":3}");
    fake_store_put(&client.store, "/assign/d#east#1#0", "");
    fake_store_publish(&client.store);
    static const char *const expected[][2] = {{"/v1/items/a", "converging"},
                                              {"/v1/items/b", "unassigned"},
                                              {"/v1/items/c", "healthy"},
                                              {"/v1/items/d", "under_replicated"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        cr_expect_eq(get(expected[i][0]), 200);
        cr_expect_str_eq(client_text(&client, "/status/state"), expected[i][1], "%s",
                         expected[i][0]);
    }
    cr_expect_eq(get("/v1/items?state=unassigned"), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/id"), "b");
    cr_expect_null(client_json(&client, "/items/1"));
    cr_expect_eq(get("/v1/items?state=fine"), 400);
}

/* Forced out while nobody had room for what it held. */
Test(items, what_a_gone_member_has_left_is_no_replica)
{
    assign_two();
    fake_store_put(&client.store, "/items/b", "{\"replication\":2}");
    fake_store_put(&client.store, "/assign/b#east#1#0", "");
    fake_store_put(&client.store, "/assign/b#gone#9#1", "");
    fake_store_put(&client.store, "/items/c", "{\"replication\":1}");
    fake_store_put(&client.store, "/assign/c#gone#9#0", "");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items/b"), 200);
    cr_expect_str_eq(client_text(&client, "/status/state"), "under_replicated");
    cr_expect_eq(get("/v1/items/c"), 200);
    cr_expect_str_eq(client_text(&client, "/status/state"), "unassigned");
}

Test(items, how_they_fare_is_known_before_it_is_solved)
{
    client.store.solves = false;
    assign_two();
    cr_expect_eq(get("/v1/items/a"), 200);
    cr_expect_str_eq(client_text(&client, "/status/state"), "healthy");
    cr_expect(!client_json(&client, "/status/desired"));
}

/* --- values that do not decode --- */

Test(items, an_invalid_value_is_replaced_by_put_and_removed_by_delete)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":\"many\",\"kept\":1}");
    fake_store_put(&client.store, "/items/b", "not json");
    fake_store_put(&client.store, "/items/c", "not json");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items/a"), 404);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 200);
    cr_expect(span_equal(fake_store_value(&client.store, "/items/a"),
                         SPAN("{\"replication\":1,\"kept\":1,\"consistency\":\"immediate\"}")));
    cr_expect_eq(put("/v1/items/b", "{\"replication\":1}"), 200);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/c", NULL), 204);
}

/* --- races --- */

static int meddlings;

static void change_a(struct client *meddled, enum api_step step)
{
    (void)step;
    if (meddlings-- > 0)
        fake_store_put(&meddled->store, "/items/a", "{\"replication\":9}");
}

Test(items, a_change_that_came_too_late_is_made_again)
{
    meddlings = 7;
    client.meddle = change_a;
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 200);
    cr_expect_eq(client.steps, 8);
    cr_expect_eq(client_number(&client, "/replication"), 1);
}

Test(items, a_change_that_is_always_too_late_gives_up)
{
    meddlings = 1000;
    client.meddle = change_a;
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "contended");
    cr_expect_eq(client.steps, 8);
    cr_expect(span_equal(fake_store_value(&client.store, "/items/a"), SPAN("{\"replication\":9}")));
}

Test(items, a_lost_race_with_a_precondition_is_412)
{
    meddlings = 1;
    client.meddle = change_a;
    client_header(&client, "If-None-Match", "*");
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 412);
}

/* --- what a write is answered, when others write at once --- */

static const char *value_after; /* NULL: deleted */

static void overtake(struct client *overtaken, enum api_step step)
{
    (void)step;
    if (value_after)
        fake_store_put(&overtaken->store, "/items/a", value_after);
    else
        fake_store_delete(&overtaken->store, "/items/a");
}

/* PUT of replication 1, at revision 2 or 3. */
static void expect_own_write(int status, int64_t create_revision, int64_t revision)
{
    char text[32];
    client.overtake = overtake;
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1,\"labels\":{\"x\":\"y\"}}"), status);
    client.overtake = NULL;
    cr_expect_str_eq(client_text(&client, "/id"), "a");
    cr_expect_eq(client_number(&client, "/replication"), 1);
    cr_expect_str_eq(client_text(&client, "/labels/x"), "y");
    cr_expect_eq(client_number(&client, "/create_revision"), create_revision);
    cr_expect_eq(client_number(&client, "/mod_revision"), revision);
    (void)snprintf(text, sizeof text, "%lld", (long long)revision);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), text);
    (void)snprintf(text, sizeof text, "\"%lld-", (long long)revision);
    cr_expect_eq(strncmp(client_reply_header(&client, "ETag"), text, strlen(text)), 0, "%s",
                 client_reply_header(&client, "ETag"));
}

Test(items, a_write_that_is_overwritten_at_once_is_answered_with_itself)
{
    value_after = "{\"replication\":9}";
    expect_own_write(201, 2, 2);
    cr_expect_str_eq(client_text(&client, "/status/state"), "unassigned");
    char etag[64];
    (void)snprintf(etag, sizeof etag, "%s", client_reply_header(&client, "ETag"));
    client_header(&client, "If-Match", etag);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 412);
    client_header(&client, "If-Match", NULL);
    expect_own_write(200, 2, 4);
}

Test(items, a_write_that_is_deleted_at_once_is_answered_with_itself)
{
    value_after = NULL;
    expect_own_write(201, 2, 2);
    cr_expect(json_object_object_get_ex(client.reply.json, "status", NULL));
    cr_expect_null(client_json(&client, "/status"));
    cr_expect_eq(get("/v1/items/a"), 404);
    value_after = "no JSON";
    expect_own_write(201, 4, 4);
    cr_expect_null(client_json(&client, "/status"));
}

static void recreate(struct client *overtaken, enum api_step step)
{
    (void)step;
    fake_store_put(&overtaken->store, "/items/a", "{\"replication\":1}");
}

Test(items, a_deletion_is_done_though_another_item_takes_its_place)
{
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 201);
    client.overtake = recreate;
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 204);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "3");
}

/* --- the store fails --- */

Test(items, errors_of_the_store)
{
    static const struct {
        int error;
        int status;
        const char *code;
    } cases[] = {
        {ALLOT_EUNAVAILABLE, 503, "store-unavailable"}, {ALLOT_ELIMIT, 413, "too-large-for-store"},
        {ALLOT_ECANCELED, 503, "store-unavailable"},    {ALLOT_ENOMEM, 503, "out-of-memory"},
        {ALLOT_EUNKNOWN, 504, "outcome-unknown"},       {ALLOT_EIO, 500, "internal-error"},
    };
    client.failing_step = API_TXN;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client.failing_error = cases[i].error;
        cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), cases[i].status);
        cr_expect_str_eq(client_text(&client, "/code"), cases[i].code);
        cr_expect_eq(client_reply_header(&client, "Retry-After") != NULL, cases[i].status == 503);
    }
}

/* The store did not take the request, as it has too many: that passes. */
Test(items, a_store_that_is_busy)
{
    client.failing_step = API_TXN;
    client.failing_error = ALLOT_ELIMIT;
    client.failing_refused = true;
    cr_expect_eq(put("/v1/items/a", "{\"replication\":1}"), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "store-unavailable");
    cr_expect_not_null(client_reply_header(&client, "Retry-After"));
}

/* Somebody else stored a value that no transaction holds along with the request's own. */
Test(items, a_change_that_no_store_takes)
{
    char *value = array_create(STORE_MAX_REQUEST, 1);
    (void)snprintf(value, STORE_MAX_REQUEST, "{\"replication\":1,\"future\":\"%0*d\"}",
                   STORE_MAX_REQUEST - 100, 0);
    fake_store_put(&client.store, "/items/a", value);
    fake_store_publish(&client.store);
    free(value);
    cr_expect_eq(put("/v1/items/a", "{\"replication\":2}"), 413);
    cr_expect_str_eq(client_text(&client, "/code"), "too-large-for-store");
    cr_expect_not_null(strstr(client_text(&client, "/detail"), "1540096 bytes"));
    cr_expect_null(client_reply_header(&client, "Retry-After"));
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 204);
}

/* --- lists --- */

Test(items, lists_are_ordered_and_filtered_by_prefix)
{
    fake_store_put(&client.store, "/items/b/2", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/b/1", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items"), 200);
    cr_expect_eq(client_number(&client, "/revision"), 4);
    cr_expect_str_eq(client_text(&client, "/items/0/id"), "a");
    cr_expect_str_eq(client_text(&client, "/items/1/id"), "b/1");
    cr_expect_str_eq(client_text(&client, "/items/2/id"), "b/2");
    cr_expect_null(client_json(&client, "/continue"));
    cr_expect_eq(get("/v1/items?prefix=b%2F"), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/id"), "b/1");
    cr_expect_null(client_json(&client, "/items/2"));
}

Test(items, lists_are_searched)
{
    fake_store_put(&client.store, "/items/orders/1", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/orders/21", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/users/1", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items?contains=rs%2F1"), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/id"), "orders/1");
    cr_expect_str_eq(client_text(&client, "/items/1/id"), "users/1");
    cr_expect_null(client_json(&client, "/items/2"));
    cr_expect_eq(get("/v1/items?contains=1&prefix=orders%2F2"), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/id"), "orders/21");
    cr_expect_null(client_json(&client, "/items/1"));
    cr_expect_eq(get("/v1/items?contains=orders%2F211"), 200);
    cr_expect_null(client_json(&client, "/items/0"));
    cr_expect_eq(get("/v1/items?contains="), 200);
    cr_expect_not_null(client_json(&client, "/items/2"));
}

Test(items, lists_are_filtered_by_labels)
{
    fake_store_put(&client.store, "/items/a",
                   "{\"replication\":2,\"labels\":{\"t\":\"x\",\"c\":\"\"}}");
    fake_store_put(&client.store, "/items/b", "{\"replication\":2,\"labels\":{\"t\":\"y=z\"}}");
    fake_store_put(&client.store, "/items/c", "{\"replication\":2}");
    fake_store_publish(&client.store);
    const struct {
        const char *query, *first, *second;
    } cases[] = {
        {"t", "a", "b"},     {"t=x", "a", ""},    {"t=y=z", "b", ""}, {"t,c", "a", ""},
        {"t=x,c=", "a", ""}, {"t=x,c=1", "", ""}, {"d", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[64];
        snprintf(target, sizeof target, "/v1/items?label=%s", cases[i].query);
        cr_expect_eq(get(target), 200);
        cr_expect_str_eq(client_text(&client, "/items/0/id"), cases[i].first, "%s", target);
        cr_expect_str_eq(client_text(&client, "/items/1/id"), cases[i].second, "%s", target);
    }
    cr_expect_eq(get("/v1/items?label="), 400);
    cr_expect_eq(get("/v1/items?label=a,,b"), 400);
    cr_expect_eq(get("/v1/items?label=a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"), 400);
}

/* As URLSearchParams and the like write them, or with what separates escaped. */
Test(items, all_labels_can_be_asked_for)
{
    fake_store_put(&client.store, "/items/a",
                   "{\"replication\":2,\"labels\":{\"o\":\"team a\",\"x\":\"a+b\"}}");
    fake_store_put(&client.store, "/items/b",
                   "{\"replication\":2,\"labels\":{\"r\":\"a,b\",\"k=l\":\"m\"}}");
    fake_store_put(&client.store, "/items/c", "{\"replication\":2,\"labels\":{\"p\":\"a\\\\b\"}}");
    fake_store_publish(&client.store);
    const struct {
        const char *query, *first;
    } cases[] = {
        {"o=team+a", "a"},     {"o%3Dteam%20a", "a"},    {"x=a%2Bb", "a"},    {"x=a+b", ""},
        {"r=a\\,b", "b"},      {"r%3Da%5C%2Cb", "b"},    {"r=a%2Cb", ""},     {"k\\=l=m", "b"},
        {"k%5C%3Dl", "b"},     {"r=a\\,b,k\\=l=m", "b"}, {"p=a%5C%5Cb", "c"}, {"p=a\\b", ""},
        {"p=a%5C%5Cb%5C", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[64];
        snprintf(target, sizeof target, "/v1/items?label=%s", cases[i].query);
        cr_expect_eq(get(target), 200);
        cr_expect_str_eq(client_text(&client, "/items/0/id"), cases[i].first, "%s", target);
    }
    cr_expect_eq(get("/v1/items/a+b"), 404); /* in a path it is none */
    cr_expect_eq(put("/v1/items/a+b", "{\"replication\":2}"), 201);
    cr_expect_str_eq(client_text(&client, "/id"), "a+b");
}

Test(items, a_list_goes_on_at_the_revision_where_it_began)
{
    char target[200];
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/b", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/c", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items?limit=2"), 200);
    cr_expect_str_eq(client_text(&client, "/items/1/id"), "b");
    cr_expect_null(client_json(&client, "/items/2"));
    (void)snprintf(target, sizeof target, "/v1/items?limit=2&continue=%s",
                   client_text(&client, "/continue"));
    fake_store_delete(&client.store, "/items/c");
    fake_store_publish(&client.store);

    cr_expect_eq(get(target), 200);
    cr_expect_eq(client_number(&client, "/revision"), 4);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "4");
    cr_expect_str_eq(client_text(&client, "/items/0/id"), "c");
    cr_expect_null(client_json(&client, "/continue"));
}

Test(items, a_token_is_bound_to_its_list)
{
    char target[200];
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/b", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items?limit=1"), 200);
    char token[100];
    (void)snprintf(token, sizeof token, "%s", client_text(&client, "/continue"));
    (void)snprintf(target, sizeof target, "/v1/members?continue=%s", token);
    cr_expect_eq(get(target), 400);
    (void)snprintf(target, sizeof target, "/v1/items?prefix=b&continue=%s", token);
    cr_expect_eq(get(target), 400);
    (void)snprintf(target, sizeof target, "/v1/items?continue=%sx", token);
    cr_expect_eq(get(target), 400);
    (void)snprintf(target, sizeof target, "/v1/items?continue=%s", token);
    client.runtime.kept_snapshot = NULL;
    cr_expect_eq(get(target), 200);
    fake_store_delete(&client.store, "/items/a");
    fake_store_publish(&client.store);
    cr_expect_eq(get(target), 410);
    cr_expect_str_eq(client_text(&client, "/code"), "revision-gone");
}

Test(items, limits_of_a_list)
{
    cr_expect_eq(get("/v1/items?limit=0"), 400);
    cr_expect_eq(get("/v1/items?limit=5001"), 400);
    cr_expect_eq(get("/v1/items?limit=-1"), 400);
    cr_expect_eq(get("/v1/items?limit=ten"), 400);
    cr_expect_eq(get("/v1/items?limit="), 400);
    cr_expect_eq(get("/v1/items?limit=5000"), 200);
}

/* Of a long list no more than a piece is held at a time. */
Test(items, long_lists_are_written_in_pieces)
{
    enum { ITEMS = 3000, MOST_PIECE = 33 << 10 };
    char name[32];
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(name, sizeof name, "/items/%05d", i);
        fake_store_put(&client.store, name, "{\"replication\":1}");
    }
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items?limit=5000"), 200);
    cr_expect_geq(client.pieces, 10);
    cr_expect_leq(client.longest_piece, MOST_PIECE);
    struct json_object *items = client_json(&client, "/items");
    cr_assert_eq(json_object_array_length(items), ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(name, sizeof name, "/items/%d/id", i);
        cr_assert_eq(atoi(client_text(&client, name)), i);
    }
    cr_expect_null(client_json(&client, "/continue"));
    cr_expect_eq(get("/v1/items?limit=2000"), 200);
    cr_expect_eq(json_object_array_length(client_json(&client, "/items")), 2000);
    cr_expect_neq(strlen(client_text(&client, "/continue")), 0);
}

/* Once its first piece was sent, a list that can't go on breaks off. */
Test(items, long_lists_break_off_without_memory)
{
    char name[32];
    for (int i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof name, "/items/%05d", i);
        fake_store_put(&client.store, name, "{\"replication\":1}");
    }
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items"), 200);
    long allocations = client.allocations;
    int broken = 0;
    for (long failing = 1; failing <= allocations; failing += 1 + failing / 20) {
        client.failing_allocation = failing;
        int status = get("/v1/items");
        cr_assert(status == 503 || (status == 200 && client.reply.broken), "%ld", failing);
        broken += status == 200;
    }
    client.failing_allocation = 0;
    cr_expect_gt(broken, 0);
}

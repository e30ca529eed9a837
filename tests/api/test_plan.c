#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/api_client.h"

/* Plans and dry runs. */

static struct client client;

/* Item a of two replicas is on east 1 and west 1; east 2 is empty. */
static void setup(void)
{
    client_init(&client);
    fake_store_put(&client.store, "/items/a", "{\"replication\":2}");
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/members/east#2", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/assign/a#east#1#0", "");
    fake_store_put(&client.store, "/assign/a#west#1#1", "");
    fake_store_publish(&client.store);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(plan, .init = setup, .fini = teardown);

static int post(const char *target, const char *body)
{
    return client_send(&client, "POST", target, body);
}

#define DRAIN_EAST_1 "{\"method\":\"POST\",\"path\":\"/v1/members/east/1/drain\"}"

Test(plan, of_a_drain_tells_what_moves_and_writes_nothing)
{
    cr_expect_eq(post("/v1/plan", "{\"changes\":[" DRAIN_EAST_1 "]}"), 200);
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"), 0);
    cr_expect(client_true(&client, "/converged"));
    cr_expect_eq(client_number(&client, "/totals/add"), 1);
    cr_expect_eq(client_number(&client, "/totals/remove"), 1);
    cr_expect_str_eq(client_text(&client, "/moves/0/operation"), "add");
    cr_expect_str_eq(client_text(&client, "/moves/0/item"), "a");
    cr_expect_str_eq(client_text(&client, "/moves/0/zone"), "east");
    cr_expect_str_eq(client_text(&client, "/moves/0/suffix"), "2");
    cr_expect_eq(client_number(&client, "/moves/0/round"), 1);
    cr_expect_str_eq(client_text(&client, "/moves/1/operation"), "remove");
    cr_expect_eq(client_number(&client, "/members/0/before/assigned"), 1);
    cr_expect_eq(client_number(&client, "/members/0/after/assigned"), 0);
    cr_expect_eq(client_number(&client, "/members/1/after/assigned"), 1);
    cr_expect(client_true(&client, "/members/0/after/exiting"));
    cr_expect_eq(client_number(&client, "/before/unattainable"), 0);
    cr_expect_eq(client_number(&client, "/before/levels/assigned"), 2);
    cr_expect_eq(client_number(&client, "/before/levels/kept"), 2);
    cr_expect_eq(client_number(&client, "/after/levels/assigned"), 2);
    cr_expect_eq(client_number(&client, "/after/levels/kept"), 1);
    cr_expect_eq(client_number(&client, "/after/levels/zone_excess"), 0);
    cr_expect_eq(client_number(&client, "/after/levels/overflow"), 0);
    cr_expect_eq(client_number(&client, "/after/items_by_state/healthy"), 1);
    cr_expect_str_eq(client_text(&client, "/after/zones/1/zone"), "west");
    cr_expect_eq(strlen(client_text(&client, "/token")), 16);
}

Test(plan, of_a_lost_zone_and_new_members)
{
    cr_expect_eq(post("/v1/plan",
                      "{\"changes\":[{\"method\":\"DELETE\",\"path\":\"/v1/members/west/1"
                      "?force=true\"},{\"method\":\"PUT\",\"path\":\"/v1/members/north/1\","
                      "\"body\":{\"item_limit\":1,\"ttl_seconds\":30}}]}"),
                 200);
    cr_expect_str_eq(client_text(&client, "/members/2/zone"), "north");
    cr_expect(!client_json(&client, "/members/2/before"));
    cr_expect_eq(client_number(&client, "/members/2/after/assigned"), 1);
    cr_expect(!client_json(&client, "/members/3/after"));
    cr_expect_eq(client_number(&client, "/before/items_by_state/healthy"), 1);
}

/* Whose members they are does not matter: a zone is lost without asking. */
Test(plan, of_members_that_are_others)
{
    cr_expect_eq(client_send(&client, "PUT", "/v1/members/west/2",
                             "{\"item_limit\":4,\"ttl_seconds\":9,"
                             "\"session\":\"0123456789abcdef\"}"),
                 201);
    static const char changes[] = "{\"changes\":[{\"method\":\"DELETE\","
                                  "\"path\":\"/v1/members/west/2?force=true\"}]}";
    char body[300];
    cr_expect_eq(post("/v1/plan", changes), 200);
    snprintf(body, sizeof body, "{\"token\":\"%s\",%s", client_text(&client, "/token"),
             changes + 1);
    cr_expect_eq(post("/v1/plan?apply=true", body), 422); /* that takes its session */
    cr_expect(strstr(client_text(&client, "/errors/0/detail"), "wrong-session"));
}

Test(plan, names_no_more_moves_than_asked_for)
{
    cr_expect_eq(post("/v1/plan?max_moves=1", "{\"changes\":[" DRAIN_EAST_1 "]}"), 200);
    cr_expect(client_json(&client, "/moves/0"));
    cr_expect(!client_json(&client, "/moves/1"));
    cr_expect(client_true(&client, "/moves_truncated"));
    cr_expect_eq(post("/v1/plan?max_moves=-1", "{\"changes\":[]}"), 400);
}

Test(plan, of_bad_changes_tells_their_places)
{
    cr_expect_eq(post("/v1/plan", "{\"changes\":[{\"method\":\"PUT\",\"path\":\"/v1/items/b\","
                                  "\"body\":{\"replication\":99}}]}"),
                 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/changes/0/body/replication");
    cr_expect_eq(post("/v1/plan", "{}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/changes");
    cr_expect_eq(post("/v1/plan", "{\"changes\":7}"), 422);
}

static void apply_body(char *body, size_t size, const char *token)
{
    snprintf(body, size, "{\"token\":\"%s\",\"changes\":[" DRAIN_EAST_1 "]}", token);
}

Test(plan, is_applied_as_long_as_nothing_has_changed)
{
    char body[200];
    char token[32];
    cr_expect_eq(post("/v1/plan", "{\"changes\":[" DRAIN_EAST_1 "]}"), 200);
    snprintf(token, sizeof token, "%s", client_text(&client, "/token"));
    apply_body(body, sizeof body, token);
    cr_expect_eq(post("/v1/plan?apply=true", "{\"changes\":[" DRAIN_EAST_1 "]}"), 428);
    cr_expect_eq(post("/v1/plan?apply=true", body), 200);
    cr_expect_eq(client_number(&client, "/results/0/status"), 200);
    cr_expect(client_true(&client, "/results/0/body/exiting"));
    cr_expect_eq(post("/v1/plan?apply=true", body), 412); /* the member has changed */
}

Test(plan, is_not_applied_to_another_cluster)
{
    char body[200];
    cr_expect_eq(post("/v1/plan", "{\"changes\":[" DRAIN_EAST_1 "]}"), 200);
    apply_body(body, sizeof body, client_text(&client, "/token"));
    fake_store_put(&client.store, "/items/b", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(post("/v1/plan?apply=true", body), 412);
    apply_body(body, sizeof body, "0123456789abcdef");
    cr_expect_eq(post("/v1/plan?apply=true", body), 412);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"), 0);
}

Test(plan, that_nobody_has_time_for_is_refused)
{
    client.failing_step = API_COMPUTE;
    client.failing_error = ALLOT_ELIMIT;
    client.failing_refused = true;
    cr_expect_eq(post("/v1/plan", "{\"changes\":[]}"), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "busy");
    cr_expect_not_null(client_reply_header(&client, "Retry-After"));
}

/* --- dry runs --- */

/* What would change nothing is told in the same way. */
Test(plan, of_a_dry_run_that_would_write_nothing)
{
    fake_store_put(&client.store, "/items/same",
                   "{\"replication\":1,\"consistency\":\"immediate\"}");
    fake_store_publish(&client.store);
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/same?dry_run=true", "{\"replication\":1}"),
                 200);
    cr_expect(client_true(&client, "/dry_run"));
    cr_expect_null(client_reply_header(&client, "ETag"));
    cr_expect_eq(post("/v1/batch?dry_run=true", "[]"), 200);
    cr_expect(client_true(&client, "/dry_run"));
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/none?dry_run=true", NULL), 404);
}

Test(plan, of_a_dry_run_is_that_of_the_write)
{
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/a?dry_run=true", "{\"replication\":3}"),
                 200);
    cr_expect(client_true(&client, "/dry_run"));
    cr_expect_eq(client_number(&client, "/totals/add"), 1);
    cr_expect_eq(client_send(&client, "POST", "/v1/members/east/1/drain?dry_run=true", ""), 200);
    cr_expect_eq(client_number(&client, "/totals/remove"), 1);
    cr_expect_eq(client_send(&client, "PUT", "/v1/members/east/3?dry_run=true",
                             "{\"item_limit\":1,\"ttl_seconds\":9}"),
                 200);
    cr_expect_eq(client_number(&client, "/members/2/after/item_limit"), 1);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a?dry_run=true", NULL), 200);
    cr_expect_eq(client_number(&client, "/totals/remove"), 2);
    cr_expect_eq(post("/v1/batch?dry_run=true", "[" DRAIN_EAST_1 "]"), 200);
    cr_expect(client_true(&client, "/dry_run"));
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"), 0);
}

Test(plan, of_a_dry_run_needs_the_write_to_be_good)
{
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/a?dry_run=true", "{}"), 422);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/none?dry_run=true", NULL), 404);
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/a?dry_run=yes", "{\"replication\":3}"),
                 400);
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/a?dry_run=false", "{\"replication\":3}"),
                 200);
    cr_expect_eq(client_number(&client, "/replication"), 3);
}

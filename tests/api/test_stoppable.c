#include <criterion/criterion.h>

#include "tests/support/api_client.h"

static struct client client;

/* Item a is on east 1 and west 1, b on east 1 alone. */
static void setup(void)
{
    client_init(&client);
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":2}");
    fake_store_put(store, "/items/b", "{\"replication\":1}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/east#2", "{\"item_limit\":4}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_put(store, "/assign/a#east#1#0", "");
    fake_store_put(store, "/assign/a#west#1#1", "");
    fake_store_put(store, "/assign/b#east#1#0", "");
    fake_store_publish(store);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(stoppable, .init = setup, .fini = teardown);

static int post(const char *body)
{
    return client_send(&client, "POST", "/v1/members/stoppable", body);
}

Test(stoppable, members_in_the_order_given)
{
    cr_expect_eq(post("{\"members\":[{\"zone\":\"east\",\"suffix\":\"1\"},"
                      "{\"zone\":\"west\",\"suffix\":\"1\"}]}"),
                 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(client_number(&client, "/min_consistent"), 1);
    cr_expect_str_eq(client_text(&client, "/stoppable/0/zone"), "west");
    cr_expect(!client_json(&client, "/stoppable/1"));
    cr_expect_str_eq(client_text(&client, "/not_stoppable/0/zone"), "east");
    cr_expect_eq(client_number(&client, "/not_stoppable/0/blocking_items"), 1);
    cr_expect_str_eq(client_text(&client, "/not_stoppable/0/item"), "b");
    cr_expect_str_eq(client_text(&client, "/not_stoppable/0/detail"),
                     "an item would keep 0 consistent replicas, and 1 are to be kept");
}

Test(stoppable, a_whole_zone)
{
    cr_expect_eq(post("{\"zone\":\"east\",\"min_consistent\":0}"), 200);
    cr_expect_str_eq(client_text(&client, "/stoppable/1/suffix"), "2");
    cr_expect_eq(post("{\"zone\":\"nowhere\"}"), 200);
    cr_expect(!client_json(&client, "/stoppable/0"));
}

Test(stoppable, bad_requests)
{
    cr_expect_eq(post("{}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/members");
    cr_expect_eq(post("{\"zone\":\"a\",\"members\":[]}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/zone");
    cr_expect_eq(post("[]"), 422);
    cr_expect_str_eq(client_text(&client, "/detail"), "the request has 1 fault");
    cr_expect_eq(post("{\"zone\":7,\"min_consistent\":-1}"), 422);
    cr_expect_eq(post("{\"members\":[{\"zone\":\"east\",\"suffix\":\"1\"},"
                      "{\"zone\":\"east\",\"suffix\":\"1\"},{\"zone\":\"east\"},"
                      "{\"zone\":\"x\",\"suffix\":\"1\"}]}"),
                 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/members/1");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/members/2/suffix");
    cr_expect_str_eq(client_text(&client, "/errors/2/detail"), "there is no such member");
}

Test(stoppable, all_faults_at_once)
{
    cr_expect_eq(post("{\"members\":\"x\",\"min_consistent\":-1,\"colour\":1}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/min_consistent");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/colour");
    cr_expect_str_eq(client_text(&client, "/errors/2/pointer"), "/members");
    cr_expect_eq(post("{\"min_consistent\":-1,\"zone\":7,\"members\":[7]}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/min_consistent");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/zone");
    cr_expect_str_eq(client_text(&client, "/errors/2/pointer"), "/zone");
    cr_expect_str_eq(client_text(&client, "/errors/3/pointer"), "/members/0");
}

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/api_client.h"

static struct client client;

static void setup(void)
{
    client_init(&client);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(batch, .init = setup, .fini = teardown);

static int post(const char *body)
{
    return client_send(&client, "POST", "/v1/batch", body);
}

#define PUT_ITEM(id, replication)                                                                  \
    "{\"method\":\"PUT\",\"path\":\"/v1/items/" id "\",\"body\":{\"replication\":" replication "}" \
    "}"

Test(batch, writes_all_in_one_revision)
{
    fake_store_put(&client.store, "/items/old", "{\"replication\":1}");
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_publish(&client.store);
    cr_expect_eq(post("[" PUT_ITEM("a%2Fb", "2") "," PUT_ITEM(
                     "old", "1") ","
                                 "{\"method\":\"DELETE\",\"path\":\"/v1/items/old\"},"
                                 "{\"method\":\"POST\",\"path\":\"/v1/members/east/1/drain\"},"
                                 "{\"method\":\"PUT\",\"path\":\"/v1/members/west/1\","
                                 "\"body\":{\"item_limit\":7}}]"),
                 200);
    cr_expect_eq(client.steps, 1);
    int64_t revision = client_number(&client, "/revision");
    cr_expect_eq(client_number(&client, "/results/0/status"), 201);
    cr_expect_str_eq(client_text(&client, "/results/0/body/id"), "a/b");
    cr_expect_eq(client_number(&client, "/results/0/body/mod_revision"), revision);
    cr_expect_eq(client_number(&client, "/results/1/status"), 200); /* nothing to change */
    cr_expect_eq(client_number(&client, "/results/2/status"), 204);
    cr_expect_eq(client_number(&client, "/results/3/status"), 200);
    cr_expect_eq(client_number(&client, "/results/4/status"), 201);
    cr_expect_eq(client_number(&client, "/results/4/body/item_limit"), 7);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/items/a/b"), revision);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/members/east#1"), revision);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/items/old"), 0);
    char number[32];
    snprintf(number, sizeof number, "%d", (int)revision);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), number);
}

Test(batch, of_nothing_writes_nothing)
{
    cr_expect_eq(post("[]"), 200);
    cr_expect_eq(client.steps, 0);
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(post("[" PUT_ITEM("a", "1") "]"), 200);
    cr_expect_eq(client.steps, 0);
}

Test(batch, tells_all_faults_and_writes_nothing)
{
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "," PUT_ITEM(
                     "b", "-1") ","
                                "{\"method\":\"DELETE\",\"path\":\"/v1/items/none\"},"
                                "{\"method\":\"GET\",\"path\":\"/v1/items/a\"},"
                                "{\"method\":\"POST\",\"path\":\"/v1/batch\",\"body\":{}},"
                                "{\"method\":\"PUT\",\"path\":\"/v1/items/%20\","
                                "\"body\":{\"replication\":1}},"
                                "7," PUT_ITEM("a", "3") "]"),
                 422);
    cr_expect_eq(client.steps, 0);
    const char *const pointers[] = {
        "/1/body/replication", "/2", "/3/method", "/4", "/5/path", "/6", "/7"};
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        char at[32];
        snprintf(at, sizeof at, "/errors/%zu/pointer", i);
        cr_expect_str_eq(client_text(&client, at), pointers[i]);
    }
    cr_expect_str_eq(client_text(&client, "/errors/1/detail"),
                     "404, not-found: there is no such item");
    cr_expect_str_eq(client_text(&client, "/errors/6/detail"),
                     "is of what another change before it writes");
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"), 0);
}

/* All are judged by what stood there before, so nothing may be of what another writes. */
Test(batch, is_not_of_the_same_twice)
{
    static const char *const bodies[] = {
        "[" PUT_ITEM("a", "2") "," PUT_ITEM("a", "1") "]",
        "[" PUT_ITEM("b", "2") ",{\"method\":\"DELETE\",\"path\":\"/v1/items/b\"}]",
        "[{\"method\":\"DELETE\",\"path\":\"/v1/items/a\"}," PUT_ITEM("a", "1") "]",
    };
    fake_store_put(&client.store, "/items/a", "{\"replication\":1,\"consistency\":\"immediate\"}");
    fake_store_publish(&client.store);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        cr_expect_eq(post(bodies[i]), 422, "%s", bodies[i]);
        cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/1");
        cr_expect_str_eq(client_text(&client, "/errors/0/detail"),
                         "is of what another change before it writes");
    }
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(post("[" PUT_ITEM("a", "1") "," PUT_ITEM("a", "2") "]"),
                 200); /* it writes nothing */
}

Test(batch, minds_preconditions_and_sessions)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(post("[{\"method\":\"PUT\",\"path\":\"/v1/items/a\",\"if_match\":\"\\\"9-0\\\"\","
                      "\"body\":{\"replication\":3}}]"),
                 422);
    cr_expect(strstr(client_text(&client, "/errors/0/detail"), "412"));
    cr_expect_eq(post("[{\"method\":\"PUT\",\"path\":\"/v1/items/a\",\"if_none_match\":\"*\","
                      "\"body\":{\"replication\":3}}]"),
                 422);
    cr_expect_eq(post("[{\"method\":\"PUT\",\"path\":\"/v1/items/a\",\"if_match\":\"\\\"2-0\\\"\","
                      "\"body\":{\"replication\":3}}]"),
                 200);
    client_header(&client, "If-Match", "\"1-0\""); /* the batch's own say nothing of its parts */
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "]"), 200);
    cr_expect_eq(client_send(&client, "PUT", "/v1/members/east/1",
                             "{\"item_limit\":4,\"session\":\"0123456789abcdef\"}"),
                 412);
    client_header(&client, "If-Match", NULL);
    cr_expect_eq(client_send(&client, "PUT", "/v1/members/east/1",
                             "{\"item_limit\":4,\"session\":\"0123456789abcdef\"}"),
                 201);
    cr_expect_eq(post("[{\"method\":\"DELETE\",\"path\":\"/v1/members/east/1\"}]"), 422);
    cr_expect_eq(post("[{\"method\":\"DELETE\",\"path\":\"/v1/members/east/1\","
                      "\"session\":\"0123456789abcdef\"}]"),
                 200);
}

Test(batch, grants_no_leases)
{
    cr_expect_eq(post("[{\"method\":\"PUT\",\"path\":\"/v1/members/east/1\","
                      "\"body\":{\"item_limit\":1,\"ttl_seconds\":9}}]"),
                 422);
    cr_expect_eq(client.steps, 0);
}

static void change_item_once(struct client *meddled, enum api_step step)
{
    (void)step;
    fake_store_put(&meddled->store, "/items/a", "{\"replication\":5}");
    fake_store_publish(&meddled->store);
    meddled->meddle = NULL;
}

Test(batch, that_came_too_late_is_made_again)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_publish(&client.store);
    client.meddle = change_item_once;
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "," PUT_ITEM("b", "2") "]"), 200);
    cr_expect_eq(client.steps, 2);
    cr_expect_eq(client_number(&client, "/results/0/body/replication"), 2);
}

Test(batch, has_limits)
{
    enum { SIZE = 20000 };
    char *body = malloc(SIZE);
    cr_assert(body);
    int size = snprintf(body, SIZE, "[");
    for (int i = 0; i < 101; i++)
        size += snprintf(body + size, (size_t)(SIZE - size),
                         "%s{\"method\":\"DELETE\",\"path\":\"/v1/items/%d\"}", i ? "," : "", i);
    (void)snprintf(body + size, (size_t)(SIZE - size), "]");
    cr_expect_eq(post(body), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/detail"),
                     "must be an array of at most 100 changes");
    cr_expect_eq(post("{}"), 422);
    cr_expect_eq(post(""), 400);
    free(body);
}

/* It would be made after all. */
Test(batch, has_no_dry_runs_among_its_changes)
{
    cr_expect_eq(post("[{\"method\":\"PUT\",\"path\":\"/v1/items/a?dry_run=true\","
                      "\"body\":{\"replication\":1}}]"),
                 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/0");
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"), 0);
}

/* --- Idempotency-Key --- */

/* Or else it would be done when it is sent again, after others have changed something. */
Test(batch, one_that_changes_nothing_is_done_under_its_key_too)
{
    static const char body[] = "[" PUT_ITEM("a", "1") "]";
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_publish(&client.store);
    client_header(&client, "Idempotency-Key", "key-of-the-batch");
    cr_expect_eq(post(body), 200);
    cr_expect_eq(client_number(&client, "/results/0/status"), 200);
    fake_store_put(&client.store, "/items/a", "{\"replication\":7}");
    fake_store_publish(&client.store);
    cr_expect_eq(post(body), 200);
    cr_expect(client_true(&client, "/replayed"));
    struct span value = fake_store_value(&client.store, "/items/a");
    cr_expect(span_equal(value, SPAN("{\"replication\":7}")));
}

Test(batch, under_a_key_is_made_once)
{
    client_header(&client, "Idempotency-Key", "key-of-the-batch");
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "]"), 200);
    cr_expect_eq(client.steps, 2); /* a lease, and the transaction */
    int64_t revision = client_number(&client, "/revision");
    cr_expect_eq(client.lease, 0);
    fake_store_put(&client.store, "/items/a", "{\"replication\":7}");
    fake_store_publish(&client.store);
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "]"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(client_number(&client, "/revision"), revision);
    cr_expect(client_true(&client, "/replayed"));
    cr_expect_eq(post("[" PUT_ITEM("a", "3") "]"), 422);
    cr_expect_str_eq(client_text(&client, "/code"), "key-used");
    client_header(&client, "Idempotency-Key", "another-key");
    cr_expect_eq(post("[" PUT_ITEM("a", "3") "]"), 200);
    cr_expect_eq(client_number(&client, "/results/0/body/replication"), 3);
    client_header(&client, "Idempotency-Key", "short");
    cr_expect_eq(post("[]"), 400);
}

static void send_it_too(struct client *meddled, enum api_step step)
{
    if (step != API_TXN)
        return;
    meddled->meddle = NULL;
    fake_store_put(&meddled->store, "/items/a", "{\"replication\":9}");
    fake_store_publish(&meddled->store);
}

Test(batch, under_a_key_that_came_too_late_keeps_its_lease)
{
    client_header(&client, "Idempotency-Key", "key-of-the-batch");
    client.meddle = send_it_too;
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "]"), 200);
    cr_expect_eq(client.steps, 3); /* one lease, and two tries */
}

Test(batch, under_a_key_that_is_bad_leaves_no_lease)
{
    client_header(&client, "Idempotency-Key", "key-of-the-batch");
    cr_expect_eq(post("[" PUT_ITEM("a", "-2") "]"), 422);
    cr_expect_eq(client.lease, 0); /* given back */
}

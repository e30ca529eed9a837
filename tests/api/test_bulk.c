/* POST /v1/batch?atomic=false, and NDJSON. */
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

/* cppcheck-suppress unknownMacro */
TestSuite(bulk, .init = setup, .fini = teardown);

static int post(const char *body)
{
    return client_send(&client, "POST", "/v1/batch?atomic=false", body);
}

#define PUT_ITEM(id, replication)                                                                  \
    "{\"method\":\"PUT\",\"path\":\"/v1/items/" id "\",\"body\":{\"replication\":" replication "}" \
    "}"

/* The status of a result. */
static int64_t status(size_t index)
{
    char pointer[64];
    (void)snprintf(pointer, sizeof pointer, "/results/%zu/status", index);
    return client_number(&client, pointer);
}

static int64_t revision(size_t index)
{
    char pointer[64];
    (void)snprintf(pointer, sizeof pointer, "/results/%zu/revision", index);
    return client_number(&client, pointer);
}

Test(bulk, makes_what_can_be_made)
{
    fake_store_put(&client.store, "/items/old", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "," PUT_ITEM("b", "-1") "," PUT_ITEM(
                     "old", "1") ",7,{\"method\":\"PUT\",\"path\":\"/v1/nothing\",\"body\":{}},"
                                 "{\"method\":\"DELETE\",\"path\":\"/v1/items/none\"}," PUT_ITEM(
                                     "c", "1") "]"),
                 200);
    cr_expect_eq(client.steps, 1);
    const int64_t expected[] = {201, 422, 200, 422, 404, 404, 201};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        cr_expect_eq(status(i), expected[i], "%zu: %lld", i, (long long)status(i));
    cr_expect_eq(revision(0), client_number(&client, "/revision"));
    cr_expect_eq(revision(6), revision(0));
    cr_expect(!client_json(&client, "/results/2/revision")); /* nothing to change */
    cr_expect(!client_json(&client, "/results/0/body"));
    cr_expect_str_eq(client_text(&client, "/results/1/body/errors/0/pointer"), "/replication");
    cr_expect_str_eq(client_text(&client, "/results/4/body/code"), "no-such-path");
    cr_expect_neq(fake_store_mod_revision(&client.store, "/items/c"), 0);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/items/b"), 0);
}

Test(bulk, of_nothing_or_too_much)
{
    cr_expect_eq(post("[]"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(json_object_array_length(client_json(&client, "/results")), 0);
    cr_expect_eq(post("{}"), 422);
    cr_expect_eq(post("null"), 422);
    size_t size = 2 * 10001 + 1;
    char *many = calloc(1, size + 1);
    cr_assert_not_null(many);
    many[0] = '[';
    for (size_t i = 0; i < 10001; i++)
        memcpy(many + 1 + 2 * i, i < 10000 ? "1," : "1]", 2);
    cr_expect_eq(post(many), 422);
    many[size - 3] = ']';
    many[size - 2] = '\0';
    cr_expect_eq(post(many), 200);
    cr_expect_eq(status(9999), 422);
    free(many);
}

/* Many are made in several transactions, each as full as can be. */
Test(bulk, makes_thousands)
{
    enum { CHANGES = 2500 };
    char *body = malloc((size_t)CHANGES * 100);
    cr_assert_not_null(body);
    size_t size = 0;
    body[size++] = '[';
    for (int i = 0; i < CHANGES; i++)
        size += (size_t)sprintf(body + size, "%s" PUT_ITEM("i%05d", "1"), i ? "," : "", i);
    (void)sprintf(body + size, "]");
    cr_expect_eq(post(body), 200);
    cr_expect_eq(client.steps, CHANGES / 100);
    cr_expect_leq(client.longest_piece, 33 << 10);
    for (size_t i = 0; i < CHANGES; i++) {
        cr_assert_eq(status(i), 201, "%zu", i);
        cr_assert(i == 0 || revision(i) >= revision(i - 1));
    }
    cr_expect_eq(client_number(&client, "/revision"), revision(CHANGES - 1));
    free(body);
}

/* Each sees what was made before it. */
Test(bulk, makes_changes_of_the_same_in_order)
{
    cr_expect_eq(
        post("[" PUT_ITEM("a", "1") "," PUT_ITEM("a", "2") "," PUT_ITEM(
            "a", "2") ",{\"method\":\"DELETE\",\"path\":\"/v1/items/a\"}," PUT_ITEM("a", "3") "]"),
        200);
    const int64_t expected[] = {201, 200, 200, 204, 201};
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(status(i), expected[i], "%zu", i);
    cr_expect_eq(client.steps, 4);
    cr_expect_gt(revision(4), revision(3));
}

#define DELETE(path) "{\"method\":\"DELETE\",\"path\":\"" path "\"}"

static void expect_two(const char *body, int64_t first, int64_t second)
{
    cr_expect_eq(post(body), 200);
    cr_expect_eq(status(0), first, "%s: %lld", body, (long long)status(0));
    cr_expect_eq(status(1), second, "%s: %lld", body, (long long)status(1));
}

/* Whatever the second comes to by what stood there before the first. */
Test(bulk, judges_changes_by_what_those_before_them_make)
{
    fake_store_put(&client.store, "/items/old",
                   "{\"replication\":2,\"consistency\":\"immediate\"}");
    fake_store_publish(&client.store);
    expect_two("[" PUT_ITEM("old", "1") "," PUT_ITEM("old", "2") "]", 200, 200);
    cr_expect_eq(client_send(&client, "GET", "/v1/items/old", NULL), 200);
    cr_expect_eq(client_number(&client, "/replication"), 2);
    expect_two("[" DELETE("/v1/items/old") "," PUT_ITEM("old", "2") "]", 204, 201);
    cr_expect_neq(fake_store_mod_revision(&client.store, "/items/old"), 0);
    expect_two("[" PUT_ITEM("new", "1") "," DELETE("/v1/items/new") "]", 201, 204);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/items/new"), 0);
    expect_two("[" PUT_ITEM("new", "1") ",{\"method\":\"PATCH\",\"path\":\"/v1/items/new\","
                                        "\"body\":{\"replication\":3}}]",
               201, 200);
    cr_expect_eq(client_send(&client, "GET", "/v1/items/new", NULL), 200);
    cr_expect_eq(client_number(&client, "/replication"), 3);
}

/* Of a member, its drain is a part, and its assignments rest on it. */
Test(bulk, judges_what_is_of_a_member_by_what_became_of_it)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":1,\"consistency\":\"reported\"}");
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/assign/a#east#1#0", "{\"consistent\":false}");
    fake_store_publish(&client.store);
    expect_two("[{\"method\":\"POST\",\"path\":\"/v1/members/east/1/drain\",\"body\":{}}," DELETE(
                   "/v1/members/east/1/drain") "]",
               200, 200);
    cr_expect_eq(client_send(&client, "GET", "/v1/members/east/1", NULL), 200);
    cr_expect(strstr(client.reply.text, "\"exiting\":false"), "%s", client.reply.text);
    expect_two(
        "[{\"method\":\"PATCH\",\"path\":\"/v1/members/east/1\",\"body\":{\"item_limit\":5}},"
        "{\"method\":\"PATCH\",\"path\":\"/v1/assignments/a/east/1\","
        "\"body\":{\"consistent\":true}}]",
        200, 200);
    cr_expect_eq(client.steps, 2);
}

static void change_item_once(struct client *meddled, enum api_step step)
{
    (void)step;
    fake_store_put(&meddled->store, "/items/a", "{\"replication\":5}");
    fake_store_publish(&meddled->store);
    meddled->meddle = NULL;
}

static void change_item_always(struct client *meddled, enum api_step step)
{
    static int number;
    char value[64];
    (void)step;
    (void)snprintf(value, sizeof value, "{\"replication\":%d}", 5 + number++ % 2);
    fake_store_put(&meddled->store, "/items/a", value);
    fake_store_publish(&meddled->store);
}

Test(bulk, what_came_too_late_is_made_again)
{
    client.meddle = change_item_once;
    cr_expect_eq(post("[" PUT_ITEM("a", "1") "," PUT_ITEM("b", "1") "]"), 200);
    cr_expect_eq(client.steps, 2);
    cr_expect_eq(status(0), 200);
    cr_expect_eq(status(1), 201);
    client.meddle = change_item_always;
    cr_expect_eq(post("[" PUT_ITEM("a", "2") "," PUT_ITEM("c", "1") "]"), 200);
    cr_expect_eq(status(0), 409);
    cr_expect_eq(status(1), 409);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/items/c"), 0);
}

/* Groups: a, b | a | a */
static void fail_the_second(struct client *meddled, enum api_step step)
{
    (void)step;
    meddled->meddle = NULL;
    meddled->failing_step = API_TXN;
}

Test(bulk, tells_what_was_not_tried)
{
    client.failing_error = ALLOT_EUNAVAILABLE;
    client.failing_step = API_TXN;
    cr_expect_eq(post("[" PUT_ITEM("a", "1") "]"), 503); /* nothing was made at all */
    client.failing_step = API_REPLY;
    const char *three = "[" PUT_ITEM("a", "1") "," PUT_ITEM("b", "1") "," PUT_ITEM(
        "a", "2") "," PUT_ITEM("a", "3") "]";
    client.overtake = fail_the_second;
    client.meddle = NULL;
    cr_expect_eq(post(three), 200);
    cr_expect_eq(status(0), 201);
    cr_expect_eq(status(1), 201);
    cr_expect_eq(status(2), 503);
    cr_expect_eq(status(3), 503);
    cr_expect_str_eq(client_text(&client, "/results/2/body/code"), "store-unavailable");
    cr_expect(strstr(client_text(&client, "/results/3/body/detail"), "not tried") != NULL);
    client.failing_step = API_REPLY;
    client.failing_error = ALLOT_EUNKNOWN;
    client.failing_done = true;
    cr_expect_eq(post("[" PUT_ITEM("z", "1") "," PUT_ITEM("z", "2") "," PUT_ITEM("z", "3") "]"),
                 200);
    cr_expect_eq(status(0), 201);
    cr_expect_eq(status(1), 504);
    cr_expect_eq(status(2), 503);
}

Test(bulk, is_made_by_itself)
{
    cr_expect_eq(client_send(&client, "POST", "/v1/batch?atomic=false&dry_run=true", "[]"), 400);
    cr_expect_eq(client_send(&client, "POST", "/v1/batch?atomic=maybe", "[]"), 400);
    client_header(&client, "Idempotency-Key", "12345678");
    cr_expect_eq(post("[]"), 400);
}

/* --- lines --- */

Test(bulk, takes_and_gives_lines)
{
    client_header(&client, "Content-Type", "application/x-ndjson");
    cr_expect_eq(
        post("\n" PUT_ITEM("a", "1") "\r\n  \n" PUT_ITEM("b", "x") "\n" PUT_ITEM("c", "1")),
        400); /* x is no JSON */
    cr_expect(strstr(client_text(&client, "/detail"), "line 4") != NULL);
    cr_expect_eq(
        post("\n" PUT_ITEM("a", "1") "\r\n  \n" PUT_ITEM("b", "77") "\n" PUT_ITEM("c", "1")), 200);
    cr_expect_eq(status(0), 201);
    cr_expect_eq(status(1), 422);
    cr_expect_eq(status(2), 201);
    client_header(&client, "Accept", "application/x-ndjson");
    for (int atomic = 0; atomic < 2; atomic++) {
        cr_expect_eq(client_send(&client, "POST", atomic ? "/v1/batch" : "/v1/batch?atomic=false",
                                 PUT_ITEM("d", "1") "\n" PUT_ITEM("e", "1") "\n"),
                     200);
        cr_expect_str_eq(client.reply.content_type, "application/x-ndjson");
        const char *text = client.reply.text;
        cr_expect_eq(strncmp(text, "{\"status\":20", 12), 0, "%s", text);
        const char *second = strchr(text, '\n');
        cr_assert_not_null(second);
        cr_expect_eq(strncmp(second, "\n{\"status\":20", 13), 0, "%s", text);
        cr_expect_str_eq(strchr(second + 1, '\n'), "\n");
        cr_expect_not_null(client_reply_header(&client, "Allot-Revision"));
    }
}

Test(bulk, only_a_batch_has_lines)
{
    client_header(&client, "Content-Type", "application/x-ndjson");
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/a", "{\"replication\":1}"), 415);
    client_header(&client, "Content-Type", "application/json");
    client_header(&client, "Accept", "application/x-ndjson");
    cr_expect_eq(client_send(&client, "GET", "/v1/items", NULL), 406);
}

Test(bulk, bodies_have_limits)
{
    size_t size = (4 << 20) + 1;
    char *body = malloc(size + 1);
    cr_assert_not_null(body);
    memset(body, ' ', size);
    memcpy(body, "[]", 2);
    body[size] = '\0';
    cr_expect_eq(post(body), 413);
    body[size - 1] = '\0';
    cr_expect_eq(post(body), 200);
    cr_expect_eq(client_send(&client, "POST", "/v1/batch", body), 413);
    free(body);
}

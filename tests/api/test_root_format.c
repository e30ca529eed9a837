/* Roots of a newer version, or in the middle of being restored: nothing is written there. */
#include <criterion/criterion.h>
#include <string.h>

#include "api/root_format.h"
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

TestSuite(root_format, .init = setup, .fini = teardown);

static const char *fault_of(const char *value)
{
    fake_store_put(&client.store, "/format", value);
    fake_store_publish(&client.store);
    return root_format_fault(client.store.newest->state->keyspace);
}

Test(root_format, tells_what_is_wrong)
{
    cr_expect_null(root_format_fault(client.store.newest->state->keyspace));
    cr_expect_null(fault_of("{\"version\":1}"));
    cr_expect_null(fault_of("{\"version\":1,\"of a later version\":{}}"));
    cr_expect(strstr(fault_of("{\"version\":2}"), "a newer version of allot"));
    cr_expect(strstr(fault_of("{\"version\":1,\"restoring\":\"00ff\"}"), "is being restored"));
    static const char *const unreadable[] = {
        "", "1", "{}", "{\"version\":0}", "{\"version\":\"1\"}", "{\"version\":1,\"restoring\":1}"};
    for (size_t i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++)
        cr_expect(strstr(fault_of(unreadable[i]), "can't be read"), "%s", unreadable[i]);
}

Test(root_format, is_written_as_it_is_read)
{
    struct root_format format = {.version = 1, .restoring = "00ff", .run = "1"}, again;
    struct buffer text;
    buffer_init(&text, 200);
    root_format_write(&format, &text);
    cr_assert_eq(root_format_read(buffer_span(&text), &again), 0);
    cr_expect_eq(again.version, 1);
    cr_expect_str_eq(again.restoring, "00ff");
    cr_expect_str_eq(again.run, "1");
    buffer_release(&text);
}

Test(root_format, nothing_is_written_to_a_root_that_is_not_ours)
{
    static const struct {
        const char *method, *target, *body;
    } writes[] = {
        {"PUT", "/v1/items/a", "{\"replication\":1}"},
        {"PUT", "/v1/items/a?dry_run=true", "{\"replication\":1}"},
        {"DELETE", "/v1/items/b", NULL},
        {"PUT", "/v1/members/a/one", "{\"item_limit\":1}"},
        {"PUT", "/v1/members/a/one", "{\"item_limit\":1,\"ttl_seconds\":9}"},
        {"POST", "/v1/members/a/two/drain", NULL},
        {"DELETE", "/v1/members/a/two", NULL},
        {"PUT", "/v1/allocator", "{\"paused\":\"all\"}"},
        {"POST", "/v1/batch",
         "[{\"method\":\"PUT\",\"path\":\"/v1/items/a\",\"body\":{\"replication\":1}}]"},
    };
    fake_store_put(&client.store, "/items/b", "{\"replication\":1}");
    fake_store_put(&client.store, "/members/a#two", "{\"item_limit\":1}");
    (void)fault_of("{\"version\":2}");
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        cr_expect_eq(client_send(&client, writes[i].method, writes[i].target, writes[i].body), 503,
                     "%s %s: %d", writes[i].method, writes[i].target, client.reply.status);
        cr_expect_str_eq(client_text(&client, "/code"), "not-ready");
        cr_expect_eq(client.steps, 0, "%s %s", writes[i].method, writes[i].target);
    }
    cr_expect_eq(client_send(&client, "GET", "/v1/items/b", NULL), 200);
    cr_expect_null(fault_of("{\"version\":1}"));
    cr_expect_eq(client_send(&client, writes[0].method, writes[0].target, writes[0].body), 201);
}

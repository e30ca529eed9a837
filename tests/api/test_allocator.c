#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "api/settings.h"
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

TestSuite(allocator, .init = setup, .fini = teardown);

static int get(void)
{
    return client_send(&client, "GET", "/v1/allocator", NULL);
}

static int put(const char *body)
{
    return client_send(&client, "PUT", "/v1/allocator", body);
}

Test(allocator, runs_unless_told_otherwise)
{
    cr_expect_eq(get(), 200);
    cr_expect_str_eq(client_text(&client, "/paused"), "no");
    cr_expect_str_eq(client_text(&client, "/in_force"), "no");
    cr_expect(client_true(&client, "/valid"));
    cr_expect_not_null(client_reply_header(&client, "ETag"));
}

Test(allocator, is_paused_with_a_reason)
{
    cr_expect_eq(put("{\"paused\":\"rebalance\",\"reason\":\"maintenance\","
                     "\"until\":\"2999-01-31T12:00:00Z\"}"),
                 200);
    cr_expect_eq(client.steps, 1);
    cr_expect_str_eq(client_text(&client, "/paused"), "rebalance");
    cr_expect_str_eq(client_text(&client, "/in_force"), "rebalance");
    cr_expect_str_eq(client_text(&client, "/reason"), "maintenance");
    cr_expect_str_eq(client_text(&client, "/until"), "2999-01-31T12:00:00Z");
    cr_expect_str_eq(client_text(&client, "/by"), "anonymous");
    cr_expect_neq(strlen(client_text(&client, "/since")), 0);
    cr_expect_eq(put("{\"paused\":\"rebalance\",\"reason\":\"maintenance\","
                     "\"until\":\"2999-01-31T12:00:00Z\"}"),
                 200);
    cr_expect_eq(client.steps, 0); /* it says so already */
    cr_expect_eq(client_send(&client, "GET", "/v1/cluster", NULL), 200);
    cr_expect_str_eq(client_text(&client, "/allocator/paused"), "rebalance");
    cr_expect_eq(put("{\"paused\":\"no\"}"), 200);
    cr_expect(!client_json(&client, "/reason"));
    cr_expect_str_eq(client_text(&client, "/in_force"), "no");
}

Test(allocator, may_be_limited)
{
    cr_expect_eq(put("{\"paused\":\"no\",\"max_moves_in_flight\":5}"), 200);
    cr_expect_eq(client_number(&client, "/max_moves_in_flight"), 5);
    cr_expect_eq(client_number(&client, "/moves_in_flight"), 0);
    cr_expect_eq(put("{\"paused\":\"no\",\"max_moves_in_flight\":5}"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(put("{\"paused\":\"no\"}"), 200);
    cr_expect_eq(client.steps, 1);
    cr_expect(!client_json(&client, "/max_moves_in_flight"));
    cr_expect_eq(put("{\"paused\":\"no\",\"max_moves_in_flight\":-1}"), 422);
}

Test(allocator, has_limits_of_several_kinds)
{
    static const char *const names[] = {"max_moves_in_flight", "max_moves_in_flight_per_member",
                                        "max_moves_in_flight_per_zone", "max_moves_per_minute"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char body[128], pointer[64];
        (void)snprintf(body, sizeof body, "{\"%s\":%zu}", names[i], i);
        (void)snprintf(pointer, sizeof pointer, "/%s", names[i]);
        cr_expect_eq(put(body), 200);
        cr_expect_eq(client_number(&client, pointer), (int64_t)i);
        cr_expect_str_eq(client_text(&client, "/paused"), "no"); /* unless it is said */
        for (size_t other = 0; other < sizeof names / sizeof names[0]; other++) {
            (void)snprintf(pointer, sizeof pointer, "/%s", names[other]);
            cr_expect_eq(client_json(&client, pointer) != NULL, other == i);
        }
        cr_expect_eq(put(body), 200);
        cr_expect_eq(client.steps, 0);
        (void)snprintf(body, sizeof body, "{\"%s\":1000001}", names[i]);
        cr_expect_eq(put(body), 422);
    }
}

Test(allocator, goes_on_when_the_time_is_over)
{
    static const char *const over = "{\"paused\":\"all\",\"until\":\"1999-01-31T12:00:00Z\"}";
    fake_store_put(&client.store, "/allocator", over);
    fake_store_publish(&client.store);
    cr_expect_eq(get(), 200);
    cr_expect_str_eq(client_text(&client, "/paused"), "all");
    cr_expect_str_eq(client_text(&client, "/in_force"), "no");
    cr_expect_eq(put(over), 200); /* sent once more, as the answer was lost, say */
    cr_expect_eq(client.steps, 0);
}

Test(allocator, a_pause_that_is_over_is_refused)
{
    static const char *const over[] = {
        "{\"paused\":\"all\",\"until\":\"1999-01-31T12:00:00Z\"}",
        "{\"paused\":\"rebalance\",\"until\":\"2026-01-01T01:00:00.123+01:00\"}",
    };
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++) {
        cr_expect_eq(put(over[i]), 422);
        cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/until");
        cr_expect_eq(client.steps, 0);
    }
    cr_expect_eq(put("{\"paused\":\"no\",\"until\":\"1999-01-31T12:00:00Z\"}"), 200);
}

Test(allocator, bad_settings)
{
    cr_expect_eq(put("{\"paused\":\"maybe\",\"until\":\"soon\",\"limit\":1}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/paused");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/until");
    cr_expect_str_eq(client_text(&client, "/errors/2/pointer"), "/limit");
    cr_expect_eq(put("{\"paused\":\"no\",\"until\":\"2999-13-31T12:00:00Z\"}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/until");
    client_header(&client, "If-Match", "\"7-0\"");
    cr_expect_eq(put("{\"paused\":\"all\"}"), 412);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"), 0);
}

/* They were meant to keep something from happening. */
Test(allocator, settings_that_do_not_decode_pause_everything)
{
    const char *const bad[] = {"{",
                               "7",
                               "{}",
                               "{\"paused\":\"x\"}",
                               "{\"paused\":\"no\",\"until\":\"x\"}",
                               "{\"paused\":\"no\",\"max_moves_per_minute\":\"x\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fake_store_put(&client.store, "/allocator", bad[i]);
        fake_store_publish(&client.store);
        cr_expect_eq(get(), 200);
        cr_expect_str_eq(client_text(&client, "/in_force"), "all", "%s", bad[i]);
        cr_expect_not(client_true(&client, "/valid"));
    }
    cr_expect_eq(put("{\"paused\":\"no\"}"), 200);
    cr_expect_str_eq(client_text(&client, "/in_force"), "no");
}

Test(allocator, a_pause_ends_at_any_time_of_rfc_3339)
{
    /* The clock of these tests stands at 2026-01-01T00:00:00.123Z. */
    static const struct {
        const char *body;
        const char *in_force;
    } cases[] = {
        {"{\"paused\":\"all\",\"until\":\"2026-01-01T01:00:00.123+01:00\"}", "no"},
        {"{\"paused\":\"all\",\"until\":\"2026-01-01T01:00:00.124+01:00\"}", "all"},
        {"{\"paused\":\"all\",\"until\":\"2025-12-31T23:59:59-00:01\"}", "all"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_store_put(&client.store, "/allocator", cases[i].body);
        fake_store_publish(&client.store);
        cr_expect_eq(get(), 200);
        cr_expect(client_true(&client, "/valid"));
        cr_expect_str_eq(client_text(&client, "/in_force"), cases[i].in_force, "%s", cases[i].body);
    }
}

Test(allocator, unknown_stored_fields_are_kept)
{
    fake_store_put(
        &client.store, "/allocator",
        "{\"future\":[1e3],\"paused\":\"all\",\"reason\":\"x\",\"max_moves_in_flight\":3}");
    fake_store_publish(&client.store);
    cr_expect_eq(put("{\"paused\":\"no\",\"max_moves_per_minute\":4}"), 200);
    struct span value = fake_store_value(&client.store, "/allocator");
    static const char wanted[] = "{\"future\":[1e3],\"paused\":\"no\",\"max_moves_per_minute\":4,"
                                 "\"by\":\"anonymous\",\"since\":";
    cr_expect(span_has_prefix(value, span_of(wanted)), "%.*s", (int)value.size, value.data);
}

/* Nothing is stored so far, but they can be read, and changed as they were read. */
Test(allocator, has_a_first_revision)
{
    cr_expect_eq(get(), 200);
    char etag[64];
    (void)snprintf(etag, sizeof etag, "%s", client_reply_header(&client, "ETag"));
    client_header(&client, "If-Match", etag);
    cr_expect_eq(put("{\"paused\":\"all\"}"), 200);
    cr_expect_eq(put("{\"paused\":\"no\"}"), 412);
}

/* The tag is of all that is shown: a pause may end without anybody's doing. */
Test(allocator, has_another_tag_once_its_pause_has_ended)
{
    char value[128];
    char etags[2][64];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(value, sizeof value, "{\"paused\":\"all\",\"until\":\"%s\"}",
                       i == 0 ? "2999-01-31T12:00:00Z" : "1999-01-31T12:00:00Z");
        fake_store_put(&client.store, "/allocator", value);
        fake_store_publish(&client.store);
        cr_expect_eq(get(), 200);
        cr_expect_str_eq(client_text(&client, "/in_force"), i == 0 ? "all" : "no");
        (void)snprintf(etags[i], sizeof etags[i], "%s",
                       strchr(client_reply_header(&client, "ETag"), '-'));
    }
    cr_expect_str_neq(etags[0], etags[1]);
}

Test(allocator, can_be_tried)
{
    cr_expect_eq(client_send(&client, "PUT", "/v1/allocator?dry_run=true", "{\"paused\":\"all\"}"),
                 200);
    cr_expect(client_true(&client, "/dry_run"));
    cr_expect_eq(fake_store_mod_revision(&client.store, "/allocator"), 0);
    cr_expect_eq(client_send(&client, "PUT", "/v1/allocator?dry_run=true", "{\"paused\":\"x\"}"),
                 422);
}

Test(allocator, tells_all_that_is_wrong_with_them)
{
    cr_expect_eq(
        put("{\"paused\":\"x\",\"until\":\"not-a-date-at-all\",\"max_moves_in_flight\":-1}"), 422);
    cr_expect_eq(json_object_array_length(client_json(&client, "/errors")), 3);
}

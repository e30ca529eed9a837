#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/explain.h"
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

TestSuite(explain, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

static void expect_missing(int replicas, int unplaced, const char *code, const char *detail)
{
    cr_expect_eq(client_number(&client, "/missing/replicas"), replicas);
    cr_expect_eq(client_number(&client, "/missing/unplaced"), unplaced);
    cr_expect_str_eq(client_text(&client, "/missing/code"), code);
    cr_expect_str_eq(client_text(&client, "/missing/detail"), detail);
}

/* Item a leaves east 1, which drains, for east 2, which has not reported it yet. */
Test(explain, tells_what_waits_for_what)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":1,\"consistency\":\"reported\"}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4,\"exiting\":true}");
    fake_store_put(store, "/members/east#2", "{\"item_limit\":4}");
    fake_store_put(store, "/assign/a#east#1#0", "{\"consistent\":true}");
    fake_store_put(store, "/assign/a#east#2#1", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/id"), "a");
    cr_expect_str_eq(client_text(&client, "/state"), "converging");
    cr_expect_str_eq(client_text(&client, "/replicas/0/code"), "member_drains");
    cr_expect_str_eq(client_text(&client, "/replicas/0/waits_for/code"), "consistency");
    cr_expect_str_eq(client_text(&client, "/replicas/0/waits_for/detail"),
                     "more consistent replicas than the item wants: it wants 1, and has 1");
    cr_expect_str_eq(client_text(&client, "/inconsistent/0/suffix"), "2");
    cr_expect_str_eq(client_text(&client, "/replicas/1/code"), "kept");
    cr_expect(!client_json(&client, "/replicas/1/waits_for"));
    cr_expect(!client_json(&client, "/missing"));
    cr_expect_str_eq(client_text(&client, "/members/0/code"), "leaves");
    cr_expect_str_eq(client_text(&client, "/members/1/code"), "holds");
}

Test(explain, names_the_cut_in_words)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":3}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":0}");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    expect_missing(3, 2, "capacity",
                   "1 item wants 3 replicas, and 1 member has a replica of it already: so 2 can't "
                   "be assigned, whatever the allocator does");
    cr_expect_eq(client_number(&client, "/missing/unattainable"), 2);
    cr_expect_eq(client_number(&client, "/missing/full_members"), 0);
    cr_expect(!client_json(&client, "/missing/zones/0"));
    cr_expect_str_eq(client_text(&client, "/members/0/code"), "arrives");
    cr_expect_str_eq(client_text(&client, "/members/0/waits_for/code"), "next_pass");
    cr_expect_str_eq(client_text(&client, "/members/1/code"), "limit_zero");
}

Test(explain, names_no_members_in_the_cut_where_there_are_none)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":3}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/missing/detail"),
                     "1 item wants 3 replicas, and 2 members have a replica of it already: so 1 "
                     "can't be assigned, whatever the allocator does");
}

Test(explain, says_that_no_member_has_a_slot)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":3}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":0}");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/missing/detail"),
                     "1 item wants 3 replicas, and no member has a slot: so 3 can't be assigned, "
                     "whatever the allocator does");
}

Test(explain, says_that_what_is_missing_is_put_off)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":2}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    expect_missing(2, 0, "next_pass", "the allocator adds what is missing in its next pass");
    cr_expect_eq(client_send(&client, "PUT", "/v1/allocator", "{\"paused\":\"all\"}"), 200);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    expect_missing(2, 0, "paused", "the operators have paused the allocator");
    cr_expect_str_eq(client_text(&client, "/members/0/waits_for/code"), "paused");
    fake_store_put(store, "/assign/a#east#1#0", "");
    fake_store_put(store, "/assign/a#west#1#1", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect(!client_json(&client, "/missing"));
}

/* No member may have a, but once both have all of it, one of them can let it go. */
Test(explain, names_who_else_could_report)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":1,\"consistency\":\"reported\"}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":0}");
    fake_store_put(store, "/members/east#2", "{\"item_limit\":0}");
    fake_store_put(store, "/assign/a#east#1#0", "{\"consistent\":true}");
    fake_store_put(store, "/assign/a#east#2#1", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/replicas/0/waits_for/detail"),
                     "more consistent replicas than the item wants: it wants 1, and has 1");
    cr_expect_str_eq(client_text(&client, "/replicas/1/waits_for/detail"),
                     "more consistent replicas than the item wants: it wants 1, and has 1");
    cr_expect_str_eq(client_text(&client, "/inconsistent/0/suffix"), "2");
}

/* Two of three go, but one of them only when the item has another. */
Test(explain, counts_what_goes_first)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":2}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":0}");
    fake_store_put(store, "/members/east#2", "{\"item_limit\":0}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":1}");
    fake_store_put(store, "/members/west#2", "{\"item_limit\":1}");
    fake_store_put(store, "/assign/a#east#1#0", "");
    fake_store_put(store, "/assign/a#east#2#1", "");
    fake_store_put(store, "/assign/a#west#1#2", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/replicas/0/waits_for/code"), "next_pass");
    cr_expect_str_eq(client_text(&client, "/replicas/1/waits_for/detail"),
                     "more consistent replicas than the item wants: it wants 2, and has 2 once "
                     "others have gone");
}

/* b is to have the slot that a leaves, once a is consistent elsewhere. */
Test(explain, says_that_what_is_missing_waits_for_a_slot)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":1,\"consistency\":\"reported\"}");
    fake_store_put(store, "/items/b", "{\"replication\":2}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":1}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":2}");
    fake_store_put(store, "/assign/a#east#1#0", "{\"consistent\":true}");
    fake_store_put(store, "/assign/a#west#1#1", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/b/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/members/0/waits_for/code"), "slot");
    cr_expect_str_eq(client_text(&client, "/members/1/waits_for/code"), "next_pass");
    expect_missing(2, 0, "slot", "a member that is to have it is full until something leaves it");
}

/* There are three slots, and four are wanted. */
Test(explain, says_that_a_slot_is_for_another_item)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/items/a", "{\"replication\":2}");
    fake_store_put(store, "/items/b", "{\"replication\":1}");
    fake_store_put(store, "/items/c", "{\"replication\":1}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":1}");
    fake_store_put(store, "/members/east#2", "{\"item_limit\":1}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":1}");
    fake_store_put(store, "/assign/a#east#1#0", "");
    fake_store_put(store, "/assign/a#east#2#1", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/state"), "healthy");
    cr_expect(!client_json(&client, "/missing"));
    cr_expect_str_eq(client_text(&client, "/replicas/1/code"), "displaced");
    cr_expect_str_eq(client_text(&client, "/replicas/1/detail"),
                     "goes: its slot is for another item, as there are too few for all");
    cr_expect_str_eq(client_text(&client, "/replicas/1/waits_for/code"), "capacity");
    cr_expect_str_eq(
        client_text(&client, "/replicas/1/waits_for/detail"),
        "room: it stays until the item has more than the 2 consistent replicas that it "
        "wants, but no more can be placed: 3 items want 4 replicas; the 3 members that "
        "could take more of them have 3 slots in all, and none is free: so 1 can't be "
        "assigned, whatever the allocator does");
    cr_expect_eq(get("/v1/items/b/explain"), 200);
    cr_expect_str_eq(client_text(&client, "/members/1/waits_for/code"), "capacity");
    cr_expect_str_eq(client_text(&client, "/members/1/waits_for/detail"),
                     "a slot: the member is full, and what is to leave it can't, as there is no "
                     "room for its items elsewhere");
    expect_missing(1, 0, "capacity",
                   "a member that is to have it is full, and what is to leave it can't, as there "
                   "is no room for its items elsewhere");
}

/* --- how it is told of --- */

static void expect_codes(const char *pointer, const char *const *names)
{
    struct json_object *codes = client_json(&client, pointer);
    size_t count = 0;
    for (; names[count]; count++) {
        const char *code = json_object_get_string(json_object_array_get_idx(codes, count));
        cr_expect(code && strcmp(code, names[count]) == 0, "%s: %s", pointer, names[count]);
    }
    cr_expect_eq(json_object_array_length(codes), count, "%s", pointer);
}

#define EXPLANATION "/components/schemas/Explanation/properties/"

Test(explain, has_its_codes_in_the_document)
{
    cr_assert_eq(get("/openapi.json"), 200);
    expect_codes(EXPLANATION "replicas/items/properties/code/enum", explain_replica_names);
    expect_codes(EXPLANATION "members/items/properties/code/enum", explain_member_names);
    expect_codes(EXPLANATION "members/items/properties/waits_for/anyOf/0/properties/code/enum",
                 explain_wait_names + 1); /* nothing: null */
}

/* --- what is not solved yet --- */

static void make_unsolved(void)
{
    client.store.solves = false;
    fake_store_put(&client.store, "/items/a", "{\"replication\":3}");
    fake_store_publish(&client.store);
}

static void solve(struct client *meddled, enum api_step step)
{
    if (step != API_WAIT_CHANGE)
        return;
    meddled->store.solves = true;
    fake_store_publish(&meddled->store);
}

/* Once: a change that is not solved yet. */
static void change(struct client *overtaken, enum api_step step)
{
    if (step != API_WAIT_CHANGE)
        return;
    overtaken->store.solves = false;
    fake_store_put(&overtaken->store, "/items/a", "{\"replication\":4}");
    overtaken->overtake = NULL;
    fake_store_publish(&overtaken->store);
}

Test(explain, waits_until_it_is_solved)
{
    char target[60];
    make_unsolved();
    client.meddle = solve;
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_eq(client.steps, 2); /* waiting, computing */
    cr_expect_eq(client_number(&client, "/revision"), client.store.revision);
    make_unsolved();
    (void)snprintf(target, sizeof target, "/v1/items/a/explain?min_revision=%d",
                   (int)client.store.revision);
    cr_expect_eq(get(target), 200);
    cr_expect_eq(client_number(&client, "/revision"), client.store.revision);
}

Test(explain, waits_on_if_it_has_changed_again)
{
    make_unsolved();
    client.meddle = solve;
    client.overtake = change;
    cr_expect_eq(get("/v1/items/a/explain"), 200);
    cr_expect_eq(client.steps, 3);
    cr_expect_eq(client_number(&client, "/replication"), 4);
}

Test(explain, of_nothing)
{
    cr_expect_eq(get("/v1/items/a/explain"), 404);
    make_unsolved();
    cr_expect_eq(get("/v1/items/a/explain"), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "not-ready");
    cr_expect_str_eq(client_reply_header(&client, "Retry-After"), "1");
    cr_expect_eq(client.steps, 1);
    client.failing_step = API_WAIT_CHANGE;
    client.failing_error = ALLOT_ECANCELED;
    cr_expect_eq(get("/v1/items/a/explain"), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "store-unavailable");
}

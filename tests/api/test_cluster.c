#include <criterion/criterion.h>

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

TestSuite(cluster, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

Test(cluster, an_empty_one)
{
    cr_expect_eq(get("/v1/cluster"), 200);
    cr_expect_eq(client_number(&client, "/revision"), 1);
    cr_expect_str_eq(client_text(&client, "/root"), "/allot");
    cr_expect(!client_json(&client, "/leader"));
    cr_expect_str_eq(client_text(&client, "/solver"), "optimal");
    cr_expect_eq(client_number(&client, "/balance_tolerance"), 0);
    cr_expect_eq(client_number(&client, "/totals/items"), 0);
    cr_expect_eq(client_number(&client, "/totals/unattainable"), 0);
    cr_expect_eq(client_number(&client, "/items_by_state/healthy"), 0);
    cr_expect_eq(json_object_array_length(client_json(&client, "/zones")), 0);
    cr_expect_str_eq(client_text(&client, "/store/kind"), "fake");
    cr_expect(client_true(&client, "/store/reachable"));
    cr_expect_str_eq(client_text(&client, "/allocator/instance"), "here");
}

Test(cluster, counts)
{
    struct fake_store *store = &client.store;
    fake_store_put(store, "/schedulers/there", "{}");
    fake_store_put(store, "/schedulers/here", "{}");
    fake_store_put(store, "/items/a", "{\"replication\":2}");
    fake_store_put(store, "/items/b", "{\"replication\":3}");
    fake_store_put(store, "/items/bad", "{");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":2}");
    fake_store_put(store, "/assign/a#east#1#0", "");
    fake_store_put(store, "/assign/a#west#1#1", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/cluster"), 200);
    cr_expect_str_eq(client_text(&client, "/leader/instance"), "there");
    cr_expect_eq(client_number(&client, "/leader/since_revision"), 2);
    cr_expect_eq(client_number(&client, "/totals/items"), 2);
    cr_expect_eq(client_number(&client, "/totals/members"), 2);
    cr_expect_eq(client_number(&client, "/totals/zones"), 2);
    cr_expect_eq(client_number(&client, "/totals/assignments"), 2);
    cr_expect_eq(client_number(&client, "/totals/item_slots"), 5);
    cr_expect_eq(client_number(&client, "/totals/member_slots"), 6);
    cr_expect_eq(client_number(&client, "/totals/unattainable"), 1);
    cr_expect_eq(client_number(&client, "/totals/invalid"), 1);
    cr_expect_eq(client_number(&client, "/items_by_state/healthy"), 1);
    cr_expect_eq(client_number(&client, "/items_by_state/unassigned"), 1);
    cr_expect_str_eq(client_text(&client, "/zones/0/zone"), "east");
    cr_expect_eq(client_number(&client, "/zones/0/slots"), 4);
    cr_expect_eq(client_number(&client, "/zones/0/members"), 1);
    cr_expect_eq(client_number(&client, "/zones/1/assigned"), 1);
    cr_expect_eq(client_number(&client, "/allocator/pending/add"), 2);
    cr_expect_eq(client_number(&client, "/allocator/pending/keep"), 2);
}

Test(cluster, balance)
{
    struct fake_store *store = &client.store;
    cr_expect_eq(get("/v1/cluster"), 200);
    cr_expect(json_object_object_get_ex(client.reply.json, "balance", NULL));
    cr_expect_null(client_json(&client, "/balance/most_loaded"));
    cr_expect_null(client_json(&client, "/balance/least_loaded"));
    fake_store_put(store, "/members/east#0", "{\"item_limit\":0}"); /* has no share of anything */
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/east#2", "{\"item_limit\":1}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":3}");
    fake_store_put(store, "/items/a", "{\"replication\":3}");
    fake_store_put(store, "/items/b", "{\"replication\":1}");
    fake_store_put(store, "/assign/a#east#1#0", "");
    fake_store_put(store, "/assign/a#east#2#1", "");
    fake_store_put(store, "/assign/a#west#1#2", "");
    fake_store_put(store, "/assign/b#east#1#0", "");
    fake_store_publish(store);
    cr_expect_eq(get("/v1/cluster"), 200);
    cr_expect_str_eq(client_text(&client, "/balance/most_loaded/zone"), "east");
    cr_expect_str_eq(client_text(&client, "/balance/most_loaded/suffix"), "2");
    cr_expect_eq(client_number(&client, "/balance/most_loaded/assigned"), 1);
    cr_expect_eq(client_number(&client, "/balance/most_loaded/effective_limit"), 1);
    cr_expect_str_eq(client_text(&client, "/balance/least_loaded/zone"), "west");
    cr_expect_eq(client_number(&client, "/balance/least_loaded/assigned"), 1);
    cr_expect_eq(client_number(&client, "/balance/least_loaded/effective_limit"), 3);
}

Test(cluster, before_it_is_solved)
{
    client.store.solves = false;
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/cluster"), 200);
    cr_expect(!client_json(&client, "/totals/unattainable"));
    cr_expect(!client_json(&client, "/allocator/pending"));
}

/* Of a cluster that is well otherwise, as it is by now; "": there is no warning. */
static const char *only_warning(void)
{
    cr_expect_eq(get("/v1/cluster"), 200);
    size_t count = json_object_array_length(client_json(&client, "/warnings"));
    cr_expect_leq(count, 1, "%s", client.reply.text);
    return client_text(&client, "/warnings/0");
}

static void lead(void)
{
    fake_store_put(&client.store, "/schedulers/here", "{}");
    fake_store_publish(&client.store);
    client.health.leading = true;
}

Test(cluster, warns_of_a_store_that_does_not_answer)
{
    lead();
    cr_expect_str_eq(only_warning(), "");
    client.health.snapshot_age_ms = API_STALE_MS - 1;
    cr_expect_str_eq(only_warning(), "");
    client.health.snapshot_age_ms = 18700;
    cr_expect_str_eq(only_warning(),
                     "the store has been silent for 18 s: what is shown is that old");
    client.health.store_reachable = false;
    client.health.failed_writes = 3; /* no wonder */
    cr_expect_str_eq(only_warning(), "the store can't be reached: nothing can be changed, and what "
                                     "is shown was so 18 s ago");
}

Test(cluster, warns_of_a_store_that_takes_no_writes)
{
    lead();
    client.health.failed_writes = 3;
    client.health.write_error = ALLOT_EUNAVAILABLE;
    cr_expect_str_eq(only_warning(),
                     "the store takes no writes (failed in a row: 3, the last: store unavailable)");
}

Test(cluster, warns_if_nobody_leads)
{
    cr_expect_str_eq(only_warning(), "nobody leads: nothing is assigned");
    client.health.refused = "others lead this root";
    cr_expect_str_eq(only_warning(), "others lead this root");
}

Test(cluster, leads_no_longer_than_its_lease_is_sure_to_last)
{
    lead();
    cr_expect_str_eq(only_warning(), "");
    cr_expect(client_true(&client, "/allocator/leading"));
    client.health.leading = false;
    cr_expect(strstr(only_warning(), "lease may have expired"));
    cr_expect_not(client_true(&client, "/allocator/leading"));
    cr_expect_str_eq(client_text(&client, "/leader/instance"), "here");
}

Test(cluster, warns_of_passes_that_fail)
{
    lead();
    client.health.failed_passes = 4;
    cr_expect_str_eq(only_warning(), "");
    client.health.failed_passes = 5;
    cr_expect_str_eq(only_warning(), "what is decided isn't carried out (passes failed in a row: "
                                     "5, the last: something had changed meanwhile)");
    client.health.pass_error = ALLOT_EUNKNOWN;
    cr_expect(strstr(only_warning(), "outcome unknown"));
}

/* What failed while it led. */
Test(cluster, does_not_warn_of_passes_of_one_that_follows)
{
    fake_store_put(&client.store, "/schedulers/there", "{}");
    fake_store_publish(&client.store);
    client.health.failed_passes = 9;
    cr_expect_str_eq(only_warning(), "");
}

Test(cluster, warns_of_what_has_no_room)
{
    lead();
    fake_store_put(&client.store, "/items/a", "{\"replication\":3}");
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_publish(&client.store);
    cr_expect_str_eq(only_warning(),
                     "there is no room for all replicas (wanted: 3, without room: 2)");
}

Test(cluster, warns_of_what_cannot_be_read)
{
    lead();
    fake_store_put(&client.store, "/items/bad", "{");
    fake_store_put(&client.store, "/items/worse", "");
    fake_store_publish(&client.store);
    cr_expect_str_eq(only_warning(),
                     "what can't be read is left out (entries: 2, the first: /allot/items/bad)");
}

Test(cluster, live_and_ready)
{
    cr_expect_eq(get("/livez"), 200);
    cr_expect_eq(get("/readyz"), 200);
    cr_expect_str_eq(client_text(&client, "/status"), "ready");
    client.health.snapshot_age_ms = 15001;
    cr_expect_eq(get("/readyz"), 503);
    client.health.snapshot_age_ms = -1;
    cr_expect_eq(get("/readyz"), 503);
    cr_expect_not_null(client_reply_header(&client, "Retry-After"));
    client.health.snapshot_age_ms = 0;
    client.health.store_reachable = false;
    cr_expect_eq(get("/readyz"), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "not-ready");
    cr_expect_eq(get("/livez"), 200);
    client.health.store_reachable = true;
    client.health.refused = "others lead this root";
    cr_expect_eq(get("/readyz"), 503);
    cr_expect(strstr(client_text(&client, "/detail"), "lead this root"));
    cr_expect_eq(get("/v1/cluster"), 200);
    cr_expect(strstr(client_text(&client, "/warnings/0"), "lead this root"));
}

Test(cluster, nothing_is_served_before_the_first_snapshot)
{
    snapshot_unref(client.store.newest);
    client.store.newest = NULL;
    cr_expect_eq(get("/v1/items"), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "not-ready");
    cr_expect_null(client_reply_header(&client, "Allot-Revision"));
    cr_expect_eq(get("/livez"), 200);
}

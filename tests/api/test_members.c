#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/api_client.h"

#define MEMBER "/v1/members/east/m1"
#define SESSION "0123456789abcdef"
#define LEASED "{\"item_limit\":4,\"ttl_seconds\":30,\"session\":\"" SESSION "\"}"
#define LEASED_OTHERWISE "{\"item_limit\":5,\"ttl_seconds\":30,\"session\":\"" SESSION "\"}"
/* SHA-256 of SESSION. */
#define SESSION_HASH "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"

static struct client client;

static void setup(void)
{
    client_init(&client);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(members, .init = setup, .fini = teardown);

static int put(const char *body)
{
    return client_send(&client, "PUT", MEMBER, body);
}

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

static int remove_member(const char *target)
{
    return client_send(&client, "DELETE", target, NULL);
}

static int64_t lease(void)
{
    return fake_store_lease_of(&client.store, "/members/east#m1");
}

/* Item a in the hands of the member. */
static void assign(void)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_put_leased(&client.store, "/assign/a#east#m1#0", "", lease());
    fake_store_publish(&client.store);
}

/* --- members without a lease --- */

Test(members, an_operator_managed_member_needs_no_session)
{
    cr_expect_eq(put("{\"item_limit\":4,\"labels\":{\"rack\":\"r1\"}}"), 201);
    cr_expect_str_eq(client_reply_header(&client, "Location"), MEMBER);
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(lease(), 0);
    cr_expect(!client_json(&client, "/session"));
    cr_expect_eq(get(MEMBER), 200);
    cr_expect_str_eq(client_text(&client, "/zone"), "east");
    cr_expect_str_eq(client_text(&client, "/suffix"), "m1");
    cr_expect_eq(client_number(&client, "/item_limit"), 4);
    cr_expect_str_eq(client_text(&client, "/labels/rack"), "r1");
    cr_expect_not(client_true(&client, "/exiting"));
    cr_expect_eq(put("{\"item_limit\":5}"), 200);
    cr_expect_eq(client_number(&client, "/item_limit"), 5);
    cr_expect_eq(put("{\"item_limit\":5}"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(remove_member(MEMBER), 204);
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(get(MEMBER), 404);
    cr_expect_eq(remove_member(MEMBER), 404);
}

Test(members, an_operator_managed_member_may_have_a_session)
{
    cr_expect_eq(put("{\"item_limit\":4,\"session\":\"" SESSION "\"}"), 201);
    cr_expect_eq(put("{\"item_limit\":5}"), 409);
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(put("{\"item_limit\":5}"), 200);
    cr_expect_eq(put("{\"item_limit\":5,\"ttl_seconds\":30}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "ttl-fixed");
}

Test(members, a_member_without_a_session_is_not_taken_over_by_one)
{
    cr_expect_eq(put("{\"item_limit\":4}"), 201);
    cr_expect_eq(put("{\"item_limit\":5,\"session\":\"" SESSION "\"}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(put("{\"item_limit\":5}"), 409);
    client_header(&client, "Allot-Session", NULL);
    cr_expect_eq(put("{\"item_limit\":6}"), 200);
    cr_expect_eq(remove_member(MEMBER), 204);
}

Test(members, an_operator_removes_by_force_what_no_lease_would_end)
{
    cr_expect_eq(put("{\"item_limit\":4,\"session\":\"" SESSION "\"}"), 201);
    cr_expect_eq(remove_member(MEMBER), 409);
    cr_expect_eq(remove_member(MEMBER "?force=true"), 204);
    cr_expect_eq(put(LEASED), 201);
    cr_expect_eq(remove_member(MEMBER "?force=true"), 409);
}

Test(members, status)
{
    cr_expect_eq(put("{\"item_limit\":4}"), 201);
    assign();
    cr_expect_eq(get(MEMBER), 200);
    cr_expect_eq(client_number(&client, "/status/assigned"), 1);
    cr_expect_eq(client_number(&client, "/status/primaries"), 1);
    cr_expect_eq(client_number(&client, "/status/effective_limit"), 4);
    cr_expect_eq(client_number(&client, "/status/shed_capacity"), 0);
}

Test(members, all_faults_at_once)
{
    cr_expect_eq(put("{\"item_limit\":1000001,\"ttl_seconds\":4,\"session\":\"short\","
                     "\"exiting\":true}"),
                 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/detail"),
                     "must be an integer from 0 to 1000000");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/ttl_seconds");
    cr_expect_str_eq(client_text(&client, "/errors/2/pointer"), "/session");
    cr_expect_str_eq(client_text(&client, "/errors/3/pointer"), "/exiting");
    cr_expect_eq(fake_store_mod_revision(&client.store, "/members/east#m1"), 0);
}

Test(members, lists_by_zone)
{
    fake_store_put(&client.store, "/members/east#2", "{\"item_limit\":1}");
    fake_store_put(&client.store, "/members/west#1", "{\"item_limit\":1}");
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/members"), 200);
    cr_expect_str_eq(client_text(&client, "/items/2/zone"), "west");
    cr_expect_eq(get("/v1/members?zone=east"), 200);
    cr_expect_str_eq(client_text(&client, "/items/1/suffix"), "2");
    cr_expect(!client_json(&client, "/items/2"));
    cr_expect_eq(get("/v1/members?limit=1"), 200);
    cr_expect(client_json(&client, "/continue"));
}

Test(members, lists_by_label)
{
    fake_store_put(&client.store, "/members/east#1",
                   "{\"item_limit\":1,\"labels\":{\"rack\":\"7\"}}");
    fake_store_put(&client.store, "/members/east#2", "{\"item_limit\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/members?label=rack=7"), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/suffix"), "1");
    cr_expect(!client_json(&client, "/items/1"));
}

/* An operator resizes a member without knowing its session; all else stays. */
Test(members, a_patch_resizes)
{
    cr_expect_eq(put("{\"item_limit\":4,\"labels\":{\"a\":\"b\"},\"session\":\"" SESSION "\"}"),
                 201);
    client_header(&client, "Allot-Session", NULL);
    cr_expect_eq(client_send(&client, "PATCH", MEMBER, "{\"item_limit\":7}"), 200);
    cr_expect_eq(client_number(&client, "/item_limit"), 7);
    cr_expect_str_eq(client_text(&client, "/labels/a"), "b");
    cr_expect_eq(client_send(&client, "PATCH", MEMBER, "{\"item_limit\":7}"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(client_send(&client, "PATCH", MEMBER, "{\"labels\":{\"a\":null}}"), 200);
    cr_expect(!client_json(&client, "/labels/a"));
    cr_expect_eq(put("{\"item_limit\":4}"), 409); /* the session still stands */
    cr_expect_eq(client_send(&client, "PATCH", MEMBER, "{\"exiting\":true,\"item_limit\":-1}"),
                 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/item_limit");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/exiting");
    cr_expect_eq(client_send(&client, "PATCH", MEMBER, "{\"session\":null,\"exiting\":null}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "/session");
    cr_expect_str_eq(client_text(&client, "/errors/1/pointer"), "/exiting");
    cr_expect_eq(client_send(&client, "PATCH", "/v1/members/east/none", "{}"), 404);
}

/* --- registration under a lease --- */

Test(members, a_registration_stands_under_a_lease)
{
    cr_expect_eq(put(LEASED), 201);
    cr_expect_eq(client.steps, 2);
    cr_expect(fake_store_has_lease(&client.store, lease()));
    cr_expect_eq(client_number(&client, "/ttl_seconds"), 30);
    cr_expect(!client_json(&client, "/session"));
}

Test(members, the_session_is_shown_nowhere)
{
    cr_expect_eq(put(LEASED), 201);
    cr_expect_null(strstr(client.reply.text, SESSION));
    cr_expect_null(strstr(client.reply.text, "session"));
    cr_expect_eq(get(MEMBER), 200);
    cr_expect_null(strstr(client.reply.text, "session"));
    cr_expect_eq(get("/v1/members"), 200);
    cr_expect_null(strstr(client.reply.text, "session"));
    struct span value = fake_store_value(&client.store, "/members/east#m1");
    cr_expect(memmem(value.data, value.size, SESSION_HASH, strlen(SESSION_HASH)), "%.*s",
              (int)value.size, value.data);
    cr_expect_not(memmem(value.data, value.size, SESSION, strlen(SESSION)));
}

Test(members, a_session_is_made_for_who_brings_none)
{
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 201);
    char session[64];
    (void)snprintf(session, sizeof session, "%s", client_text(&client, "/session"));
    cr_expect_str_eq(session, "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 409);
    client_header(&client, "Allot-Session", session);
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 200);
    cr_expect(!client_json(&client, "/session"));
}

Test(members, the_same_session_adopts_and_changes_a_registration)
{
    cr_expect_eq(put(LEASED), 201);
    int64_t granted = lease();
    cr_expect_eq(put(LEASED), 200);
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(put("{\"item_limit\":9,\"ttl_seconds\":30,\"session\":\"" SESSION "\"}"), 200);
    cr_expect_eq(client_number(&client, "/item_limit"), 9);
    cr_expect_eq(lease(), granted);
}

/* As a heartbeat would: the time to live begins anew. */
Test(members, who_adopts_a_registration_keeps_it_alive)
{
    cr_expect_eq(put(LEASED), 201);
    cr_expect_eq(put(LEASED), 200);
    cr_expect_eq(client.steps, 1);
    cr_expect_eq(client_number(&client, "/item_limit"), 4);
    cr_expect_eq(put(LEASED_OTHERWISE), 200);
    cr_expect_eq(client.steps, 2);
    cr_expect_eq(client_number(&client, "/item_limit"), 5);

    client.failing_step = API_LEASE_KEEP_ALIVE;
    client.failing_error = ALLOT_EUNKNOWN;
    cr_expect_eq(put(LEASED), 503);
    client.failing_error = 0;
    client.store.lease_count = 0;
    cr_expect_eq(put(LEASED), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "member-not-registered");
    cr_expect_eq(client_send(&client, "PUT", MEMBER "?dry_run=true", LEASED), 200);
}

Test(members, another_session_or_none_conflicts)
{
    cr_expect_eq(put(LEASED), 201);
    cr_expect_eq(put("{\"item_limit\":9,\"ttl_seconds\":30,\"session\":\"fedcba9876543210\"}"),
                 409);
    cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
    cr_expect_eq(put("{\"item_limit\":9,\"ttl_seconds\":30}"), 409);
    cr_expect_eq(remove_member(MEMBER), 409);
    cr_expect_eq(remove_member(MEMBER "?force=true"), 409);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 409);
    cr_expect_eq(client.steps, 0);
}

Test(members, the_sessions_of_body_and_header_must_agree)
{
    client_header(&client, "Allot-Session", "fedcba9876543210");
    cr_expect_eq(put(LEASED), 400);
    client_header(&client, "Allot-Session", "short");
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 400);
    client_header(&client, "Allot-Session", "sixteen with spaces"); /* nor could the body's */
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 400);
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(put(LEASED), 201);
}

Test(members, the_ttl_of_a_live_registration_is_fixed)
{
    cr_expect_eq(put(LEASED), 201);
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":31,\"session\":\"" SESSION "\"}"), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "ttl-fixed");
    cr_expect_eq(put("{\"item_limit\":4,\"session\":\"" SESSION "\"}"), 409);
}

Test(members, put_leaves_exiting_and_unknown_fields_alone)
{
    fake_store_put(&client.store, "/members/east#m1",
                   "{\"item_limit\":1,\"exiting\":true,\"future\":{\"x\":null}}");
    fake_store_publish(&client.store);
    cr_expect_eq(put("{\"item_limit\":2}"), 200);
    cr_expect(client_true(&client, "/exiting"));
    struct span value = fake_store_value(&client.store, "/members/east#m1");
    cr_expect(
        span_equal(value, SPAN("{\"item_limit\":2,\"exiting\":true,\"future\":{\"x\":null}}")),
        "%.*s", (int)value.size, value.data);
}

/* Something else registered the member: no session of ours shows who may act for it. */
Test(members, a_lease_granted_elsewhere_is_nobodys_to_use)
{
    static const char *const values[] = {"{\"item_limit\":1}", "{}", "no JSON"};
    int64_t granted = fake_store_grant(&client.store, 60);
    client_header(&client, "Allot-Session", SESSION);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        fake_store_put_leased(&client.store, "/members/east#m1", values[i], granted);
        fake_store_publish(&client.store);
        cr_expect_eq(put("{\"item_limit\":2}"), 409);
        cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
        cr_expect_eq(remove_member(MEMBER), 409);
        cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
        cr_expect_eq(remove_member(MEMBER "?force=true"), 409);
        cr_expect_eq(client.steps, 0);
    }
    cr_expect(fake_store_has_lease(&client.store, granted));
}

Test(members, a_lease_granted_elsewhere_is_kept_alive_elsewhere)
{
    int64_t granted = fake_store_grant(&client.store, 60);
    fake_store_put_leased(&client.store, "/members/east#m1", "{\"item_limit\":1}", granted);
    fake_store_publish(&client.store);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/drain", NULL), 200); /* an operator's */
    cr_expect_eq(lease(), granted);
}

/* --- races and failures --- */

static void register_first(struct client *meddled, enum api_step step)
{
    if (step == API_TXN && fake_store_mod_revision(&meddled->store, "/members/east#m1") == 0)
        fake_store_put(&meddled->store, "/members/east#m1",
                       "{\"item_limit\":1,\"ttl_seconds\":30,\"session_hash\":\"" SESSION_HASH
                       "\"}");
}

Test(members, who_loses_the_race_gives_its_lease_back)
{
    client.meddle = register_first;
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30,\"session\":\"fedcba9876543210\"}"),
                 409);
    cr_expect_str_eq(client_text(&client, "/code"), "wrong-session");
    cr_expect_eq(client.steps, 2);
    cr_expect_eq(client.store.lease_count, 0);
}

Test(members, who_loses_the_race_to_itself_adopts)
{
    client.meddle = register_first;
    cr_expect_eq(put(LEASED), 200);
    cr_expect_eq(client_number(&client, "/item_limit"), 4);
    cr_expect_eq(client.store.lease_count, 0);
}

static void come_and_go(struct client *meddled, enum api_step step)
{
    if (meddled->steps == 2)
        register_first(meddled, step);
    if (meddled->steps == 3)
        fake_store_delete(&meddled->store, "/members/east#m1");
}

Test(members, a_registration_takes_one_lease_however_often_it_is_tried)
{
    client.meddle = come_and_go;
    cr_expect_eq(put(LEASED_OTHERWISE), 201);
    cr_expect_eq(client.steps, 4);
    cr_expect_eq(client.store.lease_count, 1);
    cr_expect(fake_store_has_lease(&client.store, lease()));
}

Test(members, a_made_session_is_not_told_to_who_lost_the_race)
{
    client.meddle = register_first;
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 409);
    cr_expect_null(strstr(client.reply.text, "a5a5"));
}

Test(members, a_registration_that_fails_gives_its_lease_back)
{
    client.failing_step = API_TXN;
    client.failing_error = ALLOT_EUNAVAILABLE;
    cr_expect_eq(put(LEASED), 503);
    cr_expect_eq(client.store.lease_count, 0);
}

Test(members, a_registration_that_is_refused_takes_no_lease)
{
    client_header(&client, "X-Allot-Reason", "\x01");
    cr_expect_eq(put(LEASED), 400);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(client.store.lease_count, 0);
}

Test(members, a_registration_of_unknown_outcome_keeps_its_lease)
{
    client.failing_step = API_TXN;
    client.failing_error = ALLOT_EUNKNOWN;
    client.failing_done = true;
    cr_expect_eq(put(LEASED), 504);
    cr_expect(fake_store_has_lease(&client.store, lease()));
    client.failing_error = 0;
    cr_expect_eq(put(LEASED), 200);
}

Test(members, no_lease_no_registration)
{
    client.failing_step = API_LEASE_GRANT;
    client.failing_error = ALLOT_EUNKNOWN;
    cr_expect_eq(put(LEASED), 503);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/members/east#m1"), 0);
}

Test(members, no_room_for_another_lease)
{
    client.failing_step = API_LEASE_GRANT;
    client.failing_error = ALLOT_ELIMIT;
    cr_expect_eq(put(LEASED), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "store-unavailable");
    cr_expect_not_null(client_reply_header(&client, "Retry-After"));
}

/* The member goes, or is overwritten by others, before the reply is made. */
static const char *value_after; /* NULL: deleted */

static void overtake(struct client *overtaken, enum api_step step)
{
    if (step != API_TXN)
        return;
    if (value_after)
        fake_store_put(&overtaken->store, "/members/east#m1", value_after);
    else
        fake_store_delete(&overtaken->store, "/members/east#m1");
}

Test(members, a_registration_is_answered_with_itself)
{
    static const char *const values[] = {NULL, "{\"item_limit\":7}", "no JSON"};
    client.overtake = overtake;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        value_after = values[i];
        cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 201);
        cr_expect_eq(strlen(client_text(&client, "/session")), 32);
        cr_expect_eq(client_number(&client, "/item_limit"), 4);
        cr_expect_eq(client_number(&client, "/ttl_seconds"), 30);
        cr_expect_eq(client_number(&client, "/mod_revision"), client.store.txn.revision);
        cr_expect_eq(client_number(&client, "/create_revision"), client.store.txn.revision);
        cr_expect_eq(client_json(&client, "/status") != NULL, i == 1);
        if (value_after)
            fake_store_delete(&client.store, "/members/east#m1");
        fake_store_publish(&client.store);
    }
}

Test(members, a_change_is_answered_with_itself)
{
    value_after = "{\"item_limit\":7}";
    cr_expect_eq(put("{\"item_limit\":4}"), 201);
    client.overtake = overtake;
    cr_expect_eq(put("{\"item_limit\":5}"), 200);
    cr_expect_eq(client_number(&client, "/item_limit"), 5);
    cr_expect_eq(client_number(&client, "/create_revision"), 2);
    cr_expect_eq(client_number(&client, "/mod_revision"), 3);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "3");
}

Test(members, a_drain_is_answered_with_itself)
{
    static const char *const values[] = {NULL, "{\"item_limit\":7}", "no JSON"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        value_after = values[i];
        cr_expect_eq(put("{\"item_limit\":4}"), 201);
        assign();
        client.overtake = overtake;
        cr_expect_eq(client_send(&client, "POST", MEMBER "/drain", NULL), 200);
        client.overtake = NULL;
        cr_expect(client_true(&client, "/exiting"));
        cr_expect_not(client_true(&client, "/drained"));
        cr_expect_eq(client_number(&client, "/remaining"), 1);
        cr_expect_eq(client_number(&client, "/item_limit"), 4);
        if (value_after)
            fake_store_delete(&client.store, "/members/east#m1");
        fake_store_publish(&client.store);
    }
}

static int fail_random(void *context, void *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
    return ALLOT_EIO;
}

Test(members, no_random_bytes_no_session)
{
    client.runtime.random = fail_random;
    cr_expect_eq(put("{\"item_limit\":4,\"ttl_seconds\":30}"), 500);
    cr_expect_eq(client.steps, 0);
}

/* --- heartbeats --- */

Test(members, a_heartbeat_tells_what_is_left_and_what_is_assigned)
{
    cr_expect_eq(put(LEASED), 201);
    assign();
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 200);
    cr_expect_eq(client_number(&client, "/ttl_seconds"), 30);
    cr_expect_eq(client_number(&client, "/seconds_left"), 30);
    cr_expect_eq(client_number(&client, "/assignments_count"), 1);
    cr_expect_eq(client_number(&client, "/assignments_revision"),
                 fake_store_mod_revision(&client.store, "/assign/a#east#m1#0"));
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", "{}"), 200);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", "{\"x\":1}"), 422);
}

Test(members, a_heartbeat_for_nothing)
{
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 404);
    cr_expect_eq(put("{\"item_limit\":4}"), 201);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "no-lease");
}

Test(members, a_heartbeat_that_comes_too_late)
{
    cr_expect_eq(put(LEASED), 201);
    client.store.lease_count = 0;
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 404);
    client.failing_step = API_LEASE_KEEP_ALIVE;
    client.failing_error = ALLOT_EUNAVAILABLE;
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 503);
}

/* Whether it was kept alive or not: it can be tried again at once. */
Test(members, a_heartbeat_of_which_nothing_is_known)
{
    cr_expect_eq(put(LEASED), 201);
    client_header(&client, "Allot-Session", SESSION);
    client.failing_step = API_LEASE_KEEP_ALIVE;
    client.failing_error = ALLOT_EUNKNOWN;
    client.failing_done = true;
    cr_expect_eq(client_send(&client, "POST", MEMBER "/heartbeat", NULL), 503);
    cr_expect_str_eq(client_text(&client, "/code"), "store-unavailable");
}

/* --- leases --- */

Test(members, anybody_who_reads_is_told_what_is_left_of_a_lease)
{
    cr_expect_eq(put(LEASED), 201);
    cr_expect_eq(get(MEMBER "/lease"), 200);
    cr_expect_eq(client_number(&client, "/ttl_seconds"), 30);
    cr_expect_eq(client_number(&client, "/seconds_left"), 30);
    client.failing_step = API_LEASE_TIME_TO_LIVE;
    client.failing_error = ALLOT_EUNAVAILABLE;
    cr_expect_eq(get(MEMBER "/lease"), 503);
    client.failing_error = 0;
    client.store.lease_count = 0;
    cr_expect_eq(get(MEMBER "/lease"), 404);
}

Test(members, no_lease_has_nothing_left)
{
    cr_expect_eq(get(MEMBER "/lease"), 404);
    cr_expect_eq(put("{\"item_limit\":4}"), 201);
    cr_expect_eq(get(MEMBER "/lease"), 200);
    cr_expect(json_object_object_get_ex(client.reply.json, "seconds_left", NULL));
    cr_expect_null(client_json(&client, "/ttl_seconds"));
    cr_expect_null(client_json(&client, "/seconds_left"));
}

/* --- leaving --- */

Test(members, leaving_revokes_the_lease)
{
    cr_expect_eq(put(LEASED), 201);
    int64_t granted = lease();
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(remove_member(MEMBER), 204);
    cr_expect_eq(client.steps, 2);
    cr_expect_not(fake_store_has_lease(&client.store, granted));
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "4");
}

Test(members, who_holds_assignments_leaves_by_force_only)
{
    cr_expect_eq(put(LEASED), 201);
    assign();
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(remove_member(MEMBER), 409);
    cr_expect_str_eq(client_text(&client, "/code"), "holds-assignments");
    cr_expect_eq(remove_member(MEMBER "?force=false"), 409);
    cr_expect_eq(remove_member(MEMBER "?force=yes"), 400);
    cr_expect_eq(remove_member(MEMBER "?force=true"), 204);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/assign/a#east#m1#0"), 0);
}

Test(members, leaving_is_done_even_if_the_lease_stays)
{
    cr_expect_eq(put(LEASED), 201);
    client.failing_step = API_LEASE_REVOKE;
    client.failing_error = ALLOT_EUNAVAILABLE;
    client_header(&client, "Allot-Session", SESSION);
    cr_expect_eq(remove_member(MEMBER), 204);
    cr_expect_eq(get(MEMBER), 404);
}

Test(members, an_invalid_member_holds_assignments_too)
{
    fake_store_put(&client.store, "/members/east#m1", "{}");
    assign();
    cr_expect_eq(remove_member(MEMBER), 409);
    cr_expect_eq(remove_member(MEMBER "?force=true"), 204);
}

Test(members, an_invalid_value_is_replaced_or_removed)
{
    fake_store_put(&client.store, "/members/east#m1", "{}");
    fake_store_publish(&client.store);
    cr_expect_eq(get(MEMBER), 404);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/drain", NULL), 404);
    cr_expect_eq(put("{\"item_limit\":1}"), 200);
    fake_store_put(&client.store, "/members/east#m1", "[]");
    fake_store_publish(&client.store);
    cr_expect_eq(remove_member(MEMBER), 204);
    fake_store_put_leased(&client.store, "/members/east#m1", "[]",
                          fake_store_grant(&client.store, 60));
    fake_store_publish(&client.store);
    cr_expect_eq(get(MEMBER), 404);
    cr_expect_not_null(strstr(client_text(&client, "/detail"), "lease"));
}

/* --- drains --- */

Test(members, a_drain_marks_and_unmarks)
{
    fake_store_put(&client.store, "/members/west#1", "{\"item_limit\":4}");
    cr_expect_eq(put(LEASED), 201);
    assign();
    cr_expect_eq(get(MEMBER "/drain"), 200);
    cr_expect_not(client_true(&client, "/exiting"));
    cr_expect_eq(client_send(&client, "POST", MEMBER "/drain", NULL), 200);
    cr_expect(client_true(&client, "/exiting"));
    cr_expect_not(client_true(&client, "/drained"));
    cr_expect_eq(client_number(&client, "/remaining"), 1);
    cr_expect_eq(client_number(&client, "/item_limit"), 4);
    cr_expect_eq(client_number(&client, "/shed_capacity"), 4);
    cr_expect_neq(lease(), 0);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/drain", NULL), 200);
    cr_expect_eq(client.steps, 0);
    fake_store_delete(&client.store, "/assign/a#east#m1#0");
    fake_store_publish(&client.store);
    cr_expect_eq(get(MEMBER "/drain"), 200);
    cr_expect(client_true(&client, "/drained"));
    cr_expect_eq(client_send(&client, "DELETE", MEMBER "/drain", NULL), 200);
    cr_expect_not(client_true(&client, "/exiting"));
    cr_expect_eq(get(MEMBER), 200);
    cr_expect_not(client_true(&client, "/exiting"));
}

Test(members, a_drain_of_nothing)
{
    cr_expect_eq(get(MEMBER "/drain"), 404);
    cr_expect_eq(client_send(&client, "POST", MEMBER "/drain", NULL), 404);
    cr_expect_eq(put("{\"item_limit\":4}"), 201);
    client_header(&client, "If-Match", "\"1-0\"");
    cr_expect_eq(client_send(&client, "POST", MEMBER "/drain", NULL), 412);
}

Test(members, an_invalid_value_leaves_nothing_invalid_behind)
{
    fake_store_put(&client.store, "/members/east#m1",
                   "{\"item_limit\":4,\"ttl_seconds\":\"x\",\"session_hash\":7}");
    fake_store_publish(&client.store);
    cr_expect_eq(put("{\"item_limit\":5}"), 200);
    cr_expect_eq(get(MEMBER), 200);
    cr_expect_eq(client_number(&client, "/item_limit"), 5);
}

/* Requests that wait for the store or a snapshot: suspended, resumed, given up, or left. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/http/fixture.h"
#include "tests/support/fail_alloc.h"

static struct fixture fixture;
static struct http_reply reply;
static const int64_t BRIEF_MS = 100;

static void init(void)
{
    fixture_init(&fixture);
}

static void stop(void)
{
    fixture_stop(&fixture);
}

/* cppcheck-suppress unknownMacro */
TestSuite(waiting, .init = init, .fini = stop);

static void start(void)
{
    fixture_start(&fixture);
}

static bool nothing_received(const struct http_client *client)
{
    char byte;
    return recv(client->fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

static void assert_outcome(struct http_client *client, const char *expected)
{
    cr_assert_eq(http_client_receive(client, false, &reply), 200);
    cr_assert_str_eq(reply.body, expected);
}

static void send_post(struct http_client *client, const char *target)
{
    cr_assert(http_client_send_request(client, "POST", target, "", "{}"));
}

/* Waits for the revocation of the lease that the scripted API is granted, and answers it. */
static void answer_revocation(void)
{
    int64_t lease;
    cr_assert_eq(held_store_look(fixture.store, &lease), HELD_REVOKE);
    cr_assert_eq(lease, 77);
    held_store_answer(fixture.store, (struct held_answer){0});
}

static const struct held_answer done_at_5 = {.succeeded = true, .revision = 5};

#define DONE_AT_5 "error=0 succeeded=1 revision=5\n"

/* --- outcomes --- */

Test(waiting, a_transaction_waits_for_the_store_and_then_for_its_snapshot)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 4);
    send_post(&client, "/txn");
    held_store_wait(fixture.store, 1);
    cr_assert(nothing_received(&client));
    cr_assert_eq(held_store_answer(fixture.store, done_at_5), HELD_TXN);
    cr_assert(nothing_received(&client));
    fixture_publish(&fixture, 5);
    assert_outcome(&client, DONE_AT_5);
    send_post(&client, "/txn"); /* the snapshot is there already */
    held_store_answer(fixture.store, done_at_5);
    assert_outcome(&client, DONE_AT_5);
    http_client_close(&client);
}

/* The watch tells of the value that the scripted API's transaction puts. */
static void hear_of_txn(int64_t revision)
{
    struct store_event event = {
        .kind = STORE_EVENT_PUT,
        .kv = {.key = SPAN("/allot/test"), .value = SPAN("value"), .mod_revision = revision}};
    outcomes_hear(fixture.outcomes, &(struct store_watch_response){
                                        .revision = revision, .events = &event, .event_count = 1});
}

Test(waiting, a_transaction_whose_answer_is_lost_is_looked_for_in_the_watch)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 6);
    send_post(&client, "/txn");
    held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_EUNKNOWN});
    cr_assert(nothing_received(&client));
    hear_of_txn(7);
    cr_assert(nothing_received(&client)); /* nor is it told before its snapshot */
    fixture_publish(&fixture, 7);
    assert_outcome(&client, "error=0 succeeded=1 revision=7\n");
    http_client_close(&client);
}

Test(waiting, a_transaction_that_nobody_hears_of_stays_unknown)
{
    fixture.config.times.snapshot_ms = 50;
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 6);
    send_post(&client, "/txn");
    held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_EUNKNOWN});
    assert_outcome(&client, "error=-15\n");
    http_client_close(&client);
}

Test(waiting, a_store_may_answer_at_once)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 5);
    held_store_answer_at_once(fixture.store, 5);
    for (int i = 0; i < 200; i++) {
        send_post(&client, "/txn");
        assert_outcome(&client, DONE_AT_5);
    }
    http_client_close(&client);
}

Test(waiting, errors_of_the_store_arrive)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    const char *const targets[] = {"/txn", "/grant", "/keep-alive", "/revoke", "/time-to-live"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        send_post(&client, targets[i]);
        held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_ELEASE});
        assert_outcome(&client, "error=-12\n");
        held_store_refuse(fixture.store, ALLOT_ELIMIT);
        send_post(&client, targets[i]);
        assert_outcome(&client, "error=-7 refused\n");
        held_store_refuse(fixture.store, 0);
        send_post(&client, targets[i]);
        held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_ELIMIT});
        assert_outcome(&client, "error=-7\n");
    }
    http_client_close(&client);
}

Test(waiting, leases_wait_for_the_store_alone)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    const struct {
        const char *target;
        enum held_kind kind;
    } cases[] = {{"/grant", HELD_GRANT},
                 {"/keep-alive", HELD_KEEP_ALIVE},
                 {"/time-to-live", HELD_TIME_TO_LIVE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        send_post(&client, cases[i].target);
        cr_assert_eq(held_store_answer(fixture.store, (struct held_answer){0}), cases[i].kind);
        assert_outcome(&client, "error=0 id=77 ttl=9\n");
        if (cases[i].kind == HELD_GRANT) /* nobody has used it */
            answer_revocation();
    }
    http_client_close(&client);
}

Test(waiting, a_revocation_waits_for_its_snapshot_too)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 5);
    send_post(&client, "/revoke");
    cr_assert_eq(held_store_answer(fixture.store, (struct held_answer){0}), HELD_REVOKE);
    cr_assert_eq(held_store_answer(fixture.store, (struct held_answer){.revision = 6}), HELD_RANGE);
    cr_assert(nothing_received(&client));
    fixture_publish(&fixture, 6);
    assert_outcome(&client, "error=0 id=77 ttl=9\n");

    send_post(&client, "/revoke"); /* revoked, but nobody can tell when */
    held_store_answer(fixture.store, (struct held_answer){0});
    held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_EUNAVAILABLE});
    assert_outcome(&client, "error=-15\n");
    http_client_close(&client);
}

Test(waiting, one_step_may_follow_another)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 5);
    send_post(&client, "/twice");
    held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_EUNAVAILABLE});
    held_store_answer(fixture.store, done_at_5);
    assert_outcome(&client, "error=-14\n" DONE_AT_5);
    http_client_close(&client);
}

Test(waiting, a_revision_is_waited_for)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 7);
    cr_assert(http_client_send_request(&client, "GET", "/wait?7", "", NULL));
    assert_outcome(&client, "error=0\n");
    cr_assert(http_client_send_request(&client, "GET", "/wait?8", "", NULL));
    cr_assert(nothing_received(&client));
    fixture_publish(&fixture, 9);
    assert_outcome(&client, "error=0\n");
    http_client_close(&client);
}

Test(waiting, more_may_wait_than_there_are_threads)
{
    enum { COUNT = 32 };
    start();
    struct http_client clients[COUNT];
    for (int i = 0; i < COUNT; i++) {
        clients[i] = fixture_connect(&fixture);
        send_post(&clients[i], "/txn");
    }
    held_store_wait(fixture.store, COUNT);
    struct http_client other = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&other, "GET", "/echo", "", NULL, &reply), 200);
    http_client_close(&other);
    for (int i = 0; i < COUNT; i++) {
        held_store_answer(fixture.store, done_at_5);
    }
    fixture_publish(&fixture, 5);
    for (int i = 0; i < COUNT; i++) {
        assert_outcome(&clients[i], DONE_AT_5);
        http_client_close(&clients[i]);
    }
}

Test(waiting, a_change_is_waited_for)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    fixture_publish(&fixture, 7);
    cr_assert(http_client_send_request(&client, "GET", "/change?7", "", NULL));
    assert_outcome(&client, "error=0\n");
    cr_assert(http_client_send_request(&client, "GET", "/change?9", "", NULL));
    fixture_publish(&fixture, 8);
    cr_assert(nothing_received(&client));
    fixture_publish(&fixture, 9);
    assert_outcome(&client, "error=0\n");
    cr_assert(http_client_send_request(&client, "GET", "/change?1000", "", NULL));
    assert_outcome(&client, "error=-14\n");
    http_client_close(&client);
}

Test(waiting, stopping_does_not_wait_for_changes)
{
    enum { COUNT = 3 };
    start();
    struct http_client clients[COUNT];
    for (int i = 0; i < COUNT; i++) {
        clients[i] = fixture_connect(&fixture);
        cr_assert(http_client_send_request(&clients[i], "GET", "/change?9", "", NULL));
    }
    http_server_stop(fixture.server); /* the times of the fixture are longer than any test */
    fixture.server = NULL;
    for (int i = 0; i < COUNT; i++) {
        /* It may have been read only as the server stopped. */
        int status = http_client_receive(&clients[i], false, &reply);
        cr_assert(status == 0 || strncmp(reply.body, "error=-14", 9) == 0 ||
                      strcmp(reply.body, "error=-16 refused\n") == 0,
                  "%s", reply.body);
        http_client_close(&clients[i]);
    }
}

/* --- work --- */

static void wait_computing(int count)
{
    while (scripted_api_computing() != count)
        (void)usleep(1000);
}

Test(waiting, work_is_done_beside_other_requests)
{
    scripted_api_let_compute(false);
    start();
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, "/compute");
    wait_computing(1);
    struct http_client other = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&other, "GET", "/bytes?3", "", NULL, &reply), 200);
    scripted_api_let_compute(true);
    assert_outcome(&client, "computed error=0\n");
    http_client_close(&other);
    http_client_close(&client);
}

/* One thread, and two that may wait for it. */
Test(waiting, too_much_work_is_refused_at_once)
{
    enum { COUNT = 4 };
    scripted_api_let_compute(false);
    start();
    struct http_client clients[COUNT];
    for (int i = 0; i < COUNT; i++) {
        clients[i] = fixture_connect(&fixture);
        send_post(&clients[i], "/compute");
        if (i == 0)
            wait_computing(1);
    }
    int refused = 1;
    while (nothing_received(&clients[refused]))
        refused = refused % (COUNT - 1) + 1;
    http_client_close(&clients[refused]);
    clients[refused] = fixture_connect(&fixture);
    send_post(&clients[refused], "/compute");
    assert_outcome(&clients[refused], "error=-7 refused\n");
    scripted_api_let_compute(true);
    for (int i = 0; i < COUNT; i++) {
        if (i != refused)
            assert_outcome(&clients[i], "computed error=0\n");
        http_client_close(&clients[i]);
    }
}

Test(waiting, work_that_takes_too_long_is_cancelled)
{
    scripted_api_let_compute(false);
    fixture.config.times.exchange_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, "/compute");
    assert_outcome(&client, "cancelled error=0\n");
    http_client_close(&client);
}

Test(waiting, stopping_cancels_work)
{
    scripted_api_let_compute(false);
    fixture.config.times.stop_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, "/compute");
    wait_computing(1);
    http_server_stop(fixture.server);
    fixture.server = NULL;
    assert_outcome(&client, "cancelled error=0\n");
    http_client_close(&client);
}

/* --- no outcome --- */

Test(waiting, ends_when_the_snapshot_does_not_come)
{
    fixture.config.times.snapshot_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, "/txn"); /* done, but not to be seen */
    held_store_answer(fixture.store, done_at_5);
    assert_outcome(&client, "error=-15\n");
    send_post(&client, "/txn"); /* nothing was done */
    held_store_answer(fixture.store, (struct held_answer){.succeeded = false, .revision = 5});
    assert_outcome(&client, "error=-14\n");
    cr_assert(http_client_send_request(&client, "GET", "/wait?5", "", NULL));
    assert_outcome(&client, "error=-14\n");
    http_client_close(&client);
}

Test(waiting, ends_when_the_store_does_not_answer)
{
    fixture.config.times.exchange_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, "/txn");
    assert_outcome(&client, "error=-15\n");
    cr_assert(http_client_send_request(&client, "GET", "/time-to-live", "", NULL));
    assert_outcome(&client, "error=-14\n");
    /* Late answers change nothing, be it for the transaction's revision or at the end. */
    held_store_answer(fixture.store, done_at_5);
    fixture_publish(&fixture, 5);
    cr_assert_eq(http_client_request(&client, "GET", "/bytes?3", "", NULL, &reply), 200);
    cr_assert_str_eq(reply.body, "xxx");
    http_client_close(&client);
}

Test(waiting, goes_on_when_the_client_has_left)
{
    start();
    for (int i = 0; i < 10; i++) {
        struct http_client client = fixture_connect(&fixture);
        send_post(&client, "/txn");
        held_store_wait(fixture.store, 1);
        http_client_close(&client);
        held_store_answer(fixture.store, done_at_5);
        fixture_publish(&fixture, 5 + i);
    }
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "GET", "/echo", "", NULL, &reply), 200);
    http_client_close(&client);
}

/* Those who wait for something that may take minutes are looked after. */
Test(waiting, ends_when_a_client_that_waits_for_a_change_has_left)
{
    fixture.config.times.hangup_ms = 10;
    fixture.config.max_connections = 1;
    start();
    fixture_publish(&fixture, 5);
    for (int i = 0; i < 3; i++) {
        struct http_client client = fixture_connect(&fixture);
        cr_assert(http_client_send_request(&client, "GET", "/change?9", "", NULL));
        http_client_close(&client);
    }
    struct http_client client = fixture_connect(&fixture); /* there is room for it */
    cr_assert_eq(http_client_request(&client, "GET", "/echo", "", NULL, &reply), 200);
    cr_assert(http_client_send_request(&client, "GET", "/change?9", "", NULL));
    (void)usleep(50000); /* it is looked at, and stays */
    fixture_publish(&fixture, 9);
    assert_outcome(&client, "error=0\n");
    http_client_close(&client);
}

Test(waiting, work_for_a_client_that_has_left_is_cancelled)
{
    scripted_api_let_compute(false);
    fixture.config.times.hangup_ms = 10;
    start();
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, "/compute");
    wait_computing(1);
    http_client_close(&client);
    wait_computing(0);
}

/* --- leases that nobody uses --- */

static const struct held_answer granted = {0};
static const struct held_answer lost_at_5 = {.succeeded = false, .revision = 5};

/* The next request to the store is this one: nothing was revoked before it. */
static void expect_nothing_revoked(void)
{
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, "/keep-alive");
    cr_assert_eq(held_store_answer(fixture.store, (struct held_answer){0}), HELD_KEEP_ALIVE);
    assert_outcome(&client, "error=0 id=77 ttl=9\n");
    http_client_close(&client);
}

/* A client that has asked to be registered; the lease is still to be granted. */
static struct http_client ask_to_register(const char *target)
{
    struct http_client client = fixture_connect(&fixture);
    send_post(&client, target);
    held_store_wait(fixture.store, 1);
    return client;
}

Test(waiting, a_lease_that_is_used_stays)
{
    fixture.config.times.snapshot_ms = 50; /* so long is an unknown outcome looked for */
    start();
    fixture_publish(&fixture, 5);
    struct http_client client = ask_to_register("/register");
    held_store_answer(fixture.store, granted);
    held_store_answer(fixture.store, lost_at_5); /* tried again under the same lease */
    held_store_answer(fixture.store, done_at_5);
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    http_client_close(&client);

    client = ask_to_register("/register"); /* leaves once it is granted: it may be registered */
    held_store_answer(fixture.store, granted);
    held_store_wait(fixture.store, 1);
    http_client_close(&client);
    held_store_answer(fixture.store, done_at_5);

    client = ask_to_register("/register");
    held_store_answer(fixture.store, granted);
    held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_EUNKNOWN});
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    http_client_close(&client);
    expect_nothing_revoked();
}

Test(waiting, a_lease_that_is_not_used_is_revoked)
{
    static const struct held_answer answers[] = {{.error = ALLOT_EUNAVAILABLE},
                                                 {.error = ALLOT_ELIMIT},
                                                 {.succeeded = false, .revision = 5}};
    start();
    fixture_publish(&fixture, 5);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct http_client client = ask_to_register("/register");
        held_store_answer(fixture.store, granted);
        held_store_answer(fixture.store, answers[i]);
        if (answers[i].error == 0)
            held_store_answer(fixture.store, answers[i]);
        cr_assert_eq(http_client_receive(&client, false, &reply), 200); /* doesn't wait for that */
        answer_revocation();
        http_client_close(&client);
    }
    struct http_client client = ask_to_register("/register?1");
    held_store_answer(fixture.store, granted);
    held_store_answer(fixture.store, done_at_5); /* under another lease, or none */
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    answer_revocation();
    http_client_close(&client);
    expect_nothing_revoked();
}

Test(waiting, a_lease_is_revoked_when_the_client_has_left)
{
    static const struct held_answer answers[] = {{.error = ALLOT_EUNAVAILABLE},
                                                 {.succeeded = false, .revision = 5}};
    start();
    fixture_publish(&fixture, 5);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct http_client client = ask_to_register("/register");
        held_store_answer(fixture.store, granted);
        held_store_wait(fixture.store, 1);
        http_client_close(&client);
        held_store_answer(fixture.store, answers[i]);
        int64_t lease;
        /* The server may not have noticed yet that the client has left. */
        if (held_store_look(fixture.store, &lease) == HELD_TXN)
            held_store_answer(fixture.store, answers[i]);
        answer_revocation();
    }
    for (int i = 0; i < 10; i++) {
        struct http_client client = ask_to_register("/register");
        http_client_close(&client);
        held_store_answer(fixture.store, granted);
        int64_t lease;
        if (held_store_look(fixture.store, &lease) == HELD_TXN)
            held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_EUNAVAILABLE});
        answer_revocation();
    }
    expect_nothing_revoked();
}

Test(waiting, a_lease_that_comes_too_late_is_revoked)
{
    fixture.config.times.exchange_ms = BRIEF_MS;
    start();
    fixture_publish(&fixture, 5);
    struct http_client client = ask_to_register("/register");
    assert_outcome(&client, "error=-15\n");
    held_store_answer(fixture.store, granted);
    answer_revocation();

    send_post(&client, "/register"); /* the transaction's outcome comes too late: it is lost */
    held_store_answer(fixture.store, granted);
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    held_store_answer(fixture.store, lost_at_5);
    answer_revocation();

    send_post(&client, "/register"); /* and here it is done after all */
    held_store_answer(fixture.store, granted);
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    held_store_answer(fixture.store, done_at_5);

    send_post(&client, "/register"); /* nothing is granted */
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    held_store_answer(fixture.store, (struct held_answer){.error = ALLOT_EUNAVAILABLE});
    http_client_close(&client);
    cr_assert_eq(held_store_count(fixture.store), 0);
}

Test(waiting, a_lease_is_revoked_when_the_server_stops)
{
    fixture.config.times.stop_ms = BRIEF_MS;
    fixture.config.times.snapshot_ms = BRIEF_MS;
    start();
    struct http_client client = ask_to_register("/register");
    held_store_answer(fixture.store, granted);
    held_store_answer(fixture.store, lost_at_5); /* whose snapshot does not come */
    http_server_stop(fixture.server);
    fixture.server = NULL;
    answer_revocation();
    http_client_close(&client);
}

/* --- stopping --- */

static void *stop_server(void *argument)
{
    (void)argument;
    http_server_stop(fixture.server);
    return NULL;
}

/* Returns once connections are ended as they come. */
static void wait_until_refused(void)
{
    struct http_client client;
    int status = 200;
    while (status == 200 && http_client_connect(&client, &fixture.address)) {
        status = http_client_request(&client, "GET", "/empty", "", NULL, &reply) ? 200 : 0;
        http_client_close(&client);
    }
}

Test(waiting, stopping_lets_what_is_in_flight_finish)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    struct http_client idle = fixture_connect(&fixture);
    pthread_t stopper;
    char connection[32];
    cr_assert_eq(http_client_request(&idle, "GET", "/echo", "", NULL, &reply), 200);
    send_post(&client, "/txn");
    held_store_wait(fixture.store, 1);
    cr_assert_eq(pthread_create(&stopper, NULL, stop_server, NULL), 0);
    wait_until_refused();
    held_store_answer(fixture.store, done_at_5);
    fixture_publish(&fixture, 5);
    assert_outcome(&client, DONE_AT_5);
    cr_assert(http_reply_header(&reply, "Connection", connection, sizeof connection));
    cr_assert_str_eq(connection, "close");
    cr_assert_eq(pthread_join(stopper, NULL), 0);
    fixture.server = NULL;
    cr_assert(http_client_is_ended(&client));
    cr_assert(http_client_is_ended(&idle));
    http_client_close(&client);
    http_client_close(&idle);
}

Test(waiting, stopping_gives_up_what_does_not_finish)
{
    enum { COUNT = 8 };
    fixture.config.times.stop_ms = BRIEF_MS;
    start();
    struct http_client clients[COUNT];
    for (int i = 0; i < COUNT; i++) {
        clients[i] = fixture_connect(&fixture);
        send_post(&clients[i], i % 2 ? "/twice" : "/txn");
    }
    struct http_client reader = fixture_connect(&fixture);
    cr_assert(http_client_send_request(&reader, "GET", "/wait?100", "", NULL));
    held_store_wait(fixture.store, COUNT);
    held_store_answer(fixture.store, done_at_5); /* this one waits for its snapshot */
    http_server_stop(fixture.server);
    fixture.server = NULL;
    for (int i = 0; i < COUNT; i++) {
        assert_outcome(&clients[i], i % 2 ? "error=-15\nerror=-16 refused\n" : "error=-15\n");
        cr_assert(http_client_is_ended(&clients[i]));
        http_client_close(&clients[i]);
    }
    /* It may have been accepted only as the server stopped. */
    int status = http_client_receive(&reader, false, &reply);
    cr_assert(status == 0 || strcmp(reply.body, "error=-14\n") == 0);
    http_client_close(&reader);
    held_store_answer(fixture.store, done_at_5); /* late, and after the server's end */
    fixture_publish(&fixture, 5);
}

/* --- memory --- */

Test(waiting, survives_want_of_memory)
{
    start();
    fixture_publish(&fixture, 5);
    held_store_answer_at_once(fixture.store, 5);
    bool all_done = false;
    for (long nth = 1; !all_done; nth++) {
        struct http_client client = fixture_connect(&fixture);
        fail_alloc_set(nth);
        cr_assert(http_client_send_request(&client, "POST", "/twice", "", "{}"));
        int status = http_client_receive(&client, false, &reply);
        all_done = fail_alloc_count() < nth;
        fail_alloc_set(0);
        cr_assert(status == 200 || status == 503 || status == 0, "%ld: %d", nth, status);
        if (all_done) {
            cr_assert_str_eq(reply.body, DONE_AT_5 DONE_AT_5);
        }
        cr_assert_lt(nth, 100);
        http_client_close(&client);
    }
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "GET", "/echo", "", NULL, &reply), 200);
    http_client_close(&client);
}

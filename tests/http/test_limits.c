/* Clients that send too much, too slowly, or too many. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http/fixture.h"

static struct fixture fixture;
static struct http_reply reply;
static const int64_t BRIEF_MS = 100;

static void start(void)
{
    fixture_start(&fixture);
}

static void init(void)
{
    fixture_init(&fixture);
}

static void stop(void)
{
    fixture_stop(&fixture);
}

/* cppcheck-suppress unknownMacro */
TestSuite(limits, .init = init, .fini = stop);

static bool is_problem(const struct http_reply *from)
{
    char type[64];
    return http_reply_header(from, "Content-Type", type, sizeof type) &&
           strcmp(type, "application/problem+json") == 0;
}

/* All that a problem of the API itself tells. */
static void assert_tells(const char *code, const char *instance)
{
    char field[64];
    cr_assert(is_problem(&reply));
    (void)snprintf(field, sizeof field, "\"type\":\"urn:allot:problem:%s\"", code);
    cr_assert(strstr(reply.body, field), "%s", reply.body);
    (void)snprintf(field, sizeof field, "\"code\":\"%s\"", code);
    cr_assert(strstr(reply.body, field), "%s", reply.body);
    (void)snprintf(field, sizeof field, "\"instance\":\"%s", instance);
    cr_assert(strstr(reply.body, field), "%s", reply.body);
}

/* The connection is still good for a request. */
static void assert_usable(struct http_client *client)
{
    cr_assert_eq(http_client_request(client, "PUT", "/echo", "", "ok", &reply), 200);
    cr_assert_str_eq(reply.body, "ok");
}

/* A path of @size bytes. */
static const char *target_of(size_t size)
{
    static char target[32768];
    (void)snprintf(target, sizeof target, "/echo?%0*d", (int)size - 6, 0);
    cr_assert_eq(strlen(target), size);
    return target;
}

/* --- too much --- */

Test(limits, of_the_target)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "GET", target_of(API_MAX_TARGET), "", NULL, &reply),
                 200);
    cr_assert_eq(
        http_client_request(&client, "GET", target_of(API_MAX_TARGET + 1), "", NULL, &reply), 414);
    assert_tells("target-too-long", "/echo");
    assert_usable(&client);
    /* More than the connection's memory: libmicrohttpd's own answer. */
    cr_assert_eq(http_client_request(&client, "GET", target_of(30000), "", NULL, &reply), 414);
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

Test(limits, of_the_headers)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    static char header[HTTP_MEMORY + 100];
    (void)snprintf(header, sizeof header, "X-Long: %0*d\r\n", 6000, 0);
    cr_assert_eq(http_client_request(&client, "GET", "/echo", header, NULL, &reply), 200);
    (void)snprintf(header, sizeof header, "X-Long: %0*d\r\n", HTTP_MEMORY + 10, 0);
    cr_assert_eq(http_client_request(&client, "GET", "/echo", header, NULL, &reply), 431);
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

/* A body of @size bytes, of which the buffer is static. */
static const char *body_of(size_t size)
{
    static char body[1024 * 1024 + 1];
    cr_assert_lt(size, sizeof body);
    memset(body, 'b', size);
    body[size] = '\0';
    return body;
}

Test(limits, of_a_body_whose_length_is_told)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    const char *const methods[] = {"PUT", "POST", "PATCH", "DELETE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        cr_assert_eq(http_client_request(&client, methods[i], "/echo", "",
                                         body_of(API_MAX_BODY + 1), &reply),
                     413, "%s", methods[i]);
        cr_assert(is_problem(&reply));
        assert_usable(&client);
    }
    cr_assert_eq(
        http_client_request(&client, "PUT", "/small", "", body_of(SCRIPTED_SMALL_BODY), &reply),
        200);
    cr_assert_eq(
        http_client_request(&client, "PUT", "/small", "", body_of(SCRIPTED_SMALL_BODY + 1), &reply),
        413);
    cr_assert_eq(http_client_request(&client, "PUT", "/echo", "", body_of(1000000), &reply), 413);
    assert_usable(&client);
    http_client_close(&client);
}

static bool send_chunk(struct http_client *client, size_t size)
{
    char line[32];
    (void)snprintf(line, sizeof line, "%zx\r\n", size);
    return http_client_send_text(client, line) && http_client_send(client, body_of(size), size) &&
           http_client_send_text(client, "\r\n");
}

static bool begin_chunked(struct http_client *client, const char *method, const char *target)
{
    char head[256];
    (void)snprintf(head, sizeof head,
                   "%s %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", method,
                   target);
    return http_client_send_text(client, head);
}

Test(limits, of_a_body_in_chunks)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    const char *const methods[] = {"PUT", "PATCH"};
    for (size_t i = 0; i < 2; i++) {
        cr_assert(begin_chunked(&client, methods[i], "/echo"));
        for (int k = 0; k < 10; k++) {
            cr_assert(send_chunk(&client, 10000));
        }
        cr_assert(http_client_send_text(&client, "0\r\n\r\n"));
        cr_assert_eq(http_client_receive(&client, false, &reply), 413);
        assert_tells("body-too-large", "/echo");
        assert_usable(&client);
    }
    http_client_close(&client);
}

Test(limits, a_body_without_end_is_cut)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    size_t sent = 0;
    cr_assert(begin_chunked(&client, "PUT", "/echo"));
    while (sent < (size_t)100 * HTTP_MAX_DRAIN && send_chunk(&client, 100000)) {
        sent += 100000;
    }
    cr_assert_lt(sent, (size_t)100 * HTTP_MAX_DRAIN);
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

Test(limits, what_the_headers_decide_is_answered_after_the_body)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(http_client_request(&client, "PUT", "/refuse", "", body_of(50000), &reply),
                     415);
        cr_assert(is_problem(&reply));
        cr_assert_eq(http_client_request(&client, "PATCH", "/nowhere", "", body_of(50), &reply),
                     404);
        cr_assert_eq(http_client_request(&client, "GET", "/refuse", "", NULL, &reply), 415);
    }
    assert_usable(&client);
    http_client_close(&client);
}

Test(limits, who_waits_to_be_asked_for_a_refused_body_is_not_asked)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client,
                                    "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n"
                                    "Expect: 100-continue\r\n\r\n"));
    cr_assert_eq(http_client_receive_interim(&client), 413); /* and no 100 before it */
    http_client_close(&client);
}

Test(limits, a_length_beyond_all_measure_is_answered_before_the_body)
{
    start();
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client,
                                    "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000"
                                    "\r\n\r\nsome of it"));
    cr_assert_eq(http_client_receive(&client, false, &reply), 413);
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

/* Each part of a query takes of the connection's memory. The leak checker sees what stays. */
Test(limits, a_query_of_too_many_parts_leaves_nothing_behind)
{
    fixture.config.times.header_ms = BRIEF_MS;
    start();
    for (int i = 0; i < 6; i++) {
        char parts[4001];
        struct http_client client = fixture_connect(&fixture);
        memset(parts, '&', sizeof parts - 1);
        parts[sizeof parts - 1] = '\0';
        cr_assert(http_client_send_text(&client, "GET /echo?"));
        cr_assert(http_client_send_text(&client, parts));
        cr_assert(http_client_send_text(&client, " HTTP/1.1\r\nHost: a\r\n\r\n"));
        if (i % 2)
            cr_assert(http_client_is_ended(&client));
        http_client_close(&client);
    }
    struct http_client client = fixture_connect(&fixture);
    assert_usable(&client);
    http_client_close(&client);
}

/* --- too little --- */

Test(limits, an_upload_that_breaks_off_leaves_nothing_behind)
{
    /* libmicrohttpd overlooks an end that comes together with the last bytes: time finds it. */
    fixture.config.times.body_ms = BRIEF_MS;
    start();
    for (int i = 0; i < 6; i++) {
        struct http_client client = fixture_connect(&fixture);
        cr_assert(http_client_send_text(&client, "PUT /echo HTTP/1.1\r\nHost: a\r\n"
                                                 "Content-Length: 100\r\n\r\nonly this"));
        if (i % 2) {
            http_client_end_sending(&client);
            cr_assert(http_client_is_ended(&client));
        }
        http_client_close(&client);
    }
    struct http_client client = fixture_connect(&fixture);
    assert_usable(&client);
    http_client_close(&client);
}

/* --- too slowly --- */

Test(limits, of_the_time_for_the_headers)
{
    fixture.config.times.header_ms = BRIEF_MS;
    start();
    const char *const beginnings[] = {"", "GE", "GET /ec", "GET /echo HTTP/1.1\r\nHost: a\r\nX"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        struct http_client client = fixture_connect(&fixture);
        cr_assert(http_client_send_text(&client, beginnings[i]));
        cr_assert(http_client_is_ended(&client), "%zu", i);
        http_client_close(&client);
    }
}

Test(limits, of_the_time_for_the_headers_even_if_they_trickle)
{
    fixture.config.times.header_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "GET /echo HTTP/1.1\r\nHost: a\r\nX-Slow: "));
    /* a byte whenever the last has been taken, until that ends */
    long bytes = 0;
    while (http_client_send(&client, "x", 1)) {
        char byte;
        if (recv(client.fd, &byte, 1, MSG_DONTWAIT) == 0) {
            break;
        }
        bytes++;
        cr_assert_lt(bytes, 1000000000L);
    }
    http_client_close(&client);
}

Test(limits, of_the_time_for_the_body)
{
    fixture.config.times.body_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "PUT /echo HTTP/1.1\r\nHost: a\r\n"
                                             "Content-Length: 10\r\n\r\n12345"));
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

Test(limits, of_the_time_for_a_refused_body)
{
    fixture.config.times.drain_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "PUT /refuse HTTP/1.1\r\nHost: a\r\n"
                                             "Content-Length: 10\r\n\r\n12345"));
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

Test(limits, of_the_time_between_requests)
{
    fixture.config.times.idle_ms = BRIEF_MS;
    start();
    struct http_client client = fixture_connect(&fixture);
    assert_usable(&client);
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

Test(limits, of_the_time_to_take_a_reply)
{
    fixture.config.times.send_ms = BRIEF_MS;
    start();
    const int small = 4096;
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert(http_client_send_request(&client, "GET", "/bytes?16000000", "", NULL));
    /* Nothing is taken, so all of it can't have been sent when the request ends. */
    while (scripted_api_calls() == 0) {
    }
    while (scripted_api_calls() > 0) {
    }
    http_client_close(&client);
}

/* --- too many --- */

Test(limits, of_connections)
{
    enum { LIMIT = 4 };
    fixture.config.max_connections = LIMIT;
    start();
    struct http_client clients[LIMIT];
    for (int i = 0; i < LIMIT; i++) {
        clients[i] = fixture_connect(&fixture);
        assert_usable(&clients[i]);
    }
    struct http_client waiting = fixture_connect(&fixture); /* by the kernel alone */
    char byte;
    cr_assert(http_client_send_request(&waiting, "PUT", "/echo", "", "late"));
    assert_usable(&clients[0]);
    cr_assert_eq(recv(waiting.fd, &byte, 1, MSG_DONTWAIT), -1);
    cr_assert_eq(errno, EAGAIN);
    for (int i = 0; i < LIMIT; i++) {
        http_client_close(&clients[i]);
    }
    cr_assert_eq(http_client_receive(&waiting, false, &reply), 200);
    cr_assert_str_eq(reply.body, "late");
    http_client_close(&waiting);
}

Test(limits, of_connections_from_one_address)
{
    fixture.config.max_connections_per_address = 2;
    start();
    struct http_client first = fixture_connect(&fixture);
    struct http_client second = fixture_connect(&fixture);
    assert_usable(&first);
    assert_usable(&second);
    struct http_client third = fixture_connect(&fixture);
    cr_assert(http_client_is_ended(&third));
    http_client_close(&third);
    assert_usable(&first);
    http_client_close(&first);
    http_client_close(&second);
}

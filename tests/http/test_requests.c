/* Well-behaved clients: what arrives at the API, and what comes back. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http/fixture.h"

static struct fixture fixture;
static struct http_reply reply;

static void start(void)
{
    fixture_init(&fixture);
    fixture_start(&fixture);
}

static void stop(void)
{
    fixture_stop(&fixture);
}

/* cppcheck-suppress unknownMacro */
TestSuite(requests, .init = start, .fini = stop);

static const char *header_of(const struct http_reply *from, const char *name)
{
    static char value[512];
    cr_assert(http_reply_header(from, name, value, sizeof value), "%s", name);
    return value;
}

Test(requests, arrive_as_they_were_sent)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "GET", "/describe?a%2Fb=+%20+&x=/?",
                                     "x-Test: \t 1 2 \t\r\n", NULL, &reply),
                 200);
    cr_assert(strstr(reply.body, "method=GET\n"));
    cr_assert(strstr(reply.body, "target=/describe?a%2Fb=+%20+&x=/?\n"), "%s", reply.body);
    cr_assert(strstr(reply.body, "host=127.0.0.1\n"));
    cr_assert(strstr(reply.body, "x-test=1 2\n"));
    cr_assert(strstr(reply.body, "absent=\n"));
    cr_assert_str_eq(header_of(&reply, "Content-Type"), "text/plain");
    http_client_close(&client);
}

Test(requests, lines_of_one_header_are_one)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "GET", "/describe",
                                     "X-Test: 1\r\nX-Other: 7\r\nx-test: 2\r\nX-TEST:\r\n", NULL,
                                     &reply),
                 200);
    cr_expect(strstr(reply.body, "x-test=1, 2, \n"), "%s", reply.body);
    cr_assert_eq(
        http_client_request(&client, "GET", "/describe", "Host: elsewhere\r\n", NULL, &reply), 200);
    cr_expect(strstr(reply.body, "host=127.0.0.1, elsewhere\n"), "%s", reply.body);
    http_client_close(&client);
}

Test(requests, any_method_arrives)
{
    struct http_client client = fixture_connect(&fixture);
    const char *const methods[] = {"PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "method=%s\n", methods[i]);
        cr_assert_eq(http_client_request(&client, methods[i], "/describe", "", "{}", &reply), 200,
                     "%s", methods[i]);
        cr_assert(strstr(reply.body, line), "%s", methods[i]);
        cr_assert(strstr(reply.body, "body=2\n"), "%s", methods[i]);
    }
    http_client_close(&client);
}

static bool has_header(const struct http_reply *from, const char *name)
{
    char value[32];
    return http_reply_header(from, name, value, sizeof value);
}

/* And so nothing else can follow on the connection. */
Test(requests, head_of_what_has_no_length_tells_none)
{
    const char *const targets[] = {"/stream", "/pieces?100000"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct http_client client = fixture_connect(&fixture);
        cr_expect_eq(http_client_request(&client, "HEAD", targets[i], "", NULL, &reply), 200);
        cr_expect_not(has_header(&reply, "Content-Length"), "%s", targets[i]);
        cr_expect_not(has_header(&reply, "Transfer-Encoding"), "%s", targets[i]);
        cr_expect(http_client_is_ended(&client), "%s", targets[i]);
        http_client_close(&client);
    }
}

/* Of which only the head is sent, too. */
Test(requests, what_has_not_changed_tells_its_length)
{
    struct http_client client = fixture_connect(&fixture);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(http_client_request(&client, "GET", "/unchanged?700", "", NULL, &reply), 304);
        cr_expect_str_eq(header_of(&reply, "Content-Length"), "700");
        cr_expect_eq(reply.body_size, 0);
    }
    cr_assert_eq(http_client_request(&client, "GET", "/bytes?5", "", NULL, &reply), 200);
    cr_expect_str_eq(reply.body, "xxxxx");
    http_client_close(&client);
}

Test(requests, head_is_get_without_the_body)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "HEAD", "/bytes?5000", "", NULL, &reply), 200);
    cr_assert_eq(reply.body_size, 0);
    cr_assert_str_eq(header_of(&reply, "Content-Length"), "5000");
    cr_assert_eq(http_client_request(&client, "GET", "/bytes?5", "", NULL, &reply), 200);
    cr_assert_str_eq(reply.body, "xxxxx"); /* and nothing of the first one before it */
    http_client_close(&client);
}

Test(requests, their_ids_are_kept)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "GET", "/describe", "X-Request-Id: aZ09._:-\r\n",
                                     NULL, &reply),
                 200);
    cr_assert_str_eq(header_of(&reply, "X-Request-Id"), "aZ09._:-");
    cr_assert(strstr(reply.body, "request_id=aZ09._:-\n"));
    http_client_close(&client);
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

/* The span that a reply names, of the trace that it must be of (NULL: any, that is not recorded).
 */
static void read_span(const char *trace, char span[17])
{
    char found[33], flags[3], described[80];
    const char *response = header_of(&reply, "traceresponse");
    int end = 0;
    cr_assert_eq(
        sscanf(response, "00-%32[0-9a-f]-%16[0-9a-f]-%2[0-9a-f]%n", found, span, flags, &end), 3,
        "%s", response);
    cr_assert_eq(end, 55, "%s", response);
    cr_assert_str_eq(flags, trace ? "01" : "00");
    if (trace)
        cr_assert_str_eq(found, trace);
    snprintf(described, sizeof described, "traceparent=%s\n", response);
    cr_assert(strstr(reply.body, described), "%s", reply.body);
}

Test(requests, their_trace_goes_on)
{
    struct http_client client = fixture_connect(&fixture);
    char spans[2][17];
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(http_client_request(&client, "GET", "/describe",
                                         "traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n", NULL,
                                         &reply),
                     200);
        read_span(TRACE, spans[i]);
        cr_assert_str_neq(spans[i], "00f067aa0ba902b7");
    }
    cr_assert_str_neq(spans[0], spans[1]);
    http_client_close(&client);
}

Test(requests, their_trace_begins_when_absent_or_unfit)
{
    struct http_client client = fixture_connect(&fixture);
    const char *const headers[] = {
        "",
        "traceparent: \r\n",
        "traceparent: 01-" TRACE "-00f067aa0ba902b7-01\r\n",
        "traceparent: 00-" TRACE "-0000000000000000-01\r\n",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        char span[17];
        cr_assert_eq(http_client_request(&client, "GET", "/describe", headers[i], NULL, &reply),
                     200);
        read_span(NULL, span);
        cr_assert_not(strstr(reply.body, TRACE));
    }
    http_client_close(&client);
}

Test(requests, their_ids_are_made_when_absent_or_unfit)
{
    struct http_client client = fixture_connect(&fixture);
    char long_id[HTTP_MAX_REQUEST_ID + 32];
    (void)snprintf(long_id, sizeof long_id, "X-Request-Id: %0*d\r\n", HTTP_MAX_REQUEST_ID + 1, 0);
    char seen[6][HTTP_MAX_REQUEST_ID + 1];
    const char *const headers[] = {
        "",
        "X-Request-Id: \r\n",
        "X-Request-Id: two words\r\n",
        "X-Request-Id: quo\"te\r\n",
        "X-Request-Id: caf\xc3\xa9\r\n",
        long_id,
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        cr_assert_eq(http_client_request(&client, "GET", "/echo", headers[i], NULL, &reply), 200);
        (void)snprintf(seen[i], sizeof seen[i], "%s", header_of(&reply, "X-Request-Id"));
        cr_assert_eq(strspn(seen[i], "0123456789abcdef"), 16, "%s", seen[i]);
        for (size_t k = 0; k < i; k++) {
            cr_assert_str_neq(seen[i], seen[k]);
        }
    }
    http_client_close(&client);
}

Test(requests, follow_each_other_on_one_connection)
{
    struct http_client client = fixture_connect(&fixture);
    for (int i = 0; i < 500; i++) {
        char body[32];
        (void)snprintf(body, sizeof body, "{\"n\":%d}", i);
        cr_assert_eq(http_client_request(&client, "PUT", "/echo", "", body, &reply), 200);
        cr_assert_str_eq(reply.body, body);
    }
    http_client_close(&client);
}

Test(requests, may_be_sent_before_the_replies_come)
{
    struct http_client client = fixture_connect(&fixture);
    char body[32];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(body, sizeof body, "[%d]", i);
        cr_assert(http_client_send_request(&client, "PUT", "/echo", "", body));
    }
    for (int i = 0; i < 20; i++) {
        (void)snprintf(body, sizeof body, "[%d]", i);
        cr_assert_eq(http_client_receive(&client, false, &reply), 200);
        cr_assert_str_eq(reply.body, body);
    }
    http_client_close(&client);
}

enum { CLIENTS = 16, ROUNDS = 40 };

struct user {
    int number;
    int good; /* right replies */
};

static void *use_server(void *argument)
{
    struct http_reply *own = malloc(sizeof *own);
    struct http_client client;
    struct user *user = argument;
    if (own && http_client_connect(&client, &fixture.address)) {
        for (int i = 0; i < ROUNDS; i++) {
            char body[32];
            (void)snprintf(body, sizeof body, "[%d,%d]", user->number, i);
            user->good += http_client_request(&client, "PUT", "/echo", "", body, own) == 200 &&
                          strcmp(own->body, body) == 0;
        }
        http_client_close(&client);
    }
    free(own);
    return NULL;
}

Test(requests, of_many_clients_dont_mix)
{
    pthread_t threads[CLIENTS];
    struct user users[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        users[i] = (struct user){.number = i};
        cr_assert_eq(pthread_create(&threads[i], NULL, use_server, &users[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_eq(users[i].good, ROUNDS, "client %d", i);
    }
}

Test(requests, bodies_may_come_in_chunks)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "PUT /echo HTTP/1.1\r\nHost: a\r\n"
                                             "Transfer-Encoding: chunked\r\n\r\n"
                                             "3\r\nabc\r\n"));
    cr_assert(http_client_send_text(&client, "1\r\nd\r\n0\r\n\r\n"));
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    cr_assert_str_eq(reply.body, "abcd");
    http_client_close(&client);
}

Test(requests, bodies_may_fill_the_limit)
{
    struct http_client client = fixture_connect(&fixture);
    static char body[API_MAX_BODY + 1];
    memset(body, 'b', API_MAX_BODY);
    cr_assert_eq(http_client_request(&client, "PUT", "/echo", "", body, &reply), 200);
    cr_assert_eq(reply.body_size, API_MAX_BODY);
    cr_assert_str_eq(reply.body, body);
    http_client_close(&client);
}

Test(requests, are_told_to_continue)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "PUT /echo HTTP/1.1\r\nHost: a\r\n"
                                             "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    cr_assert_eq(http_client_receive_interim(&client), 100);
    cr_assert(http_client_send_text(&client, "ok"));
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    cr_assert_str_eq(reply.body, "ok");
    http_client_close(&client);
}

Test(requests, replies_may_be_empty)
{
    struct http_client client = fixture_connect(&fixture);
    char value[64];
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(http_client_request(&client, "DELETE", "/empty", "", NULL, &reply), 204);
        cr_assert_not(http_reply_header(&reply, "Content-Type", value, sizeof value));
    }
    http_client_close(&client);
}

Test(requests, replies_may_have_all_headers)
{
    struct http_client client = fixture_connect(&fixture);
    char name[16];
    char expected[256];
    cr_assert_eq(http_client_request(&client, "GET", "/headers", "", NULL, &reply), 200);
    for (int i = 0; i < API_MAX_REPLY_HEADERS; i++) {
        (void)snprintf(name, sizeof name, "X-%d", i);
        (void)snprintf(expected, sizeof expected, "%0199d", i);
        cr_assert_str_eq(header_of(&reply, name), expected);
    }
    http_client_close(&client);
}

Test(requests, replies_may_be_large)
{
    struct http_client client = fixture_connect(&fixture);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(http_client_request(&client, "GET", "/bytes?200000", "", NULL, &reply), 200);
        cr_assert_eq(reply.body_size, 200000);
        cr_assert_eq(strspn(reply.body, "x"), 200000);
    }
    http_client_close(&client);
}

Test(requests, are_answered_though_no_more_will_come)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_request(&client, "PUT", "/echo", "", "last"));
    http_client_end_sending(&client);
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    cr_assert_str_eq(reply.body, "last");
    http_client_close(&client);
}

Test(requests, of_the_old_version_end_the_connection)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "GET /bytes?3 HTTP/1.0\r\n\r\n"));
    cr_assert_eq(http_client_receive(&client, false, &reply), 200);
    cr_assert_str_eq(reply.body, "xxx");
    cr_assert(http_client_is_ended(&client));
    http_client_close(&client);
}

Test(requests, that_make_no_sense_are_refused)
{
    const char *const lines[] = {
        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct http_client client = fixture_connect(&fixture);
        cr_assert(http_client_send_text(&client, lines[i]));
        int status = http_client_receive(&client, false, &reply);
        cr_assert(status == 0 || (status >= 400 && status < 500), "%zu: %d", i, status);
        cr_assert(http_client_drain(&client)); /* the library sends some of these heads twice */
        http_client_close(&client);
    }
}

/* Who stands between may have taken another length than we, and what follows for a request. */
static void assert_refused_for(const char *why, const char *method, const char *headers)
{
    struct http_client client = fixture_connect(&fixture);
    char text[512];
    (void)snprintf(text, sizeof text,
                   "%s /echo HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n"
                   "0\r\n\r\nGET /bytes?3 HTTP/1.1\r\nHost: a\r\n\r\n",
                   method, headers);
    cr_assert(http_client_send_text(&client, text));
    cr_assert_eq(http_client_receive(&client, false, &reply), 400, "%s", text);
    cr_assert(strstr(reply.body, why), "%s", reply.body);
    cr_assert(http_client_is_ended(&client), "%s", text);
    http_client_close(&client);
}

static void assert_refused_for_its_length(const char *method, const char *headers)
{
    assert_refused_for("one length of the body", method, headers);
}

Test(requests, that_tell_two_lengths_are_refused_and_nothing_after_them_is_read)
{
    const char *const headers[] = {
        "Content-Length: 2\r\nContent-Length: 40",
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 40\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    };
    const char *const methods[] = {"PUT", "GET", "DELETE", "PATCH", "POST"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
            assert_refused_for_its_length(methods[m], headers[i]);
        }
    }
}

Test(requests, with_names_that_are_none_are_refused_and_nothing_after_them_is_read)
{
    const char *const headers[] = {"Content-Length : 40",
                                   "Content-Length\t: 40",
                                   "X : y",
                                   "Transfer-Encoding : chunked\r\nContent-Length: 4",
                                   "Content-Length:\r\n 40",
                                   "Content-Length: 0\r\n 40",
                                   "X: y\r\n Content-Length: 40",
                                   "X: y\r\n Content-Length:40",
                                   "If-Match:\r\n \"12\"",
                                   "Transfer-Encoding:\r\n\tchunked"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        assert_refused_for("without a space in its name", "PUT", headers[i]);
        assert_refused_for("without a space in its name", "GET", headers[i]);
    }
}

/* Without a body, such a request has no end; it is cut in time unless it can be refused at once. */
Test(requests, in_an_unknown_coding_are_refused_and_nothing_after_them_is_read)
{
    assert_refused_for_its_length("PUT", "Transfer-Encoding: gzip, chunked");
    assert_refused_for_its_length("POST", "Transfer-Encoding: identity");
}

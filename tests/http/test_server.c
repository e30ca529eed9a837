/* Starting and stopping, and what is logged. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"
#include "tests/http/fixture.h"
#include "tests/support/fail_alloc.h"

static struct fixture fixture;
static struct http_reply reply;

static void assert_answers(void)
{
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(http_client_request(&client, "PUT", "/echo", "", "ok", &reply), 200);
    cr_assert_str_eq(reply.body, "ok");
    http_client_close(&client);
}

Test(server, may_have_one_thread)
{
    fixture_init(&fixture);
    fixture.config.threads = 1;
    fixture_start(&fixture);
    assert_answers();
    fixture_stop(&fixture);
}

Test(server, may_have_more_threads_than_connections)
{
    fixture_init(&fixture);
    fixture.config.threads = 8;
    fixture.config.max_connections = 1;
    fixture_start(&fixture);
    for (int i = 0; i < 5; i++) {
        assert_answers();
    }
    fixture_stop(&fixture);
}

Test(server, listens_on_ipv6)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    bool available = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    (void)close(probe);
    if (!available) {
        cr_skip_test("no IPv6 here");
    }
    fixture_init(&fixture);
    memcpy(&fixture.config.address, &loopback, sizeof loopback);
    fixture.config.address_size = sizeof loopback;
    fixture_start(&fixture);
    assert_answers();
    fixture_stop(&fixture);
}

Test(server, tells_why_it_cannot_listen)
{
    fixture_init(&fixture);
    fixture_start(&fixture);
    struct http_server_config again = fixture.config;
    struct http_server *second = NULL;
    struct error_message why = {""};
    again.address = fixture.address;
    cr_assert_eq(http_server_start(&again, &second, &why), ALLOT_EIO);
    cr_assert_null(second);
    cr_assert_str_eq(why.text, "bind: Address already in use");
    assert_answers();
    fixture_stop(&fixture);
    http_server_stop(NULL);
}

Test(server, survives_want_of_memory_at_its_start)
{
    fixture_init(&fixture);
    fixture_start(&fixture);
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error == ALLOT_ENOMEM; nth++) {
        struct http_server *second = NULL;
        struct error_message why = {""};
        fail_alloc_set(nth);
        error = http_server_start(&fixture.config, &second, &why);
        fail_alloc_set(0);
        cr_assert((second != NULL) == (error == 0));
        cr_assert((why.text[0] != '\0') == (error != 0));
        http_server_stop(second);
    }
    cr_assert_eq(error, 0);
    fixture_stop(&fixture);
}

static int log_pipe[2];

static void start_logging(enum log_level level)
{
    fixture_init(&fixture);
    cr_assert_eq(pipe(log_pipe), 0);
    log_configure(level, LOG_FORMAT_LOGFMT, log_pipe[1]);
    fixture_start(&fixture);
}

/* The next line of the log that holds @text, waited for. */
static const char *next_line_with(const char *text)
{
    static char line[LOG_MAX_LINE + 1];
    size_t size = 0;
    for (;;) {
        cr_assert_lt(size, LOG_MAX_LINE);
        cr_assert_eq(read(log_pipe[0], line + size, 1), 1);
        if (line[size++] == '\n') {
            line[size] = '\0';
            if (strstr(line, text)) {
                return line;
            }
            size = 0;
        }
    }
}

static void request_with_id(const char *method, const char *target, const char *id)
{
    struct http_client client = fixture_connect(&fixture);
    char header[64];
    (void)snprintf(header, sizeof header, "X-Request-Id: %s\r\n", id);
    (void)http_client_request(&client, method, target, header, NULL, &reply);
    http_client_close(&client);
}

Test(server, logs_each_request)
{
    start_logging(LOG_DEBUG);
    request_with_id("GET", "/bytes?3", "first");
    const char *line = next_line_with("msg=request");
    cr_assert(strstr(line, " level=debug msg=request request_id=first trace_id="), "%s", line);
    cr_assert(strstr(line, " client=127.0.0.1 method=GET status=200 duration_ms="), "%s", line);
    cr_assert(strstr(line, " path=/bytes\n"), "%s", line); /* without the query */
    request_with_id("HEAD", "/nowhere", "second");
    line = next_line_with("msg=request");
    cr_assert(strstr(line, " level=info msg=request request_id=second trace_id="), "%s", line);
    cr_assert(strstr(line, " client=127.0.0.1 method=HEAD status=404 duration_ms="), "%s", line);
    cr_assert(strstr(line, " path=/nowhere\n"), "%s", line);
    fixture_stop(&fixture);
}

Test(server, logs_what_was_broken_off)
{
    start_logging(LOG_DEBUG);
    struct http_client client = fixture_connect(&fixture);
    cr_assert(http_client_send_text(&client, "PUT /echo HTTP/1.1\r\nHost: a\r\nX-Request-Id: me\r\n"
                                             "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"));
    cr_assert_eq(http_client_receive_interim(&client), 100);
    http_client_close(&client);
    const char *line = next_line_with("request_id");
    cr_assert(strstr(line, "msg=\"request aborted\" request_id=me "), "%s", line);
    fixture_stop(&fixture);
}

Test(server, keeps_quiet_about_what_went_well)
{
    start_logging(LOG_INFO);
    request_with_id("GET", "/bytes?3", "good");
    request_with_id("GET", "/refuse", "bad");
    cr_assert(strstr(next_line_with("msg=request"), "request_id=bad "));
    fixture_stop(&fixture);
}

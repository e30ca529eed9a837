/* Bodies that come in pieces, or compressed. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "api/buffer.h"
#include "tests/http/fixture.h"
#include "tests/http/scripted_api.h"

static struct fixture fixture;

static void set_up(void)
{
    fixture_init(&fixture);
    fixture_start(&fixture);
}

static void tear_down(void)
{
    fixture_stop(&fixture);
}

/* cppcheck-suppress unknownMacro */
TestSuite(bodies, .init = set_up, .fini = tear_down, .timeout = 60);

struct fetched {
    CURLcode result;
    long status;
    curl_off_t received; /* bytes of the body, as they came */
    struct buffer body;  /* decoded, if that was asked for */
    struct buffer head;
};

static int port(void)
{
    return ntohs(((const struct sockaddr_in *)&fixture.address)->sin_port);
}

static size_t take(const char *data, size_t size, size_t count, void *context)
{
    buffer_append(context, (struct span){data, size * count});
    return size * count;
}

/* @encoding: of the request's Accept-Encoding; NULL: none is sent. @body_wanted: not for a HEAD. */
static struct fetched fetch(const char *path, const char *encoding, bool body_wanted)
{
    struct fetched fetched = {.result = CURLE_OK};
    char url[128];
    CURL *curl = curl_easy_init();
    cr_assert_not_null(curl);
    buffer_init(&fetched.body, (size_t)64 << 20);
    buffer_init(&fetched.head, (size_t)1 << 20);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port(), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &fetched.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &fetched.head);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_NOBODY, body_wanted ? 0L : 1L);
    if (encoding)
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, encoding);
    fetched.result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &fetched.status);
    curl_easy_getinfo(curl, CURLINFO_SIZE_DOWNLOAD_T, &fetched.received);
    buffer_append(&fetched.head, (struct span){"", 1});
    curl_easy_cleanup(curl);
    return fetched;
}

static void drop(struct fetched *fetched)
{
    buffer_release(&fetched->body);
    buffer_release(&fetched->head);
}

static bool has_header(const struct fetched *fetched, const char *line)
{
    return strstr(fetched->head.data, line) != NULL;
}

static void expect_pieces(const struct fetched *fetched, size_t size)
{
    cr_assert_eq(fetched->result, CURLE_OK, "%s", curl_easy_strerror(fetched->result));
    cr_assert_eq(fetched->status, 200);
    cr_assert_eq(fetched->body.size, size);
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(fetched->body.data[i], (char)('a' + i % 23), "%zu", i);
}

Test(bodies, come_in_pieces)
{
    static const size_t sizes[] = {0, 1, 999, 1000, 1001, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/pieces?%zu", sizes[i]);
        struct fetched fetched = fetch(path, NULL, true);
        expect_pieces(&fetched, sizes[i]);
        cr_assert(!has_header(&fetched, "Content-Encoding"));
        cr_assert(has_header(&fetched, "Vary: Accept-Encoding"));
        drop(&fetched);
        fetched = fetch(path, "gzip", true);
        expect_pieces(&fetched, sizes[i]);
        cr_assert(has_header(&fetched, "Content-Encoding: gzip"));
        cr_assert(fetched.received < 100 + (curl_off_t)sizes[i] / 10);
        drop(&fetched);
    }
}

/* What 1,024 bytes are sent with for that Accept-Encoding. */
static void expect_encoding(const char *accepted, const char *encoding, size_t least, size_t most)
{
    static struct http_reply reply;
    struct http_client client = fixture_connect(&fixture);
    char headers[128], value[64] = "";
    (void)snprintf(headers, sizeof headers, "Accept-Encoding: %s\r\n", accepted);
    cr_assert_eq(http_client_request(&client, "GET", "/bytes?1024", headers, NULL, &reply), 200);
    (void)http_reply_header(&reply, "Content-Encoding", value, sizeof value);
    cr_assert_str_eq(value, encoding, "%s", accepted);
    cr_assert(reply.body_size >= least && reply.body_size <= most);
    http_client_close(&client);
}

Test(bodies, are_compressed_when_asked_if_it_is_worth_it)
{
    static const char *const wanted[] = {"gzip", "br, gzip;q=0.5", "*", "x-gzip"};
    static const char *const unwanted[] = {"identity", "br",          "gzip;q=0",
                                           "*;q=0",    "gzip;q=0, *", ""};
    struct fetched fetched = fetch("/bytes?1023", "gzip", true);
    cr_assert(!has_header(&fetched, "Content-Encoding"));
    cr_assert_eq(fetched.received, 1023);
    drop(&fetched);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        expect_encoding(wanted[i], "gzip", 1, 99);
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++)
        expect_encoding(unwanted[i], "", 1024, 1024);
}

Test(bodies, that_are_compressed_already_are_sent_as_they_are)
{
    struct fetched fetched = fetch("/gzipped?300000", "gzip", true);
    expect_pieces(&fetched, 300000);
    cr_assert(has_header(&fetched, "Content-Encoding: gzip"));
    cr_assert(has_header(&fetched, "Vary: Accept-Encoding"));
    cr_assert(fetched.received < 3000);
    drop(&fetched);
}

Test(bodies, that_are_compressed_already_are_decompressed_for_who_does_not_take_that)
{
    static const size_t sizes[] = {1, 16384, 16385, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char path[40];
        (void)snprintf(path, sizeof path, "/gzipped?%zu", sizes[i]);
        struct fetched fetched = fetch(path, NULL, true);
        expect_pieces(&fetched, sizes[i]);
        cr_assert(!has_header(&fetched, "Content-Encoding"));
        cr_assert(has_header(&fetched, "Vary: Accept-Encoding"));
        drop(&fetched);
    }
    struct fetched fetched = fetch("/gzipped?0", NULL, true);
    cr_assert_eq(fetched.status, 503);
    drop(&fetched);
}

Test(bodies, are_not_sent_to_who_asks_for_the_head)
{
    static const char *const paths[] = {"/pieces?100000", "/bytes?100000"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct fetched fetched = fetch(paths[i], "gzip", false);
        cr_assert_eq(fetched.result, CURLE_OK);
        cr_assert_eq(fetched.status, 200);
        cr_assert_eq(fetched.body.size, 0);
        cr_assert(has_header(&fetched, "Content-Encoding: gzip"));
        drop(&fetched);
    }
}

/* What was sent can't be taken back: the client can tell that this isn't all. */
Test(bodies, that_break_off_are_seen_to)
{
    for (int compressed = 0; compressed < 2; compressed++) {
        struct fetched fetched = fetch("/broken?50000", compressed ? "gzip" : NULL, true);
        cr_assert_neq(fetched.result, CURLE_OK);
        drop(&fetched);
    }
    cr_assert_eq(scripted_api_calls(), 0);
}

/* --- slow readers --- */

/* One that asks for a gigabyte and takes nothing, once its reply has begun. */
static struct http_client slow_reader(void)
{
    const int small = 4096;
    struct http_client client = fixture_connect(&fixture);
    cr_assert_eq(setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert(http_client_send_request(&client, "GET", "/pieces?1000000000", "", NULL));
    while (scripted_api_calls() == 0) {
    }
    return client;
}

Test(bodies, do_not_hold_up_others)
{
    struct http_client client = slow_reader();
    struct fetched fetched = fetch("/pieces?5000", NULL, true);
    expect_pieces(&fetched, 5000);
    drop(&fetched);
    http_client_close(&client);
}

static void restart_with(struct http_times times)
{
    fixture_stop(&fixture);
    fixture_init(&fixture);
    fixture.config.times = times;
    fixture_start(&fixture);
}

Test(bodies, are_cut_where_nobody_takes_them)
{
    struct http_times times = fixture.config.times;
    times.send_ms = 100;
    restart_with(times);
    struct http_client client = slow_reader();
    while (scripted_api_calls() > 0) {
    }
    http_client_close(&client);
}

Test(bodies, do_not_hold_up_the_end)
{
    struct http_times times = fixture.config.times;
    times.stop_ms = 100;
    restart_with(times);
    struct http_client client = slow_reader();
    http_server_stop(fixture.server); /* or else the suite's time is over */
    fixture.server = NULL;
    cr_assert_eq(scripted_api_calls(), 0);
    http_client_close(&client);
}

/* HTTPS: which certificates are shown, taken and read again, and who is cut. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>

#include "server/tls.h"
#include "tests/http/fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary.h"

static struct fixture fixture;
static char directory[TEMPORARY_SIZE];
static char other_directory[TEMPORARY_SIZE];
static struct certificates certificates;
static struct certificates others; /* of another authority */
static struct tls_files files;

static void init(void)
{
    certificates_make(&certificates, temporary_directory(directory));
    certificates_make(&others, temporary_directory(other_directory));
    files = (struct tls_files){.cert = certificates.server_cert, .key = certificates.server_key};
    fixture_init(&fixture);
    fixture.config.tls = true;
}

static void start(void)
{
    struct error_message why = {""};
    cr_assert_eq(tls_open(&files, &why), 0, "%s", why.text);
    fixture_start(&fixture);
}

static void stop(void)
{
    fixture_stop(&fixture);
    tls_close();
}

static void remove_files(void)
{
    temporary_remove(directory);
    temporary_remove(other_directory);
}

/* cppcheck-suppress unknownMacro */
TestSuite(tls, .init = init, .fini = remove_files);

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl has no const there. */
static size_t swallow(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

/* A client that trusts @ca. */
static CURL *client_of(const char *ca)
{
    char url[64];
    CURL *client = curl_easy_init();
    const struct sockaddr_in *address = (const void *)&fixture.address;
    cr_assert_not_null(client);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/bytes?1", ntohs(address->sin_port));
    curl_easy_setopt(client, CURLOPT_URL, url);
    curl_easy_setopt(client, CURLOPT_CAINFO, ca);
    curl_easy_setopt(client, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(client, CURLOPT_TIMEOUT, 30L);
    return client;
}

/* The status; 0: no reply. */
static long status_of(CURL *client)
{
    long status = 0;
    if (curl_easy_perform(client) == CURLE_OK) {
        curl_easy_getinfo(client, CURLINFO_RESPONSE_CODE, &status);
    }
    return status;
}

static long status_by(const char *ca, const char *cert, const char *key)
{
    CURL *client = client_of(ca);
    curl_easy_setopt(client, CURLOPT_SSLCERT, cert);
    curl_easy_setopt(client, CURLOPT_SSLKEY, key);
    long status = status_of(client);
    curl_easy_cleanup(client);
    return status;
}

static void copy_file(const char *from, const char *to)
{
    static char text[TLS_MAX_FILE];
    FILE *source = fopen(from, "r");
    FILE *target = fopen(to, "w");
    cr_assert(source && target);
    size_t size = fread(text, 1, sizeof text, source);
    cr_assert_eq(fwrite(text, 1, size, target), size);
    cr_assert_eq(fclose(source), 0);
    cr_assert_eq(fclose(target), 0);
}

Test(tls, serves_those_who_trust_it)
{
    start();
    cr_expect_eq(status_by(certificates.ca, NULL, NULL), 200);
    cr_expect_eq(status_by(others.ca, NULL, NULL), 0);
    stop();
}

Test(tls, speaks_no_old_version)
{
    start();
    CURL *client = client_of(certificates.ca);
    curl_easy_setopt(client, CURLOPT_SSLVERSION,
                     (long)CURL_SSLVERSION_TLSv1_0 | (long)CURL_SSLVERSION_MAX_TLSv1_1);
    cr_expect_eq(status_of(client), 0);
    curl_easy_setopt(client, CURLOPT_SSLVERSION,
                     (long)CURL_SSLVERSION_TLSv1_2 | (long)CURL_SSLVERSION_MAX_TLSv1_2);
    cr_expect_eq(status_of(client), 200);
    curl_easy_cleanup(client);
    stop();
}

Test(tls, wants_certificates_of_clients_if_told_so)
{
    files.client_ca = certificates.ca;
    start();
    const char *ca = certificates.ca;
    cr_expect_eq(status_by(ca, certificates.client_cert, certificates.client_key), 200);
    cr_expect_eq(status_by(ca, NULL, NULL), 403);
    cr_expect_eq(status_by(ca, certificates.stranger_cert, certificates.stranger_key), 403);
    cr_expect_eq(status_by(ca, certificates.server_cert, certificates.server_key), 200);
    stop();
}

Test(tls, ends_the_connections_of_who_has_none)
{
    files.client_ca = certificates.ca;
    start();
    long connections = 0;
    CURL *client = client_of(certificates.ca);
    cr_expect_eq(status_of(client), 403);
    cr_expect_eq(status_of(client), 403);
    curl_easy_getinfo(client, CURLINFO_NUM_CONNECTS, &connections);
    cr_expect_eq(connections, 1, "not a new one");
    curl_easy_cleanup(client);
    stop();
}

/* A connection stays what it was taken for. */
Test(tls, takes_clients_of_a_new_authority_once_told)
{
    struct error_message why = {""};
    const char *ca = certificates.ca;
    char client_ca[CERTIFICATES_PATH + 8];
    (void)snprintf(client_ca, sizeof client_ca, "%s.clients", certificates.ca);
    copy_file(certificates.ca, client_ca);
    files.client_ca = client_ca;
    start();
    CURL *client = client_of(ca);
    curl_easy_setopt(client, CURLOPT_SSLCERT, certificates.client_cert);
    curl_easy_setopt(client, CURLOPT_SSLKEY, certificates.client_key);
    cr_expect_eq(status_of(client), 200);
    cr_expect_eq(status_by(ca, others.client_cert, others.client_key), 403);
    copy_file(certificates.client_key, client_ca);
    cr_expect_eq(tls_reload(&why), ALLOT_EINVAL);
    cr_expect(strstr(why.text, client_ca), "%s", why.text);
    cr_expect_eq(status_by(ca, certificates.client_cert, certificates.client_key), 200);
    copy_file(others.ca, client_ca);
    cr_expect_eq(tls_reload(&why), 0, "%s", why.text);
    cr_expect_eq(status_by(ca, others.client_cert, others.client_key), 200);
    cr_expect_eq(status_by(ca, certificates.client_cert, certificates.client_key), 403);
    cr_expect_eq(status_by(ca, NULL, NULL), 403);
    cr_expect_eq(status_of(client), 200);
    curl_easy_cleanup(client);
    stop();
}

Test(tls, shows_a_new_certificate_once_told_and_cuts_nobody)
{
    struct error_message why = {""};
    start();
    CURL *client = client_of(certificates.ca);
    long connections = 0;
    cr_expect_eq(status_of(client), 200);
    copy_file(others.server_cert, certificates.server_cert);
    cr_expect_eq(tls_reload(&why), ALLOT_EINVAL); /* the key is another's */
    cr_expect_eq(status_by(certificates.ca, NULL, NULL), 200);
    copy_file(others.server_key, certificates.server_key);
    cr_expect_eq(status_by(certificates.ca, NULL, NULL), 200);
    cr_expect_eq(tls_reload(&why), 0, "%s", why.text);
    cr_expect_eq(status_by(certificates.ca, NULL, NULL), 0);
    cr_expect_eq(status_by(others.ca, NULL, NULL), 200);
    cr_expect_eq(status_of(client), 200);
    curl_easy_getinfo(client, CURLINFO_NUM_CONNECTS, &connections);
    cr_expect_eq(connections, 0, "a new connection");
    curl_easy_cleanup(client);
    stop();
}

Test(tls, cuts_those_who_are_slow_with_their_handshake)
{
    fixture.config.times.header_ms = 100;
    start();
    struct http_client silent = fixture_connect(&fixture);
    struct http_client halting = fixture_connect(&fixture);
    cr_expect(http_client_send(&halting, "\x16\x03\x01\x02", 4));
    cr_expect(http_client_drain(&silent));
    cr_expect(http_client_drain(&halting));
    http_client_close(&silent);
    http_client_close(&halting);
    stop();
}

Test(tls, refuses_files_that_are_bad)
{
    struct error_message why = {""};
    const struct tls_files bad[] = {
        {"/no/such/file", certificates.server_key, NULL},
        {certificates.server_cert, directory, NULL},
        {certificates.server_cert, certificates.client_key, NULL},
        {certificates.server_key, certificates.server_key, NULL},
        {certificates.server_cert, certificates.server_key, "/no/such/file"},
        {certificates.server_cert, certificates.server_key, certificates.server_key},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why.text[0] = '\0';
        cr_expect_lt(tls_open(&bad[i], &why), 0, "%zu", i);
        cr_expect_neq(why.text[0], '\0');
        cr_expect_not(tls_asks_clients());
    }
}

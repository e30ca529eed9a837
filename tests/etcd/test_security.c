/* TLS, users and tokens. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/etcd/fixture.h"
#include "tests/etcd/scripted_server.h"
#include "tests/server/store_conformance.h"
#include "tests/support/certificates.h"
#include "tests/support/store_sync.h"

static const struct store_range one_key = {.keys.key = {"/a/key", 6}};

static void destroy(struct store *store)
{
    store->operations->destroy(store);
}

/* What a range gives with a configuration. */
static int try_range(const struct etcd_store_config *config)
{
    struct store *store = must_open(config);
    int error = sync_range(store, &one_key, NULL);
    destroy(store);
    return error;
}

static void write_text(char *path, size_t size, const char *directory, const char *text)
{
    snprintf(path, size, "%s/password", directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

/* --- TLS --- */

TEST_OVER_BOTH(etcd_store_tls, with_certificates_on_both_sides)
{
    char directory[TEMPORARY_SIZE];
    struct certificates files;
    struct etcd_server server;
    struct sync_watch watch;
    certificates_make(&files, temporary_directory(directory));
    const char *const arguments[] = {
        "--cert-file",        files.server_cert,   "--key-file", files.server_key,
        "--client-cert-auth", "--trusted-ca-file", files.ca,     NULL};
    etcd_server_start_tls(&server, arguments);
    const struct etcd_store_config config = {.endpoints = server.url,
                                             .protocol = protocol,
                                             .ca_file = files.ca,
                                             .cert_file = files.client_cert,
                                             .key_file = files.client_key};
    struct store *store = must_open(&config);
    while (sync_range(store, &one_key, NULL) != 0)
        ;
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/a/"), 1), 0);
    must_put(store, SPAN("/a/key"), "value", 0);
    cr_assert(sync_watch_wait(&watch, 1));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    sync_watch_release(&watch);
    destroy(store);

    struct etcd_store_config wrong = config;
    wrong.cert_file = wrong.key_file = NULL;
    cr_expect_eq(try_range(&wrong), ALLOT_EUNAVAILABLE, "without a certificate");
    wrong = config;
    wrong.cert_file = files.stranger_cert;
    wrong.key_file = files.stranger_key;
    cr_expect_eq(try_range(&wrong), ALLOT_EUNAVAILABLE, "with a stranger's certificate");
    wrong = config;
    wrong.ca_file = NULL;
    cr_expect_eq(try_range(&wrong), ALLOT_EUNAVAILABLE, "without its authority");
    wrong = config;
    char name[100];
    snprintf(name, sizeof name, "https://localhost:%d", server.port);
    wrong.endpoints = name;
    cr_expect_eq(try_range(&wrong), ALLOT_EUNAVAILABLE, "by another name");
    etcd_server_remove(&server);
    temporary_remove(directory);
}

static void copy_file(const char *from, const char *to)
{
    char text[16384];
    FILE *source = fopen(from, "r"), *target = fopen(to, "w");
    cr_assert(source && target);
    size_t size = fread(text, 1, sizeof text, source);
    cr_assert_eq(fwrite(text, 1, size, target), size);
    cr_assert_eq(fclose(source), 0);
    cr_assert_eq(fclose(target), 0);
}

/* All certificates are replaced, on both sides, while the store stays open: etcd takes the former
 * ones no more from when it begins anew. */
Test(etcd_store_tls, reads_its_files_for_each_connection)
{
    char directory[TEMPORARY_SIZE], new_directory[TEMPORARY_SIZE];
    struct certificates files, others;
    struct etcd_server server;
    struct sync_watch watch;
    certificates_make(&files, temporary_directory(directory));
    certificates_make(&others, temporary_directory(new_directory));
    const char *const arguments[] = {
        "--cert-file",        files.server_cert,   "--key-file", files.server_key,
        "--client-cert-auth", "--trusted-ca-file", files.ca,     NULL};
    etcd_server_start_tls(&server, arguments);
    const struct etcd_store_config config = {.endpoints = server.url,
                                             .ca_file = files.ca,
                                             .cert_file = files.client_cert,
                                             .key_file = files.client_key,
                                             .resume_timeout_ms = 30000};
    struct store *store = must_open(&config);
    while (sync_put(store, SPAN("/a/key"), SPAN("before"), 0, NULL) != 0)
        ;
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/a/"), 1), 0);
    cr_assert(sync_watch_wait(&watch, 1));
    etcd_server_kill(&server);
    copy_file(others.ca, files.ca);
    copy_file(others.server_cert, files.server_cert);
    copy_file(others.server_key, files.server_key);
    copy_file(others.client_cert, files.client_cert);
    copy_file(others.client_key, files.client_key);
    etcd_server_restart(&server, arguments);
    size_t before = watch.count;
    while (sync_put(store, SPAN("/a/key"), SPAN("after"), 0, NULL) != 0)
        ;
    cr_assert(sync_watch_wait(&watch, before + 1));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    sync_watch_release(&watch);
    destroy(store);
    etcd_server_remove(&server);
    temporary_remove(directory);
    temporary_remove(new_directory);
}

/* --- users of a real etcd --- */

static void enable_users(const struct etcd_server *server)
{
    etcd_server_post(server, "/v3/auth/user/add", "{\"name\":\"root\",\"password\":\"secret\"}");
    etcd_server_post(server, "/v3/auth/role/add", "{\"name\":\"root\"}");
    etcd_server_post(server, "/v3/auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}");
    etcd_server_post(server, "/v3/auth/user/add", "{\"name\":\"guest\",\"password\":\"secret\"}");
    etcd_server_post(server, "/v3/auth/enable", "{}");
}

/* A restart makes it forget all tokens. */
TEST_OVER_BOTH(etcd_store_users, log_in_and_in_again)
{
    static const char *const arguments[] = {"--bcrypt-cost", "4", NULL};
    char password[320];
    struct etcd_server server;
    struct sync_watch watch;
    etcd_server_start(&server, arguments);
    write_text(password, sizeof password, server.directory, "secret\n");
    const struct etcd_store_config config = {.endpoints = server.url,
                                             .protocol = protocol,
                                             .user = "root",
                                             .password_file = password,
                                             .resume_timeout_ms = 30000};
    struct store *store = must_open(&config);
    must_put(store, SPAN("/a/key"), "before there are users", 0);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/a/"), 1), 0);
    cr_assert(sync_watch_wait(&watch, 1));
    enable_users(&server);
    must_put(store, SPAN("/a/key"), "with a user", 0);
    cr_assert(sync_watch_wait(&watch, 2));
    etcd_server_kill(&server);
    etcd_server_restart(&server, arguments);
    while (sync_put(store, SPAN("/a/key"), SPAN("with a new token"), 0, NULL) != 0)
        ;
    cr_assert(sync_watch_wait(&watch, 3));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    sync_watch_release(&watch);
    destroy(store);
    etcd_server_remove(&server);
}

static void note(void *context, int error, const char *why)
{
    struct error_message *told = context;
    (void)error;
    snprintf(told->text, sizeof told->text, "%s", why);
}

TEST_OVER_BOTH(etcd_store_users, without_permission)
{
    static const char *const arguments[] = {"--bcrypt-cost", "4", NULL};
    char password[320];
    struct etcd_server server;
    struct sync_watch watch;
    struct error_message told = {""};
    etcd_server_start(&server, arguments);
    enable_users(&server);
    write_text(password, sizeof password, server.directory, "secret");
    struct etcd_store_config config = {.endpoints = server.url,
                                       .protocol = protocol,
                                       .user = "guest",
                                       .password_file = password,
                                       .failed = note,
                                       .failed_context = &told};
    struct store *store = must_open(&config);
    cr_assert_eq(sync_range(store, &one_key, NULL), ALLOT_EUNAVAILABLE);
    cr_assert_eq(sync_put(store, SPAN("/a/key"), SPAN("value"), 0, NULL), ALLOT_EUNAVAILABLE);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/a/"), 1), 0);
    cr_assert(sync_watch_wait(&watch, 1));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, ALLOT_EUNAVAILABLE);
    sync_watch_release(&watch);
    destroy(store);
    cr_assert(strstr(told.text, "permission denied"), "%s", told.text);

    write_text(password, sizeof password, server.directory, "wrong secret");
    cr_assert_eq(try_range(&config), ALLOT_EUNAVAILABLE);
    cr_assert(strstr(told.text, "cannot log in as \"guest\""), "%s", told.text);
    cr_assert_not(strstr(told.text, "wrong secret"));
    config.user = config.password_file = NULL;
    cr_assert_eq(try_range(&config), ALLOT_EUNAVAILABLE);
    etcd_server_remove(&server);
}

/* As etcd does with a certificate that has a common name, when there are users. */
static bool refuse_in_plain_text(void *context, const struct scripted_request *request)
{
    (void)context;
    return scripted_reply(request, 400, "CommonName of the client is not used\n");
}

Test(etcd_store_users, learn_why_they_cannot_log_in)
{
    char directory[TEMPORARY_SIZE], password[320];
    struct scripted_server server;
    struct error_message told = {""};
    write_text(password, sizeof password, temporary_directory(directory), "secret");
    scripted_server_start(&server, refuse_in_plain_text, NULL);
    cr_expect_eq(try_range(&(struct etcd_store_config){.endpoints = server.url,
                                                       .protocol = ETCD_GATEWAY,
                                                       .user = "root",
                                                       .password_file = password,
                                                       .failed = note,
                                                       .failed_context = &told}),
                 ALLOT_EUNAVAILABLE);
    cr_expect_str_eq(told.text,
                     "etcd: cannot log in as \"root\": CommonName of the client is not used");
    scripted_server_stop(&server);
    temporary_remove(directory);
}

/* --- tokens of a scripted one --- */

#define GOOD "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"9\"}}"
#define BAD "{\"message\":\"etcdserver: invalid auth token\",\"code\":16}"

struct tokens {
    atomic_int logins;
    atomic_int good;   /* the one that is taken */
    atomic_int faults; /* in headers */
};

static void check_headers(struct tokens *tokens, const struct scripted_request *request)
{
    bool stream = strcmp(request->path, "/v3/watch") == 0;
    bool right = strstr(request->head, "Grpc-Metadata-hasleader: true") &&
                 !strstr(request->head, "Expect") &&
                 (strstr(request->head, "Grpc-Timeout: ") != NULL) == !stream;
    if (!right)
        atomic_fetch_add(&tokens->faults, 1);
}

static bool answer_with_tokens(void *context, const struct scripted_request *request)
{
    struct tokens *tokens = context;
    char text[100];
    check_headers(tokens, request);
    if (strcmp(request->path, "/v3/auth/authenticate") == 0) {
        snprintf(text, sizeof text, "{\"header\":{},\"token\":\"token-%d\"}",
                 atomic_fetch_add(&tokens->logins, 1) + 1);
        return scripted_reply(request, 200, text);
    }
    snprintf(text, sizeof text, "Authorization: token-%d\r\n", atomic_load(&tokens->good));
    if (!strstr(request->head, text))
        return scripted_reply(request, 401, BAD);
    if (strcmp(request->path, "/v3/watch") != 0)
        return scripted_reply(request, 200, GOOD);
    static const char created[] = "{\"result\":{\"header\":{\"cluster_id\":\"7\",\"revision\":"
                                  "\"9\"},\"created\":true}}{\"result\":{\"header\":{"
                                  "\"cluster_id\":\"7\",\"revision\":\"9\"}}}";
    (void)(scripted_begin_chunks(request) && scripted_chunks(request, created, sizeof created));
    scripted_wait_for_close(request);
    return false;
}

static void *read_often(void *context)
{
    for (int i = 0; i < 20; i++)
        cr_assert_eq(sync_range(context, &one_key, NULL), 0);
    return NULL;
}

Test(etcd_store_users, share_one_login)
{
    enum { THREADS = 8 };
    char directory[TEMPORARY_SIZE], password[320];
    pthread_t threads[THREADS];
    struct tokens tokens = {.good = 1};
    struct sync_watch watch;
    struct scripted_server server;
    write_text(password, sizeof password, temporary_directory(directory), "secret");
    scripted_server_start(&server, answer_with_tokens, &tokens);
    struct store *store = must_open(&(struct etcd_store_config){.endpoints = server.url,
                                                                .protocol = ETCD_GATEWAY,
                                                                .user = "root",
                                                                .password_file = password,
                                                                .refresh_ms = 20});
    for (int round = 1; round <= 3; round++) {
        atomic_store(&tokens.good, round); /* the one before is taken no longer */
        for (int i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, read_often, store), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        cr_assert_eq(tokens.logins, round);
    }
    atomic_store(&tokens.good, 4);
    cr_assert_eq(sync_watch_start(&watch, store, conformance_all("/a/"), 1), 0);
    cr_assert(sync_watch_wait_revision(&watch, 9));
    sync_watch_stop(&watch);
    cr_assert_eq(watch.error, 0);
    sync_watch_release(&watch);
    atomic_store(&tokens.good, 1); /* which it can't get any more: not over and over */
    cr_assert_eq(sync_range(store, &one_key, NULL), ALLOT_EUNAVAILABLE);
    cr_assert_leq(tokens.logins, 5);
    cr_assert_eq(tokens.faults, 0);
    destroy(store);
    scripted_server_stop(&server);
    temporary_remove(directory);
}

/* --- traces --- */

#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static bool answer_and_look_for_trace(void *context, const struct scripted_request *request)
{
    bool there = strstr(request->head, "\r\ntraceparent: " TRACEPARENT "\r\n") &&
                 strstr(request->head, "\r\nGrpc-Metadata-traceparent: " TRACEPARENT "\r\n");
    bool absent = !strstr(request->head, "traceparent");
    atomic_store((atomic_int *)context, there ? 1 : absent ? 0 : -1);
    return scripted_reply(request, 200,
                          "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"9\"},"
                          "\"succeeded\":true,\"responses\":[{\"response_put\":{}}]}");
}

Test(etcd_store, passes_on_what_a_transaction_is_done_for)
{
    const struct {
        struct span traceparent;
        int seen;
    } cases[] = {{SPAN(TRACEPARENT), 1}, {{NULL, 0}, 0}, {SPAN(TRACEPARENT "-too-long"), 0}};
    atomic_int seen;
    struct scripted_server server;
    scripted_server_start(&server, answer_and_look_for_trace, &seen);
    struct store *store =
        must_open(&(struct etcd_store_config){.endpoints = server.url, .protocol = ETCD_GATEWAY});
    struct store_op put = {.kind = STORE_OP_PUT, .keys = {.key = SPAN("/a")}, .value = SPAN("b")};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sync_answer answer;
        struct store_txn txn = {
            .success = &put, .success_count = 1, .traceparent = cases[i].traceparent};
        cr_assert_eq(sync_txn(store, &txn, &answer), 0);
        cr_expect_eq(atomic_load(&seen), cases[i].seen, "case %zu", i);
        sync_answer_release(&answer);
    }
    destroy(store);
    scripted_server_stop(&server);
}

/* --- configurations --- */

Test(etcd_store_config, that_is_wrong)
{
    static const struct etcd_store_config wrong[] = {
        {.endpoints = NULL},
        {.endpoints = ""},
        {.endpoints = "127.0.0.1:2379"},
        {.endpoints = "ftp://127.0.0.1:2379"},
        {.endpoints = "http://"},
        {.endpoints = "http://:2379"},
        {.endpoints = "http://a:1,"},
        {.endpoints = "http://a:1,,http://b:1"},
        {.endpoints = "http://user:password@a:1"},
        {.endpoints = "http://a:1/v3"},
        {.endpoints = "http://a:1?x"},
        {.endpoints = "http://a:1", .cert_file = "/dev/null"},
        {.endpoints = "http://a:1", .key_file = "/dev/null"},
        {.endpoints = "http://a:1", .user = "root"},
        {.endpoints = "http://a:1", .password_file = "/dev/null"},
        {.endpoints = "http://a:1", .connections = -1},
    };
    struct store *store = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error_message why = {""};
        cr_expect_eq(etcd_store_open(&wrong[i], &store, &why), ALLOT_EINVAL, "configuration %zu",
                     i);
        cr_expect_neq(why.text[0], 0);
    }
    struct error_message why = {""};
    const struct etcd_store_config no_file = {.endpoints = "http://a:1", .ca_file = "/nowhere"};
    cr_expect_eq(etcd_store_open(&no_file, &store, &why), ALLOT_EIO);
    cr_expect(strstr(why.text, "/nowhere"));
}

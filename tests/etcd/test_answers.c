/* Answers as a server may give them that is not etcd, or not well. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/etcd/fixture.h"
#include "tests/etcd/scripted_server.h"
#include "tests/server/store_conformance.h"
#include "tests/support/store_sync.h"

#define HEADER "\"header\":{\"cluster_id\":\"7\",\"revision\":\"9\"}"
#define KV "{\"key\":\"YQ==\",\"create_revision\":\"2\",\"mod_revision\":\"3\",\"version\":\"1\"}"

/* Answers all with one status and body. */
struct fixed {
    int status;
    const char *body;
    size_t piece; /* size of the chunks; 0: no chunks */
};

static bool answer_fixed(void *context, const struct scripted_request *request)
{
    const struct fixed *fixed = context;
    if (fixed->piece == 0)
        return scripted_reply(request, fixed->status, fixed->body);
    return scripted_begin_chunks(request) && scripted_chunks(request, fixed->body, fixed->piece) &&
           scripted_end_chunks(request);
}

struct scripted {
    struct scripted_server server;
    struct store *store;
};

static void begin(struct scripted *scripted, scripted_answer *answer, void *context)
{
    scripted_server_start(&scripted->server, answer, context);
    scripted->store = must_open(&(struct etcd_store_config){.endpoints = scripted->server.url,
                                                            .protocol = ETCD_GATEWAY,
                                                            .request_timeout_ms = 20000,
                                                            .max_answer = 10000});
}

static void end(struct scripted *scripted)
{
    scripted->store->operations->destroy(scripted->store);
    scripted_server_stop(&scripted->server);
}

static const struct store_range one_key = {.keys.key = {"a", 1}};

static int get_in_txn(struct store *store)
{
    struct store_op op = op_get(SPAN("a"));
    struct store_txn txn = txn_of(&op, 1);
    return sync_txn(store, &txn, NULL);
}

static int put(struct store *store)
{
    return sync_put(store, SPAN("a"), SPAN("value"), 0, NULL);
}

/* --- what is malformed --- */

Test(etcd_store_answers, of_a_range_that_are_wrong)
{
    static const char *const bodies[] = {
        "",
        "{",
        "{}",
        "[]",
        "null",
        "nonsense",
        "{\"header\":7}",
        "{\"header\":{}}",
        "{\"header\":{\"cluster_id\":\"7\"}}",
        "{\"header\":{\"revision\":\"9\"}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"0\"}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"-1\"}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"9x\"}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"\"}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":\" 9\"}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":9}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":true}}",
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"9223372036854775808\"}}",
        "{\"header\":{\"cluster_id\":\"18446744073709551616\",\"revision\":\"9\"}}",
        "{" HEADER "}{" HEADER "}",
        "{" HEADER "} more",
        "{" HEADER ",\"more\":\"true\"}",
        "{" HEADER ",\"kvs\":{}}",
        "{" HEADER ",\"kvs\":[7]}",
        "{" HEADER ",\"kvs\":[{}]}",
        "{" HEADER ",\"kvs\":[" KV "," KV "]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"YQ=\",\"create_revision\":\"2\",\"mod_revision\":\"3\","
        "\"version\":\"1\"}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"YR==\",\"create_revision\":\"2\",\"mod_revision\":\"3\","
        "\"version\":\"1\"}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"YQ==\",\"value\":7,\"create_revision\":\"2\","
        "\"mod_revision\":\"3\",\"version\":\"1\"}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"YQ==\",\"mod_revision\":\"3\",\"version\":\"1\"}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":\"2\",\"version\":\"1\"}]}",
        "{" HEADER
        ",\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":\"2\",\"mod_revision\":\"3\"}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":\"3\",\"mod_revision\":\"2\","
        "\"version\":\"1\"}]}",
    };
    struct fixed fixed = {200, "", 0};
    struct scripted scripted;
    begin(&scripted, answer_fixed, &fixed);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        fixed.body = bodies[i];
        cr_expect_eq(sync_range(scripted.store, &one_key, NULL), ALLOT_EIO, "%s", bodies[i]);
    }
    end(&scripted);
}

Test(etcd_store_answers, of_a_transaction_that_are_wrong)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "{" HEADER ",\"succeeded\":true}",
        "{" HEADER ",\"succeeded\":1,\"responses\":[{\"response_put\":{}}]}",
        "{" HEADER ",\"succeeded\":true,\"responses\":[{}]}",
        "{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_range\":{}}]}",
        "{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_put\":{}},"
        "{\"response_put\":{}}]}",
        "{" HEADER ",\"responses\":[{\"response_put\":{}}]}",
    };
    struct fixed fixed = {200, "", 0};
    struct scripted scripted;
    begin(&scripted, answer_fixed, &fixed);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        fixed.body = bodies[i];
        cr_expect_eq(put(scripted.store), ALLOT_EUNKNOWN, "%s", bodies[i]);
        cr_expect_eq(get_in_txn(scripted.store), i == 5 ? 0 : ALLOT_EIO, "%s", bodies[i]);
    }
    end(&scripted);
}

Test(etcd_store_answers, to_leases_that_are_wrong)
{
    struct fixed fixed = {200, "{}", 0};
    struct scripted scripted;
    begin(&scripted, answer_fixed, &fixed);
    cr_expect_eq(sync_grant(scripted.store, 0, 60, NULL), ALLOT_EUNKNOWN);
    cr_expect_eq(sync_keep_alive(scripted.store, 7, NULL), ALLOT_EUNKNOWN);
    cr_expect_eq(sync_revoke(scripted.store, 7), ALLOT_EUNKNOWN);
    cr_expect_eq(sync_time_to_live(scripted.store, 7, NULL), ALLOT_EIO);
    cr_expect_eq(sync_compact(scripted.store, 7), ALLOT_EUNKNOWN);
    end(&scripted);
}

Test(etcd_store_answers, that_come_in_pieces)
{
    struct fixed fixed = {200, "{" HEADER ",\"kvs\":[" KV "],\"count\":\"1\"}\n", 1};
    struct scripted scripted;
    struct sync_answer answer;
    begin(&scripted, answer_fixed, &fixed);
    for (; fixed.piece < 40; fixed.piece += 3) {
        cr_assert_eq(sync_range(scripted.store, &one_key, &answer), 0);
        cr_assert_eq(answer.cluster_id, 7);
        cr_assert_eq(answer.revision, 9);
        cr_assert_eq(answer.kv_count, 1);
        cr_assert(span_equal(answer.kvs[0].key, SPAN("a")));
        sync_answer_release(&answer);
    }
    end(&scripted);
}

/* --- errors --- */

Test(etcd_store_answers, that_are_errors)
{
    static const struct {
        int status;
        const char *body;
        int read;
        int write;
    } cases[] = {
        {400, "{\"error\":\"x\",\"message\":\"etcdserver: too many operations in txn\",\"code\":3}",
         ALLOT_ELIMIT, ALLOT_ELIMIT},
        {400, "{\"message\":\"etcdserver: duplicate key given in txn request\",\"code\":3}",
         ALLOT_EINVAL, ALLOT_EINVAL},
        {400, "{\"message\":\"etcdserver: request is too large\",\"code\":3}", ALLOT_ELIMIT,
         ALLOT_ELIMIT},
        {429, "{\"message\":\"grpc: received message larger than max (3 vs. 2)\",\"code\":8}",
         ALLOT_ELIMIT, ALLOT_ELIMIT},
        {429, "{\"message\":\"etcdserver: mvcc: database space exceeded\",\"code\":8}",
         ALLOT_EUNAVAILABLE, ALLOT_EUNAVAILABLE},
        {400,
         "{\"message\":\"etcdserver: mvcc: required revision has been compacted\",\"code\":11}",
         ALLOT_ECOMPACTED, ALLOT_ECOMPACTED},
        {400,
         "{\"message\":\"etcdserver: mvcc: required revision is a future revision\",\"code\":11}",
         ALLOT_EFUTURE, ALLOT_EFUTURE},
        {404, "{\"message\":\"etcdserver: requested lease not found\",\"code\":5}", ALLOT_ELEASE,
         ALLOT_ELEASE},
        {400, "{\"message\":\"etcdserver: lease already exists\",\"code\":9}", ALLOT_EEXISTS,
         ALLOT_EEXISTS},
        {403, "{\"message\":\"etcdserver: permission denied\",\"code\":7}", ALLOT_EUNAVAILABLE,
         ALLOT_EUNAVAILABLE},
        {401, "{\"message\":\"etcdserver: invalid auth token\",\"code\":16}", ALLOT_EUNAVAILABLE,
         ALLOT_EUNAVAILABLE},
        {503, "{\"message\":\"etcdserver: no leader\",\"code\":14}", ALLOT_EUNAVAILABLE,
         ALLOT_EUNAVAILABLE},
        {503, "{\"message\":\"etcdserver: request timed out\",\"code\":14}", ALLOT_EUNAVAILABLE,
         ALLOT_EUNKNOWN},
        {500, "{\"message\":\"context deadline exceeded\",\"code\":2}", ALLOT_EUNAVAILABLE,
         ALLOT_EUNKNOWN},
        {504, "{\"message\":\"context deadline exceeded\",\"code\":4}", ALLOT_EUNAVAILABLE,
         ALLOT_EUNKNOWN},
        {404, "Not Found", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {502, "<html>Bad Gateway</html>", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {500, "", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {200, "{\"error\":{\"grpc_code\":14,\"message\":\"gone\"}}", ALLOT_EUNAVAILABLE,
         ALLOT_EUNKNOWN},
    };
    struct fixed fixed = {0};
    struct scripted scripted;
    begin(&scripted, answer_fixed, &fixed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixed.status = cases[i].status;
        fixed.body = cases[i].body;
        cr_expect_eq(sync_range(scripted.store, &one_key, NULL), cases[i].read, "%s",
                     cases[i].body);
        cr_expect_eq(put(scripted.store), cases[i].write, "%s", cases[i].body);
    }
    end(&scripted);
}

static void keep_report(void *context, int error, const char *why)
{
    struct error_message *kept = context;
    (void)error;
    (void)snprintf(kept->text, sizeof kept->text, "%s", why);
}

Test(etcd_store_answers, without_a_word_are_told_by_their_status)
{
    struct fixed fixed = {404, "", 0};
    struct scripted scripted;
    struct error_message report = {""};
    char wanted[200];
    scripted_server_start(&scripted.server, answer_fixed, &fixed);
    scripted.store = must_open(&(struct etcd_store_config){.endpoints = scripted.server.url,
                                                           .protocol = ETCD_GATEWAY,
                                                           .failed = keep_report,
                                                           .failed_context = &report});
    (void)snprintf(wanted, sizeof wanted, "etcd: %s: HTTP status 404 without an error of etcd's",
                   scripted.server.url);
    cr_expect_eq(sync_range(scripted.store, &one_key, NULL), ALLOT_EUNAVAILABLE);
    end(&scripted); /* and with it the thread that reports */
    cr_expect_str_eq(report.text, wanted);
}

Test(etcd_store_answers, that_are_too_large)
{
    enum { SIZE = 20000 };
    static char body[SIZE + 1] = "{\"header\":{\"member\":\"";
    struct fixed fixed = {200, body, 0};
    struct scripted scripted;
    memset(body + strlen(body), 'x', SIZE - strlen(body));
    begin(&scripted, answer_fixed, &fixed);
    cr_expect_eq(sync_range(scripted.store, &one_key, NULL), ALLOT_ELIMIT);
    cr_expect_eq(put(scripted.store), ALLOT_EUNKNOWN);
    fixed.piece = 100;
    cr_expect_eq(sync_range(scripted.store, &one_key, NULL), ALLOT_ELIMIT);
    end(&scripted);
}

/* --- connections that break --- */

#define GOOD_PUT "{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_put\":{}}]}"

struct cutting {
    atomic_int puts;
    atomic_int connection; /* of the last one */
};

/* Requests that change something are cut off when they have come; others are answered. */
static bool cut_puts(void *context, const struct scripted_request *request)
{
    struct cutting *cutting = context;
    if (strstr(request->body, "request_put")) {
        atomic_fetch_add(&cutting->puts, 1);
        atomic_store(&cutting->connection, request->connection);
        return false;
    }
    return scripted_reply(request, 200, "{" HEADER "}");
}

/* The second one goes over a connection that was used before: libcurl would send it again. */
Test(etcd_store_connections, that_break_after_a_write_was_sent)
{
    struct cutting cutting = {0};
    struct scripted scripted;
    begin(&scripted, cut_puts, &cutting);
    cr_assert_eq(put(scripted.store), ALLOT_EUNKNOWN);
    cr_assert_eq(cutting.puts, 1);
    cr_assert_eq(sync_range(scripted.store, &one_key, NULL), 0);
    cr_assert_eq(put(scripted.store), ALLOT_EUNKNOWN);
    cr_assert_eq(cutting.puts, 2);
    cr_assert_eq(cutting.connection, 2, "a new connection");
    end(&scripted);
}

/* Only each other request is answered. */
static bool cut_every_other(void *context, const struct scripted_request *request)
{
    (void)context;
    return request->number % 2 == 0 && scripted_reply(request, 200, "{" HEADER "}");
}

Test(etcd_store_connections, that_break_after_a_read_was_sent)
{
    struct scripted_server servers[2];
    char endpoints[200];
    for (int i = 0; i < 2; i++)
        scripted_server_start(&servers[i], cut_every_other, NULL);
    snprintf(endpoints, sizeof endpoints, "%s,%s", servers[0].url, servers[1].url);
    struct store *store =
        must_open(&(struct etcd_store_config){.endpoints = endpoints, .protocol = ETCD_GATEWAY});
    /* both cut it the first time, then each answers */
    cr_assert_eq(sync_range(store, &one_key, NULL), ALLOT_EUNAVAILABLE);
    cr_assert_eq(sync_range(store, &one_key, NULL), 0);
    cr_assert_eq(sync_range(store, &one_key, NULL), 0);
    store->operations->destroy(store);
    for (int i = 0; i < 2; i++)
        scripted_server_stop(&servers[i]);
}

static bool answer_put(void *context, const struct scripted_request *request)
{
    (void)context;
    return scripted_reply(request, 200, GOOD_PUT);
}

static bool answer_no_leader(void *context, const struct scripted_request *request)
{
    (void)context;
    return scripted_reply(request, 503, "{\"message\":\"etcdserver: no leader\",\"code\":14}");
}

Test(etcd_store_connections, to_a_member_without_a_leader)
{
    struct scripted_server servers[2];
    char endpoints[200];
    scripted_server_start(&servers[0], answer_no_leader, NULL);
    scripted_server_start(&servers[1], answer_put, NULL);
    snprintf(endpoints, sizeof endpoints, "%s,%s", servers[0].url, servers[1].url);
    for (int i = 0; i < 4; i++) {
        struct store *store = must_open(
            &(struct etcd_store_config){.endpoints = endpoints, .protocol = ETCD_GATEWAY});
        cr_assert_eq(put(store), 0);
        cr_assert_eq(put(store), 0);
        store->operations->destroy(store);
    }
    cr_assert_eq(servers[1].requests, 8);
    cr_assert_leq(servers[0].requests, 4);
    for (int i = 0; i < 2; i++)
        scripted_server_stop(&servers[i]);
}

static bool hang(void *context, const struct scripted_request *request)
{
    (void)context;
    scripted_wait_for_close(request);
    return false;
}

Test(etcd_store_connections, on_which_nothing_comes)
{
    struct scripted_server server;
    scripted_server_start(&server, hang, NULL);
    struct store *store = must_open(&(struct etcd_store_config){
        .endpoints = server.url, .protocol = ETCD_GATEWAY, .request_timeout_ms = 100});
    cr_assert_eq(sync_range(store, &one_key, NULL), ALLOT_EUNAVAILABLE);
    int error;
    while ((error = put(store)) == ALLOT_EUNAVAILABLE) /* until it is tried again */
        ;
    cr_assert_eq(error, ALLOT_EUNKNOWN);
    store->operations->destroy(store);
    scripted_server_stop(&server);
}

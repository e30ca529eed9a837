/* Answers over gRPC as a server may give them that is not etcd, or not well. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/etcd/fixture.h"
#include "tests/etcd/scripted_grpc.h"
#include "tests/support/store_sync.h"

/* In protobuf's encoding: cluster 7 at revision 9; with key "a" = "b"; a put that was done. */
#define HEADER "\x0a\x04\x08\x07\x18\x09"
#define ONE_KEY                                \
    HEADER "\x12\x0c\x0a\x01"                  \
           "a\x10\x02\x18\x03\x20\x01\x2a\x01" \
           "b"
#define PUT_DONE HEADER "\x10\x01\x1a\x02\x12\x00"
/* What stands before a message of that size. */
#define BEFORE(size) "\0\0\0\0" size

static const struct store_range one_key = {.keys.key = {"a", 1}};

static int put(struct store *store)
{
    return sync_put(store, SPAN("a"), SPAN("value"), 0, NULL);
}

static bool is_put(const struct scripted_call *call)
{
    return memmem(call->message.data, call->message.size, "value", 5) != NULL;
}

struct scripted {
    struct scripted_grpc grpc;
    struct store *store;
};

static void begin(struct scripted *scripted, scripted_call_answer *answer, void *context)
{
    scripted_grpc_start(&scripted->grpc, answer, context);
    scripted->store = must_open(&(struct etcd_store_config){.endpoints = scripted->grpc.server.url,
                                                            .protocol = ETCD_GRPC,
                                                            .request_timeout_ms = 20000,
                                                            .max_answer = 10000});
}

static void end(struct scripted *scripted)
{
    scripted->store->operations->destroy(scripted->store);
    scripted_grpc_stop(&scripted->grpc);
}

/* As it should be. */
static bool answer_well(const struct scripted_call *call)
{
    struct span message =
        is_put(call) ? SPAN(BEFORE("\x0c") PUT_DONE) : SPAN(BEFORE("\x14") ONE_KEY);
    return scripted_grpc_head(call, 200, false) && scripted_grpc_bytes(call, message, false) &&
           scripted_grpc_status(call, "0", NULL);
}

/* --- what is malformed --- */

/* Answers all with some bytes, one at a time if need be, and success. */
struct fixed {
    struct span bytes;
    bool in_pieces;
};

static bool answer_fixed(void *context, const struct scripted_call *call)
{
    const struct fixed *fixed = context;
    bool sent = scripted_grpc_head(call, 200, false);
    size_t piece = fixed->in_pieces ? 1 : fixed->bytes.size;
    for (size_t i = 0; sent && i < fixed->bytes.size; i += piece)
        sent = scripted_grpc_bytes(call, (struct span){fixed->bytes.data + i, piece}, false);
    return sent && scripted_grpc_status(call, "0", NULL);
}

Test(etcd_grpc_answers, that_come_in_pieces)
{
    struct fixed fixed = {SPAN(BEFORE("\x14") ONE_KEY), false};
    struct scripted scripted;
    struct sync_answer answer;
    begin(&scripted, answer_fixed, &fixed);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(sync_range(scripted.store, &one_key, &answer), 0);
        cr_assert_eq(answer.cluster_id, 7);
        cr_assert_eq(answer.revision, 9);
        cr_assert_eq(answer.kv_count, 1);
        cr_assert(span_equal(answer.kvs[0].key, SPAN("a")));
        cr_assert(span_equal(answer.kvs[0].value, SPAN("b")));
        sync_answer_release(&answer);
        fixed.in_pieces = true;
    }
    fixed.bytes = SPAN(BEFORE("\x0c") PUT_DONE);
    cr_assert_eq(put(scripted.store), 0);
    end(&scripted);
}

Test(etcd_grpc_answers, that_are_wrong)
{
    static const struct span wrong[] = {
        {"", 0},
        {"\0", 1},
        {BEFORE("\x14"), 5},
        {BEFORE("\0"), 5},
        {BEFORE("\x15") ONE_KEY, 25},
        {BEFORE("\x13") ONE_KEY, 25},
        {"\x01\0\0\0\x14" ONE_KEY, 25},
        {BEFORE("\x14") ONE_KEY BEFORE("\x14") ONE_KEY, 50},
        {BEFORE("\x03") "\xff\xff\xff", 8},
        {"<html></html>", 13},
    };
    struct fixed fixed = {0};
    struct scripted scripted;
    begin(&scripted, answer_fixed, &fixed);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fixed.bytes = wrong[i];
        cr_expect_eq(sync_range(scripted.store, &one_key, NULL), ALLOT_EIO, "%zu", i);
        cr_expect_eq(put(scripted.store), ALLOT_EUNKNOWN, "%zu", i);
    }
    end(&scripted);
}

/* There is nothing to wait for: the size alone is too large, and no memory is taken for it. */
static bool promise_much(void *context, const struct scripted_call *call)
{
    (void)context;
    return scripted_grpc_head(call, 200, false) &&
           scripted_grpc_bytes(call, SPAN("\0\xff\xff\xff\xff"), false);
}

Test(etcd_grpc_answers, that_are_too_large)
{
    struct scripted scripted;
    begin(&scripted, promise_much, NULL);
    cr_expect_eq(sync_range(scripted.store, &one_key, NULL), ALLOT_ELIMIT);
    cr_expect_eq(put(scripted.store), ALLOT_EUNKNOWN);
    end(&scripted);
}

/* --- errors --- */

struct refusal {
    const char *status;
    const char *text;
    int read;
    int write;
};

/* In turn alone, and after a head. */
static bool answer_refusal(void *context, const struct scripted_call *call)
{
    const struct refusal *refusal = context;
    if (call->stream % 4 == 1)
        return scripted_grpc_refusal(call, refusal->status, refusal->text);
    return scripted_grpc_head(call, 200, false) &&
           scripted_grpc_status(call, refusal->status, refusal->text);
}

Test(etcd_grpc_answers, that_are_errors)
{
    static const struct refusal refusals[] = {
        {"3", "etcdserver: too many operations in txn", ALLOT_ELIMIT, ALLOT_ELIMIT},
        {"3", "etcdserver: duplicate key given in txn request", ALLOT_EINVAL, ALLOT_EINVAL},
        {"3", "etcdserver: request is too large", ALLOT_ELIMIT, ALLOT_ELIMIT},
        {"8", "grpc: received message larger than max (3 vs. 2)", ALLOT_ELIMIT, ALLOT_ELIMIT},
        {"8", "etcdserver: mvcc: database space exceeded", ALLOT_EUNAVAILABLE, ALLOT_EUNAVAILABLE},
        {"11", "etcdserver: mvcc: required revision has been compacted", ALLOT_ECOMPACTED,
         ALLOT_ECOMPACTED},
        {"11", "etcdserver: mvcc: required revision is a %66uture revision", ALLOT_EFUTURE,
         ALLOT_EFUTURE},
        {"5", "etcdserver: requested lease%20not%20found", ALLOT_ELEASE, ALLOT_ELEASE},
        {"9", "etcdserver: lease already exists", ALLOT_EEXISTS, ALLOT_EEXISTS},
        {"7", "etcdserver: permission denied", ALLOT_EUNAVAILABLE, ALLOT_EUNAVAILABLE},
        {"16", "etcdserver: invalid auth token", ALLOT_EUNAVAILABLE, ALLOT_EUNAVAILABLE},
        {"14", "etcdserver: no leader", ALLOT_EUNAVAILABLE, ALLOT_EUNAVAILABLE},
        {"14", "etcdserver: request timed out", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"2", "context deadline exceeded", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"4", "context deadline exceeded", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"12", "unknown method Range", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"14", NULL, ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"14", "%", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"", "no number", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"0x", "no number", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
        {"0000", "too many digits", ALLOT_EUNAVAILABLE, ALLOT_EUNKNOWN},
    };
    struct refusal refusal;
    struct scripted scripted;
    begin(&scripted, answer_refusal, &refusal);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        refusal = refusals[i];
        for (int turn = 0; turn < 2; turn++) {
            cr_expect_eq(sync_range(scripted.store, &one_key, NULL), refusal.read, "%zu", i);
            cr_expect_eq(put(scripted.store), refusal.write, "%zu", i);
            cr_expect_eq(put(scripted.store), refusal.write, "%zu", i);
        }
    }
    end(&scripted);
}

/* A good message, but nobody says that it was done. */
static bool answer_without_status(void *context, const struct scripted_call *call)
{
    const int *status = context;
    struct span message =
        is_put(call) ? SPAN(BEFORE("\x0c") PUT_DONE) : SPAN(BEFORE("\x14") ONE_KEY);
    return scripted_grpc_head(call, *status, false) && scripted_grpc_bytes(call, message, true);
}

Test(etcd_grpc_answers, without_a_status)
{
    static const int statuses[] = {200, 404, 500};
    int status;
    struct scripted scripted;
    begin(&scripted, answer_without_status, &status);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        status = statuses[i];
        cr_expect_eq(sync_range(scripted.store, &one_key, NULL), ALLOT_EUNAVAILABLE, "%d", status);
        cr_expect_eq(put(scripted.store), ALLOT_EUNKNOWN, "%d", status);
    }
    end(&scripted);
}

/* --- calls and connections that end --- */

enum ending { CUT, RESET_REFUSED, RESET_CANCELLED, GO_AWAY_TAKEN, GO_AWAY_NOT_TAKEN };

struct ending_puts {
    enum ending how;
    atomic_int puts;
};

/* Calls that change something end without an answer when they have come; others are answered. */
static bool end_puts(void *context, const struct scripted_call *call)
{
    enum { REFUSED_STREAM = 7, CANCEL = 8 };
    struct ending_puts *ending = context;
    if (!is_put(call))
        return answer_well(call);
    atomic_fetch_add(&ending->puts, 1);
    switch (ending->how) {
    case CUT:
        return false;
    case RESET_REFUSED:
        return scripted_grpc_reset(call, REFUSED_STREAM);
    case RESET_CANCELLED:
        return scripted_grpc_reset(call, CANCEL);
    case GO_AWAY_TAKEN:
        return scripted_grpc_go_away(call, call->stream, 0) && false;
    case GO_AWAY_NOT_TAKEN:
        return scripted_grpc_go_away(call, 0, 0) && false;
    }
    return false;
}

/* The second one goes over a connection that was used before, which libcurl would try again. */
Test(etcd_grpc_connections, that_end_after_a_write_was_sent)
{
    for (int how = CUT; how <= GO_AWAY_NOT_TAKEN; how++) {
        struct ending_puts ending = {.how = (enum ending)how};
        struct scripted scripted;
        begin(&scripted, end_puts, &ending);
        cr_expect_eq(put(scripted.store), ALLOT_EUNKNOWN, "%d", how);
        cr_expect_eq(ending.puts, 1, "%d", how);
        cr_expect_eq(sync_range(scripted.store, &one_key, NULL), 0, "%d", how);
        cr_expect_eq(put(scripted.store), ALLOT_EUNKNOWN, "%d", how);
        cr_expect_eq(ending.puts, 2, "%d", how);
        end(&scripted);
    }
}

/* As a server does that is told to end: it says so before its answer, or after it. */
static bool go_away_and_answer(void *context, const struct scripted_call *call)
{
    enum { ANY_STREAM = 0x7fffffff };
    const bool *before = context;
    if (*before)
        return scripted_grpc_go_away(call, ANY_STREAM, 0) && answer_well(call);
    return answer_well(call) && scripted_grpc_go_away(call, call->stream, 0);
}

/* libcurl 7.88 loses the status then. So be it, as long as nothing is sent twice, and what comes
 * next goes over a new connection: unless it was sent before the client could hear of it. */
Test(etcd_grpc_connections, that_are_not_to_be_used_again)
{
    enum { CALLS = 20 };
    bool before = false;
    struct scripted scripted;
    begin(&scripted, go_away_and_answer, &before);
    for (int i = 1; i <= 2 * CALLS; i++) {
        int connections = scripted.grpc.server.connections;
        bool heard = before;
        before = i > CALLS;
        int error = put(scripted.store);
        cr_expect(error == 0 || error == ALLOT_EUNKNOWN, "%d: %d", i, error);
        cr_expect_eq(scripted.grpc.calls, i);
        cr_expect(!heard || scripted.grpc.server.connections == connections + 1, "%d", i);
    }
    end(&scripted);
}

/* Over the connection that there is, and only then over a new one. */
static bool answer_call(void *context, const struct scripted_call *call)
{
    (void)context;
    return answer_well(call);
}

Test(etcd_grpc_connections, that_are_used_again)
{
    struct scripted scripted;
    begin(&scripted, answer_call, NULL);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(put(scripted.store), 0);
        cr_assert_eq(sync_range(scripted.store, &one_key, NULL), 0);
    }
    cr_assert_eq(scripted.grpc.server.connections, 1);
    end(&scripted);
}

static bool refuse_for_want_of_a_leader(void *context, const struct scripted_call *call)
{
    (void)context;
    return scripted_grpc_refusal(call, "14", "etcdserver: no leader");
}

Test(etcd_grpc_connections, to_a_member_without_a_leader)
{
    struct scripted_grpc members[2];
    char endpoints[200];
    scripted_grpc_start(&members[0], refuse_for_want_of_a_leader, NULL);
    scripted_grpc_start(&members[1], answer_call, NULL);
    snprintf(endpoints, sizeof endpoints, "%s,%s", members[0].server.url, members[1].server.url);
    for (int i = 0; i < 4; i++) {
        struct store *store =
            must_open(&(struct etcd_store_config){.endpoints = endpoints, .protocol = ETCD_GRPC});
        cr_assert_eq(put(store), 0);
        cr_assert_eq(put(store), 0);
        store->operations->destroy(store);
    }
    cr_assert_eq(members[1].calls, 8);
    cr_assert_leq(members[0].calls, 4);
    for (int i = 0; i < 2; i++)
        scripted_grpc_stop(&members[i]);
}

/* A server that has never heard of HTTP/2. */
static void answer_in_http_1(void *context, int fd)
{
    static const char reply[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    char byte;
    (void)context;
    if (recv(fd, &byte, 1, 0) == 1)
        (void)scripted_send(fd, reply, sizeof reply - 1);
}

Test(etcd_grpc_connections, to_a_server_of_another_protocol)
{
    struct scripted_server server;
    scripted_server_start_raw(&server, answer_in_http_1, NULL);
    struct store *store = must_open(&(struct etcd_store_config){
        .endpoints = server.url, .protocol = ETCD_GRPC, .request_timeout_ms = 500});
    cr_assert_eq(sync_range(store, &one_key, NULL), ALLOT_EUNAVAILABLE);
    int error = put(store);
    cr_assert(error == ALLOT_EUNAVAILABLE || error == ALLOT_EUNKNOWN);
    store->operations->destroy(store);
    scripted_server_stop(&server);
}

/* The etcd store while allocations fail, each in turn. */
#include <criterion/criterion.h>

#include "tests/etcd/fixture.h"
#include "tests/etcd/scripted_grpc.h"
#include "tests/etcd/scripted_server.h"
#include "tests/server/store_conformance.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/store_sync.h"

#define HEADER "\"header\":{\"cluster_id\":\"7\",\"revision\":\"9\"}"
#define KV                                                                                  \
    "{\"key\":\"YQ==\",\"create_revision\":\"2\",\"mod_revision\":\"9\",\"version\":\"1\"," \
    "\"value\":\"YQ==\"}"

enum { ENOUGH = 2000 }; /* allocations, of anything here */

static void done_range(void *context, int error, const struct store_range_result *result)
{
    atomic_int *ret = context;
    cr_assert(error || result->kv_count == 1);
    atomic_store(ret, error ? error : 1);
}

static void done_txn(void *context, int error, const struct store_txn_result *result)
{
    atomic_int *ret = context;
    cr_assert(error || result->result_count == 2);
    atomic_store(ret, error ? error : 1);
}

/* Waits without an allocation. */
static int await(int refused, atomic_int *ret)
{
    while (!refused && atomic_load(ret) == 0)
        ;
    return refused ? refused : atomic_load(ret) == 1 ? 0 : atomic_load(ret);
}

static int try_range(struct store *store)
{
    const struct store_range range = {.keys.key = {"a", 1}};
    atomic_int ret = 0;
    return await(store->operations->range(store, &range, done_range, &ret), &ret);
}

static int try_txn(struct store *store)
{
    struct store_op ops[] = {{.kind = STORE_OP_PUT, .keys.key = {"a", 1}, .value = {"a", 1}},
                             {.kind = STORE_OP_GET, .keys.key = {"a", 1}}};
    struct store_txn txn = txn_of(ops, 2);
    atomic_int ret = 0;
    return await(store->operations->txn(store, &txn, done_txn, &ret), &ret);
}

static bool answer(void *context, const struct scripted_request *request)
{
    (void)context;
    if (strstr(request->path, "range"))
        return scripted_reply(request, 200, "{" HEADER ",\"kvs\":[" KV "]}");
    if (strstr(request->path, "txn"))
        return scripted_reply(request, 200,
                              "{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_put\":{}},"
                              "{\"response_range\":{\"kvs\":[" KV "]}}]}");
    static const char text[] = "{\"result\":{" HEADER ",\"created\":true}}{\"result\":{" HEADER
                               ",\"events\":[{\"kv\":" KV "}]}}";
    (void)(scripted_begin_chunks(request) && scripted_chunk(request, text, sizeof text - 1));
    scripted_wait_for_close(request);
    return false;
}

Test(etcd_store_memory, is_out_while_opening)
{
    const struct etcd_store_config config = {.endpoints = "http://127.0.0.1:1",
                                             .ca_file = "/dev/null"};
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error && nth < ENOUGH; nth++) {
        struct store *store = NULL;
        struct error_message why = {""};
        fail_alloc_set(nth);
        error = etcd_store_open(&config, &store, &why);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM);
        if (store)
            store->operations->destroy(store);
    }
    cr_assert_eq(error, 0);
}

static void run_out_in_requests(struct store *store)
{
    cr_assert_eq(try_range(store), 0);
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error && nth < ENOUGH; nth++) {
        fail_alloc_set(nth);
        error = try_range(store);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM, "%d", error);
    }
    cr_assert_eq(error, 0);
    error = ALLOT_ENOMEM;
    for (long nth = 1; error && nth < ENOUGH; nth++) {
        fail_alloc_set(nth);
        error = try_txn(store);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM || error == ALLOT_EUNKNOWN, "%d", error);
    }
    cr_assert_eq(error, 0);
}

Test(etcd_store_memory, is_out_for_a_request_over_the_gateway)
{
    struct scripted_server server;
    scripted_server_start(&server, answer, NULL);
    struct store *store =
        must_open(&(struct etcd_store_config){.endpoints = server.url, .protocol = ETCD_GATEWAY});
    run_out_in_requests(store);
    store->operations->destroy(store);
    scripted_server_stop(&server);
}

/* As those above, in protobuf's encoding and after their sizes. */
static bool answer_call(void *context, const struct scripted_call *call)
{
    static const char range[] = "\0\0\0\0\x14\x0a\x04\x08\x07\x18\x09\x12\x0c\x0a\x01"
                                "a\x10\x02\x18\x03\x20\x01\x2a\x01"
                                "b";
    static const char txn[] = "\0\0\0\0\x1e\x0a\x04\x08\x07\x18\x09\x10\x01\x1a\x02\x12\x00\x1a"
                              "\x10\x0a\x0e\x12\x0c\x0a\x01"
                              "a\x10\x02\x18\x03\x20\x01\x2a\x01"
                              "b";
    (void)context;
    /* A range has the key alone. */
    bool is_range = call->message.size == 3;
    struct span bytes =
        is_range ? (struct span){range, sizeof range - 1} : (struct span){txn, sizeof txn - 1};
    return scripted_grpc_head(call, 200, false) && scripted_grpc_bytes(call, bytes, false) &&
           scripted_grpc_status(call, "0", NULL);
}

Test(etcd_store_memory, is_out_for_a_request_over_grpc)
{
    struct scripted_grpc grpc;
    scripted_grpc_start(&grpc, answer_call, NULL);
    struct store *store =
        must_open(&(struct etcd_store_config){.endpoints = grpc.server.url, .protocol = ETCD_GRPC});
    run_out_in_requests(store);
    store->operations->destroy(store);
    scripted_grpc_stop(&grpc);
}

struct told {
    atomic_int messages;
    atomic_int events;
    atomic_int error;
};

static void on_event(void *context, const struct store_watch_response *response)
{
    struct told *told = context;
    atomic_fetch_add(&told->events, (int)response->event_count);
    atomic_store(&told->error, response->error);
    atomic_fetch_add(&told->messages, 1);
}

Test(etcd_store_memory, is_out_for_a_watch)
{
    const struct store_keys keys = {.key = {"a", 1}};
    struct scripted_server server;
    scripted_server_start(&server, answer, NULL);
    struct store *store =
        must_open(&(struct etcd_store_config){.endpoints = server.url, .protocol = ETCD_GATEWAY});
    bool whole = false;
    for (long nth = 1; !whole && nth < ENOUGH; nth++) {
        struct told told = {0};
        struct store_watch *watch = NULL;
        fail_alloc_set(nth);
        int error = store->operations->watch(store, &keys, 5, on_event, &told, &watch);
        while (!error && atomic_load(&told.messages) == 0)
            ;
        whole = fail_alloc_count() < nth;
        fail_alloc_set(0);
        store->operations->watch_cancel(store, watch);
        if (!error)
            error = atomic_load(&told.error);
        cr_assert(error == 0 || error == ALLOT_ENOMEM, "%d", error);
        cr_assert(error || told.events == 1);
    }
    cr_assert(whole);
    store->operations->destroy(store);
    scripted_server_stop(&server);
}

/* What etcd answers over gRPC: the first byte says to what. */
#include "core/error.h"
#include "server/etcd_grpc_answer.h"
#include "tests/fuzz/fuzz.h"

/* Whatever is taken keeps what the port promises. */
static void check_kvs(const struct store_kv *kvs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fuzz_require(kvs[i].key.size > 0, "a key has bytes");
        fuzz_require(kvs[i].create_revision >= 1 && kvs[i].version >= 1, "a key was created");
        fuzz_require(kvs[i].mod_revision >= kvs[i].create_revision, "and not changed before");
        fuzz_require(i == 0 || span_compare(kvs[i - 1].key, kvs[i].key) < 0, "keys are in order");
    }
}

static void try_range(const struct etcd_answer *answer)
{
    struct arena arena = {0};
    struct store_range_result result = {0};
    if (etcd_grpc_read_range(answer, 0, &arena, &result) == 0) {
        fuzz_require(result.revision >= 1, "a store has a revision");
        check_kvs(result.kvs, result.kv_count);
    }
    arena_release(&arena);
}

static void try_txn(const struct etcd_answer *answer)
{
    static const unsigned char success[] = {STORE_OP_PUT, STORE_OP_DELETE, STORE_OP_GET};
    static const unsigned char failure[] = {STORE_OP_GET};
    const struct etcd_txn_kinds kinds = {success, sizeof success, failure, sizeof failure};
    struct arena arena = {0};
    struct store_txn_result result = {0};
    if (etcd_grpc_read_txn(answer, &kinds, &arena, &result) == 0) {
        fuzz_require(result.revision >= 1, "a store has a revision");
        fuzz_require(result.result_count == (result.succeeded ? sizeof success : sizeof failure),
                     "each operation has a result");
        for (size_t i = 0; i < result.result_count; i++)
            check_kvs(result.results[i].kvs, result.results[i].kv_count);
    }
    arena_release(&arena);
}

static void try_lease(const struct etcd_answer *answer)
{
    for (int method = ETCD_LEASE_GRANT; method <= ETCD_LEASE_TIME_TO_LIVE; method++) {
        struct store_lease_result result = {0};
        int error = etcd_grpc_read_lease(answer, (enum etcd_method)method, &result);
        fuzz_require(error || method == ETCD_LEASE_REVOKE || result.id >= 1, "a lease has an id");
    }
}

static void try_others(const struct etcd_answer *answer)
{
    struct arena arena = {0};
    struct span token = {0};
    if (etcd_grpc_read_token(answer, &arena, &token) == 0)
        fuzz_require(token.size > 0, "a token has bytes");
    (void)etcd_grpc_read_plain(answer);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const struct etcd_answer *) = {try_range, try_txn, try_lease,
                                                                try_others};
    if (size == 0)
        return 0;
    char *bytes = fuzz_copy((struct span){(const char *)data + 1, size - 1});
    const struct etcd_answer answer = {.bytes = {bytes, size - 1}};
    tries[data[0] % (sizeof tries / sizeof *tries)](&answer);
    free(bytes);
    return 0;
}

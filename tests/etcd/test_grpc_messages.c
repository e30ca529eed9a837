/* What etcd may answer in protobuf's encoding, and what it may not: read from exactly as many bytes
 * as there are, so that a sanitizer sees every step too far. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "build/proto/etcd_messages.pb-c.h"
#include "core/error.h"
#include "server/etcd_grpc.h"

enum { KEYS = 3, MAX_MESSAGE = 512 };

static ProtobufCBinaryData bytes_of(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

/* --- answers that are good, to be spoilt --- */

struct made {
    Etcd__Header header;
    Etcd__KeyValue kvs[KEYS];
    Etcd__KeyValue *kv_pointers[KEYS];
    Etcd__RangeResponse range;
    Etcd__PlainResponse put;
    Etcd__DeleteResponse deletion;
    Etcd__Result results[KEYS];
    Etcd__Result *result_pointers[KEYS];
    Etcd__TxnResponse txn;
    Etcd__LeaseResponse lease;
    Etcd__LeaseTimeToLiveResponse time_to_live;
};

static void make_kvs(struct made *made)
{
    static const char *const keys[KEYS] = {"a", "b", "c"};
    for (int i = 0; i < KEYS; i++) {
        etcd__key_value__init(&made->kvs[i]);
        made->kvs[i].key = bytes_of(keys[i]);
        made->kvs[i].value = bytes_of("value");
        made->kvs[i].create_revision = 2;
        made->kvs[i].mod_revision = 300;
        made->kvs[i].version = 2;
        made->kvs[i].lease = i == 1 ? INT64_MAX : 0;
        made->kv_pointers[i] = &made->kvs[i];
    }
    etcd__range_response__init(&made->range);
    made->range.header = &made->header;
    made->range.n_kvs = KEYS;
    made->range.kvs = made->kv_pointers;
    made->range.more = true;
    made->range.count = 100;
}

/* A put, a deletion and a range. */
static void make_txn(struct made *made)
{
    etcd__plain_response__init(&made->put);
    made->put.header = &made->header;
    etcd__delete_response__init(&made->deletion);
    made->deletion.deleted = 7;
    for (int i = 0; i < KEYS; i++) {
        etcd__result__init(&made->results[i]);
        made->result_pointers[i] = &made->results[i];
    }
    made->results[0].result_case = ETCD__RESULT__RESULT_PUT;
    made->results[0].put = &made->put;
    made->results[1].result_case = ETCD__RESULT__RESULT_DELETE_RANGE;
    made->results[1].delete_range = &made->deletion;
    made->results[2].result_case = ETCD__RESULT__RESULT_RANGE;
    made->results[2].range = &made->range;
    etcd__txn_response__init(&made->txn);
    made->txn.header = &made->header;
    made->txn.succeeded = true;
    made->txn.n_results = KEYS;
    made->txn.results = made->result_pointers;
}

static void make(struct made *made)
{
    etcd__header__init(&made->header);
    made->header.cluster_id = UINT64_MAX;
    made->header.member_id = 5;
    made->header.revision = 300;
    made->header.raft_term = 2;
    make_kvs(made);
    make_txn(made);
    etcd__lease_response__init(&made->lease);
    made->lease.header = &made->header;
    made->lease.id = 7;
    made->lease.ttl = 60;
    etcd__lease_time_to_live_response__init(&made->time_to_live);
    made->time_to_live.header = &made->header;
    made->time_to_live.id = 7;
    made->time_to_live.ttl = 59;
    made->time_to_live.granted_ttl = 60;
}

/* --- reading --- */

static const unsigned char success[KEYS] = {STORE_OP_PUT, STORE_OP_DELETE, STORE_OP_GET};
static const struct etcd_txn_kinds kinds = {success, KEYS, NULL, 0};

/* Whatever is taken keeps what the port promises. */
static void check_kvs(const struct store_kv *kvs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cr_assert_gt(kvs[i].key.size, 0);
        cr_assert_geq(kvs[i].create_revision, 1);
        cr_assert_geq(kvs[i].mod_revision, kvs[i].create_revision);
        cr_assert_geq(kvs[i].version, 1);
        cr_assert_geq(kvs[i].lease, 0);
        cr_assert(i == 0 || span_compare(kvs[i - 1].key, kvs[i].key) < 0);
    }
}

static int read_range(const struct etcd_answer *answer)
{
    struct store_range_result range = {0};
    struct arena arena = {0};
    int error = etcd_grpc.read_range(answer, 0, &arena, &range);
    if (!error) {
        cr_assert_geq(range.revision, 1);
        check_kvs(range.kvs, range.kv_count);
    }
    arena_release(&arena);
    return error;
}

static int read_txn(const struct etcd_answer *answer)
{
    struct store_txn_result txn = {0};
    struct arena arena = {0};
    int error = etcd_grpc.read_txn(answer, &kinds, &arena, &txn);
    if (!error) {
        cr_assert_geq(txn.revision, 1);
        cr_assert_eq(txn.result_count, txn.succeeded ? KEYS : 0);
        for (size_t i = 0; i < txn.result_count; i++)
            check_kvs(txn.results[i].kvs, txn.results[i].kv_count);
    }
    arena_release(&arena);
    return error;
}

static int read_lease(const struct etcd_answer *answer, enum etcd_method method)
{
    struct store_lease_result lease = {0};
    int error = etcd_grpc.read_lease(answer, method, &lease);
    cr_assert(error || method == ETCD_LEASE_REVOKE || lease.id >= 1);
    return error;
}

static int read_grant(const struct etcd_answer *answer)
{
    return read_lease(answer, ETCD_LEASE_GRANT);
}

static int read_keep_alive(const struct etcd_answer *answer)
{
    return read_lease(answer, ETCD_LEASE_KEEP_ALIVE);
}

static int read_time_to_live(const struct etcd_answer *answer)
{
    return read_lease(answer, ETCD_LEASE_TIME_TO_LIVE);
}

typedef int reader(const struct etcd_answer *answer);

static int read_bytes(reader *read, const uint8_t *bytes, size_t size)
{
    char *copy = malloc(size ? size : 1);
    cr_assert_not_null(copy);
    memcpy(copy, bytes, size);
    const struct etcd_answer answer = {.bytes = {copy, size}};
    int error = read(&answer);
    free(copy);
    return error;
}

static int read_message(reader *read, const ProtobufCMessage *message)
{
    uint8_t bytes[MAX_MESSAGE];
    cr_assert_leq(protobuf_c_message_get_packed_size(message), sizeof bytes);
    return read_bytes(read, bytes, protobuf_c_message_pack(message, bytes));
}

/* --- damage --- */

/* Cut off after each byte, and with each bit turned over: taken or not, but read soundly. */
static void damage(reader *read, const ProtobufCMessage *message)
{
    uint8_t bytes[MAX_MESSAGE];
    cr_assert_leq(protobuf_c_message_get_packed_size(message), sizeof bytes);
    size_t size = protobuf_c_message_pack(message, bytes);
    int refused = 0;
    for (size_t i = 0; i < size; i++)
        refused += read_bytes(read, bytes, i) != 0;
    cr_expect_gt(refused, 0);
    refused = 0;
    for (size_t i = 0; i < 8 * size; i++) {
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        refused += read_bytes(read, bytes, size) != 0;
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    cr_expect_gt(refused, 0);
    cr_expect_eq(read_bytes(read, bytes, size), 0);
}

Test(etcd_grpc_messages, that_are_damaged)
{
    struct made made;
    make(&made);
    damage(read_range, &made.range.base);
    damage(read_txn, &made.txn.base);
    damage(read_grant, &made.lease.base);
    damage(read_keep_alive, &made.lease.base);
    damage(read_time_to_live, &made.time_to_live.base);
    damage(etcd_grpc.read_plain, &made.put.base);
}

/* --- what is out of its range --- */

#define SPOILT(read, message, field, value)                                                        \
    do {                                                                                           \
        struct made made;                                                                          \
        make(&made);                                                                               \
        cr_assert_eq(read_message(read, &made.message.base), 0);                                   \
        made.field = value;                                                                        \
        cr_expect_eq(read_message(read, &made.message.base), wanted, "%s: %s = %s", #read, #field, \
                     #value);                                                                      \
    } while (0)

Test(etcd_grpc_messages, that_are_wrong)
{
    int wanted = ALLOT_EIO;
    SPOILT(read_range, range, range.header, NULL);
    SPOILT(read_range, range, header.revision, 0);
    SPOILT(read_range, range, header.revision, -1);
    SPOILT(read_range, range, kvs[0].key.len, 0);
    SPOILT(read_range, range, kvs[1].key, bytes_of("a"));
    SPOILT(read_range, range, kvs[1].key, bytes_of("c"));
    SPOILT(read_range, range, kvs[1].create_revision, 0);
    SPOILT(read_range, range, kvs[1].create_revision, 301);
    SPOILT(read_range, range, kvs[1].mod_revision, 1);
    SPOILT(read_range, range, kvs[1].version, 0);
    SPOILT(read_range, range, kvs[1].lease, -1);
    SPOILT(read_txn, txn, txn.header, NULL);
    SPOILT(read_txn, txn, txn.succeeded, false);
    SPOILT(read_txn, txn, txn.n_results, 2);
    SPOILT(read_txn, txn, results[0].result_case, ETCD__RESULT__RESULT__NOT_SET);
    SPOILT(read_txn, txn, result_pointers[0], &made.results[1]);
    SPOILT(read_txn, txn, result_pointers[1], &made.results[0]);
    SPOILT(read_txn, txn, result_pointers[2], &made.results[0]);
    SPOILT(read_txn, txn, deletion.deleted, -1);
    SPOILT(read_txn, txn, kvs[2].key.len, 0);
    SPOILT(read_grant, lease, lease.id, 0);
    SPOILT(read_grant, lease, lease.ttl, 0);
    SPOILT(read_grant, lease, lease.ttl, -1);
    SPOILT(read_keep_alive, lease, lease.id, -1);
    SPOILT(read_keep_alive, lease, lease.ttl, -2);
    SPOILT(read_time_to_live, time_to_live, time_to_live.id, 0);
    SPOILT(read_time_to_live, time_to_live, time_to_live.ttl, -2);
    SPOILT(read_time_to_live, time_to_live, time_to_live.granted_ttl, 0);
    SPOILT(etcd_grpc.read_plain, put, put.header, NULL);
}

Test(etcd_grpc_messages, that_say_that_a_lease_is_gone)
{
    int wanted = ALLOT_ELEASE;
    SPOILT(read_keep_alive, lease, lease.ttl, 0);
    SPOILT(read_keep_alive, lease, lease.ttl, -1);
    SPOILT(read_time_to_live, time_to_live, time_to_live.ttl, -1);
}

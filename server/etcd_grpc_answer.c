#include "server/etcd_grpc_answer.h"

#include "build/proto/etcd_messages.pb-c.h"
#include "core/error.h"

/* --- messages --- */

/* What protobuf-c allocates by: all of it goes with the arena. */
struct memory {
    ProtobufCAllocator allocator;
    struct arena *arena;
    bool is_out;
};

static void *allocate(void *data, size_t size)
{
    struct memory *memory = data;
    void *bytes = arena_allocate(memory->arena, size);
    memory->is_out = memory->is_out || !bytes;
    return bytes;
}

static void keep(void *data, void *bytes)
{
    (void)data, (void)bytes;
}

/* The message is in the arena, and what it points to. */
static int unpack(const struct etcd_answer *answer, const ProtobufCMessageDescriptor *descriptor,
                  struct arena *arena, ProtobufCMessage **ret)
{
    struct memory memory = {.allocator = {allocate, keep, &memory}, .arena = arena};
    *ret = protobuf_c_message_unpack(descriptor, &memory.allocator, answer->bytes.size,
                                     (const uint8_t *)answer->bytes.data);
    return *ret ? 0 : memory.is_out ? ALLOT_ENOMEM : ALLOT_EIO;
}

static struct span span_of_bytes(const ProtobufCBinaryData *bytes)
{
    return (struct span){(const char *)bytes->data, bytes->len};
}

/* --- the parts of answers --- */

static int read_header(const Etcd__Header *header, uint64_t *ret_cluster, int64_t *ret_revision)
{
    if (!header || header->revision < 1)
        return ALLOT_EIO;
    *ret_cluster = header->cluster_id;
    *ret_revision = header->revision;
    return 0;
}

/* A key-value that exists: only its lease and its value may be left out. */
static int read_kv(const Etcd__KeyValue *kv, struct store_kv *ret)
{
    bool good = kv->key.len > 0 && kv->create_revision >= 1 &&
                kv->mod_revision >= kv->create_revision && kv->version >= 1 && kv->lease >= 0;
    *ret = (struct store_kv){
        .key = span_of_bytes(&kv->key),
        .value = span_of_bytes(&kv->value),
        .create_revision = kv->create_revision,
        .mod_revision = kv->mod_revision,
        .version = kv->version,
        .lease = kv->lease,
    };
    return good ? 0 : ALLOT_EIO;
}

static int read_kvs(const Etcd__RangeResponse *response, struct arena *arena,
                    const struct store_kv **ret, size_t *ret_count)
{
    struct store_kv *kvs = arena_allocate(arena, response->n_kvs * sizeof *kvs);
    if (!kvs)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < response->n_kvs; i++) {
        int error = read_kv(response->kvs[i], &kvs[i]);
        if (!error && i > 0 && span_compare(kvs[i - 1].key, kvs[i].key) >= 0)
            error = ALLOT_EIO;
        if (error)
            return error;
    }
    *ret = kvs;
    *ret_count = response->n_kvs;
    return 0;
}

/* --- ranges and transactions --- */

int etcd_grpc_read_range(const struct etcd_answer *answer, int64_t asked_revision,
                         struct arena *arena, struct store_range_result *ret)
{
    ProtobufCMessage *message;
    int error = unpack(answer, &etcd__range_response__descriptor, arena, &message);
    if (error)
        return error;
    const Etcd__RangeResponse *response = (const Etcd__RangeResponse *)message;
    error = read_header(response->header, &ret->cluster_id, &ret->revision);
    if (!error)
        error = read_kvs(response, arena, &ret->kvs, &ret->kv_count);
    if (asked_revision)
        ret->revision = asked_revision;
    ret->more = response->more;
    return error;
}

static int read_result(const Etcd__Result *result, enum store_op_kind kind, struct arena *arena,
                       struct store_op_result *ret)
{
    static const Etcd__Result__ResultCase cases[] = {
        [STORE_OP_PUT] = ETCD__RESULT__RESULT_PUT,
        [STORE_OP_DELETE] = ETCD__RESULT__RESULT_DELETE_RANGE,
        [STORE_OP_GET] = ETCD__RESULT__RESULT_RANGE,
    };
    *ret = (struct store_op_result){0};
    if (result->result_case != cases[kind])
        return ALLOT_EIO;
    if (kind == STORE_OP_GET)
        return read_kvs(result->range, arena, &ret->kvs, &ret->kv_count);
    if (kind == STORE_OP_DELETE)
        ret->deleted = result->delete_range->deleted;
    return ret->deleted >= 0 ? 0 : ALLOT_EIO;
}

int etcd_grpc_read_txn(const struct etcd_answer *answer, const struct etcd_txn_kinds *kinds,
                       struct arena *arena, struct store_txn_result *ret)
{
    ProtobufCMessage *message;
    int error = unpack(answer, &etcd__txn_response__descriptor, arena, &message);
    if (error)
        return error;
    const Etcd__TxnResponse *response = (const Etcd__TxnResponse *)message;
    error = read_header(response->header, &ret->cluster_id, &ret->revision);
    size_t count = response->succeeded ? kinds->success_count : kinds->failure_count;
    if (!error && response->n_results != count)
        error = ALLOT_EIO;
    if (error)
        return error;
    const unsigned char *branch = response->succeeded ? kinds->success : kinds->failure;
    struct store_op_result *results = arena_allocate(arena, count * sizeof *results);
    if (!results)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count && !error; i++)
        error =
            read_result(response->results[i], (enum store_op_kind)branch[i], arena, &results[i]);
    ret->succeeded = response->succeeded;
    ret->results = results;
    ret->result_count = count;
    return error;
}

/* --- leases and others --- */

static int take_lease(const Etcd__LeaseResponse *response, struct store_lease_result *ret)
{
    ret->id = response->id;
    ret->ttl = ret->granted_ttl = response->ttl;
    if (ret->id < 1 || ret->ttl < -1)
        return ALLOT_EIO;
    return 0;
}

static int take_time_to_live(const Etcd__LeaseTimeToLiveResponse *response,
                             struct store_lease_result *ret)
{
    ret->id = response->id;
    ret->ttl = response->ttl;
    ret->granted_ttl = response->granted_ttl;
    if (ret->id < 1 || ret->ttl < -1)
        return ALLOT_EIO;
    if (ret->ttl < 0)
        return ALLOT_ELEASE;
    return ret->granted_ttl >= 1 ? 0 : ALLOT_EIO;
}

static int read_lease(const struct etcd_answer *answer, enum etcd_method method,
                      struct arena *arena, struct store_lease_result *ret)
{
    ProtobufCMessage *message;
    bool asks = method == ETCD_LEASE_TIME_TO_LIVE;
    int error = unpack(answer,
                       asks ? &etcd__lease_time_to_live_response__descriptor
                            : &etcd__lease_response__descriptor,
                       arena, &message);
    if (error)
        return error;
    if (asks)
        return take_time_to_live((const Etcd__LeaseTimeToLiveResponse *)message, ret);
    error = take_lease((const Etcd__LeaseResponse *)message, ret);
    if (!error && ret->ttl <= 0) /* one that is granted has some */
        error = method == ETCD_LEASE_KEEP_ALIVE ? ALLOT_ELEASE : ALLOT_EIO;
    return error;
}

int etcd_grpc_read_lease(const struct etcd_answer *answer, enum etcd_method method,
                         struct store_lease_result *ret)
{
    struct arena arena = {0};
    int error = method == ETCD_LEASE_REVOKE ? etcd_grpc_read_plain(answer)
                                            : read_lease(answer, method, &arena, ret);
    arena_release(&arena);
    return error;
}

int etcd_grpc_read_plain(const struct etcd_answer *answer)
{
    struct arena arena = {0};
    ProtobufCMessage *message;
    int error = unpack(answer, &etcd__plain_response__descriptor, &arena, &message);
    if (!error && !((const Etcd__PlainResponse *)message)->header)
        error = ALLOT_EIO;
    arena_release(&arena);
    return error;
}

int etcd_grpc_read_token(const struct etcd_answer *answer, struct arena *arena, struct span *ret)
{
    ProtobufCMessage *message;
    int error = unpack(answer, &etcd__authenticate_response__descriptor, arena, &message);
    if (error)
        return error;
    *ret = span_of_bytes(&((const Etcd__AuthenticateResponse *)message)->token);
    return ret->size > 0 ? 0 : ALLOT_EIO;
}

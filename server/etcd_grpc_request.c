#include "server/etcd_grpc_request.h"

#include "build/proto/etcd_messages.pb-c.h"
#include "core/error.h"

static void append(struct buffer *out, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    const unsigned char prefix[ETCD_GRPC_PREFIX] = {
        0, (unsigned char)(size >> 24), (unsigned char)(size >> 16), (unsigned char)(size >> 8),
        (unsigned char)size};
    buffer_reserve(out, out->size + sizeof prefix + size);
    buffer_append(out, (struct span){(const char *)prefix, sizeof prefix});
    if (!out->error)
        out->size += protobuf_c_message_pack(message, (uint8_t *)out->data + out->size);
}

/* Borrowed, and only read. */
static ProtobufCBinaryData bytes_of(struct span span)
{
    return (ProtobufCBinaryData){span.size, (uint8_t *)span.data};
}

/* To etcd an end of one zero byte means "no end"; to the port it is a range without keys, as that
 * from a key to itself is to etcd. */
static ProtobufCBinaryData end_of(const struct store_keys *keys)
{
    bool nothing = keys->range_end.size == 1 && keys->range_end.data[0] == 0;
    return bytes_of(nothing ? keys->key : keys->range_end);
}

void etcd_grpc_put_range(struct buffer *out, const struct store_range *range)
{
    Etcd__RangeRequest message = ETCD__RANGE_REQUEST__INIT;
    message.key = bytes_of(range->keys.key);
    message.range_end = end_of(&range->keys);
    message.limit = range->limit;
    message.revision = range->revision;
    append(out, &message.base);
}

/* --- transactions --- */

static void set_operand(const struct store_compare *compare, Etcd__Compare *ret)
{
    switch (compare->target) {
    case STORE_CREATE_REVISION:
        ret->target = ETCD__COMPARE__TARGET__CREATE;
        ret->operand_case = ETCD__COMPARE__OPERAND_CREATE_REVISION;
        ret->create_revision = compare->number;
        break;
    case STORE_MOD_REVISION:
        ret->target = ETCD__COMPARE__TARGET__MOD;
        ret->operand_case = ETCD__COMPARE__OPERAND_MOD_REVISION;
        ret->mod_revision = compare->number;
        break;
    case STORE_VERSION:
        ret->target = ETCD__COMPARE__TARGET__VERSION;
        ret->operand_case = ETCD__COMPARE__OPERAND_VERSION;
        ret->version = compare->number;
        break;
    case STORE_VALUE:
        ret->target = ETCD__COMPARE__TARGET__VALUE;
        ret->operand_case = ETCD__COMPARE__OPERAND_VALUE;
        ret->value = bytes_of(compare->value);
        break;
    case STORE_LEASE:
        ret->target = ETCD__COMPARE__TARGET__LEASE;
        ret->operand_case = ETCD__COMPARE__OPERAND_LEASE;
        ret->lease = compare->number;
        break;
    }
}

static Etcd__Compare compare_of(const struct store_compare *compare)
{
    static const Etcd__Compare__Relation relations[] = {
        [STORE_EQUAL] = ETCD__COMPARE__RELATION__EQUAL,
        [STORE_NOT_EQUAL] = ETCD__COMPARE__RELATION__NOT_EQUAL,
        [STORE_GREATER] = ETCD__COMPARE__RELATION__GREATER,
        [STORE_LESS] = ETCD__COMPARE__RELATION__LESS,
    };
    Etcd__Compare message = ETCD__COMPARE__INIT;
    message.relation = relations[compare->relation];
    message.key = bytes_of(compare->keys.key);
    message.range_end = end_of(&compare->keys);
    set_operand(compare, &message);
    return message;
}

/* NULL: out of memory. */
static Etcd__Compare **compares_of(const struct store_txn *txn, struct arena *arena)
{
    Etcd__Compare *messages = arena_allocate(arena, txn->compare_count * sizeof *messages);
    Etcd__Compare **pointers = arena_allocate(arena, txn->compare_count * sizeof *pointers);
    if (!messages || !pointers)
        return NULL;
    for (size_t i = 0; i < txn->compare_count; i++) {
        messages[i] = compare_of(&txn->compares[i]);
        pointers[i] = &messages[i];
    }
    return pointers;
}

/* An operation, and what it points to. */
struct operation {
    Etcd__Operation message;
    union {
        Etcd__RangeRequest range;
        Etcd__PutRequest put;
        Etcd__DeleteRequest delete_range;
    } of;
};

static void set_operation(const struct store_op *op, struct operation *ret)
{
    Etcd__Operation *message = &ret->message;
    etcd__operation__init(message);
    switch (op->kind) {
    case STORE_OP_PUT:
        etcd__put_request__init(&ret->of.put);
        ret->of.put.key = bytes_of(op->keys.key);
        ret->of.put.value = bytes_of(op->value);
        ret->of.put.lease = op->lease;
        ret->of.put.ignore_lease = op->keep_lease;
        message->operation_case = ETCD__OPERATION__OPERATION_PUT;
        message->put = &ret->of.put;
        break;
    case STORE_OP_DELETE:
        etcd__delete_request__init(&ret->of.delete_range);
        ret->of.delete_range.key = bytes_of(op->keys.key);
        ret->of.delete_range.range_end = end_of(&op->keys);
        message->operation_case = ETCD__OPERATION__OPERATION_DELETE_RANGE;
        message->delete_range = &ret->of.delete_range;
        break;
    case STORE_OP_GET:
        etcd__range_request__init(&ret->of.range);
        ret->of.range.key = bytes_of(op->keys.key);
        ret->of.range.range_end = end_of(&op->keys);
        message->operation_case = ETCD__OPERATION__OPERATION_RANGE;
        message->range = &ret->of.range;
        break;
    }
}

/* NULL: out of memory. */
static Etcd__Operation **branch_of(const struct store_op *ops, size_t count, struct arena *arena)
{
    struct operation *operations = arena_allocate(arena, count * sizeof *operations);
    Etcd__Operation **pointers = arena_allocate(arena, count * sizeof *pointers);
    if (!operations || !pointers)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        set_operation(&ops[i], &operations[i]);
        pointers[i] = &operations[i].message;
    }
    return pointers;
}

void etcd_grpc_put_txn(struct buffer *out, const struct store_txn *txn)
{
    struct arena arena = {0};
    Etcd__TxnRequest message = ETCD__TXN_REQUEST__INIT;
    message.n_compares = txn->compare_count;
    message.compares = compares_of(txn, &arena);
    message.n_success = txn->success_count;
    message.success = branch_of(txn->success, txn->success_count, &arena);
    message.n_failure = txn->failure_count;
    message.failure = branch_of(txn->failure, txn->failure_count, &arena);
    if (message.compares && message.success && message.failure)
        append(out, &message.base);
    else
        out->error = ALLOT_ENOMEM;
    arena_release(&arena);
}

/* --- the others --- */

void etcd_grpc_put_lease(struct buffer *out, enum etcd_method method, int64_t id, int64_t ttl)
{
    Etcd__LeaseGrantRequest grant = ETCD__LEASE_GRANT_REQUEST__INIT;
    Etcd__LeaseRequest other = ETCD__LEASE_REQUEST__INIT;
    grant.id = other.id = id;
    grant.ttl = ttl;
    append(out, method == ETCD_LEASE_GRANT ? &grant.base : &other.base);
}

void etcd_grpc_put_compact(struct buffer *out, int64_t revision)
{
    Etcd__CompactionRequest message = ETCD__COMPACTION_REQUEST__INIT;
    message.revision = revision;
    append(out, &message.base);
}

void etcd_grpc_put_authenticate(struct buffer *out, struct span user, struct span password)
{
    Etcd__AuthenticateRequest message = ETCD__AUTHENTICATE_REQUEST__INIT;
    message.name = bytes_of(user);
    message.password = bytes_of(password);
    append(out, &message.base);
}

#include "core/transaction.h"

#include <stdlib.h>

#include "core/error.h"

/* FIRST: of checks and of operations; a request rarely has more. */
enum { BLOCK_SIZE = 16 * 1024, FIRST = 4 };

struct transaction_block {
    struct transaction_block *next;
    size_t used;
    size_t capacity;
    char bytes[];
};

void transaction_init(struct transaction *transaction)
{
    *transaction = (struct transaction){0};
}

static void free_blocks(struct transaction_block *block)
{
    while (block) {
        struct transaction_block *next = block->next;
        free(block);
        block = next;
    }
}

void transaction_release(struct transaction *transaction)
{
    free(transaction->checks);
    free(transaction->operations);
    free_blocks(transaction->blocks);
    transaction_init(transaction);
}

void transaction_clear(struct transaction *transaction)
{
    transaction->check_count = 0;
    transaction->operation_count = 0;
    transaction->bytes = 0;
    transaction->error = 0;
    if (transaction->blocks) {
        free_blocks(transaction->blocks->next);
        transaction->blocks->next = NULL;
        transaction->blocks->used = 0;
    }
}

struct transaction_mark transaction_mark(const struct transaction *transaction)
{
    return (struct transaction_mark){transaction->check_count, transaction->operation_count,
                                     transaction->bytes};
}

void transaction_rewind(struct transaction *transaction, struct transaction_mark mark)
{
    transaction->check_count = mark.check_count;
    transaction->operation_count = mark.operation_count;
    transaction->bytes = mark.bytes;
}

bool transaction_fits(const struct transaction *transaction)
{
    return transaction->check_count <= STORE_MAX_COMPARES &&
           transaction->operation_count <= STORE_MAX_OPS && transaction->bytes <= STORE_MAX_REQUEST;
}

/* Room for one more of @size bytes in *@array; false (and `error`) when memory has run out. */
static bool reserve(struct transaction *transaction, void *array, size_t count, size_t *capacity,
                    size_t size)
{
    if (transaction->error)
        return false;
    if (count < *capacity)
        return true;
    size_t more = *capacity ? 2 * *capacity : FIRST;
    void *grown = realloc(*(void **)array, more * size);
    if (!grown) {
        transaction->error = ALLOT_ENOMEM;
        return false;
    }
    *(void **)array = grown;
    *capacity = more;
    return true;
}

static void check(struct transaction *transaction, struct store_compare compare)
{
    if (!reserve(transaction, &transaction->checks, transaction->check_count,
                 &transaction->check_capacity, sizeof compare))
        return;
    transaction->checks[transaction->check_count++] = compare;
    transaction->bytes += compare.keys.key.size;
}

static void operate(struct transaction *transaction, struct store_op operation)
{
    if (!reserve(transaction, &transaction->operations, transaction->operation_count,
                 &transaction->operation_capacity, sizeof operation))
        return;
    transaction->operations[transaction->operation_count++] = operation;
    transaction->bytes += operation.keys.key.size + operation.value.size;
}

void transaction_check_absent(struct transaction *transaction, struct span key)
{
    transaction_check_all_absent(transaction, (struct store_keys){.key = key});
}

void transaction_check_all_absent(struct transaction *transaction, struct store_keys keys)
{
    check(transaction, (struct store_compare){
                           .keys = keys, .target = STORE_CREATE_REVISION, .relation = STORE_EQUAL});
}

/* Whether this very key, borrowed from the same place, is checked already. */
static bool is_checked(const struct transaction *transaction, struct span key, int64_t mod_revision)
{
    for (size_t i = 0; i < transaction->check_count; i++) {
        const struct store_compare *check = &transaction->checks[i];
        if (check->keys.key.data == key.data && check->target == STORE_MOD_REVISION &&
            check->number == mod_revision)
            return true;
    }
    return false;
}

void transaction_check_unchanged(struct transaction *transaction, struct span key,
                                 int64_t mod_revision)
{
    if (transaction->merges_checks && is_checked(transaction, key, mod_revision))
        return;
    check(transaction, (struct store_compare){.keys = {.key = key},
                                              .target = STORE_MOD_REVISION,
                                              .relation = STORE_EQUAL,
                                              .number = mod_revision});
}

void transaction_delete(struct transaction *transaction, struct span key)
{
    operate(transaction, (struct store_op){.kind = STORE_OP_DELETE, .keys = {.key = key}});
}

void transaction_put(struct transaction *transaction, struct span key, struct span value,
                     int64_t lease)
{
    operate(transaction,
            (struct store_op){
                .kind = STORE_OP_PUT, .keys = {.key = key}, .value = value, .lease = lease});
}

void transaction_append(struct transaction *transaction, const struct transaction *other,
                        size_t skipped)
{
    for (size_t i = 0; i < other->check_count; i++)
        check(transaction, other->checks[i]);
    for (size_t i = skipped; i < other->operation_count; i++)
        operate(transaction, other->operations[i]);
}

char *transaction_allocate(struct transaction *transaction, size_t size)
{
    if (transaction->error)
        return NULL;
    struct transaction_block *block = transaction->blocks;
    if (!block || block->capacity - block->used < size) {
        size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = malloc(sizeof *block + capacity);
        if (!block) {
            transaction->error = ALLOT_ENOMEM;
            return NULL;
        }
        *block = (struct transaction_block){.next = transaction->blocks, .capacity = capacity};
        transaction->blocks = block;
    }
    char *bytes = block->bytes + block->used;
    block->used += size;
    return bytes;
}

struct store_txn transaction_view(const struct transaction *transaction)
{
    return (struct store_txn){
        .compares = transaction->checks,
        .compare_count = transaction->check_count,
        .success = transaction->operations,
        .success_count = transaction->operation_count,
    };
}

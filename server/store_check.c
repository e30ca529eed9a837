#include "server/store_check.h"

#include <stdlib.h>

#include "core/error.h"

/* Adds the bytes of spans to a size. ALLOT_ELIMIT if that is too much for a request. */
static int add_size(size_t *size, struct span span)
{
    if (span.size > STORE_MAX_REQUEST || *size + span.size > STORE_MAX_REQUEST)
        return ALLOT_ELIMIT;
    *size += span.size;
    return 0;
}

static int check_keys(const struct store_keys *keys, size_t *size)
{
    if (keys->key.size == 0)
        return ALLOT_EINVAL;
    int error = add_size(size, keys->key);
    return error ? error : add_size(size, keys->range_end);
}

static int check_compare(const struct store_compare *compare, size_t *size)
{
    if (compare->target > STORE_LEASE || compare->relation > STORE_LESS)
        return ALLOT_EINVAL;
    int error = check_keys(&compare->keys, size);
    return error ? error : add_size(size, compare->value);
}

static int check_op(const struct store_op *op, size_t *size)
{
    if (op->kind > STORE_OP_GET)
        return ALLOT_EINVAL;
    if (op->kind == STORE_OP_PUT) {
        bool two_leases = op->keep_lease && op->lease != 0;
        if (op->keys.range_end.size > 0 || op->lease < 0 || two_leases)
            return ALLOT_EINVAL;
    }
    int error = check_keys(&op->keys, size);
    return error ? error : add_size(size, op->value);
}

static int compare_puts(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* Whether @keys, deleted, has one of the sorted @puts. */
static bool covers_put(const struct store_keys *keys, const struct span *puts, size_t count)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(puts[middle], keys->key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && store_keys_have(keys, puts[low]);
}

/* One operation for each key that is put. */
static int check_conflicts(const struct store_op *ops, size_t count)
{
    struct span puts[STORE_MAX_OPS];
    size_t put_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == STORE_OP_PUT)
            puts[put_count++] = ops[i].keys.key;
    }
    if (put_count == 0)
        return 0;
    qsort(puts, put_count, sizeof *puts, compare_puts);
    for (size_t i = 1; i < put_count; i++) {
        if (span_equal(puts[i - 1], puts[i]))
            return ALLOT_EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == STORE_OP_DELETE && covers_put(&ops[i].keys, puts, put_count))
            return ALLOT_EINVAL;
    }
    return 0;
}

static int check_branch(const struct store_op *ops, size_t count, size_t *size)
{
    for (size_t i = 0; i < count; i++) {
        int error = check_op(&ops[i], size);
        if (error)
            return error;
    }
    return check_conflicts(ops, count);
}

int store_check_txn(const struct store_txn *txn, size_t *ret_size)
{
    size_t size = 0;
    if (txn->compare_count > STORE_MAX_COMPARES || txn->success_count > STORE_MAX_OPS ||
        txn->failure_count > STORE_MAX_OPS)
        return ALLOT_ELIMIT;
    for (size_t i = 0; i < txn->compare_count; i++) {
        int error = check_compare(&txn->compares[i], &size);
        if (error)
            return error;
    }
    int error = check_branch(txn->success, txn->success_count, &size);
    if (!error)
        error = check_branch(txn->failure, txn->failure_count, &size);
    *ret_size = size;
    return error;
}

int store_check_range(const struct store_range *range, size_t *ret_size)
{
    size_t size = 0;
    if (range->revision < 0 || range->limit < 0)
        return ALLOT_EINVAL;
    int error = check_keys(&range->keys, &size);
    *ret_size = size;
    return error;
}

int store_check_watch(const struct store_keys *keys, int64_t start_revision, size_t *ret_size)
{
    size_t size = 0;
    if (start_revision < 0)
        return ALLOT_EINVAL;
    int error = check_keys(keys, &size);
    *ret_size = size;
    return error;
}

int store_check_grant(int64_t id, int64_t ttl)
{
    return id < 0 || ttl < STORE_MIN_TTL || ttl > STORE_MAX_TTL ? ALLOT_EINVAL : 0;
}

int store_check_lease(int64_t id)
{
    return id < 0 ? ALLOT_EINVAL : 0;
}

#include "tests/core/flight.h"

#include <stdio.h>
#include <stdlib.h>

static void *allocate(size_t size)
{
    void *memory = malloc(size + 1);
    if (!memory) {
        fputs("flight: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static size_t size_of(const struct store_op *ops, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += ops[i].keys.key.size + ops[i].keys.range_end.size + ops[i].value.size;
    return size;
}

static struct span copy_span(struct span from, char **bytes)
{
    struct span copy = {*bytes, from.size};
    if (from.size)
        memcpy(*bytes, from.data, from.size);
    *bytes += from.size;
    return copy;
}

static struct store_keys copy_keys(struct store_keys from, char **bytes)
{
    return (struct store_keys){copy_span(from.key, bytes), copy_span(from.range_end, bytes)};
}

static const struct store_op *copy_ops(const struct store_op *from, size_t count, char **bytes)
{
    struct store_op *ops = allocate(count * sizeof *ops);
    for (size_t i = 0; i < count; i++) {
        ops[i] = from[i];
        ops[i].keys = copy_keys(from[i].keys, bytes);
        ops[i].value = copy_span(from[i].value, bytes);
    }
    return ops;
}

static const struct store_compare *copy_compares(const struct store_compare *from, size_t count,
                                                 char **bytes)
{
    struct store_compare *compares = allocate(count * sizeof *compares);
    for (size_t i = 0; i < count; i++) {
        compares[i] = from[i];
        compares[i].keys = copy_keys(from[i].keys, bytes);
        compares[i].value = copy_span(from[i].value, bytes);
    }
    return compares;
}

void flight_init(struct flight *flight, const struct store_txn *txn, struct state *decided_on,
                 int author)
{
    size_t size = size_of(txn->success, txn->success_count);
    size += size_of(txn->failure, txn->failure_count);
    for (size_t i = 0; i < txn->compare_count; i++)
        size += txn->compares[i].keys.key.size + txn->compares[i].keys.range_end.size +
                txn->compares[i].value.size;
    char *bytes = allocate(size);
    *flight = (struct flight){
        .txn = *txn, .decided_on = state_ref(decided_on), .author = author, .bytes = bytes};
    flight->txn.compares = copy_compares(txn->compares, txn->compare_count, &bytes);
    flight->txn.success = copy_ops(txn->success, txn->success_count, &bytes);
    flight->txn.failure = copy_ops(txn->failure, txn->failure_count, &bytes);
}

void flight_release(struct flight *flight)
{
    free((void *)flight->txn.compares);
    free((void *)flight->txn.success);
    free((void *)flight->txn.failure);
    free(flight->bytes);
    state_unref(flight->decided_on);
    *flight = (struct flight){0};
}

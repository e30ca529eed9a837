#include "server/embedded_request.h"

#include <stdlib.h>

#include "core/error.h"

enum { FIRST_KVS = 16 };

int embedded_kvs_add(struct embedded_kvs *kvs, const struct store_kv *kv)
{
    if (kvs->count == kvs->capacity) {
        size_t capacity = kvs->capacity ? 2 * kvs->capacity : FIRST_KVS;
        struct store_kv *all = realloc(kvs->all, capacity * sizeof *all);
        if (!all)
            return ALLOT_ENOMEM;
        kvs->all = all;
        kvs->capacity = capacity;
    }
    kvs->all[kvs->count++] = *kv;
    return 0;
}

/* --- checking --- */

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

/* @ret_size: bytes of all keys and values. */
static int check_txn(const struct store_txn *txn, size_t *ret_size)
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

/* --- copying --- */

static struct embedded_request *create(enum embedded_request_kind kind, size_t extra, void *context)
{
    struct embedded_request *request = malloc(sizeof *request + extra);
    if (!request)
        return NULL;
    *request = (struct embedded_request){
        .kind = kind, .size = sizeof *request + extra, .context = context};
    return request;
}

/* Copies to *@at, and moves that behind. */
static struct span copy_span(struct span span, char **at)
{
    struct span copy = {*at, span.size};
    if (span.size)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return copy;
}

static struct store_keys copy_keys(struct store_keys keys, char **at)
{
    struct span key = copy_span(keys.key, at);
    return (struct store_keys){key, copy_span(keys.range_end, at)};
}

static struct store_op *copy_ops(const struct store_op *ops, size_t count, struct store_op *to,
                                 char **at)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = ops[i];
        to[i].keys = copy_keys(ops[i].keys, at);
        to[i].value = copy_span(ops[i].value, at);
    }
    return to;
}

int embedded_request_txn(const struct store_txn *txn, store_txn_done *done, void *context,
                         struct embedded_request **ret)
{
    size_t bytes;
    int error = check_txn(txn, &bytes);
    if (error)
        return error;
    size_t result_count =
        txn->success_count > txn->failure_count ? txn->success_count : txn->failure_count;
    size_t compares_size = txn->compare_count * sizeof(struct store_compare);
    size_t ops_size = (txn->success_count + txn->failure_count) * sizeof(struct store_op);
    size_t results_size = result_count * sizeof(struct store_op_result);
    struct embedded_request *request =
        create(EMBEDDED_TXN, compares_size + ops_size + results_size + bytes, context);
    if (!request)
        return ALLOT_ENOMEM;

    struct store_compare *compares = (struct store_compare *)(request + 1);
    struct store_op *ops = (struct store_op *)(compares + txn->compare_count);
    request->results = (struct store_op_result *)(ops + txn->success_count + txn->failure_count);
    char *at = (char *)(request->results + result_count);
    for (size_t i = 0; i < txn->compare_count; i++) {
        compares[i] = txn->compares[i];
        compares[i].keys = copy_keys(txn->compares[i].keys, &at);
        compares[i].value = copy_span(txn->compares[i].value, &at);
    }
    request->asked.txn = *txn;
    request->asked.txn.compares = compares;
    request->asked.txn.success = copy_ops(txn->success, txn->success_count, ops, &at);
    request->asked.txn.failure =
        copy_ops(txn->failure, txn->failure_count, ops + txn->success_count, &at);
    request->done.txn = done;
    *ret = request;
    return 0;
}

int embedded_request_range(const struct store_range *range, store_range_done *done, void *context,
                           struct embedded_request **ret)
{
    size_t bytes = 0;
    if (range->revision < 0 || range->limit < 0)
        return ALLOT_EINVAL;
    int error = check_keys(&range->keys, &bytes);
    if (error)
        return error;
    struct embedded_request *request = create(EMBEDDED_RANGE, bytes, context);
    if (!request)
        return ALLOT_ENOMEM;
    char *at = (char *)(request + 1);
    request->asked.range = *range;
    request->asked.range.keys = copy_keys(range->keys, &at);
    request->done.range = done;
    *ret = request;
    return 0;
}

int embedded_request_lease(enum embedded_request_kind kind, int64_t id, int64_t ttl,
                           store_lease_done *done, void *context, struct embedded_request **ret)
{
    if (id < 0 || (kind == EMBEDDED_GRANT && (ttl < STORE_MIN_TTL || ttl > STORE_MAX_TTL)))
        return ALLOT_EINVAL;
    struct embedded_request *request = create(kind, 0, context);
    if (!request)
        return ALLOT_ENOMEM;
    request->asked.lease.id = id;
    request->asked.lease.ttl = ttl;
    request->done.lease = done;
    *ret = request;
    return 0;
}

int embedded_request_watch(struct store_watch *watch, struct embedded_request **ret)
{
    struct embedded_request *request = create(EMBEDDED_WATCH, 0, NULL);
    if (!request)
        return ALLOT_ENOMEM;
    request->asked.watch = watch;
    *ret = request;
    return 0;
}

int embedded_request_compact(int64_t revision, store_compact_done *done, void *context,
                             struct embedded_request **ret)
{
    if (revision < 0)
        return ALLOT_EINVAL;
    struct embedded_request *request = create(EMBEDDED_COMPACT, 0, context);
    if (!request)
        return ALLOT_ENOMEM;
    request->asked.compact_revision = revision;
    request->done.compact = done;
    *ret = request;
    return 0;
}

/* --- the end --- */

void embedded_request_answer(const struct embedded_request *request)
{
    bool failed = request->error != 0;
    switch (request->kind) {
    case EMBEDDED_RANGE:
        request->done.range(request->context, request->error,
                            failed ? NULL : &request->answer.range);
        break;
    case EMBEDDED_TXN:
        request->done.txn(request->context, request->error, failed ? NULL : &request->answer.txn);
        break;
    case EMBEDDED_GRANT:
    case EMBEDDED_KEEP_ALIVE:
    case EMBEDDED_REVOKE:
    case EMBEDDED_TIME_TO_LIVE:
        request->done.lease(request->context, request->error,
                            failed ? NULL : &request->answer.lease);
        break;
    case EMBEDDED_COMPACT:
        request->done.compact(request->context, request->error);
        break;
    case EMBEDDED_WATCH:
        break;
    }
}

void embedded_request_destroy(struct embedded_request *request)
{
    if (!request)
        return;
    while (request->past) {
        struct embedded_version *next = request->past->next;
        free(request->past);
        request->past = next;
    }
    free(request->kvs.all);
    free(request);
}

#include "server/embedded_request.h"

#include <stdlib.h>

#include "core/error.h"
#include "server/store_check.h"

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
    int error = store_check_txn(txn, &bytes);
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
    size_t bytes;
    int error = store_check_range(range, &bytes);
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
    int error = kind == EMBEDDED_GRANT ? store_check_grant(id, ttl) : store_check_lease(id);
    if (error)
        return error;
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

#include "server/embedded_txn.h"

#include "core/error.h"

/* --- compares --- */

static bool relation_holds(enum store_compare_relation relation, int order)
{
    switch (relation) {
    case STORE_EQUAL:
        return order == 0;
    case STORE_NOT_EQUAL:
        return order != 0;
    case STORE_GREATER:
        return order > 0;
    case STORE_LESS:
        return order < 0;
    }
    return false;
}

static int64_t number_of(const struct store_kv *kv, enum store_compare_target target)
{
    switch (target) {
    case STORE_CREATE_REVISION:
        return kv->create_revision;
    case STORE_MOD_REVISION:
        return kv->mod_revision;
    case STORE_VERSION:
        return kv->version;
    case STORE_LEASE:
        return kv->lease;
    case STORE_VALUE:
        break;
    }
    return 0;
}

static bool kv_holds(const struct store_compare *compare, const struct store_kv *kv)
{
    int order;
    if (compare->target == STORE_VALUE) {
        order = span_compare(kv->value, compare->value);
    } else {
        int64_t number = number_of(kv, compare->target);
        order = (number > compare->number) - (number < compare->number);
    }
    return relation_holds(compare->relation, order);
}

static bool compare_holds(const struct embedded_state *state, const struct store_compare *compare)
{
    const struct embedded_node *node = embedded_map_seek(&state->map, &compare->keys);
    if (!node)
        return compare->target != STORE_VALUE && kv_holds(compare, &(struct store_kv){0});
    for (; embedded_map_is_within(node, &compare->keys); node = embedded_node_next(node)) {
        if (!kv_holds(compare, &node->version->kv))
            return false;
    }
    return true;
}

/* --- operations --- */

static int get(const struct embedded_state *state, const struct store_keys *keys,
               struct embedded_kvs *kvs, size_t *ret_count)
{
    size_t before = kvs->count;
    const struct embedded_node *node = embedded_map_seek(&state->map, keys);
    for (; embedded_map_is_within(node, keys); node = embedded_node_next(node)) {
        if (embedded_kvs_add(kvs, &node->version->kv))
            return ALLOT_ENOMEM;
    }
    *ret_count = kvs->count - before;
    return 0;
}

static int run_op(struct embedded_state *state, const struct store_op *op, struct embedded_kvs *kvs,
                  struct store_op_result *result)
{
    *result = (struct store_op_result){0};
    switch (op->kind) {
    case STORE_OP_PUT:
        return embedded_state_put(state, op);
    case STORE_OP_DELETE:
        return embedded_state_delete(state, &op->keys, &result->deleted);
    case STORE_OP_GET:
        return get(state, &op->keys, kvs, &result->kv_count);
    }
    return ALLOT_EINVAL;
}

int embedded_txn_run(struct embedded_state *state, struct embedded_request *request)
{
    const struct store_txn *txn = &request->asked.txn;
    bool succeeded = true;
    for (size_t i = 0; i < txn->compare_count && succeeded; i++)
        succeeded = compare_holds(state, &txn->compares[i]);
    const struct store_op *ops = succeeded ? txn->success : txn->failure;
    size_t count = succeeded ? txn->success_count : txn->failure_count;

    size_t first_change = embedded_state_begin(state);
    for (size_t i = 0; i < count; i++) {
        int error = run_op(state, &ops[i], &request->kvs, &request->results[i]);
        if (error) {
            embedded_state_undo(state, first_change);
            return error;
        }
    }
    embedded_state_end(state);
    /* now that the array doesn't move any more */
    for (size_t i = 0, at = 0; i < count; i++) {
        if (request->results[i].kv_count)
            request->results[i].kvs = request->kvs.all + at;
        at += request->results[i].kv_count;
    }
    request->writes = state->change_count > first_change;
    request->answer.txn = (struct store_txn_result){.succeeded = succeeded,
                                                    .revision = state->revision,
                                                    .results = request->results,
                                                    .result_count = count};
    return 0;
}

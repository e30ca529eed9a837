/* What a session does to its key. */
#include "server/session_internal.h"

#include <stdlib.h>
#include <string.h>

#include "server/store_wait.h"

char *session_copy(struct span span)
{
    char *bytes = malloc(span.size + 1);
    if (bytes && span.size)
        memcpy(bytes, span.data, span.size);
    return bytes;
}

static struct span value_of(const struct session *session)
{
    return (struct span){session->value, session->value_size};
}

/* --- announcing --- */

/* What stands at our key. */
struct holder {
    bool announced; /* by this transaction */
    bool exists;
    int64_t lease;
    bool excluded; /* by keys that should be absent */
};

static void read_holder(void *context, const struct store_txn_result *result)
{
    struct holder *holder = context;
    *holder = (struct holder){.announced = result->succeeded};
    if (result->succeeded || result->result_count == 0)
        return;
    holder->excluded = result->result_count > 1 && result->results[1].kv_count > 0;
    holder->exists = result->results[0].kv_count == 1;
    if (holder->exists)
        holder->lease = result->results[0].kvs[0].lease;
}

/* Puts the key under our lease if nothing stands there; else tells what does. */
static int put_if_absent(struct session *session, struct holder *ret)
{
    struct store_keys key = {.key = session->config.key};
    size_t count = session->absent.key.size != 0 ? 2 : 1;
    struct store_compare absent[] = {
        {.keys = key, .target = STORE_CREATE_REVISION, .relation = STORE_EQUAL},
        {.keys = session->absent, .target = STORE_CREATE_REVISION, .relation = STORE_EQUAL},
    };
    struct store_op put = {
        .kind = STORE_OP_PUT, .keys = key, .value = value_of(session), .lease = session->lease};
    struct store_op gets[] = {{.kind = STORE_OP_GET, .keys = key},
                              {.kind = STORE_OP_GET, .keys = session->absent}};
    struct store_txn txn = {.compares = absent,
                            .compare_count = count,
                            .success = &put,
                            .success_count = 1,
                            .failure = gets,
                            .failure_count = count};
    return store_wait_txn(session->config.store, &txn, session->request_ms, read_holder, ret);
}

/* Removes what a former run of ours has left. */
static int evict(struct session *session, const struct holder *holder)
{
    if (holder->lease) {
        int error =
            store_wait_lease_revoke(session->config.store, holder->lease, session->request_ms);
        return error == ALLOT_ELEASE ? 0 : error;
    }
    struct store_op delete = {.kind = STORE_OP_DELETE, .keys = {.key = session->config.key}};
    struct store_txn txn = {.success = &delete, .success_count = 1};
    return store_wait_txn(session->config.store, &txn, session->request_ms, NULL, NULL);
}

int session_put_key(struct session *session)
{
    struct holder holder = {0};
    int error = put_if_absent(session, &holder);
    if (error == ALLOT_ELEASE)
        session->lease = 0;
    if (error || holder.announced || (holder.exists && holder.lease == session->lease))
        return error;
    if (holder.excluded)
        return ALLOT_ELOCKED;
    if (!session->config.exclusive || (session->was_announced && holder.lease))
        return ALLOT_EEXISTS;
    error = evict(session, &holder);
    if (!error)
        error = put_if_absent(session, &holder);
    return error ? error : holder.announced ? 0 : ALLOT_EEXISTS;
}

/* --- another value --- */

enum { MOST_TRIES = 3 }; /* of an update, if others change the key meanwhile */

/* What an update found instead of what it looked for. */
struct found {
    struct arena *arena; /* of the value */
    bool done;
    bool exists;
    int64_t lease;
    struct span value; /* {NULL, 0}: there was no memory for it */
};

static void read_found(void *context, const struct store_txn_result *result)
{
    struct found *found = context;
    found->done = result->succeeded;
    found->exists = !found->done && result->result_count == 1 && result->results[0].kv_count == 1;
    if (found->exists) {
        const struct store_kv *kv = &result->results[0].kvs[0];
        found->lease = kv->lease;
        found->value = arena_copy(found->arena, kv->value);
    }
}

/* Puts @value if @former stands there under @lease; else tells what does. The allocator's fence may
 * have been renewed in between, which puts the same value: so its value is compared, not its
 * revision. */
static int replace_value(struct session *session, int64_t lease, struct span former,
                         struct span value, struct found *ret)
{
    struct store_keys key = {.key = session->config.key};
    struct store_compare ours[] = {
        {.keys = key, .target = STORE_LEASE, .relation = STORE_EQUAL, .number = lease},
        {.keys = key, .target = STORE_VALUE, .relation = STORE_EQUAL, .value = former},
    };
    struct store_op put = {.kind = STORE_OP_PUT, .keep_lease = true, .keys = key, .value = value};
    struct store_op get = {.kind = STORE_OP_GET, .keys = key};
    struct store_txn txn = {.compares = ours,
                            .compare_count = 2,
                            .success = &put,
                            .success_count = 1,
                            .failure = &get,
                            .failure_count = 1};
    return store_wait_txn(session->config.store, &txn, session->request_ms, read_found, ret);
}

/* Changes what stands at the key: at first, so we guess, what we have put. */
static int change_value(struct session *session, session_change *change, void *context,
                        struct arena *arena, struct span *ret)
{
    int64_t lease = session_term(session).lease;
    struct span former = value_of(session);
    if (lease == 0) /* we have never had one: what stands there without a lease isn't ours */
        return ALLOT_EFENCE;
    for (int i = 0; i < MOST_TRIES; i++) {
        struct found found = {.arena = arena};
        int error = change(context, former, arena, ret);
        if (!error)
            error = replace_value(session, lease, former, *ret, &found);
        if (error || found.done)
            return error;
        if (!found.exists || found.lease != lease)
            return ALLOT_EFENCE;
        if (!found.value.data)
            return ALLOT_ENOMEM;
        former = found.value;
    }
    return ALLOT_EUNAVAILABLE;
}

/* The value to be announced from now on. */
static int keep_value(struct session *session, struct span value)
{
    char *bytes = session_copy(value);
    if (!bytes)
        return ALLOT_ENOMEM;
    free(session->value);
    session->value = bytes;
    session->value_size = value.size;
    return 0;
}

int session_update(struct session *session, session_change *change, void *context)
{
    struct arena arena = {NULL};
    struct span value;
    pthread_mutex_lock(&session->announcing);
    int error = change_value(session, change, context, &arena, &value);
    if (!error)
        error = keep_value(session, value);
    pthread_mutex_unlock(&session->announcing);
    arena_release(&arena);
    return error;
}

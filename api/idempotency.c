#include "api/idempotency.h"

#include "api/change.h"
#include "api/reply.h"
#include "api/secret.h"

#define FOLDER "/idempotency/"

/* The hash of two texts, one after the other, into the arena. */
static struct span hash_both(struct api_call *call, struct span first, struct span second)
{
    struct span none = {NULL, 0};
    char *text = arena_allocate(&call->arena, first.size + second.size + 1);
    char *hash = arena_allocate(&call->arena, SECRET_HASH_SIZE + 1);
    if (!text || !hash)
        return none;
    memcpy(text, first.data, first.size);
    text[first.size] = '\n';
    if (second.size > 0)
        memcpy(text + first.size + 1, second.data, second.size);
    if (secret_hash((struct span){text, first.size + second.size + 1}, hash))
        return none;
    return (struct span){hash, SECRET_HASH_SIZE};
}

/* Nobody's keys are another's. */
static struct span record_key(struct api_call *call, struct span given)
{
    struct span root = call->runtime->root;
    struct span hash = hash_both(call, span_of(call->principal.name), given);
    size_t size = root.size + sizeof FOLDER - 1 + hash.size;
    char *key = arena_allocate(&call->arena, size);
    if (!key || !hash.data)
        return (struct span){NULL, 0};
    memcpy(key, root.data, root.size);
    memcpy(key + root.size, FOLDER, sizeof FOLDER - 1);
    memcpy(key + root.size + sizeof FOLDER - 1, hash.data, hash.size);
    return (struct span){key, size};
}

static enum api_step reply_done_before(struct api_call *call, const struct entry *entry)
{
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision", entry->mod_revision);
    json_boolean_field(&writer, "replayed", true);
    json_end(&writer, '}');
    return reply_finish(call);
}

static enum api_step on_lease_granted(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error)
        return problem_of_lease_error(call, outcome->error, "to record the Idempotency-Key");
    call->lease = outcome->lease->id;
    return call->route->handler(call);
}

/* A key that is not recorded: its record is to end by itself. */
static enum idempotency_state ask_for_lease(struct api_call *call)
{
    if (call->lease != 0 || call_is_dry_run(call))
        return IDEMPOTENCY_GOES_ON;
    call->action.lease.id = 0;
    call->action.lease.ttl = IDEMPOTENCY_SECONDS;
    call->resume = on_lease_granted;
    return IDEMPOTENCY_ASKS;
}

enum idempotency_state idempotency_begin(struct api_call *call)
{
    struct span given = call_header(call, "Idempotency-Key");
    call->idempotency_key = (struct span){NULL, 0};
    if (!given.data)
        return IDEMPOTENCY_GOES_ON;
    if (!json_is_token(given, IDEMPOTENCY_MIN_KEY, IDEMPOTENCY_MAX_KEY)) {
        (void)problem(call, PROBLEM_MALFORMED,
                      "Idempotency-Key must have %d to %d printable ASCII characters, without "
                      "spaces",
                      IDEMPOTENCY_MIN_KEY, IDEMPOTENCY_MAX_KEY);
        return IDEMPOTENCY_REPLIED;
    }
    call->idempotency_key = record_key(call, given);
    call->idempotency_hash = hash_both(call, call->request->target, call->request->body);
    if (!call->idempotency_key.data || !call->idempotency_hash.data) {
        (void)problem_of_error(call, ALLOT_ENOMEM, "to look for the Idempotency-Key");
        return IDEMPOTENCY_REPLIED;
    }
    const struct entry *entry =
        keyspace_find(call->snapshot->state->keyspace, call->idempotency_key);
    if (!entry)
        return ask_for_lease(call);
    if (span_equal(entry->value, call->idempotency_hash))
        (void)reply_done_before(call, entry);
    else
        (void)problem(call, PROBLEM_KEY_USED,
                      "this Idempotency-Key was used for another request, of revision %lld",
                      (long long)entry->mod_revision);
    return IDEMPOTENCY_REPLIED;
}

void idempotency_record(struct api_call *call)
{
    if (!call->idempotency_key.data)
        return;
    change_check(call, call->idempotency_key, NULL);
    transaction_put(&call->transaction, call->idempotency_key, call->idempotency_hash, call->lease);
}

#include "api/change.h"

#include "api/headers.h"
#include "api/plans.h"
#include "api/reply.h"
#include "api/root_format.h"
#include "api/secret.h"
#include "api/timestamp.h"
#include "api/trace.h"
#include "api/utf8.h"

enum { MAX_REASON = 200, MAX_ACTOR = 16 * 1024 };

/* Header text that can stand in a record: short, UTF-8, no control characters. */
static bool is_plain_text(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7F)
            return false;
    }
    return text.size <= MAX_REASON && utf8_is_valid(text);
}

enum { NONCE_BYTES = 8, NONCE_SIZE = 2 * NONCE_BYTES + 1 };

/* What tells this write from every other one: by it the write is known again in the watch. */
static int make_nonce(const struct api_call *call, char text[NONCE_SIZE])
{
    unsigned char bytes[NONCE_BYTES] = {0};
    int error = call->runtime->random(call->runtime->context, bytes, sizeof bytes);
    secret_write_hex(bytes, sizeof bytes, text);
    return error;
}

static void write_actor(const struct api_call *call, struct span reason, const char *nonce,
                        struct buffer *out)
{
    const struct api_request *request = call->request;
    struct span trace = trace_id(request->traceparent);
    struct json_writer writer = json_writer_of(out);
    char time_text[TIMESTAMP_SIZE];
    timestamp_format(call->runtime->wall_clock_ms(call->runtime->context), time_text);
    json_begin(&writer, '{');
    json_text_field(&writer, "principal", call->principal.name);
    json_string_field(&writer, "request_id", request->request_id);
    if (trace.data)
        json_string_field(&writer, "trace_id", trace);
    json_string_field(&writer, "method", request->method);
    json_string_field(&writer, "path", reply_path(call));
    if (reason.size > 0)
        json_string_field(&writer, "reason", reason);
    json_text_field(&writer, "time", time_text);
    json_text_field(&writer, "write", nonce);
    json_end(&writer, '}');
}

static struct span actor_key(struct api_call *call)
{
    static const struct span name = {KEYS_ACTOR, sizeof KEYS_ACTOR - 1};
    struct span root = call->runtime->root;
    char *key = arena_allocate(&call->arena, root.size + name.size);
    if (!key)
        return (struct span){NULL, 0};
    memcpy(key, root.data, root.size);
    memcpy(key + root.size, name.data, name.size);
    return (struct span){key, root.size + name.size};
}

static enum api_step refuse_memory(struct api_call *call)
{
    return problem_of_error(call, ALLOT_ENOMEM, "to make the change");
}

bool change_is_allowed(struct api_call *call)
{
    const char *fault = root_format_fault(call->snapshot->state->keyspace);
    if (fault)
        (void)problem(call, PROBLEM_NOT_READY, "%s", fault);
    return !fault;
}

bool change_begin(struct api_call *call)
{
    if (!change_is_allowed(call))
        return false;
    struct span reason = call_header(call, "X-Allot-Reason");
    if (!is_plain_text(reason)) {
        (void)problem(call, PROBLEM_MALFORMED,
                      "X-Allot-Reason must have at most %d bytes of UTF-8, without control "
                      "characters",
                      MAX_REASON);
        return false;
    }
    transaction_clear(&call->transaction);
    call->resource = (struct entry){.valid = false};
    char text[MAX_ACTOR];
    struct buffer actor = {.data = text, .capacity = sizeof text, .maximum = sizeof text};
    char nonce[NONCE_SIZE];
    int error = make_nonce(call, nonce);
    write_actor(call, reason, nonce, &actor);
    struct span key = actor_key(call);
    struct span value = {NULL, 0};
    if (!actor.error)
        value = arena_copy(&call->arena, buffer_span(&actor));
    if (error || !key.data || !value.data) {
        (void)problem_of_error(call, error ? error : ALLOT_ENOMEM, "to make the change");
        return false;
    }
    transaction_put(&call->transaction, key, value, 0);
    return true;
}

void change_check(struct api_call *call, struct span key, const struct entry *entry)
{
    if (entry)
        transaction_check_unchanged(&call->transaction, key, entry->mod_revision);
    else
        transaction_check_absent(&call->transaction, key);
}

void change_check_created(struct api_call *call, struct span key, const struct entry *entry)
{
    struct transaction *transaction = &call->transaction;
    transaction_check_unchanged(transaction, key, entry->create_revision);
    if (!transaction->error)
        transaction->checks[transaction->check_count - 1].target = STORE_CREATE_REVISION;
}

void change_put(struct api_call *call, struct span key, const struct entry *former,
                struct span value, int64_t lease)
{
    struct transaction *transaction = &call->transaction;
    struct span copy = arena_copy(&call->arena, key); /* the former snapshot may go */
    struct entry *resource = &call->resource;
    *resource = (struct entry){
        .key = copy, .value = value, .create_revision = former ? former->create_revision : 0};
    if (!copy.data)
        transaction->error = ALLOT_ENOMEM;
    else
        resource->valid = !keys_parse(call->runtime->root, copy, &resource->parts);
    transaction_put(transaction, copy, value, lease);
}

void change_put_keeping_lease(struct api_call *call, const struct entry *former, struct span value)
{
    struct transaction *transaction = &call->transaction;
    change_put(call, former->key, former, value, 0);
    if (!transaction->error)
        transaction->operations[transaction->operation_count - 1].keep_lease = true;
}

const struct entry *change_written(const struct api_call *call)
{
    return call->committed && call->resource.valid ? &call->resource : NULL;
}

/* Nothing helps but a smaller change: what was stored by others may take part in it. */
static enum api_step refuse_size(struct api_call *call)
{
    return problem(call, PROBLEM_STORE_LIMIT,
                   "the change, along with what is stored already, is more than the store takes in "
                   "one transaction: at most %d bytes of keys and values, %d operations and %d "
                   "checks, or less if it was set up so; nothing was changed",
                   (int)STORE_MAX_REQUEST, (int)STORE_MAX_OPS, (int)STORE_MAX_COMPARES);
}

static void note_commit(struct api_call *call, int64_t revision)
{
    struct entry *resource = &call->resource;
    call->committed = revision;
    resource->mod_revision = revision;
    if (resource->create_revision == 0)
        resource->create_revision = revision;
}

static enum api_step conclude(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error == ALLOT_ELIMIT && !outcome->refused)
        return refuse_size(call);
    if (outcome->error)
        return problem_of_error(call, outcome->error, "to make the change");
    if (!call_refresh(call))
        return API_REPLY;
    if (outcome->txn->succeeded) {
        note_commit(call, outcome->txn->revision);
        return call->written(call);
    }
    if (++call->attempts == CHANGE_MAX_ATTEMPTS)
        return problem(call, PROBLEM_CONTENDED,
                       "others have changed it %d times while this request was at it; nothing was "
                       "changed",
                       CHANGE_MAX_ATTEMPTS);
    return call->route->handler(call);
}

enum api_step change_submit(struct api_call *call, api_handler *written)
{
    const struct transaction *transaction = &call->transaction;
    if (transaction->error)
        return refuse_memory(call);
    if (!transaction_fits(transaction))
        return refuse_size(call);
    call->written = written;
    if (call->parent) {
        call->gathered = true;
        return API_REPLY;
    }
    if (call_is_dry_run(call))
        return plans_reply(call, transaction, 0);
    call->resume = conclude;
    call->action.txn = transaction_view(transaction);
    call->action.txn.traceparent = call->request->traceparent;
    return API_TXN;
}

void change_conclude_gathered(struct api_call *call, int64_t revision)
{
    note_commit(call, revision);
    if (!call_refresh(call) || call->written(call) != API_REPLY || call->reply.status >= 400)
        (void)reply_empty(call, 204);
}

#include "api/bulk.h"

#include <stdio.h>

#include "api/change.h"
#include "api/change_list.h"
#include "api/reply.h"

enum { PIECE = 32 << 10 /* bytes of results that are written at a time */ };

struct result {
    int status; /* 0: none so far */
    int64_t revision;
    struct span problem; /* in the arena */
};

/* In the arena, as what is in it. */
struct bulk {
    size_t count;
    size_t begin, end; /* changes of the group under way */
    size_t group_most; /* changes in a group: fewer, once the store found one too large */
    struct result *results;
    size_t written; /* results, of the reply */
    bool comma;
};

static struct result *result_of(struct api_call *call, size_t index)
{
    return &call->bulk->results[call->bulk->begin + index];
}

/* What @reply says is what came of change @index of the group. */
static void keep_reply(struct api_call *call, size_t index, const struct api_reply *reply,
                       int64_t revision)
{
    struct span problem = {NULL, 0};
    if (reply->status >= 400 && reply->body.size > 0) /* without its line end */
        problem = arena_copy(&call->arena, (struct span){reply->body.data, reply->body.size - 1});
    *result_of(call, index) = (struct result){reply->status, revision, problem};
}

/* --- a group --- */

/* Adds change @index to the transaction. False: it is for the next group. */
static bool gather(struct api_call *call, size_t index)
{
    struct api_call *change = change_list_call(call, index);
    struct transaction_mark before = transaction_mark(&call->transaction);
    transaction_append(&call->transaction, &change->transaction, 1);
    if (transaction_fits(&call->transaction))
        return true;
    transaction_rewind(&call->transaction, before);
    return false;
}

/* Handles change @index of the group. False: it is for the next one. */
static bool handle(struct api_call *call, size_t index)
{
    struct problem_faults faults;
    struct json_object *value = json_object_array_get_idx(call->body, call->bulk->begin + index);
    problem_faults_init(&faults);
    int error = change_list_handle(call, index, value, problem_add_fault, &faults);
    bool mine = true;
    if (error) {
        (void)(error == ALLOT_EVALUE ? problem_invalid(call, &faults)
                                     : problem_of_error(call, error, "to handle the change"));
        keep_reply(call, index, &call->reply, 0);
    } else if (change_list_clashes(call, index)) {
        mine = false;
    } else if (change_list_call(call, index)->gathered) {
        mine = gather(call, index);
        *result_of(call, index) = (struct result){0};
    } else {
        keep_reply(call, index, &change_list_call(call, index)->reply, 0);
    }
    problem_faults_release(&faults);
    return mine;
}

/* Handles as many changes as make one transaction. False: the reply tells why not. */
static bool open_group(struct api_call *call)
{
    struct bulk *bulk = call->bulk;
    size_t left = bulk->count - bulk->begin;
    size_t most = left < bulk->group_most ? left : bulk->group_most;
    if (!call_refresh(call) || !change_list_begin(call, most) || !change_begin(call))
        return false;
    size_t index = 0;
    while (index < most && handle(call, index))
        index++;
    if (index == 0) { /* it fits by itself, but for a few bytes of who does it */
        (void)problem(call, PROBLEM_STORE_LIMIT, "more than the store takes in one transaction");
        keep_reply(call, index++, &call->reply, 0);
    }
    bulk->end = bulk->begin + index;
    return true;
}

/* All changes of the group that have no result yet get what the call's reply says. */
static void fail_group(struct api_call *call)
{
    for (size_t i = 0; i < call->bulk->end - call->bulk->begin; i++)
        if (result_of(call, i)->status == 0)
            keep_reply(call, i, &call->reply, 0);
}

static void conclude_group(struct api_call *call, int64_t revision)
{
    for (size_t i = 0; i < call->bulk->end - call->bulk->begin; i++) {
        struct api_call *change = change_list_call(call, i);
        if (result_of(call, i)->status != 0)
            continue;
        change_conclude_gathered(change, revision);
        keep_reply(call, i, &change->reply, revision);
    }
}

/* --- the reply --- */

static void write_result(struct json_writer *writer, const struct result *result)
{
    json_begin(writer, '{');
    json_integer_field(writer, "status", result->status);
    if (result->revision > 0)
        json_integer_field(writer, "revision", result->revision);
    if (result->problem.size > 0)
        json_raw_field(writer, "body", result->problem);
    json_end(writer, '}');
}

static bool write_lines(struct api_call *call, struct buffer *out)
{
    struct bulk *bulk = call->bulk;
    size_t begin = out->size;
    for (; bulk->written < bulk->count && out->size - begin < PIECE; bulk->written++) {
        struct json_writer writer = json_writer_of(out);
        write_result(&writer, &bulk->results[bulk->written]);
        buffer_append(out, SPAN("\n"));
    }
    return bulk->written < bulk->count && !out->error;
}

static bool write_array(struct api_call *call, struct buffer *out)
{
    struct bulk *bulk = call->bulk;
    struct json_writer writer = {.out = out, .comma = bulk->comma};
    size_t begin = out->size;
    for (; bulk->written < bulk->count && out->size - begin < PIECE; bulk->written++)
        write_result(&writer, &bulk->results[bulk->written]);
    bulk->comma = writer.comma;
    if (bulk->written < bulk->count)
        return !out->error;
    buffer_append(out, SPAN("]}\n"));
    return false;
}

static enum api_step reply(struct api_call *call)
{
    struct json_writer writer = reply_json(call, 200);
    change_list_release(call);
    if (call_format(call) == CALL_LINES) {
        call->reply.content_type = "application/x-ndjson";
        call->reply.more = write_lines;
    } else {
        json_begin(&writer, '{');
        json_integer_field(&writer, "revision",
                           call->committed ? call->committed : call->snapshot->state->revision);
        json_name(&writer, "results");
        json_begin(&writer, '[');
        call->reply.more = write_array;
    }
    int error = call->reply.body.error;
    return error ? problem_of_error(call, error, "to write the reply") : API_REPLY;
}

/* The call's reply tells why nothing more can be done: it stands for all that is left. */
static enum api_step stop(struct api_call *call)
{
    struct bulk *bulk = call->bulk;
    if (bulk->begin == 0)
        return API_REPLY;
    bulk->end = bulk->count;
    fail_group(call);
    return reply(call);
}

/* --- steps --- */

static enum api_step go_on(struct api_call *call);

static enum api_step on_group(struct api_call *call, const struct api_outcome *outcome)
{
    struct bulk *bulk = call->bulk;
    size_t size = bulk->end - bulk->begin;
    if (outcome->error == ALLOT_ELIMIT && !outcome->refused && size > 1) {
        bulk->group_most = (size + 1) / 2;
        return go_on(call);
    }
    if (outcome->error) {
        (void)problem_of_error(call, outcome->error, "to make the change");
        if (bulk->begin == 0 && bulk->end == bulk->count)
            return API_REPLY;
        fail_group(call);
        bulk->begin = bulk->end;
        (void)problem(call, PROBLEM_UNAVAILABLE,
                      "not tried: the store failed at a change before this one");
        return stop(call);
    }
    if (outcome->txn->succeeded) {
        call->committed = outcome->txn->revision;
        conclude_group(call, call->committed);
    } else if (++call->attempts < CHANGE_MAX_ATTEMPTS) {
        return go_on(call);
    } else {
        (void)problem(call, PROBLEM_CONTENDED,
                      "others have changed it, or what is written along with it, %d times while "
                      "this request was at it",
                      CHANGE_MAX_ATTEMPTS);
        fail_group(call);
    }
    call->attempts = 0;
    bulk->begin = bulk->end;
    return go_on(call);
}

/* From group to group, up to one that writes something. */
static enum api_step go_on(struct api_call *call)
{
    struct bulk *bulk = call->bulk;
    while (bulk->begin < bulk->count) {
        if (!open_group(call))
            return stop(call);
        const struct transaction *transaction = &call->transaction;
        if (transaction->error) {
            (void)problem_of_error(call, transaction->error, "to make the change");
            return stop(call);
        }
        if (transaction->operation_count > 1) { /* the first one is who does it */
            call->resume = on_group;
            call->action.txn = transaction_view(transaction);
            call->action.txn.traceparent = call->request->traceparent;
            return API_TXN;
        }
        bulk->begin = bulk->end;
    }
    return reply(call);
}

static enum api_step refuse_count(struct api_call *call)
{
    char detail[80];
    (void)snprintf(detail, sizeof detail, "must be an array, or lines, of at most %d changes",
                   BULK_MAX);
    return problem_invalid_at(call, "", detail);
}

enum api_step bulk_make(struct api_call *call)
{
    bool is_array = json_object_is_type(call->body, json_type_array);
    size_t count = is_array ? json_object_array_length(call->body) : 0;
    if (!is_array || count > BULK_MAX)
        return refuse_count(call);
    struct bulk *bulk = arena_allocate(&call->arena, sizeof *bulk);
    struct result *results = arena_allocate(&call->arena, count * sizeof *results);
    if (!bulk || !results)
        return problem_of_error(call, ALLOT_ENOMEM, "to make the changes");
    for (size_t i = 0; i < count; i++)
        results[i] = (struct result){0};
    *bulk = (struct bulk){.count = count, .group_most = CHANGE_LIST_MAX, .results = results};
    call->bulk = bulk;
    return go_on(call);
}

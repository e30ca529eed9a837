#include "api/plans.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/change.h"
#include "api/change_list.h"
#include "api/hash.h"
#include "api/idempotency.h"
#include "api/item_status.h"
#include "api/reply.h"
#include "api/resources.h"
#include "core/plan.h"

/* POST /v1/plan, and what every dry run replies with. */

enum { MAX_ROUNDS = 10000, DEFAULT_MOVES = 1000, MAX_MOVES = 20000, TOKEN_SIZE = 17 };

/* --- representation --- */

static void write_member_name(struct json_writer *writer, const struct key_parts *parts)
{
    json_string_field(writer, "zone", parts->zone);
    json_string_field(writer, "suffix", parts->suffix);
}

static void write_moves(struct json_writer *writer, const struct plan *plan)
{
    int64_t total = 0;
    json_name(writer, "totals");
    json_begin(writer, '{');
    for (int i = 0; i < PLAN_OPERATION_COUNT; i++) {
        json_integer_field(writer, plan_operation_names[i], plan->counts[i]);
        total += plan->counts[i];
    }
    json_end(writer, '}');
    json_name(writer, "moves");
    json_begin(writer, '[');
    for (size_t i = 0; i < plan->move_count; i++) {
        const struct plan_move *move = &plan->moves[i];
        json_begin(writer, '{');
        json_integer_field(writer, "round", move->round);
        json_text_field(writer, "operation", plan_operation_names[move->operation]);
        json_string_field(writer, "item", move->parts.item);
        write_member_name(writer, &move->parts);
        json_integer_field(writer, "slot", move->parts.slot);
        json_end(writer, '}');
    }
    json_end(writer, ']');
    json_boolean_field(writer, "moves_truncated", (int64_t)plan->move_count < total);
}

/* Number @member of @state; null if it isn't there. */
static void write_load(struct json_writer *writer, const char *name, const struct state *state,
                       int32_t member)
{
    json_name(writer, name);
    if (member == STATE_NONE) {
        json_null(writer);
        return;
    }
    json_begin(writer, '{');
    json_integer_field(writer, "assigned", state->total_count[member]);
    json_integer_field(writer, "primaries", state->primary_count[member]);
    json_integer_field(writer, "item_limit", state->item_limit[member]);
    json_integer_field(writer, "effective_limit", state->effective_limit[member]);
    json_boolean_field(writer, "exiting", state->members[member]->member.exiting);
    json_end(writer, '}');
}

/* Those of before and after, each once, in order. */
static void write_members(struct json_writer *writer, const struct plan *plan)
{
    const struct state *before = plan->before;
    const struct state *after = plan->after;
    int32_t b = 0;
    int32_t a = 0;
    json_name(writer, "members");
    json_begin(writer, '[');
    while (b < before->member_count || a < after->member_count) {
        int order = b == before->member_count  ? 1
                    : a == after->member_count ? -1
                                               : keys_compare_members(&before->members[b]->parts,
                                                                      &after->members[a]->parts);
        json_begin(writer, '{');
        write_member_name(writer,
                          order <= 0 ? &before->members[b]->parts : &after->members[a]->parts);
        write_load(writer, "before", before, order <= 0 ? b : STATE_NONE);
        write_load(writer, "after", after, order >= 0 ? a : STATE_NONE);
        json_end(writer, '}');
        b += order <= 0;
        a += order >= 0;
    }
    json_end(writer, ']');
}

static void write_zones(struct json_writer *writer, const struct state *state)
{
    json_name(writer, "zones");
    json_begin(writer, '[');
    for (int32_t zone = 0; zone < state->zone_count; zone++) {
        int64_t slots = 0;
        int64_t assigned = 0;
        for (int32_t m = state->zone_member_begin[zone]; m < state->zone_member_end[zone]; m++) {
            slots += state->effective_limit[m];
            assigned += state->total_count[m];
        }
        json_begin(writer, '{');
        json_string_field(writer, "zone", state->zones[zone]);
        json_integer_field(writer, "slots", slots);
        json_integer_field(writer, "assigned", assigned);
        json_end(writer, '}');
    }
    json_end(writer, ']');
}

/* What the decision is worth by which the cluster goes on from there, or has come there. */
static void write_levels(struct json_writer *writer, const struct levels *levels)
{
    json_name(writer, "levels");
    json_begin(writer, '{');
    json_integer_field(writer, "assigned", levels->assigned);
    json_integer_field(writer, "zone_excess", levels->zone_excess);
    json_integer_field(writer, "overflow", levels->overflow);
    json_integer_field(writer, "kept", levels->kept);
    json_end(writer, '}');
}

/* The cluster at one end of the plan. */
static void write_end(struct json_writer *writer, const char *name, struct state *state,
                      int64_t unattainable, const struct levels *levels)
{
    const struct snapshot snapshot = {.state = state};
    int64_t counts[ITEM_STATE_COUNT] = {0};
    for (int32_t item = 0; item < state->item_count; item++)
        counts[item_status(&snapshot, item).state]++;
    json_name(writer, name);
    json_begin(writer, '{');
    json_integer_field(writer, "unattainable", unattainable);
    write_levels(writer, levels);
    json_name(writer, "items_by_state");
    json_begin(writer, '{');
    for (int i = 0; i < ITEM_STATE_COUNT; i++)
        json_integer_field(writer, item_state_names[i], counts[i]);
    json_end(writer, '}');
    write_zones(writer, state);
    json_end(writer, '}');
}

static void write_plan(struct api_call *call, const struct plan *plan)
{
    struct json_writer writer = reply_json(call, 200);
    char token[TOKEN_SIZE];
    (void)snprintf(token, sizeof token, "%016" PRIx64, call->planning.token);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision", plan->before->revision);
    if (call->planning.token)
        json_text_field(&writer, "token", token);
    else
        json_boolean_field(&writer, "dry_run", true);
    json_boolean_field(&writer, "converged", plan->converged);
    json_integer_field(&writer, "rounds", plan->rounds);
    write_moves(&writer, plan);
    write_end(&writer, "before", plan->before, plan->unattainable_before, &plan->levels_before);
    write_end(&writer, "after", plan->after, plan->unattainable_after, &plan->levels_after);
    write_members(&writer, plan);
    json_end(&writer, '}');
    (void)reply_finish(call);
}

/* --- making it, on a worker --- */

/* The puts and deletes of the transaction, without the actor. */
static int make_events(struct api_call *call, struct store_event **ret, size_t *ret_count)
{
    const struct transaction *transaction = call->planning.transaction;
    size_t count = transaction->operation_count - 1;
    struct store_event *events = arena_allocate(&call->arena, (count + 1) * sizeof *events);
    if (!events)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct store_op *op = &transaction->operations[i + 1];
        const struct entry *former =
            op->keep_lease ? keyspace_find(call->snapshot->state->keyspace, op->keys.key) : NULL;
        events[i] = (struct store_event){.kind = op->kind == STORE_OP_PUT ? STORE_EVENT_PUT
                                                                          : STORE_EVENT_DELETE,
                                         .kv = {.key = op->keys.key,
                                                .value = op->value,
                                                .lease = former ? former->lease : op->lease}};
    }
    *ret = events;
    *ret_count = count;
    return 0;
}

static void compute(void *context, const atomic_bool *cancelled)
{
    struct api_call *call = context;
    const struct plan_config config = {
        .gone_members_are_inconsistent = true,
        .consistent_value = SPAN("{\"consistent\":true}"),
        .max_rounds = MAX_ROUNDS,
        .max_moves = (size_t)call->planning.max_moves,
        .solver = call->runtime->solver,
        .cancelled = cancelled,
    };
    struct store_event *events = NULL;
    size_t count = 0;
    struct plan *plan = NULL;
    int error = make_events(call, &events, &count);
    if (!error)
        error = plan_make(&config, call->snapshot->state, events, count, &plan);
    if (error == ALLOT_ECANCELED)
        (void)problem(call, PROBLEM_BUSY, "it took too long to plan this, or the server stops");
    else if (error)
        (void)problem_of_error(call, error, "to plan");
    else
        write_plan(call, plan);
    plan_destroy(plan);
}

enum api_step plans_reply(struct api_call *call, const struct transaction *transaction,
                          uint64_t token)
{
    call->planning.transaction = transaction;
    call->planning.token = token;
    call->planning.max_moves = DEFAULT_MOVES;
    if (token && !call_query_integer(call, "max_moves", 0, MAX_MOVES, &call->planning.max_moves))
        return API_REPLY;
    return call_compute(call, compute, "to plan");
}

/* --- POST /v1/plan --- */

struct plan_body {
    struct json_object *changes;
    struct span token;
};

static const struct json_field body_fields[] = {
    {"changes", JSON_ANY, true, 0, CHANGE_LIST_MAX_BODY, NULL, offsetof(struct plan_body, changes)},
    {"token", JSON_TOKEN, false, TOKEN_SIZE - 1, TOKEN_SIZE - 1, NULL,
     offsetof(struct plan_body, token)},
};
static const struct json_spec body_json = {body_fields, sizeof body_fields / sizeof body_fields[0],
                                           false};

/* Of the problem that was solved, of what is to be written, and of the entities that this rests
 * on: a plan is only applied as long as all of them are as they were. Never 0. */
static uint64_t make_token(const struct api_call *call)
{
    const struct transaction *transaction = &call->transaction;
    uint64_t hash = HASH_START ^ call->snapshot->state->fingerprint;
    for (size_t i = 0; i < transaction->check_count; i++) {
        const struct store_compare *check = &transaction->checks[i];
        hash = hash_bytes(hash, check->keys.key);
        hash = hash_bytes(hash, (struct span){(const char *)&check->number, sizeof check->number});
    }
    for (size_t i = 1; i < transaction->operation_count; i++) {
        const struct store_op *op = &transaction->operations[i];
        hash = hash_bytes(hash_bytes(hash, op->keys.key), SPAN("="));
        hash = hash_bytes(hash_bytes(hash, op->value), SPAN("\n"));
    }
    return hash ? hash : 1;
}

static enum api_step apply(struct api_call *call, struct span given)
{
    char token[TOKEN_SIZE];
    (void)snprintf(token, sizeof token, "%016" PRIx64, make_token(call));
    if (!given.data)
        return problem(call, PROBLEM_REQUIRED,
                       "to apply a plan, its token must be in the body: \"token\"");
    if (!span_equal(given, span_of(token)))
        return problem(call, PROBLEM_PRECONDITION,
                       "the cluster is no longer the one that the plan was made for, or these are "
                       "not its changes: plan again");
    if (call->transaction.operation_count == 1)
        return change_list_reply(call);
    idempotency_record(call);
    return change_submit(call, change_list_reply);
}

/* Who only reads may ask what would happen, and no more. */
static bool may_apply(struct api_call *call)
{
    if (call->principal.role == PRINCIPAL_OPERATOR)
        return true;
    (void)problem(call, PROBLEM_FORBIDDEN, "to apply a plan takes the role operator");
    return false;
}

enum api_step plan_post(struct api_call *call)
{
    struct plan_body body = {0};
    bool applies = false;
    uint32_t given;
    if (!call_query_boolean(call, "apply", &applies) || (applies && !may_apply(call)))
        return API_REPLY;
    enum idempotency_state idempotency = applies ? idempotency_begin(call) : IDEMPOTENCY_GOES_ON;
    if (idempotency != IDEMPOTENCY_GOES_ON)
        return idempotency == IDEMPOTENCY_ASKS ? API_LEASE_GRANT : API_REPLY;
    if (!call_decode_body(call, &body_json, &body, &given) ||
        !change_list_open(call, body.changes, "/changes",
                          applies ? CHANGE_LIST_REAL : CHANGE_LIST_SUPPOSED) ||
        !change_begin(call))
        return API_REPLY;
    change_list_gather(call);
    if (call->transaction.error)
        return problem_of_error(call, call->transaction.error, "to plan");
    return applies ? apply(call, body.token)
                   : plans_reply(call, &call->transaction, make_token(call));
}

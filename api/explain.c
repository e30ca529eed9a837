#include "api/explain_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/item_status.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/settings.h"

/* GET /v1/items/{id}/explain: why an item is placed as it is, in codes and in words. */

enum { SOLUTION_MS = 5000 /* how long to wait for one */ };

static const char *const replica_details[EXPLAIN_REPLICA_COUNT] = {
    [EXPLAIN_FROZEN] = "left alone: the stored value of its item or its member does not decode",
    [EXPLAIN_KEPT] = "stays: the solution wants it here",
    [EXPLAIN_MEMBER_GONE] = "goes: its member is not registered",
    [EXPLAIN_MEMBER_DRAINS] = "goes: its member is exiting",
    [EXPLAIN_OVER_LIMIT] = "goes: its member has more than its limit",
    [EXPLAIN_DISPLACED] = "goes: its slot is for another item, as there are too few for all",
    [EXPLAIN_SURPLUS] = "goes: the item has more replicas than it wants",
    [EXPLAIN_MOVES] = "goes: another member is to have it, for an even load or for the zones",
};

static const char *const member_details[EXPLAIN_MEMBER_COUNT] = {
    [EXPLAIN_HOLDS] = "has a replica, and keeps it",
    [EXPLAIN_LEAVES] = "has a replica that is to go",
    [EXPLAIN_ARRIVES] = "is to get a replica",
    [EXPLAIN_LIMIT_ZERO] = "can't: its item limit is 0",
    [EXPLAIN_DRAINING] = "can't: it is exiting, and gives up all of its slots",
    [EXPLAIN_FULL] = "can't: all of its slots go to other items",
    [EXPLAIN_NOT_NEEDED] = "could, but the item has what it wants elsewhere",
    [EXPLAIN_PASSED_OVER] = "could, but the solver has not found the way to it",
};

static void write_code(struct json_writer *writer, const char *code, const char *detail)
{
    json_text_field(writer, "code", code);
    json_text_field(writer, "detail", detail);
}

static void write_wait(struct json_writer *writer, enum explain_wait wait, const char *detail)
{
    json_name(writer, "waits_for");
    if (wait == EXPLAIN_NOTHING) {
        json_null(writer);
        return;
    }
    json_begin(writer, '{');
    write_code(writer, explain_wait_names[wait], detail);
    json_end(writer, '}');
}

/* Whether a removal may wait for it: it isn't consistent, and stays, if only for now. */
static bool is_awaited(const struct explanation *explanation, int32_t assignment)
{
    const struct state *state = explanation->state;
    enum explain_wait wait = explain_replica_wait(explanation, assignment);
    return !state->consistent[assignment] && !state->frozen[assignment] &&
           state_is_held(state, assignment) && wait != EXPLAIN_NEXT_PASS && wait != EXPLAIN_PAUSED;
}

static void write_awaited(struct json_writer *writer, const struct explanation *explanation)
{
    const struct state *state = explanation->state;
    int32_t item = explanation->item;
    json_name(writer, "inconsistent");
    json_begin(writer, '[');
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        if (!is_awaited(explanation, a))
            continue;
        json_begin(writer, '{');
        json_string_field(writer, "zone", state->assignments[a]->parts.zone);
        json_string_field(writer, "suffix", state->assignments[a]->parts.suffix);
        json_end(writer, '}');
    }
    json_end(writer, ']');
}

static void write_replicas(struct json_writer *writer, const struct explanation *explanation)
{
    char detail[EXPLAIN_TEXT_SIZE];
    const struct state *state = explanation->state;
    int32_t item = explanation->item;
    json_name(writer, "replicas");
    json_begin(writer, '[');
    for (int32_t a = state->assignment_begin[item]; a < state->assignment_end[item]; a++) {
        const struct key_parts *parts = &state->assignments[a]->parts;
        enum explain_replica why = explain_replica(explanation, a);
        explain_text_of_replica_wait(explanation, a, detail);
        json_begin(writer, '{');
        json_string_field(writer, "zone", parts->zone);
        json_string_field(writer, "suffix", parts->suffix);
        json_integer_field(writer, "slot", parts->slot);
        json_boolean_field(writer, "primary", parts->slot == 0);
        json_boolean_field(writer, "consistent", state->consistent[a]);
        write_code(writer, explain_replica_names[why], replica_details[why]);
        write_wait(writer, explain_replica_wait(explanation, a), detail);
        json_end(writer, '}');
    }
    json_end(writer, ']');
}

static void write_members(struct json_writer *writer, const struct explanation *explanation)
{
    char detail[EXPLAIN_TEXT_SIZE];
    const struct state *state = explanation->state;
    json_name(writer, "members");
    json_begin(writer, '[');
    for (int32_t m = 0; m < state->member_count; m++) {
        enum explain_member verdict = explain_member(explanation, m);
        json_begin(writer, '{');
        json_string_field(writer, "zone", state->members[m]->parts.zone);
        json_string_field(writer, "suffix", state->members[m]->parts.suffix);
        write_code(writer, explain_member_names[verdict], member_details[verdict]);
        if (verdict == EXPLAIN_ARRIVES) {
            explain_text_of_arrival_wait(explanation, m, detail);
            write_wait(writer, explain_arrival_wait(explanation, m), detail);
        }
        json_integer_field(writer, "assigned", state->total_count[m]);
        json_integer_field(writer, "desired", explanation->desired_load[m]);
        json_integer_field(writer, "effective_limit", state->effective_limit[m]);
        json_end(writer, '}');
    }
    json_end(writer, ']');
}

/* --- what is missing --- */

static void write_zones(struct json_writer *writer, const struct state *state,
                        const struct explain_cut *cut)
{
    json_name(writer, "zones");
    json_begin(writer, '[');
    for (int32_t zone = 0; zone < state->zone_count; zone++) {
        int64_t slots = 0;
        int32_t full = 0;
        for (int32_t m = state->zone_member_begin[zone]; m < state->zone_member_end[zone]; m++) {
            full += cut->full[m];
            slots += cut->full[m] ? state->effective_limit[m] : 0;
        }
        if (full == 0)
            continue;
        json_begin(writer, '{');
        json_string_field(writer, "zone", state->zones[zone]);
        json_integer_field(writer, "full_members", full);
        json_integer_field(writer, "slots", slots);
        json_end(writer, '}');
    }
    json_end(writer, ']');
}

static void write_room(struct json_writer *writer, const struct explanation *explanation)
{
    const struct key_parts *parts = &explanation->state->members[explanation->cut.with_room]->parts;
    json_name(writer, "with_room");
    json_begin(writer, '{');
    json_string_field(writer, "zone", parts->zone);
    json_string_field(writer, "suffix", parts->suffix);
    json_end(writer, '}');
}

static void write_cut(struct json_writer *writer, const struct explanation *explanation)
{
    const struct explain_cut *cut = &explanation->cut;
    json_integer_field(writer, "items", cut->item_count);
    json_integer_field(writer, "wanted", cut->wanted);
    json_integer_field(writer, "full_members", cut->full_count);
    json_integer_field(writer, "slots", cut->slots);
    json_integer_field(writer, "sharing_members", cut->sharing);
    json_integer_field(writer, "unattainable", cut->unattainable);
    write_zones(writer, explanation->state, cut);
}

static const char *missing_code(const struct explanation *explanation)
{
    if (explanation->unplaced > 0 && !explanation->cut.is_tight)
        return "missed";
    return explain_wait_names[explanation->unplaced > 0 ? EXPLAIN_CAPACITY
                                                        : explain_missing_wait(explanation)];
}

static void write_missing(struct json_writer *writer, const struct explanation *explanation)
{
    char detail[EXPLAIN_TEXT_SIZE];
    json_name(writer, "missing");
    if (explanation->missing == 0) {
        json_null(writer);
        return;
    }
    explain_text_of_missing(explanation, detail);
    json_begin(writer, '{');
    json_integer_field(writer, "replicas", explanation->missing);
    json_integer_field(writer, "unplaced", explanation->unplaced);
    write_code(writer, missing_code(explanation), detail);
    if (explanation->unplaced > 0 && explanation->cut.is_tight)
        write_cut(writer, explanation);
    else if (explanation->unplaced > 0)
        write_room(writer, explanation);
    json_end(writer, '}');
}

/* --- the request --- */

static void write_explanation(struct api_call *call, const struct explanation *explanation)
{
    const struct state *state = explanation->state;
    int32_t item = explanation->item;
    struct item_status status = item_status(call->snapshot, item);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision", state->revision);
    json_string_field(&writer, "id", state->items[item]->parts.item);
    json_integer_field(&writer, "replication", state->replication[item]);
    json_text_field(&writer, "state", item_state_names[status.state]);
    write_replicas(&writer, explanation);
    write_awaited(&writer, explanation);
    write_missing(&writer, explanation);
    write_members(&writer, explanation);
    json_end(&writer, '}');
    (void)reply_finish(call);
}

static void compute(void *context, const atomic_bool *cancelled)
{
    struct api_call *call = context;
    const struct state *state = call->snapshot->state;
    int32_t item = state_find_item(state, call->parameters[0]);
    struct explanation explanation = {.item = STATE_NONE};
    struct settings settings;
    struct error_message unread; /* settings that don't decode pause everything */
    (void)cancelled;             /* it takes milliseconds */
    int error = settings_read(state->keyspace, &settings, &unread);
    if (error != ALLOT_ENOMEM) {
        int64_t now_ms = call->runtime->wall_clock_ms(call->runtime->context);
        struct allocator_rules rules = settings_rules_at(&settings, now_ms);
        error =
            explanation_make(state, snapshot_solution(call->snapshot), &rules, item, &explanation);
    }
    if (error)
        (void)problem_of_error(call, error, "to explain the item");
    else
        write_explanation(call, &explanation);
    explanation_release(&explanation);
}

/* --- waiting to be solved --- */

static bool is_solved(struct span subject, const struct snapshot *snapshot)
{
    (void)subject;
    return snapshot_solution(snapshot) != NULL;
}

static enum api_step refuse_unsolved(struct api_call *call)
{
    return problem(call, PROBLEM_NOT_READY, "what is new was not solved within %d s",
                   SOLUTION_MS / 1000);
}

static enum api_step on_solved(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error == ALLOT_EUNAVAILABLE)
        return refuse_unsolved(call);
    if (outcome->error)
        return problem_of_error(call, outcome->error, "to wait for a solution");
    return call_refresh(call) ? items_explain(call) : API_REPLY;
}

/* Each change is solved soon after it. The next one may come before we get to look: then it goes on
 * waiting, for what is left of the time. */
static enum api_step wait_for_solution(struct api_call *call)
{
    int64_t now_ms = call->runtime->wall_clock_ms(call->runtime->context);
    if (call->explained_by_ms == 0)
        call->explained_by_ms = now_ms + SOLUTION_MS;
    int64_t left_ms = call->explained_by_ms - now_ms;
    if (left_ms <= 0)
        return refuse_unsolved(call);
    call->action.change.holds = is_solved;
    call->action.change.subject = (struct span){NULL, 0};
    call->action.change.timeout_ms = left_ms < SOLUTION_MS ? left_ms : SOLUTION_MS;
    call->resume = on_solved;
    return API_WAIT_CHANGE;
}

enum api_step items_explain(struct api_call *call)
{
    if (state_find_item(call->snapshot->state, call->parameters[0]) == STATE_NONE)
        return problem(call, PROBLEM_NOT_FOUND, "there is no such item");
    return snapshot_solution(call->snapshot) ? call_compute(call, compute, "to explain the item")
                                             : wait_for_solution(call);
}

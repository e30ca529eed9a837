#include "core/stoppable.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/reply.h"
#include "api/resources.h"

/* POST /v1/members/stoppable: which of some members can stop now. Advice: it holds for the revision
 * that it names. */

enum { MAX_MEMBERS = 1000, MAX_LEAST = 64 };

struct stoppable_body {
    struct json_object *members; /* NULL: those of the zone */
    struct span zone;
    int64_t min_consistent;
};

static const struct json_field body_fields[] = {
    {"members", JSON_ANY, false, 0, API_MAX_BODY, NULL, offsetof(struct stoppable_body, members)},
    {"zone", JSON_STRING, false, 1, PATH_MAX_NAME, NULL, offsetof(struct stoppable_body, zone)},
    {"min_consistent", JSON_INTEGER, false, 0, MAX_LEAST, NULL,
     offsetof(struct stoppable_body, min_consistent)},
};
static const struct json_spec body_json = {body_fields, sizeof body_fields / sizeof body_fields[0],
                                           false};

struct member_name {
    struct span zone;
    struct span suffix;
};

static const struct json_field name_fields[] = {
    {"zone", JSON_STRING, true, 1, PATH_MAX_NAME, NULL, offsetof(struct member_name, zone)},
    {"suffix", JSON_STRING, true, 1, PATH_MAX_NAME, NULL, offsetof(struct member_name, suffix)},
};
static const struct json_spec name_json = {name_fields, sizeof name_fields / sizeof name_fields[0],
                                           false};

struct chosen {
    int32_t *members; /* in the arena */
    int32_t count;
};

/* --- whom it is about --- */

struct named_faults {
    struct problem_faults *faults;
    size_t index;
};

static void add_fault(void *context, const char *pointer, const char *detail)
{
    const struct named_faults *named = context;
    char whole[300];
    (void)snprintf(whole, sizeof whole, "/members/%zu%.200s", named->index, pointer);
    problem_add_fault(named->faults, whole, detail);
}

static bool is_chosen(const struct chosen *chosen, int32_t member)
{
    for (int32_t i = 0; i < chosen->count; i++) {
        if (chosen->members[i] == member)
            return true;
    }
    return false;
}

static void choose_named(const struct state *state, struct json_object *value,
                         struct named_faults *named, struct chosen *chosen)
{
    struct member_name name;
    uint32_t given;
    if (!json_spec_decode(&name_json, value, &name, &given, add_fault, named))
        return;
    int32_t member = state_find_member(state, name.zone, name.suffix);
    if (member == STATE_NONE)
        add_fault(named, "", "there is no such member");
    else if (is_chosen(chosen, member))
        add_fault(named, "", "is named twice");
    else
        chosen->members[chosen->count++] = member;
}

static void choose_all_named(const struct state *state, struct json_object *names,
                             struct problem_faults *faults, struct chosen *chosen)
{
    bool is_list = json_object_is_type(names, json_type_array) &&
                   json_object_array_length(names) <= MAX_MEMBERS;
    size_t count = is_list ? json_object_array_length(names) : 0;
    if (!is_list)
        problem_add_fault(faults, "/members", "must be an array of at most 1000 members");
    for (size_t i = 0; i < count; i++) {
        struct named_faults named = {faults, i};
        choose_named(state, json_object_array_get_idx(names, i), &named, chosen);
    }
}

/* All members of the zone, in key order, those without slots included. */
static void choose_zone(const struct state *state, struct span zone, struct chosen *chosen)
{
    for (int32_t m = 0; m < state->member_count; m++) {
        if (span_equal(state->members[m]->parts.zone, zone))
            chosen->members[chosen->count++] = m;
    }
}

/* Reads the body, and chooses by it; tells all of its faults. */
static void choose(const struct api_call *call, struct problem_faults *faults,
                   struct stoppable_body *ret_body, struct chosen *chosen)
{
    const struct state *state = call->snapshot->state;
    uint32_t given;
    (void)json_spec_decode(&body_json, call->body, ret_body, &given, problem_add_fault, faults);
    bool names = given & 1;
    bool has_zone = given & 2;
    if (names && has_zone)
        problem_add_fault(faults, "/zone", "must not be given along with members");
    else if (!names && !has_zone && json_object_is_type(call->body, json_type_object))
        problem_add_fault(faults, "/members", "is required, unless there is a zone");
    if (names)
        choose_all_named(state, ret_body->members, faults, chosen);
    else if (ret_body->zone.data)
        choose_zone(state, ret_body->zone, chosen);
}

/* --- the reply --- */

static void write_member(struct json_writer *writer, const struct state *state, int32_t member)
{
    json_begin(writer, '{');
    json_string_field(writer, "zone", state->members[member]->parts.zone);
    json_string_field(writer, "suffix", state->members[member]->parts.suffix);
}

static void write_why_not(struct json_writer *writer, const struct state *state,
                          const struct stoppable_verdict *verdict, int64_t least)
{
    char detail[120];
    (void)snprintf(detail, sizeof detail,
                   "an item would keep %" PRId32 " consistent replicas, and %" PRId64
                   " are to be kept",
                   verdict->kept, least);
    json_integer_field(writer, "blocking_items", verdict->blocking_items);
    json_string_field(writer, "item", state->items[verdict->item]->parts.item);
    json_text_field(writer, "detail", detail);
}

static enum api_step reply_verdicts(struct api_call *call, const struct chosen *chosen,
                                    const struct stoppable_verdict *verdicts, int64_t least)
{
    const struct state *state = call->snapshot->state;
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision", state->revision);
    json_integer_field(&writer, "min_consistent", least);
    for (int may = 1; may >= 0; may--) {
        json_name(&writer, may ? "stoppable" : "not_stoppable");
        json_begin(&writer, '[');
        for (int32_t i = 0; i < chosen->count; i++) {
            if (verdicts[i].may_stop != (bool)may)
                continue;
            write_member(&writer, state, chosen->members[i]);
            if (!may)
                write_why_not(&writer, state, &verdicts[i], least);
            json_end(&writer, '}');
        }
        json_end(&writer, ']');
    }
    json_end(&writer, '}');
    return reply_finish(call);
}

static enum api_step judge(struct api_call *call, const struct chosen *chosen, int64_t least)
{
    struct stoppable_verdict *verdicts =
        arena_allocate(&call->arena, ((size_t)chosen->count + 1) * sizeof *verdicts);
    int error = verdicts ? stoppable_choose(call->snapshot->state, chosen->members, chosen->count,
                                            (int32_t)least, verdicts)
                         : ALLOT_ENOMEM;
    return error ? problem_of_error(call, error, "to judge the members")
                 : reply_verdicts(call, chosen, verdicts, least);
}

enum api_step members_stoppable(struct api_call *call)
{
    struct stoppable_body body = {.min_consistent = 1};
    struct problem_faults faults;
    int32_t *members = arena_allocate(
        &call->arena, ((size_t)call->snapshot->state->member_count + 1) * sizeof *members);
    struct chosen chosen = {.members = members};
    if (!members)
        return problem_of_error(call, ALLOT_ENOMEM, "to judge the members");
    problem_faults_init(&faults);
    choose(call, &faults, &body, &chosen);
    enum api_step step = faults.count > 0 ? problem_invalid(call, &faults)
                                          : judge(call, &chosen, body.min_consistent);
    problem_faults_release(&faults);
    return step;
}

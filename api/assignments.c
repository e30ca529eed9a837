#include "api/change.h"
#include "api/hash.h"
#include "api/headers.h"
#include "api/json_reader.h"
#include "api/list.h"
#include "api/members.h"
#include "api/reply.h"
#include "api/resource_json.h"
#include "api/resources.h"

/* Assignments: /v1/assignments, /v1/assignments/{item}/{zone}/{suffix}, and those of an item or a
 * member. */

enum {
    MAX_VALUE = 4096, /* bytes of `value` as JSON */
    MAX_WAIT = 300,   /* seconds of a long poll */
};

static const struct json_field patch_fields[] = {
    {"consistent", JSON_BOOLEAN, false, 0, 0, NULL, offsetof(struct assignment_spec, consistent)},
    {"value", JSON_ANY, false, 0, MAX_VALUE, NULL, offsetof(struct assignment_spec, value)},
};
const struct json_spec assignments_patch_json = {
    patch_fields, sizeof patch_fields / sizeof patch_fields[0], false};

/* --- representation --- */

/* `consistent` is what the allocator goes by, `reported` and `value` what the member said. Returns
 * a hash of what can change without the assignment's mod revision: the latter two do, to nothing,
 * when another member of that name is registered. */
static uint64_t write_entry(struct json_writer *writer, const struct entry *entry, bool consistent)
{
    struct assignment_spec spec = {0};
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = values_read_assignment(entry->value, &spec, &tree, &why);
    struct span value = spec.value ? json_text(spec.value) : SPAN("null");
    if (error || !value.data)
        writer->out->error = error ? error : ALLOT_ENOMEM;
    json_begin(writer, '{');
    json_string_field(writer, "item", entry->parts.item);
    json_string_field(writer, "zone", entry->parts.zone);
    json_string_field(writer, "suffix", entry->parts.suffix);
    json_integer_field(writer, "slot", entry->parts.slot);
    json_boolean_field(writer, "primary", entry->parts.slot == 0);
    json_boolean_field(writer, "consistent", consistent);
    json_boolean_field(writer, "reported", spec.consistent);
    json_raw_field(writer, "value", value);
    resource_write_revisions(writer, entry);
    json_end(writer, '}');
    json_object_put(tree);
    return hash_bytes(hash_bytes(HASH_START, consistent ? SPAN("1") : SPAN("0")), entry->value);
}

/* The assignment, with what counts of what was said of it as its value. */
static struct entry find_report(const struct state *state, int32_t index)
{
    struct entry report = *state->assignments[index];
    report.value = state_report(state, index);
    return report;
}

static uint64_t write_assignment(struct json_writer *writer, const struct state *state,
                                 int32_t index)
{
    const struct entry report = find_report(state, index);
    return write_entry(writer, &report, state->consistent[index]);
}

/* --- lists --- */

void assignments_write_listed(const struct api_call *call, struct json_writer *writer,
                              int32_t index)
{
    (void)write_assignment(writer, call->snapshot->state, index);
}

/* Whether the list's filters for members let the assignment through. */
static int is_wanted(const struct api_call *call, const void *filter, int32_t index)
{
    const struct key_parts *parts = &call->snapshot->state->assignments[index]->parts;
    struct span zone = query_value(&call->query, "zone");
    struct span suffix = query_value(&call->query, "suffix");
    (void)filter;
    return (!zone.data || span_equal(parts->zone, zone)) &&
           (!suffix.data || span_equal(parts->suffix, suffix));
}

/* Cost: with `item`, that item's assignments; else all of them. */
enum api_step assignments_list(struct api_call *call)
{
    static const struct list_source source = {is_wanted, assignments_write_listed};
    if (!list_begin(call))
        return API_REPLY;
    const struct state *state = call->snapshot->state;
    struct span item = query_value(&call->query, "item");
    int32_t begin = 0;
    int32_t end = state->assignment_count;
    if (item.data)
        state_find_item_assignments(state, item, &begin, &end);
    return list_reply(call, &source, NULL, begin, end);
}

enum api_step assignments_of_item(struct api_call *call)
{
    static const struct list_source source = {NULL, assignments_write_listed};
    if (!list_begin(call))
        return API_REPLY;
    const struct state *state = call->snapshot->state;
    int32_t item = state_find_item(state, call->parameters[0]);
    if (item == STATE_NONE)
        return problem(call, PROBLEM_NOT_FOUND, "there is no such item");
    return list_reply(call, &source, NULL, state->assignment_begin[item],
                      state->assignment_end[item]);
}

static int is_of_member(const struct api_call *call, const void *filter, int32_t index)
{
    const int32_t *member = filter;
    return call->snapshot->state->assignment_member[index] == *member;
}

/* Cost: one number of each assignment there is. */
static enum api_step list_of_member(struct api_call *call)
{
    static const struct list_source source = {is_of_member, assignments_write_listed};
    struct member_view view;
    if (!list_begin(call) || !member_view_require(call, &view))
        return API_REPLY;
    member_view_release(&view);
    const struct state *state = call->snapshot->state;
    int32_t *member = arena_allocate(&call->arena, sizeof *member);
    if (!member)
        return problem_of_error(call, ALLOT_ENOMEM, "to list");
    *member = state_find_member(state, call->parameters[0], call->parameters[1]);
    return list_reply(call, &source, member, 0, state->assignment_count);
}

/* What a long poll waits for. The names follow: zone, suffix. */
struct awaited {
    int64_t after;
    size_t zone_size;
};

/* Whether the member's assignments have changed after a revision; or it is gone. */
static bool has_changed(struct span subject, const struct snapshot *snapshot)
{
    struct awaited awaited;
    memcpy(&awaited, subject.data, sizeof awaited);
    const char *names = subject.data + sizeof awaited;
    struct span zone = {names, awaited.zone_size};
    struct span suffix = {names + awaited.zone_size,
                          subject.size - sizeof awaited - awaited.zone_size};
    const struct state *state = snapshot->state;
    int32_t member = state_find_member(state, zone, suffix);
    return member == STATE_NONE || state->changed_revision[member] > awaited.after;
}

static enum api_step on_changed(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error && outcome->error != ALLOT_EUNAVAILABLE) /* that is: nothing has changed */
        return problem_of_error(call, outcome->error, "to wait for a change");
    return call_refresh(call) ? list_of_member(call) : API_REPLY;
}

static enum api_step wait_for_change(struct api_call *call, int64_t after, int64_t seconds)
{
    struct span zone = call->parameters[0];
    struct span suffix = call->parameters[1];
    const struct awaited awaited = {after, zone.size};
    size_t size = sizeof awaited + zone.size + suffix.size;
    char *subject = arena_allocate(&call->arena, size);
    if (!subject)
        return problem_of_error(call, ALLOT_ENOMEM, "to wait for a change");
    memcpy(subject, &awaited, sizeof awaited);
    memcpy(subject + sizeof awaited, zone.data, zone.size);
    memcpy(subject + sizeof awaited + zone.size, suffix.data, suffix.size);
    call->action.change.holds = has_changed;
    call->action.change.subject = (struct span){subject, size};
    call->action.change.timeout_ms = seconds * 1000;
    call->resume = on_changed;
    return API_WAIT_CHANGE;
}

/* Cost: all assignments, for want of an index of each member's. */
enum api_step assignments_of_member(struct api_call *call)
{
    int64_t after = -1;
    int64_t seconds = 0;
    if (!call_query_integer(call, "after", 0, INT64_MAX, &after) ||
        !call_query_seconds(call, "wait", MAX_WAIT, &seconds))
        return API_REPLY;
    if (after < 0 && seconds > 0)
        return problem(call, PROBLEM_MALFORMED,
                       "the query parameter 'wait' needs 'after': the revision of the list that "
                       "may be out of date");
    return seconds > 0 ? wait_for_change(call, after, seconds) : list_of_member(call);
}

/* --- one --- */

/* Index of the assignment that the path names, or STATE_NONE; its item need not exist. */
static int32_t find_assignment(const struct api_call *call)
{
    const struct state *state = call->snapshot->state;
    struct key_parts wanted = {.kind = KEY_ASSIGNMENT,
                               .item = call->parameters[0],
                               .zone = call->parameters[1],
                               .suffix = call->parameters[2]};
    int32_t low = 0;
    int32_t high = state->assignment_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (keys_compare_assignments(&state->assignments[middle]->parts, &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < state->assignment_count &&
                 keys_compare_assignments(&state->assignments[low]->parts, &wanted) == 0;
    return found ? low : STATE_NONE;
}

enum api_step assignments_get(struct api_call *call)
{
    const struct state *state = call->snapshot->state;
    int32_t index = find_assignment(call);
    if (index == STATE_NONE)
        return problem(call, PROBLEM_NOT_FOUND, "there is no such assignment");
    struct json_writer writer = reply_json(call, 200);
    uint64_t hash = write_assignment(&writer, state, index);
    return reply_finish_resource(call, state->assignments[index]->mod_revision, hash);
}

/* --- reports --- */

/* As it was written; whether it is consistent, as the snapshot has it: not if it has gone. */
static enum api_step reply_patched(struct api_call *call)
{
    const struct entry *entry = change_written(call);
    int32_t index = find_assignment(call);
    bool consistent = index != STATE_NONE && call->snapshot->state->consistent[index];
    struct json_writer writer = reply_json(call, 200);
    uint64_t hash = write_entry(&writer, entry, consistent);
    return reply_finish_resource(call, entry->mod_revision, hash);
}

/* Whether the caller may report for the member that the path names. */
static bool authorize(struct api_call *call, struct member_view *view)
{
    if (!view->entry) {
        (void)problem(call, PROBLEM_NOT_REGISTERED,
                      "the member that holds this assignment is not registered");
        return false;
    }
    return member_authorize(call, view, (struct span){NULL, 0});
}

static enum api_step report(struct api_call *call, const struct member_view *view,
                            const struct entry *entry, const struct assignment_spec *spec)
{
    struct span value;
    int error = values_write_assignment(&call->arena, entry->value, spec, &value);
    if (error)
        return problem_of_error(call, error, "to write the assignment");
    if (!change_begin(call))
        return API_REPLY;
    change_check(call, entry->key, entry);
    change_check_created(call, view->key, view->entry);
    change_put_keeping_lease(call, entry, value);
    return change_submit(call, reply_patched);
}

/* The assignment as a report would tell of it. */
static int describe(const struct entry *entry, struct json_object *ret)
{
    struct assignment_spec spec;
    struct json_object *tree = NULL;
    struct json_object *value = NULL;
    struct error_message why = {""};
    int error = values_read_assignment(entry->value, &spec, &tree, &why);
    if (!error)
        error = json_set(ret, "consistent", json_object_new_boolean(spec.consistent));
    if (!error && spec.value && json_object_deep_copy(spec.value, &value, NULL))
        error = ALLOT_ENOMEM;
    if (!error && value)
        error = json_set(ret, "value", value);
    json_object_put(tree);
    return error;
}

/* Reads what the body makes of what is stored: a merge patch changes the value within, JSON
 * replaces the fields that it has. @ret borrows from @stored, from the body and from *@ret_patched,
 * which the caller drops. False: the reply tells why not. */
static bool read_report(struct api_call *call, const struct entry *entry,
                        const struct assignment_spec *stored, struct assignment_spec *ret,
                        struct json_object **ret_patched)
{
    uint32_t given;
    *ret = (struct assignment_spec){0};
    if (headers_is_merge_patch(call_header(call, "Content-Type")))
        return call_patch(call, entry, describe, &assignments_patch_json, ret, ret_patched);
    *ret = *stored;
    return call_decode_body(call, &assignments_patch_json, ret, &given);
}

/* Applies the body to the stored value. */
static enum api_step patch(struct api_call *call, const struct member_view *view,
                           const struct entry *entry)
{
    struct assignment_spec spec;
    struct assignment_spec stored = {0};
    struct json_object *tree = NULL;
    struct json_object *patched = NULL;
    struct error_message why = {""};
    enum api_step step = API_REPLY;
    int error = values_read_assignment(entry->value, &stored, &tree, &why);
    if (error)
        step = problem_of_error(call, error, "to read the assignment");
    else if (call_check_preconditions(call, entry->mod_revision) &&
             read_report(call, entry, &stored, &spec, &patched))
        step = values_equal_assignments(&spec, &stored) ? assignments_get(call)
                                                        : report(call, view, entry, &spec);
    json_object_put(patched);
    json_object_put(tree);
    return step;
}

enum api_step assignments_patch(struct api_call *call)
{
    const struct state *state = call->snapshot->state;
    struct member_view view;
    int32_t index = find_assignment(call);
    if (index == STATE_NONE)
        return problem(call, PROBLEM_NOT_FOUND, "there is no such assignment");
    int error = member_view_open(call, call->parameters[1], call->parameters[2], &view);
    enum api_step step = API_REPLY;
    if (error)
        step = problem_of_error(call, error, "to look for the member");
    else if (authorize(call, &view)) {
        const struct entry report = find_report(state, index);
        step = patch(call, &view, &report);
    }
    member_view_release(&view);
    return step;
}

#include "api/members.h"

#include "api/change.h"
#include "api/json_reader.h"
#include "api/labels.h"
#include "api/list.h"
#include "api/reply.h"
#include "api/resource_json.h"
#include "api/resources.h"

/* Members: /v1/members and /v1/members/{zone}/{suffix}; PUT is in registration.c. */

/* --- representation --- */

static uint64_t write_status(struct json_writer *writer, const struct state *state, int32_t member)
{
    if (member == STATE_NONE)
        return resource_no_status(writer);
    size_t begin = resource_status_begin(writer);
    json_integer_field(writer, "assigned", state->total_count[member]);
    json_integer_field(writer, "primaries", state->primary_count[member]);
    json_integer_field(writer, "effective_limit", state->effective_limit[member]);
    json_integer_field(writer, "shed_capacity", state->shed_capacity[member]);
    return resource_status_end(writer, begin);
}

/* Writes the member, without the brace at its end, and returns the hash of its status. @member: its
 * number, or STATE_NONE if the snapshot doesn't have it. */
static uint64_t write_member(struct json_writer *writer, const struct state *state,
                             const struct entry *entry, int32_t member)
{
    struct member_spec spec = {0};
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = values_read_member(entry->value, &spec, &tree, &why);
    if (error)
        writer->out->error = error;
    json_begin(writer, '{');
    json_string_field(writer, "zone", entry->parts.zone);
    json_string_field(writer, "suffix", entry->parts.suffix);
    json_integer_field(writer, "item_limit", spec.item_limit);
    json_boolean_field(writer, "exiting", spec.exiting);
    json_name(writer, "ttl_seconds");
    if (spec.ttl_seconds > 0)
        json_integer(writer, spec.ttl_seconds);
    else
        json_null(writer);
    resource_write_labels(writer, spec.labels);
    resource_write_revisions(writer, entry);
    uint64_t hash = write_status(writer, state, member);
    json_object_put(tree);
    return hash;
}

/* Why the state doesn't have the member that the path names. */
static enum api_step reply_absent(struct api_call *call)
{
    struct member_view view;
    if (!member_view_require(call, &view))
        return API_REPLY;
    member_view_release(&view);
    return problem(call, PROBLEM_INTERNAL, "the member is not in the state");
}

enum api_step member_reply(struct api_call *call, int status)
{
    const struct state *state = call->snapshot->state;
    const struct entry *entry = change_written(call);
    int32_t member = state_find_member(state, call->parameters[0], call->parameters[1]);
    if (!entry && member == STATE_NONE)
        return reply_absent(call);
    if (!entry)
        entry = state->members[member];
    struct json_writer writer = reply_json(call, status);
    uint64_t hash = write_member(&writer, state, entry, member);
    if (call->made_session[0])
        json_text_field(&writer, "session", call->made_session);
    json_end(&writer, '}');
    return reply_finish_resource(call, entry->mod_revision, hash);
}

/* --- handlers --- */

enum api_step members_get(struct api_call *call)
{
    return member_reply(call, 200);
}

static int labels_of_member_pass(const struct labels_filter *filter, const struct entry *entry)
{
    struct member_spec spec;
    struct json_object *tree = NULL;
    struct error_message why = {""};
    if (filter->count == 0)
        return 1;
    int error = values_read_member(entry->value, &spec, &tree, &why);
    bool passes = !error && labels_pass(filter, spec.labels);
    json_object_put(tree);
    return error == ALLOT_ENOMEM ? error : passes;
}

static int is_wanted(const struct api_call *call, const void *filter, int32_t index)
{
    const struct entry *entry = call->snapshot->state->members[index];
    struct span zone = query_value(&call->query, "zone");
    if (zone.data && !span_equal(entry->parts.zone, zone))
        return 0;
    return labels_of_member_pass(filter, entry);
}

void members_write_listed(const struct api_call *call, struct json_writer *writer, int32_t index)
{
    const struct state *state = call->snapshot->state;
    (void)write_member(writer, state, state->members[index], index);
    json_end(writer, '}');
}

enum api_step members_list(struct api_call *call)
{
    static const struct list_source source = {is_wanted, members_write_listed};
    struct labels_filter *filter = arena_allocate(&call->arena, sizeof *filter);
    if (!filter)
        return problem_of_error(call, ALLOT_ENOMEM, "to list");
    if (!labels_read_filter(call, filter) || !list_begin(call))
        return API_REPLY;
    return list_reply(call, &source, filter, 0, call->snapshot->state->member_count);
}

/* --- PATCH: an operator's way to resize a member, so it needs no session, as a drain needs none.
 * --- */

static const struct json_field patch_fields[] = {
    {"item_limit", JSON_INTEGER, true, 0, MEMBER_MAX_ITEM_LIMIT, NULL,
     offsetof(struct member_spec, item_limit)},
    {"labels", JSON_LABELS, false, 0, 0, NULL, offsetof(struct member_spec, labels)},
};
const struct json_spec members_patch_json = {patch_fields,
                                             sizeof patch_fields / sizeof patch_fields[0], false};

static int describe(const struct entry *entry, struct json_object *ret)
{
    struct member_spec spec;
    struct json_object *tree = NULL;
    struct error_message why = {""};
    int error = values_read_member(entry->value, &spec, &tree, &why);
    if (!error)
        error = json_set(ret, "item_limit", json_object_new_int64(spec.item_limit));
    if (!error)
        error = values_describe_labels(spec.labels, ret);
    json_object_put(tree);
    return error;
}

static enum api_step reply_patched(struct api_call *call)
{
    return member_reply(call, 200);
}

enum api_step members_patch(struct api_call *call)
{
    struct member_view view;
    if (!member_view_require(call, &view))
        return API_REPLY;
    struct member_spec spec = view.spec;
    struct json_object *patched = NULL;
    enum api_step step = API_REPLY;
    spec.labels = NULL; /* those that are left are in what is patched */
    if (call_check_preconditions(call, view.entry->mod_revision) &&
        call_patch(call, view.entry, describe, &members_patch_json, &spec, &patched))
        step = values_equal_members(&spec, &view.spec)
                   ? member_reply(call, 200)
                   : member_rewrite(call, &view, &spec, reply_patched);
    json_object_put(patched);
    member_view_release(&view);
    return step;
}

/* --- leaving: the key is deleted, and then the lease revoked, and with it what else was under it
 * --- */

static enum api_step on_lease_revoked(struct api_call *call, const struct api_outcome *outcome)
{
    (void)outcome; /* a lease that stays has nobody who keeps it alive */
    if (!call_refresh(call))
        return API_REPLY;
    call->committed = call->snapshot->state->revision; /* the revocation, too */
    return reply_empty(call, 204);
}

static enum api_step on_deleted(struct api_call *call)
{
    if (call->lease == 0)
        return reply_empty(call, 204);
    call->action.lease.id = call->lease;
    call->resume = on_lease_revoked;
    return API_LEASE_REVOKE;
}

/* An assignment that is made between the snapshot and the deletion is found dead by the allocator,
 * and removed: that is no reason to refuse. */
static enum api_step delete_member(struct api_call *call, const struct member_view *view,
                                   bool force)
{
    bool operators = force && view->entry->lease == 0; /* without a lease it would stay for ever */
    if (!operators && !member_authorize(call, view, (struct span){NULL, 0}))
        return API_REPLY;
    struct member_holdings holdings = member_holdings(call->snapshot->state, view);
    if (holdings.count > 0 && !force)
        return problem(
            call, PROBLEM_HOLDS,
            "the member still holds assignments (%d): drain it first, or use ?force=true",
            holdings.count);
    call->lease = view->entry->lease;
    if (!change_begin(call))
        return API_REPLY;
    change_check(call, view->key, view->entry);
    transaction_delete(&call->transaction, view->key);
    return change_submit(call, on_deleted);
}

enum api_step members_delete(struct api_call *call)
{
    struct member_view view;
    bool force = false;
    if (!call_query_boolean(call, "force", &force))
        return API_REPLY;
    int error = member_view_open(call, call->parameters[0], call->parameters[1], &view);
    enum api_step step = API_REPLY;
    if (error)
        step = problem_of_error(call, error, "to delete the member");
    else if (!call_check_preconditions(call, view.entry ? view.entry->mod_revision : 0))
        step = API_REPLY;
    else if (!view.entry)
        step = problem(call, PROBLEM_NOT_FOUND, "there is no such member");
    else
        step = delete_member(call, &view, force);
    member_view_release(&view);
    return step;
}

#include "api/change.h"
#include "api/members.h"
#include "api/secret.h"

static int read_entry(struct member_view *view)
{
    struct error_message why = {""};
    int error = values_read_member(view->entry->value, &view->spec, &view->tree, &why);
    view->valid = error == 0;
    return error == ALLOT_ENOMEM ? ALLOT_ENOMEM : 0;
}

int member_view_open(struct api_call *call, struct span zone, struct span suffix,
                     struct member_view *ret)
{
    *ret = (struct member_view){.zone = zone, .suffix = suffix};
    ret->key = call_member_key(call, zone, suffix);
    if (!ret->key.data)
        return ALLOT_ENOMEM;
    ret->entry = keyspace_find(call->snapshot->state->keyspace, ret->key);
    return ret->entry ? read_entry(ret) : 0;
}

int member_view_open_written(struct api_call *call, struct member_view *ret)
{
    const struct entry *entry = change_written(call);
    *ret = (struct member_view){.zone = call->parameters[0],
                                .suffix = call->parameters[1],
                                .key = entry->key,
                                .entry = entry};
    return read_entry(ret);
}

void member_view_release(struct member_view *view)
{
    json_object_put(view->tree);
    view->tree = NULL;
}

bool member_view_require(struct api_call *call, struct member_view *ret)
{
    int error = member_view_open(call, call->parameters[0], call->parameters[1], ret);
    if (error)
        (void)problem_of_error(call, error, "to look for the member");
    else if (!ret->entry)
        (void)problem(call, PROBLEM_NOT_FOUND, "there is no such member");
    else if (!ret->valid)
        (void)problem(call, PROBLEM_NOT_FOUND,
                      ret->entry->lease ? "the member's stored value does not decode; it goes with "
                                          "the lease that it is under"
                                        : "the member's stored value does not decode; PUT replaces "
                                          "it, DELETE removes it");
    else
        return true;
    member_view_release(ret);
    return false;
}

bool member_authorize(struct api_call *call, const struct member_view *view, struct span session)
{
    bool matches = false;
    if (call->supposed)
        return true;
    bool has_session = view->valid && view->spec.session_hash.size > 0;
    if (!has_session && view->entry->lease != 0) {
        (void)problem(call, PROBLEM_SESSION,
                      "the member is under a lease that was not granted here: it is whose that is, "
                      "and goes with it");
        return false;
    }
    if (!has_session)
        return true;
    if (!session.data)
        session = call_header(call, "Allot-Session");
    if (!session.data) {
        (void)problem(call, PROBLEM_SESSION,
                      "the member was registered with a session, which this request must show: in "
                      "the header Allot-Session");
        return false;
    }
    int error = secret_check(session, view->spec.session_hash, &matches);
    if (error)
        (void)problem_of_error(call, error, "to check the session");
    else if (!matches)
        (void)problem(call, PROBLEM_SESSION, "the member was registered with another session");
    return !error && matches;
}

/* Whether assignment number @assignment names the member, which the state doesn't know, as its
 * value does not decode or as it has gone. */
static bool names_member(const struct state *state, const struct member_view *member,
                         int32_t assignment)
{
    const struct key_parts *parts = &state->assignments[assignment]->parts;
    return span_equal(parts->suffix, member->suffix) && span_equal(parts->zone, member->zone);
}

struct member_holdings member_holdings(const struct state *state, const struct member_view *member)
{
    struct member_holdings holdings = {0};
    int32_t index = state_find_member(state, member->zone, member->suffix);
    for (int32_t i = 0; i < state->assignment_count; i++) {
        bool holds = index == STATE_NONE ? names_member(state, member, i)
                                         : state->assignment_member[i] == index;
        if (!holds)
            continue;
        holdings.count++;
        if (state->assignments[i]->mod_revision > holdings.revision)
            holdings.revision = state->assignments[i]->mod_revision;
    }
    if (index != STATE_NONE) /* which knows of those that have gone, too */
        holdings.revision = state->changed_revision[index];
    return holdings;
}

enum api_step member_rewrite(struct api_call *call, const struct member_view *view,
                             const struct member_spec *spec, api_handler *written)
{
    struct span value;
    int error = values_write_member(&call->arena, view->entry->value, spec, &value);
    if (error)
        return problem_of_error(call, error, "to write the member");
    if (!change_begin(call))
        return API_REPLY;
    change_check(call, view->key, view->entry);
    change_put_keeping_lease(call, view->entry, value);
    return change_submit(call, written);
}

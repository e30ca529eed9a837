#include "api/members.h"
#include "api/reply.h"
#include "api/resources.h"

/* POST /v1/members/{zone}/{suffix}/heartbeat: keeps the member's lease alive. */

static enum api_step reply_alive(struct api_call *call, const struct member_view *view,
                                 const struct store_lease_result *lease)
{
    struct member_holdings holdings = member_holdings(call->snapshot->state, view);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_integer_field(&writer, "ttl_seconds", lease->granted_ttl);
    json_integer_field(&writer, "seconds_left", lease->ttl);
    json_boolean_field(&writer, "exiting", view->spec.exiting);
    json_integer_field(&writer, "assignments_revision", holdings.revision);
    json_integer_field(&writer, "assignments_count", holdings.count);
    json_end(&writer, '}');
    return reply_finish(call);
}

static enum api_step on_kept_alive(struct api_call *call, const struct api_outcome *outcome)
{
    struct member_view view;
    if (outcome->error == ALLOT_ELEASE)
        return problem(call, PROBLEM_NOT_FOUND, "the member's lease has expired: register again");
    if (outcome->error)
        return problem_of_lease_error(call, outcome->error, "to keep the lease alive");
    if (!call_refresh(call) || !member_view_require(call, &view))
        return API_REPLY;
    enum api_step step = reply_alive(call, &view, outcome->lease);
    member_view_release(&view);
    return step;
}

static enum api_step keep_alive(struct api_call *call, const struct member_view *view)
{
    if (view->entry->lease == 0)
        return problem(call, PROBLEM_NO_LEASE,
                       "the member was registered without ttl_seconds: it needs no heartbeats");
    if (!member_authorize(call, view, (struct span){NULL, 0}))
        return API_REPLY;
    call->action.lease.id = view->entry->lease;
    call->action.lease.ttl = 0;
    call->resume = on_kept_alive;
    return API_LEASE_KEEP_ALIVE;
}

enum api_step heartbeat_post(struct api_call *call)
{
    struct member_view view;
    if (!member_view_require(call, &view))
        return API_REPLY;
    enum api_step step = keep_alive(call, &view);
    member_view_release(&view);
    return step;
}

#include "api/members.h"
#include "api/reply.h"
#include "api/resources.h"

/* GET /v1/members/{zone}/{suffix}/lease: how long the member has without another heartbeat. */

static enum api_step reply_lease(struct api_call *call, const struct store_lease_result *lease)
{
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_name(&writer, "ttl_seconds");
    if (lease)
        json_integer(&writer, lease->granted_ttl);
    else
        json_null(&writer);
    json_name(&writer, "seconds_left");
    if (lease)
        json_integer(&writer, lease->ttl);
    else
        json_null(&writer);
    json_end(&writer, '}');
    return reply_finish(call);
}

static enum api_step on_told(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error == ALLOT_ELEASE)
        return problem(call, PROBLEM_NOT_FOUND, "the member's lease has expired");
    if (outcome->error)
        return problem_of_error(call, outcome->error, "to look at the lease");
    return reply_lease(call, outcome->lease);
}

enum api_step lease_get(struct api_call *call)
{
    struct member_view view;
    if (!member_view_require(call, &view))
        return API_REPLY;
    int64_t lease = view.entry->lease;
    member_view_release(&view);
    if (lease == 0)
        return reply_lease(call, NULL);
    call->action.lease.id = lease;
    call->action.lease.ttl = 0;
    call->resume = on_told;
    return API_LEASE_TIME_TO_LIVE;
}

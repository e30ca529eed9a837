#include "api/change.h"
#include "api/change_list.h"
#include "api/idempotency.h"
#include "api/reply.h"
#include "api/resources.h"

/* POST /v1/batch: several writes, all of them or none, in one transaction. */

static enum api_step reply_done(struct api_call *call)
{
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision",
                       call->committed ? call->committed : call->snapshot->state->revision);
    change_list_write_results(call, &writer);
    json_end(&writer, '}');
    return reply_finish(call);
}

enum api_step batch_post(struct api_call *call)
{
    bool any = false;
    enum idempotency_state idempotency = idempotency_begin(call);
    if (idempotency != IDEMPOTENCY_GOES_ON)
        return idempotency == IDEMPOTENCY_ASKS ? API_LEASE_GRANT : API_REPLY;
    if (!change_list_open(call, call->body, "", CHANGE_LIST_REAL))
        return API_REPLY;
    for (size_t i = 0; i < change_list_count(call); i++)
        any = any || change_list_call(call, i)->gathered;
    if (!any)
        return reply_done(call);
    if (!change_begin(call))
        return API_REPLY;
    change_list_gather(call);
    idempotency_record(call);
    return change_submit(call, reply_done);
}

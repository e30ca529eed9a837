#include "api/bulk.h"
#include "api/change.h"
#include "api/change_list.h"
#include "api/idempotency.h"
#include "api/resources.h"

/* POST /v1/batch: several writes, all of them or none, in one transaction; or with ?atomic=false
 * each for itself. */

static enum api_step refuse_size(struct api_call *call)
{
    return problem(call, PROBLEM_TOO_LARGE,
                   "the body may have at most %d bytes; %d with atomic=false", CHANGE_LIST_MAX_BODY,
                   BULK_MAX_BODY);
}

static enum api_step make_each(struct api_call *call)
{
    if (call_is_dry_run(call) || call_header(call, "Idempotency-Key").data)
        return problem(call, PROBLEM_MALFORMED,
                       "dry_run and Idempotency-Key are for a batch that is made as one: not with "
                       "atomic=false");
    return bulk_make(call);
}

enum api_step batch_post(struct api_call *call)
{
    bool atomic = true;
    if (!call_query_boolean(call, "atomic", &atomic))
        return API_REPLY;
    if (!atomic)
        return make_each(call);
    if (call->request->body.size > CHANGE_LIST_MAX_BODY)
        return refuse_size(call);
    enum idempotency_state idempotency = idempotency_begin(call);
    if (idempotency != IDEMPOTENCY_GOES_ON)
        return idempotency == IDEMPOTENCY_ASKS ? API_LEASE_GRANT : API_REPLY;
    if (!change_list_open(call, call->body, "", CHANGE_LIST_REAL))
        return API_REPLY;
    /* What changes nothing is done under its key as well. */
    bool any = call->idempotency_key.data && !call_is_dry_run(call);
    for (size_t i = 0; i < change_list_count(call); i++)
        any = any || change_list_call(call, i)->gathered;
    if (!any)
        return change_list_reply(call);
    if (!change_begin(call))
        return API_REPLY;
    change_list_gather(call);
    idempotency_record(call);
    return change_submit(call, change_list_reply);
}

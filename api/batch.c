#include "api/change.h"
#include "api/change_list.h"
#include "api/idempotency.h"
#include "api/resources.h"

/* POST /v1/batch: several writes, all of them or none, in one transaction. */

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
        return change_list_reply(call);
    if (!change_begin(call))
        return API_REPLY;
    change_list_gather(call);
    idempotency_record(call);
    return change_submit(call, change_list_reply);
}

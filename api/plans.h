/* What-if: the plan of changes, made by a worker and written as the reply. */
#ifndef ALLOT_API_PLANS_H
#define ALLOT_API_PLANS_H

#include "api/handler.h"

/* Replies with what the allocator would do if the snapshot were changed as @transaction would
 * change it; @token (0: none) is told along. The transaction stays as it is until the reply. */
enum api_step plans_reply(struct api_call *call, const struct transaction *transaction,
                          uint64_t token);

#endif

/* Idempotency-Key: a request that is sent again, as its answer was lost, is not done again.
 *
 * What a principal has done under a key is recorded in the same transaction, for a day, as a hash
 * of the request: sent again it is answered with the revision of then; another request under the
 * same key is refused. */
#ifndef ALLOT_API_IDEMPOTENCY_H
#define ALLOT_API_IDEMPOTENCY_H

#include "api/handler.h"

enum { IDEMPOTENCY_MIN_KEY = 8, IDEMPOTENCY_MAX_KEY = 128, IDEMPOTENCY_SECONDS = 86400 };

/* Where the handler of a change stands as to the key. */
enum idempotency_state {
    IDEMPOTENCY_GOES_ON, /* there is no key, or it is new, and the call has a lease for it */
    IDEMPOTENCY_ASKS, /* a lease is to be granted: return API_LEASE_GRANT; the handler runs again */
    IDEMPOTENCY_REPLIED, /* the reply is made */
};

/* To be called by a handler before it changes anything. */
enum idempotency_state idempotency_begin(struct api_call *call);

/* Adds the record to the call's transaction, begun before; nothing without a key. */
void idempotency_record(struct api_call *call);

#endif

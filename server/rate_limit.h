/* How many requests each principal or address may send: token buckets of one size.
 *
 * A bucket holds up to twice the rate, begins full, and gains the rate every second. There are
 * RATE_LIMIT_BUCKETS; with more keys than that at a time, the one that has asked least lately loses
 * its bucket, and begins anew. */
#ifndef ALLOT_SERVER_RATE_LIMIT_H
#define ALLOT_SERVER_RATE_LIMIT_H

#include "api/call.h"

enum {
    RATE_LIMIT_BUCKETS = 4096,
    RATE_LIMIT_MAX_KEY = 80, /* bytes; of longer ones the beginning counts */
};

struct rate_limit; /* any thread may use one */

/* @per_second: 1 to 1,000,000. ALLOT_ENOMEM leaves @ret untouched. */
int rate_limit_create(int per_second, struct rate_limit **ret);
void rate_limit_destroy(struct rate_limit *limit); /* NULL is fine */

/* Takes one request from the bucket of @key at @now_ms, of any clock that doesn't go back. False:
 * it is empty. @ret is set either way. Cost: that of 8 comparisons of keys. */
bool rate_limit_take(struct rate_limit *limit, struct span key, int64_t now_ms,
                     struct api_quota *ret);

#endif

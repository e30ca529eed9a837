#include "server/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/hash.h"

enum { WAYS = 8, SETS = RATE_LIMIT_BUCKETS / WAYS, BURST_SECONDS = 2 };
static const int64_t BURST_MS = (int64_t)BURST_SECONDS * 1000;

/* Of a key with this hash, one of WAYS buckets is used. */
struct bucket {
    char key[RATE_LIMIT_MAX_KEY];
    size_t size; /* of the key; 0: unused */
    int64_t used_ms;
    int64_t thousandths; /* of requests that are left: the rate is as many a millisecond */
};

struct rate_limit {
    int64_t rate;
    pthread_mutex_t mutex; /* protects buckets */
    struct bucket buckets[SETS][WAYS];
};

int rate_limit_create(int per_second, struct rate_limit **ret)
{
    struct rate_limit *limit = calloc(1, sizeof *limit);
    if (!limit || pthread_mutex_init(&limit->mutex, NULL) != 0) {
        free(limit);
        return ALLOT_ENOMEM;
    }
    limit->rate = per_second;
    *ret = limit;
    return 0;
}

void rate_limit_destroy(struct rate_limit *limit)
{
    if (limit) {
        (void)pthread_mutex_destroy(&limit->mutex);
        free(limit);
    }
}

static int64_t capacity(const struct rate_limit *limit)
{
    return limit->rate * BURST_MS;
}

static size_t set_of(struct span key)
{
    uint64_t hash = hash_bytes(HASH_START, key);
    return (size_t)((hash ^ hash >> 32) % SETS);
}

/* The bucket of @key; if it has none, a full one in place of the one used least lately. */
static struct bucket *find(struct rate_limit *limit, struct span key, int64_t now_ms)
{
    struct bucket *set = limit->buckets[set_of(key)];
    struct bucket *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].size == key.size && memcmp(set[i].key, key.data, key.size) == 0) {
            return &set[i];
        }
        if (oldest->size > 0 && (set[i].size == 0 || set[i].used_ms < oldest->used_ms)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct bucket){.size = key.size, .used_ms = now_ms, .thousandths = capacity(limit)};
    memcpy(oldest->key, key.data, key.size);
    return oldest;
}

static void refill(const struct rate_limit *limit, struct bucket *bucket, int64_t now_ms)
{
    int64_t passed_ms = now_ms > bucket->used_ms ? now_ms - bucket->used_ms : 0;
    if (passed_ms > BURST_MS) {
        passed_ms = BURST_MS;
    }
    bucket->thousandths += passed_ms * limit->rate;
    if (bucket->thousandths > capacity(limit)) {
        bucket->thousandths = capacity(limit);
    }
    bucket->used_ms = now_ms > bucket->used_ms ? now_ms : bucket->used_ms;
}

bool rate_limit_take(struct rate_limit *limit, struct span key, int64_t now_ms,
                     struct api_quota *ret)
{
    static const struct span nobody = {"-", 1};
    key = key.size > 0 ? key : nobody;
    key.size = key.size < RATE_LIMIT_MAX_KEY ? key.size : RATE_LIMIT_MAX_KEY;
    (void)pthread_mutex_lock(&limit->mutex);
    struct bucket *bucket = find(limit, key, now_ms);
    refill(limit, bucket, now_ms);
    bool taken = bucket->thousandths >= 1000;
    bucket->thousandths -= taken ? 1000 : 0;
    *ret = (struct api_quota){
        .burst = limit->rate * BURST_SECONDS,
        .window_seconds = BURST_SECONDS,
        .remaining = bucket->thousandths / 1000,
        /* Until it is full again: never more than the window. */
        .reset_seconds =
            (capacity(limit) - bucket->thousandths + limit->rate * 1000 - 1) / (limit->rate * 1000),
    };
    (void)pthread_mutex_unlock(&limit->mutex);
    return taken;
}

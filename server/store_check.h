/* What can be known to be wrong from a request alone, whatever the store. */
#ifndef ALLOT_SERVER_STORE_CHECK_H
#define ALLOT_SERVER_STORE_CHECK_H

#include "core/store.h"

/* Each returns 0, ALLOT_EINVAL (an empty key, a negative number, a key put twice, ...) or
 * ALLOT_ELIMIT (STORE_MAX_...). @ret_size: the bytes of all keys and values. */
int store_check_range(const struct store_range *range, size_t *ret_size);
int store_check_txn(const struct store_txn *txn, size_t *ret_size);
int store_check_watch(const struct store_keys *keys, int64_t start_revision, size_t *ret_size);
int store_check_grant(int64_t id, int64_t ttl);
int store_check_lease(int64_t id);

/* Whether @keys has @key. */
static inline bool store_keys_have(const struct store_keys *keys, struct span key)
{
    if (keys->range_end.size == 0)
        return span_equal(keys->key, key);
    return span_compare(keys->key, key) <= 0 && span_compare(key, keys->range_end) < 0;
}

#endif

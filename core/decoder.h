/* What the values of items, members and assignments mean: supplied to the core by its user. */
#ifndef ALLOT_CORE_DECODER_H
#define ALLOT_CORE_DECODER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/keys.h"

/* The part of each value that the core decides on. `user` is the decoder's own: the core keeps it
 * and hands it back to is_consistent; of members, see state_config.candidate_user. */
struct item_value {
    int32_t replication; /* replicas wanted, >= 0 */
    uint32_t user;
};
struct member_value {
    int32_t item_limit; /* replicas it can hold, >= 0 */
    bool exiting;
    uint32_t user;
};
struct assignment_value {
    uint32_t user; /* 0: of an empty value */
};

struct decoder {
    void *context; /* passed to each function */
    /* Each decodes @value of the entity named by @key. Returns 0 and sets @ret; or ALLOT_EVALUE
     * with the reason in @why (or ALLOT_ENOMEM), @ret then being untouched. Called from one thread
     * at a time for one keyspace. */
    int (*item)(void *context, const struct key_parts *key, struct span value,
                struct item_value *ret, struct error_message *why);
    int (*member)(void *context, const struct key_parts *key, struct span value,
                  struct member_value *ret, struct error_message *why);
    int (*assignment)(void *context, const struct key_parts *key, struct span value,
                      struct assignment_value *ret, struct error_message *why);
    /* Whether assignment number @index of the item's @count @assignments (all of them, in key
     * order) is consistent: knows all that a replica must know to take over. Pure. */
    bool (*is_consistent)(void *context, const struct item_value *item,
                          const struct assignment_value *assignments, size_t count, size_t index);
};

#endif

/* A transaction under construction: checks and operations, with marks to go back to.
 *
 * Keys of what exists are borrowed from the state; keys that are made are kept in the transaction's
 * own memory. Appending never fails at once: `error` keeps ALLOT_ENOMEM, and what follows does
 * nothing. */
#ifndef ALLOT_CORE_TRANSACTION_H
#define ALLOT_CORE_TRANSACTION_H

#include "core/store.h"

struct transaction_block; /* memory for made keys */

struct transaction {
    struct store_compare *checks;
    size_t check_count, check_capacity;
    struct store_op *operations;
    size_t operation_count, operation_capacity;
    size_t bytes;                     /* of all their keys and values */
    bool merges_checks;               /* one that is there already isn't added again */
    struct transaction_block *blocks; /* the newest first */
    int error;
};

/* A point to go back to. */
struct transaction_mark {
    size_t check_count;
    size_t operation_count;
    size_t bytes;
};

void transaction_init(struct transaction *transaction);
void transaction_release(struct transaction *transaction);
/* Back to empty, with no error. */
void transaction_clear(struct transaction *transaction);

struct transaction_mark transaction_mark(const struct transaction *transaction);
void transaction_rewind(struct transaction *transaction, struct transaction_mark mark);
/* Whether it is within STORE_MAX_COMPARES, STORE_MAX_OPS and STORE_MAX_REQUEST. */
bool transaction_fits(const struct transaction *transaction);

/* Keys are borrowed. */
void transaction_check_absent(struct transaction *transaction, struct span key);
void transaction_check_all_absent(struct transaction *transaction, struct store_keys keys);
void transaction_check_unchanged(struct transaction *transaction, struct span key,
                                 int64_t mod_revision);
void transaction_delete(struct transaction *transaction, struct span key);
/* Puts @value (borrowed) at @key (borrowed) under @lease. */
void transaction_put(struct transaction *transaction, struct span key, struct span value,
                     int64_t lease);

/* Adds the checks of @other and its operations but the first @skipped; what those borrow, and what
 * was made in @other, is borrowed from now on. */
void transaction_append(struct transaction *transaction, const struct transaction *other,
                        size_t skipped);

/* As the store takes it, with no failure branch; valid until the next change. */
struct store_txn transaction_view(const struct transaction *transaction);

/* @size bytes that live until the next clear; NULL (and `error`) when memory has run out. */
char *transaction_allocate(struct transaction *transaction, size_t size);

#endif

/* Proves from a store's history that the records of rounds tell what the loop has done, as the
 * schedulers of scheduler.h write them. */
#ifndef ALLOT_TESTS_CORE_ROUNDS_CHECKER_H
#define ALLOT_TESTS_CORE_ROUNDS_CHECKER_H

#include "tests/support/model_store.h"

/* That each record is put once, by a transaction in its own round's name; that the revisions in it
 * are exactly those in which its round has changed assignments; and that each revision after
 * @calm_revision in which a round has is in a record. Returns how many records there are;
 * @ret_fault is empty, or tells what is wrong. */
long rounds_checker_check(const struct model_store *store, int64_t calm_revision,
                          char ret_fault[256]);

#endif

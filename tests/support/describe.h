/* Decisions as text, so that a test can say what it expects in one line.
 *
 * Keys are without BUILDER_ROOT, assignments of one item MEMBER:SLOT. */
#ifndef ALLOT_TESTS_SUPPORT_DESCRIBE_H
#define ALLOT_TESTS_SUPPORT_DESCRIBE_H

#include "core/convergence.h"
#include "core/pass.h"

/* Text that grows. Zero to begin with. */
struct description {
    char text[16 * 1024];
    size_t size;
};

/* "add b#1:2, remove a#1:0, keep a#2:1, promote a#2:1, pack a#3:5>1", each as often as there is. */
const char *describe_convergence(struct description *description,
                                 const struct convergence *convergence, const struct state *state);

/* Appends a transaction: "if KEY@REVISION, absent KEY then put KEY=VALUE@LEASE, delete KEY else
 * get KEY." */
const char *describe_txn(struct description *description, const struct store_txn *txn);

#endif

/* One pass of the allocator over a state: every item is converged towards its desired assignments,
 * and assignments of items that don't exist are removed.
 *
 * A pass is drawn out, transaction by transaction, as the caller gets on with them:
 *
 *     while (pass_next(pass, &txn) == 0 && txn)
 *         … have it executed …, pass_done(pass, succeeded);
 *
 * Items come in order of key; but those that lack nothing and get a replica all the same come last,
 * so that no move takes a slot that is needed. With a solution of the reference's solver, all come
 * in order, as there.
 *
 * What concerns one item is one checkpoint, never split over transactions; whole checkpoints are
 * packed, in order, into transactions of at most STORE_MAX_COMPARES checks, STORE_MAX_OPS
 * operations and STORE_MAX_REQUEST bytes. Later decisions count on earlier ones: one transaction at
 * a time. Source: allocation.md, sections 7 to 9 and 11. */
#ifndef ALLOT_CORE_PASS_H
#define ALLOT_CORE_PASS_H

#include "core/rules.h"
#include "core/solver.h"

struct pass_options {
    /* The leader's own key, which every transaction checks to be unchanged since @fence_revision,
     * and whose failure branch reads it. Empty: none. Borrowed. */
    struct span fence;
    int64_t fence_revision;
    /* The operators' settings, which every transaction checks to be unchanged since
     * @settings_revision (0: that there are none). Empty: none. Borrowed. */
    struct span settings;
    int64_t settings_revision;
    /* Keys of which every transaction checks that there are none. An empty key: none. Borrowed. */
    struct store_keys absent;
    /* Put first in every transaction. An empty key: none. Borrowed. */
    struct span actor_key;
    struct span actor_value;
    /* A removal also checks that the kept consistent assignments of the item are unchanged, and
     * their members. That makes two checks each; where there are more than fit, only one for those
     * that go with their member's lease. With more than fit even so no removal can be.
     * A change of the slot that takes what was said along checks that nobody has become its member
     * meanwhile. */
    bool guarded;
    /* See convergence.repairs_only. */
    bool repairs_only;
    /* A move that would exceed one of these is left to a later pass. With `moves_limited` false,
     * they are not looked at. moves.per_minute: what this pass may begin. */
    bool moves_limited;
    struct move_limits moves;
    /* What several checkpoints of a transaction rest on is checked once: so more of them fit. */
    bool merged_checks;
    /* A checkpoint over the limits is cut short (a later pass does the rest) instead of being
     * issued as it is. */
    bool split_oversized;
};

/* What a pass has issued (undone again for transactions that failed). */
struct pass_summary {
    int64_t additions;
    int64_t removals;
    int64_t dead_removals; /* of assignments whose item doesn't exist */
    int64_t promotions;
    int64_t packings;
    int64_t transactions;
    int64_t failed_transactions;
    int64_t moves;     /* of the additions; see rules.h */
    int64_t throttled; /* moves that were left to a later pass by the limits on them */
    int64_t skipped;   /* removals and moves that can't be issued within the limits at all */
};

/* Adds what @pass has issued to @total. */
void pass_summary_add(struct pass_summary *total, const struct pass_summary *pass);

struct pass;

/* References on @state and @solution (which fits it) are taken.
 * ALLOT_ENOMEM. */
int pass_create(const struct pass_options *options, struct state *state, struct solution *solution,
                struct pass **ret);
void pass_destroy(struct pass *pass); /* NULL is fine */

/* Sets @ret to the next transaction, borrowed until the next call, or to NULL at the end. The one
 * before must be done. ALLOT_ENOMEM: the pass can only be destroyed. */
int pass_next(struct pass *pass, const struct store_txn **ret);

/* Tells how the last transaction ended. If it failed, what it did to the counts is undone. */
void pass_done(struct pass *pass, bool succeeded);

struct pass_summary pass_summary(const struct pass *pass);

#endif

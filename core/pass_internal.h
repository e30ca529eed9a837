/* A pass in parts: pass.c has its walk and its transactions, pass_checkpoint.c what is issued about
 * one item. Private to these. */
#ifndef ALLOT_CORE_PASS_INTERNAL_H
#define ALLOT_CORE_PASS_INTERNAL_H

#include "core/convergence.h"
#include "core/pass.h"
#include "core/transaction.h"

/* One step of what the open transaction does to the counts and the summary, to be undone if it
 * fails. */
enum change_kind { CHANGE_ADD, CHANGE_REMOVE, CHANGE_REMOVE_DEAD, CHANGE_PROMOTE, CHANGE_PACK };
struct change {
    enum change_kind kind;
    int32_t member; /* or STATE_NONE */
    bool primary;
    bool move;      /* of an addition */
    bool in_flight; /* of a move: it takes its time */
};

/* How far a pass has come: assignments before next_assignment and items before next_item are done,
 * but for those that are deferred, of which it has done the first @resumed once it is through. */
struct walk {
    int32_t next_item;
    int32_t next_assignment;
    int32_t resumed;
};

struct pass {
    struct pass_options options;
    struct state *state;
    struct solution *solution;
    struct load_counts counts;
    struct convergence convergence;
    struct move_counts moves; /* with moves_limited */
    struct pass_summary summary;

    struct walk walk;
    int32_t *deferred; /* items that get more than they lack, in order */
    int32_t deferred_count, deferred_capacity;

    struct transaction transaction;
    size_t standing_checks; /* that each has */
    struct store_txn txn;   /* view of it, for the caller */
    struct store_op read_fence;
    bool open;  /* txn is with the caller */
    bool alone; /* the checkpoint being issued is the transaction's first */
    struct change *changes;
    size_t change_count, change_capacity;
};

/* A point of the open transaction to go back to, counts included. */
struct pass_mark {
    struct transaction_mark transaction;
    size_t change_count;
    int64_t throttled;
};

struct pass_mark pass_mark(const struct pass *pass);
/* Takes back all changes but the first @change_count. */
void pass_undo(struct pass *pass, size_t change_count);
void pass_rewind(struct pass *pass, struct pass_mark mark);

/* Issues what the convergence has decided about the item. What fails, for want of memory, is in the
 * transaction's error. */
void pass_checkpoint_item(struct pass *pass, int32_t item);

/* The same of the assignments from @begin up to (without) the returned one, of one item that
 * doesn't exist. */
int32_t pass_checkpoint_dead(struct pass *pass, int32_t begin, int32_t end);

#endif

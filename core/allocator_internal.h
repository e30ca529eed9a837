/* What the halves of the allocator share: allocator.c (what it asks for, step by step) and
 * allocator_answers.c (what becomes of that). */
#ifndef ALLOT_CORE_ALLOCATOR_INTERNAL_H
#define ALLOT_CORE_ALLOCATOR_INTERNAL_H

#include "core/allocator.h"
#include "core/recorder.h"

enum allocator_phase {
    PHASE_WAIT,
    PHASE_SOLVE, /* the caller is solving */
    PHASE_PASS,
    PHASE_TXN,       /* the caller is executing */
    PHASE_RENEW,     /* the fence is to be renewed */
    PHASE_RENEWAL,   /* the caller is executing that */
    PHASE_RECORD,    /* a round is to be recorded */
    PHASE_RECORDING, /* the caller is executing that */
    PHASE_STOP,
};

/* The transaction that puts our own key again. */
struct allocator_renewal {
    struct state *state; /* a reference: what the key is there */
    struct store_compare unchanged;
    struct store_op puts[2]; /* the actor, if there is one, and the key */
    struct store_op get;
    struct store_txn txn;
};

enum { ALLOCATOR_UNKNOWN_MOVES = -1 };

struct allocator {
    struct allocator_config config; /* spans point into `keys` */
    struct store_keys absent;       /* so does this, empty if there is no such prefix */
    char *keys;
    enum allocator_phase phase;
    int stop_error;
    struct state *newest;
    struct allocator_term term;
    struct allocator_rules rules;
    struct move_window window;
    struct solution *solution; /* the last one */
    bool solved_as_leader;     /* that one was asked for when we led */
    uint64_t random;

    /* WAIT ends when the newest state has reached wait_revision, or at this time; but not before it
     * has all that was applied. */
    int64_t wait_revision;
    int64_t retry_at_ms;
    int64_t applied_revision; /* of our last transaction that was */

    /* A transaction of the loop may be under way that isn't known to have been applied: of this
     * allocator, or of one before it that had the same key. */
    bool unsettled;
    int64_t unsettled_moves; /* that it may begin; ALLOCATOR_UNKNOWN_MOVES: any number */
    struct allocator_renewal renewal;

    /* The pass under way. */
    struct pass *pass;
    int64_t fence_revision;
    bool failed;         /* something in it */
    int64_t moves_noted; /* of it, in the window */

    struct recorder recorder; /* of this pass, or of the last one */
    int64_t idle_revision;    /* of that; the status has it once its record is put */
    struct allocator_status status;
};

/* STOP, for @error. */
void allocator_stop(struct allocator *allocator, int error);

/* WAIT, for a newer state; or, after what @failed, at most until it is to be tried again. */
void allocator_wait_for_change(struct allocator *allocator, int64_t now_ms, bool failed);

/* The pass under way is over: for good, or because of @error. */
void allocator_end_pass(struct allocator *allocator, int64_t now_ms, int error);

#endif

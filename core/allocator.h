/* The allocation loop as a step function: told of new states, of solutions and of how transactions
 * ended, it says what to do next. No I/O, no clock, no thread: so the same code runs in the
 * server's thread and in a simulation that can replay any order of events.
 *
 *            state                solution of its network             end of the pass
 *    WAIT ---------> (solve?) ---------------------------> PASS ---------------------> RECORD
 *      ^   no change: retry_at     not the leader: WAIT     |  ^ done                    |
 *      |                                                    v  |                         |
 *      +--------- error, or the fence is lost ------------ TXN +                         |
 *      +------------------- done, failed, or there is nothing to record -----------------+
 *
 * Decisions count on every earlier transaction of the loop being in the mirror. So a pass never
 * begins before the mirror has passed the last one that was applied. Where it isn't known whether
 * one was, or will be (its outcome is unknown; a new allocator doesn't know what another before it,
 * with the same key, has left under way), the next transaction is one that puts our own key again
 * as it is, the fence: what is still under way is checked against the former fence, and can't be
 * applied after it.
 *
 * Who comes to lead solves anew, from the assignments that there are by then. So does one whose own
 * key was gone in between, even unseen: others may have led.
 *
 * A pass that was the first over its solution, or of which a transaction was applied (or may have
 * been), is a round: it leaves a record (round.h), by a transaction of its own, checked against the
 * fence as the others. If that fails, it is tried once more before the next pass begins; then the
 * record is lost.
 *
 * It decides only while the lease under which our own key stands can't have expired (the term), so
 * that one who has lost touch falls silent before another leads.
 *
 * Source: allocation.md, sections 9 and 11. */
#ifndef ALLOT_CORE_ALLOCATOR_H
#define ALLOT_CORE_ALLOCATOR_H

#include "core/round.h"

struct allocator_config {
    /* The leader's transactions check that this key is unchanged. It is the state_config's own_key.
     * Copied. */
    struct span own_key;
    /* Every transaction of a pass checks that no key begins so: where those of another kind lead,
     * nothing is decided. Empty: none. Copied. */
    struct span absent_prefix;
    /* Where the rules are kept: every transaction of a pass checks that it is as the state has it.
     * So once it has been written, nothing is done any more by the rules before. Empty: nowhere.
     * Copied. */
    struct span settings_key;
    /* Every transaction puts this key first. Empty: none. Copied. */
    struct span actor_key;
    /* Its value for the pass that begins now, whose number is @id's (1 on); for its record; or for
     * putting our own key again after it (0: before the first), which is decided on the newest
     * revision. Borrowed until the next call. */
    struct span (*actor_value)(void *context, const struct round_id *id);
    /* Records are put under this prefix, of which rounds_kept stay. Empty: none. Copied. */
    struct span rounds_prefix;
    int64_t rounds_kept; /* >= 1 */
    /* The value of the record of a round that has just ended. Borrowed until the next call. Empty:
     * it can't be made, and is lost. */
    struct span (*round_value)(void *context, const struct round *round);
    void *context; /* of both */
    /* Back-off after failed passes: the first and the longest delay. Jitter takes up to half off.
     */
    int64_t first_retry_ms;
    int64_t longest_retry_ms;
    uint64_t seed; /* of the jitter */
};

/* How long our own key is sure to stand: while it is under @lease, before @until_ms. A key under
 * another lease is not ours: a former run has left it, say. */
struct allocator_term {
    int64_t lease;
    int64_t until_ms;
};

enum allocator_action {
    ALLOCATOR_WAIT,  /* for a new state, but not past wake_at_ms */
    ALLOCATOR_SOLVE, /* `state` is to be solved: then allocator_solved */
    ALLOCATOR_TXN,   /* `txn` is to be executed: then allocator_done */
    ALLOCATOR_STOP, /* for good. `error`: 0, we should exit and have nothing left; ALLOT_EFENCE, our
                     * own key is gone or changed; ALLOT_ENOMEM */
};

struct allocator_step {
    enum allocator_action action;
    int64_t wake_at_ms;          /* INT64_MAX: only a new state */
    struct state *state;         /* borrowed until the next call */
    const struct store_txn *txn; /* borrowed until allocator_done */
    int error;
};

struct allocator;

int allocator_create(const struct allocator_config *config,
                     struct allocator **ret);        /* ALLOT_ENOMEM */
void allocator_destroy(struct allocator *allocator); /* NULL is fine */

/* Tells of the newest state; a reference is taken. A pass under way goes on with the one it has. If
 * its revision is lower than the last one's, or the cluster another, then the store has begun anew,
 * and no earlier revision is waited for. */
void allocator_observe(struct allocator *allocator, struct state *state);

/* Tells of the term, which is over at first. A pass under way ends with it. */
void allocator_set_term(struct allocator *allocator, struct allocator_term term);

/* Tells what is put off: nothing, at first. A pass under way ends with its transaction, and another
 * begins accordingly. Of the moves of its last minute an allocator that comes to lead knows
 * nothing: where moves a minute are limited, it begins none for that long. */
void allocator_set_rules(struct allocator *allocator, const struct allocator_rules *rules);

/* What to do now. After SOLVE and TXN, not before the answer has been told. */
struct allocator_step allocator_step(struct allocator *allocator, int64_t now_ms);

/* Instead of a step, for one who is to stop: leaves the pass under way. Then TXN, to record what it
 * has done, or WAIT: nothing more is to be done. */
struct allocator_step allocator_finish(struct allocator *allocator, int64_t now_ms);

/* The answer to SOLVE: a solution (a reference is taken), or NULL and why not. */
void allocator_solved(struct allocator *allocator, int64_t now_ms, struct solution *solution,
                      int error);

/* The answer to TXN: as the store's `done` was given it. After any @error but ALLOT_EUNAVAILABLE
 * the transaction is taken for one that may have been, or may yet be, applied. */
void allocator_done(struct allocator *allocator, int64_t now_ms, int error,
                    const struct store_txn_result *result);

struct allocator_status {
    int64_t round;         /* passes begun */
    int64_t failed_passes; /* in a row */
    int last_error;        /* of the last failed pass; 0: checks failed */
    /* A revision in which there is nothing to do: that of the state in which the last pass found
     * nothing, or of its record if nothing else has changed since. 0: it found something, or its
     * record is yet to be put. */
    int64_t idle_revision;
    int64_t lost_records;
    struct pass_summary last_pass;
    int64_t ended;             /* passes */
    struct pass_summary total; /* of all that have ended */
};
struct allocator_status allocator_status(const struct allocator *allocator);

#endif

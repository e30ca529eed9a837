/* Keeps the books of the allocator's passes: which was a round, what it was about, and whether its
 * record is yet to be put. Private to the allocator, which says when.
 *
 * A round is a pass that was the first over its solution, or of which a transaction was applied or
 * may have been. */
#ifndef ALLOT_CORE_RECORDER_H
#define ALLOT_CORE_RECORDER_H

#include "core/round.h"
#include "core/transaction.h"

struct recorder_config {
    struct span prefix;   /* of the records' keys; empty: nothing is recorded. Copied */
    int64_t kept;         /* records; >= 1 */
    struct span settings; /* key of the operators' settings, or empty. Borrowed */
    /* The value of the record of a round that has just ended. Borrowed until the next call. Empty:
     * it can't be made, and is lost. */
    struct span (*value)(void *context, const struct round *round);
    void *context;
};

enum { RECORDER_ATTEMPTS = 2 }; /* to put a record */

struct recorder {
    struct recorder_config config;
    struct store_keys records; /* all: they point into `keys`, as does … */
    struct span key;           /* … that of this round's */
    char *keys;

    struct round round;       /* the pass under way, or the last one */
    struct round_view view;   /* of that; a reference on the state */
    struct round_view former; /* of the one before */
    bool begun_anew;          /* since the pass began; see recorder_begin_anew */
    bool solved;              /* since the last round */
    int64_t served_revision;  /* of the last pass in which nothing failed */

    struct span value;
    int attempts; /* that are left; 0: nothing is due */
    int64_t lost; /* records */
    struct transaction transaction;
    struct store_op read_fence;
    struct store_txn txn;
};

/* ALLOT_ENOMEM: there is nothing to release. */
int recorder_init(struct recorder *recorder, const struct recorder_config *config);
void recorder_release(struct recorder *recorder);

/* --- a pass --- */

/* There is a new solution. */
void recorder_note_solved(struct recorder *recorder);

/* Pass number @number begins over @state (a reference is taken), in which our own key stands. */
void recorder_begin(struct recorder *recorder, int64_t number, struct state *state,
                    const struct allocator_rules *rules);

/* One of its transactions was applied, or may have been. */
void recorder_note_applied(struct recorder *recorder, int64_t revision);
void recorder_note_unknown(struct recorder *recorder);

enum recorder_end {
    RECORDER_SERVED, /* everything was done */
    RECORDER_FAILED, /* something failed */
    RECORDER_BROKEN, /* … or the rules changed, and it did not come to its end */
};

/* It ends: makes the value if it was a round. One that was broken off before it came to anything is
 * none: the next one still has the solution to record. */
void recorder_end(struct recorder *recorder, enum recorder_end how,
                  const struct pass_summary *summary, const struct solution *solution);

/* The store has begun anew, or our own key is another one, so that others may have led meanwhile:
 * the next pass has none before it. A record that is due is lost when it would be put, since it
 * would come after theirs. */
void recorder_begin_anew(struct recorder *recorder);

/* --- the record --- */

/* Whether one is to be put. */
bool recorder_is_due(const struct recorder *recorder);

/* … now that @newest has been seen: it may be there already, by an attempt whose outcome was
 * unknown and has been settled since. */
bool recorder_is_still_due(struct recorder *recorder, const struct state *newest);

/* As in struct pass_options. Borrowed until the transaction is done. */
struct recorder_checks {
    struct span fence;
    int64_t fence_revision;
    struct store_keys absent;
    struct span actor_key;
    struct span actor_value;
};

enum { RECORDER_MAX_DELETES = 16 };

/* The transaction that puts it, and deletes the oldest of those that @keyspace has too many: at
 * most RECORDER_MAX_DELETES at a time, since others will follow. @ret is valid until the next call.
 * NULL: memory has run out, and the record is lost. Cost: the keyspace's list of pages. */
const struct store_txn *recorder_make_txn(struct recorder *recorder,
                                          const struct recorder_checks *checks,
                                          const struct keyspace *keyspace);

/* How it ended. After RECORDER_ATTEMPTS failures the record is lost. */
void recorder_put_done(struct recorder *recorder);
void recorder_put_failed(struct recorder *recorder);
/* Gives it up. */
void recorder_lose(struct recorder *recorder);

#endif

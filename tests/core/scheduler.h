/* One allotd as the allocation loop sees it, over a model store: its candidate's key, its mirror
 * (which is told of changes only when a test says so) and its allocator. Whatever goes wrong in
 * here ends the process.
 *
 * Values have a simple form: of an item its replication, "2"; of a member its item limit, and
 * whether it is leaving, "3" or "3 exiting"; of an assignment SCHEDULER_CONSISTENT or nothing.
 * Anything else does not decode. */
#ifndef ALLOT_TESTS_CORE_SCHEDULER_H
#define ALLOT_TESTS_CORE_SCHEDULER_H

#include "core/allocator.h"
#include "tests/support/model_store.h"

#define SCHEDULER_ROOT "/t"
#define SCHEDULER_CANDIDATES SCHEDULER_ROOT "/schedulers/"
#define SCHEDULER_ACTOR SCHEDULER_ROOT "/actor"
#define SCHEDULER_SETTINGS SCHEDULER_ROOT "/allocator"
#define SCHEDULER_ROUNDS SCHEDULER_ROOT "/rounds/"
#define SCHEDULER_CONSISTENT "ok"

enum {
    SCHEDULER_FIRST_RETRY_MS = 100,
    SCHEDULER_LONGEST_RETRY_MS = 1000,
    SCHEDULER_ROUND_SIZE = 192 + ROUND_MAX_REVISIONS * 20,
};

struct scheduler {
    struct model_store *store;
    char key[64]; /* the candidate's */
    char actor_value[128];
    int64_t rounds_kept;                    /* records; 0: it leaves none */
    struct round round;                     /* the last one that was to be recorded */
    char round_value[SCHEDULER_ROUND_SIZE]; /* of that; empty: it can't be made */
    bool forgets_rounds;                    /* none can be made */
    struct allocator_term term;
    struct allocator *allocator;
    struct keyspace *mirror;
    struct state *state; /* of the mirror: the newest that the allocator has been told of */
    struct span local_member;
};

struct decoder scheduler_decoder(void);

/* Whether the value of an assignment says that it is consistent. */
bool scheduler_is_consistent(struct span value);

/* The rules that the value of SCHEDULER_SETTINGS gives: five numbers, the pause and the limits in
 * the order of the structure, such as "0 5 -1 -1 30". There are none if @value is empty. */
struct allocator_rules scheduler_rules(struct span value);

/* An empty mirror, and an allocator. @local_member is the key of the process's own member, borrowed
 * until the end, or NULL. Nothing is announced. */
void scheduler_start(struct scheduler *scheduler, struct model_store *store, const char *name,
                     const char *local_member, uint64_t seed);
void scheduler_stop(struct scheduler *scheduler);

/* A new allocator as by scheduler_restart, which records its rounds, as do those after it. The
 * value of a record is that of the actor of its round, and the revisions: "… applied 2: 17 18", or
 * "… applied 2 or more: 17 18". */
void scheduler_record_rounds(struct scheduler *scheduler, int64_t kept, uint64_t seed);

/* Turns to another store, as the same process: the mirror begins empty. */
void scheduler_move(struct scheduler *scheduler, struct model_store *store);

/* Puts the candidate's key under a lease of its own, which is returned, for a term without end. */
int64_t scheduler_announce(struct scheduler *scheduler);

/* A new allocator, with the same mirror, which has been told of nothing but the term. */
void scheduler_restart(struct scheduler *scheduler, uint64_t seed);

/* Lets the mirror see everything up to @revision (and no further), in one message for each revision
 * or, @together, in one for all; and tells the allocator. Nothing if there is nothing new. */
void scheduler_deliver(struct scheduler *scheduler, int64_t revision, bool together);
/* … up to the store's newest. */
void scheduler_catch_up(struct scheduler *scheduler);
void scheduler_set_term(struct scheduler *scheduler, int64_t lease, int64_t until_ms);
/* Tells the allocator of the mirror's state (again), and of the rules in it. */
void scheduler_observe(struct scheduler *scheduler);

/* Solves @state and tells the allocator. */
void scheduler_solve(struct scheduler *scheduler, struct state *state, int64_t now_ms);

#endif

/* Why an item is placed as it is: derived from a state and its solution. Pure. */
#ifndef ALLOT_CORE_EXPLAIN_H
#define ALLOT_CORE_EXPLAIN_H

#include "core/convergence.h"
#include "core/explain_cut.h"
#include "core/rules.h"

/* What a member is to an item; the first that holds. */
enum explain_member {
    EXPLAIN_HOLDS,       /* it has a replica, and is to keep it */
    EXPLAIN_LEAVES,      /* it has one that is to go */
    EXPLAIN_ARRIVES,     /* it has none so far, and is to get one */
    EXPLAIN_LIMIT_ZERO,  /* it takes nothing at all */
    EXPLAIN_DRAINING,    /* it is exiting, and gives up all of its slots */
    EXPLAIN_FULL,        /* others are to have all of its slots */
    EXPLAIN_NOT_NEEDED,  /* it has room, but the item has what it wants elsewhere */
    EXPLAIN_PASSED_OVER, /* it has room, the item lacks a replica, and yet is not to get it here */
    EXPLAIN_MEMBER_COUNT
};
extern const char *const explain_member_names[]; /* ends with NULL */

/* Why a replica is there, or is to go; the first that holds. */
enum explain_replica {
    EXPLAIN_FROZEN,        /* its item or its member has a value that does not decode */
    EXPLAIN_KEPT,          /* the solution wants it where it is */
    EXPLAIN_MEMBER_GONE,   /* goes: its member is not registered */
    EXPLAIN_MEMBER_DRAINS, /* goes: its member is exiting */
    EXPLAIN_OVER_LIMIT,    /* goes: its member has more than its limit */
    EXPLAIN_DISPLACED,     /* goes, though the item has no more than it wants: the slot is for
                              another, for there are too few for all of them */
    EXPLAIN_SURPLUS,       /* goes: the item has more than it wants */
    EXPLAIN_MOVES,         /* goes: another member is to have it, for balance or for the zones */
    EXPLAIN_REPLICA_COUNT
};
extern const char *const explain_replica_names[]; /* ends with NULL */

/* What keeps something that is decided from happening. */
enum explain_wait {
    EXPLAIN_NOTHING,     /* it is as it should be */
    EXPLAIN_NEXT_PASS,   /* the allocator does it when it comes by next */
    EXPLAIN_CONSISTENCY, /* a removal: too few of the item's replicas are consistent so far, for it
                            or for one that goes first */
    EXPLAIN_SLOT,        /* an addition: its member is full until something leaves it */
    EXPLAIN_CAPACITY,  /* room that there is not, so that it never happens as things are: a removal,
                          for the item can't come to have more replicas than it wants; or an
                          addition, for its member is full of such */
    EXPLAIN_PAUSED,    /* the pause */
    EXPLAIN_THROTTLED, /* a move: as many as may be are in flight, see explain_limit_reached */
    EXPLAIN_TURN,      /* a move: its turn, as only so many are begun in a minute */
    EXPLAIN_WAIT_COUNT
};
extern const char *const explain_wait_names[]; /* ends with NULL */

struct explanation {
    const struct state *state; /* borrowed, as the solution */
    const struct solution *solution;
    struct allocator_rules rules;
    struct move_counts moves;
    int32_t item;
    struct desired desired;     /* of it */
    int32_t *desired_load;      /* by member: how many replicas the solution gives it */
    int32_t held;               /* of the item's assignments, those that state_is_held, … */
    int32_t consistent;         /* … those that are consistent, … */
    int32_t staying;            /* … and of these those that the next pass leaves */
    struct convergence decided; /* what a pass that begins with it does about it, but for a pause */
    int32_t unattainable;       /* replicas that the solution can't give it */
    int32_t missing;            /* replicas that it lacks so far */
    int32_t unplaced;           /* … of which the solution has no members for these */
    int32_t *leaving;       /* by member: replicas that are to leave it, and don't lack the room */
    struct explain_cut cut; /* if any is unattainable; else zeroes */
};

/* Explains item number @item. @solution fits @state; @rules are those in force. Released by
 * explanation_release. ALLOT_ENOMEM; ALLOT_ELIMIT as solver_solve. Cost: all assignments,
 * and all desired ones. */
int explanation_make(const struct state *state, const struct solution *solution,
                     const struct allocator_rules *rules, int32_t item, struct explanation *ret);
void explanation_release(struct explanation *explanation);

enum explain_member explain_member(const struct explanation *explanation, int32_t member);
/* Of one of the item's assignments. */
enum explain_replica explain_replica(const struct explanation *explanation, int32_t assignment);
enum explain_wait explain_replica_wait(const struct explanation *explanation, int32_t assignment);
/* Of a member that is to get a replica. */
enum explain_wait explain_arrival_wait(const struct explanation *explanation, int32_t member);
/* Of the replicas that are missing, though the solution has members for them: what the last of them
 * waits for. */
enum explain_wait explain_missing_wait(const struct explanation *explanation);
/* The limit that EXPLAIN_THROTTLED is about. */
enum move_limit explain_limit_reached(const struct explanation *explanation, int32_t member);

#endif

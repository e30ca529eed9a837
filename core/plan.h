/* A plan: what the allocation loop would do if something changed, run in memory to its end.
 *
 * Answers what-if questions: the changes are applied to the state as if they had been written, and
 * the loop runs from there (simulation.h), every new replica being reported consistent once nothing
 * else is left to do. Nobody else changes anything meanwhile, and limits on moves are not taken
 * into account. Deterministic. */
#ifndef ALLOT_CORE_PLAN_H
#define ALLOT_CORE_PLAN_H

#include "core/simulation.h"

enum plan_operation {
    PLAN_ADD,     /* a replica */
    PLAN_REMOVE,  /* one, or what is left of an item that does not exist */
    PLAN_PROMOTE, /* it becomes the primary */
    PLAN_PACK,    /* it moves to a lower slot */
};
extern const char *const plan_operation_names[]; /* ends with NULL */
enum { PLAN_OPERATION_COUNT = PLAN_PACK + 1 };

struct plan_move {
    enum plan_operation operation;
    int64_t round;          /* from 1 */
    struct key_parts parts; /* of the assignment; its slot is the one that it has then */
};

struct plan_config {
    /* As in state_config. */
    bool gone_members_are_inconsistent;
    struct span consistent_value; /* the value that marks an assignment consistent. Borrowed. */
    int64_t max_rounds;
    size_t max_moves; /* that are kept; more are counted */
    enum solver_kind solver;
    const struct executor *executor; /* to solve with; may be NULL */
    const atomic_bool *cancelled;    /* as in simulation_config; may be NULL */
};

/* Immutable once made; owned by the caller. */
struct plan {
    struct state *before; /* as it is */
    struct state *after;  /* with the changes, and converged */
    int64_t unattainable_before;
    int64_t unattainable_after;
    /* Of what is decided as it is, and of what is decided last. */
    struct levels levels_before;
    struct levels levels_after;
    bool converged; /* false: max_rounds were not enough, and `after` is as far as it came */
    int64_t rounds; /* the idle ones, after which replicas are reported, included */
    int64_t counts[PLAN_OPERATION_COUNT];
    struct plan_move *moves; /* in the order in which they happen */
    size_t move_count;       /* those that are kept */
};

/* Plans for @before, changed by @events: puts and deletes of keys under its root, of which each is
 * named once; only key, value and lease matter. A state with errors in it: an event's value that
 * does not decode makes its key invalid, as it would in the store. Errors: ALLOT_ENOMEM;
 * ALLOT_ELIMIT, ALLOT_EVALUE, ALLOT_ECANCELED as solver_solve and simulation_run. */
int plan_make(const struct plan_config *config, struct state *before,
              const struct store_event *events, size_t event_count, struct plan **ret);
void plan_destroy(struct plan *plan); /* NULL is fine */

#endif

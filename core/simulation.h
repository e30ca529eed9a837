/* The allocation loop run in memory, as the leader, until nothing is left to do: offline, for
 * what-if questions and for tests. */
#ifndef ALLOT_CORE_SIMULATION_H
#define ALLOT_CORE_SIMULATION_H

#include <stdatomic.h>

#include "core/levels.h"
#include "core/solver.h"

/* What one round (a pass, whose transactions are applied before the next) came to. */
struct simulation_round {
    bool idle;      /* it issued nothing */
    bool solved;    /* the network hash was new */
    int64_t marked; /* assignments marked consistent after it */
};

struct simulation_config {
    int64_t max_rounds;
    /* As in state_config: then what members that are gone have left is never marked consistent. */
    bool gone_members_are_inconsistent;
    /* The value that marks an assignment consistent. Borrowed. */
    struct span consistent_value;
    int32_t balance_tolerance; /* as in state_config */
    enum solver_kind solver;
    const struct executor *executor; /* to solve with; may be NULL */
    const atomic_bool *cancelled;    /* looked at before each round; may be NULL */
    /* Each may be NULL. on_operation is told every operation in order, then on_round the round. */
    void (*on_operation)(void *context, enum store_op_kind kind, struct span key);
    void (*on_round)(void *context, const struct simulation_round *round);
    void *context;
};

struct simulation_result {
    bool idle; /* ended by itself: at an idle round with nothing to mark */
    int64_t rounds;
    int64_t additions;
    int64_t removals; /* without those of assignments of items that don't exist */
    int64_t packings; /* promotions and packings */
    int64_t transactions;
    int64_t unattainable;      /* replicas, as of the last solution */
    struct levels levels;      /* of that, when it was decided on */
    struct keyspace *keyspace; /* how it ended; a reference that the caller drops */
};

/* Runs from @keyspace on, until it is *cancelled (ALLOT_ECANCELED). After an idle round every
 * inconsistent assignment is marked consistent. On error (ALLOT_ENOMEM, ALLOT_ELIMIT; ALLOT_EVALUE:
 * an assignment is not consistent though all of its item have consistent_value, and no member is
 * gone that it could wait for) @ret is untouched.
 */
int simulation_run(const struct simulation_config *config, struct keyspace *keyspace,
                   struct simulation_result *ret);

#endif

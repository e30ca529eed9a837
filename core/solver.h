/* Solves a state: which members shall hold which items. */
#ifndef ALLOT_CORE_SOLVER_H
#define ALLOT_CORE_SOLVER_H

#include "core/solution.h"

/* Threads of the caller's: run(context, task, argument) calls task(argument, index) once for each
 * index < width, each on a thread of its own if it can, and returns when all have returned. */
struct executor {
    int width; /* >= 1 */
    void (*run)(void *context, void (*task)(void *argument, int index), void *argument);
    void *context;
};

/* Solves @state. @executor, which the reference's solver uses, may be NULL: then on this thread. On
 * success @ret is a new solution with one reference; on error (ALLOT_ENOMEM; ALLOT_ELIMIT: more
 * nodes, or replicas, than can be numbered) it is untouched. Deterministic. */
int solver_solve(enum solver_kind kind, const struct state *state, const struct executor *executor,
                 struct solution **ret);

#endif

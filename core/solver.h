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

/* The same for states that follow each other: the optimal solver remembers the last one, so that a
 * change costs what it touches (optimal_solver.h). One thread at a time.
 * solver_create: @executor as above, borrowed until the end. ALLOT_ENOMEM.
 * solver_answer: as solver_solve; takes a reference on @state. */
struct solver;
int solver_create(enum solver_kind kind, const struct executor *executor, struct solver **ret);
void solver_destroy(struct solver *solver); /* NULL is fine */
int solver_answer(struct solver *solver, struct state *state, struct solution **ret);

#endif

/* The solver whose answers are proven best in levels 1 to 4 (levels.h), of the whole problem at
 * once.
 *
 * It begins with the current assignments, as far as they cost nothing, and adds what is missing
 * along shortest paths: placement.h, residual.h, distances.h, routes.h from the bottom up. Every
 * solution has its certificate. Source: docs/solver.md. */
#ifndef ALLOT_CORE_OPTIMAL_SOLVER_H
#define ALLOT_CORE_OPTIMAL_SOLVER_H

#include "core/solution.h"

/* As solver_solve. */
int optimal_solver_solve(const struct state *state, struct solution **ret);

/* For states that follow each other: remembers the last one, and what it was answered, so that a
 * change costs what it touches: the answers share the rest. The last state's keyspace lives as
 * long. Where members have come or gone, or much has changed at once, it begins anew. The answers
 * are those of optimal_solver_solve.
 * ALLOT_ENOMEM. */
struct optimal_solver;
int optimal_solver_create(struct optimal_solver **ret);
void optimal_solver_destroy(struct optimal_solver *solver); /* NULL is fine */

/* As optimal_solver_solve. Takes a reference on @state. After an error it has forgotten all. */
int optimal_solver_answer(struct optimal_solver *solver, struct state *state,
                          struct solution **ret);

#endif

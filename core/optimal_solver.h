/* The solver whose answers are proven best in levels 1 to 4 (levels.h), of the whole problem at
 * once.
 *
 * It begins with the current assignments, as far as they cost nothing, and adds what is missing
 * along shortest paths: placement.h, residual.h, distances.h, routes.h from the bottom up. Every
 * solution has its certificate. Source: optimality.md, section 3. */
#ifndef ALLOT_CORE_OPTIMAL_SOLVER_H
#define ALLOT_CORE_OPTIMAL_SOLVER_H

#include "core/solution.h"

/* As solver_solve. */
int optimal_solver_solve(const struct state *state, struct solution **ret);

#endif

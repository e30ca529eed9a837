/* The solver of the reference: push/relabel, which is greedy in what it prefers and gives no proof.
 *
 * Items are solved in key order, in chunks of SOLVER_CHUNK_ITEMS, each a maximum-flow problem of
 * its own (flow_network.h, max_flow.h), which may run in parallel; the answer is the same. Source:
 * allocation.md, sections 4 to 6. */
#ifndef ALLOT_CORE_REFERENCE_SOLVER_H
#define ALLOT_CORE_REFERENCE_SOLVER_H

#include "core/solver.h"

enum { SOLVER_CHUNK_ITEMS = 10000 };

/* As solver_solve. */
int reference_solver_solve(const struct state *state, const struct executor *executor,
                           struct solution **ret);

#endif

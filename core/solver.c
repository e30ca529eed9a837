#include "core/solver.h"

#include "core/optimal_solver.h"
#include "core/reference_solver.h"

int solver_solve(enum solver_kind kind, const struct state *state, const struct executor *executor,
                 struct solution **ret)
{
    return kind == SOLVER_OPTIMAL ? optimal_solver_solve(state, ret)
                                  : reference_solver_solve(state, executor, ret);
}

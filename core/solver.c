#include "core/solver.h"

#include <stdlib.h>

#include "core/optimal_solver.h"
#include "core/reference_solver.h"

int solver_solve(enum solver_kind kind, const struct state *state, const struct executor *executor,
                 struct solution **ret)
{
    return kind == SOLVER_OPTIMAL ? optimal_solver_solve(state, ret)
                                  : reference_solver_solve(state, executor, ret);
}

struct solver {
    const struct executor *executor;
    struct optimal_solver *optimal; /* NULL: the reference's */
};

int solver_create(enum solver_kind kind, const struct executor *executor, struct solver **ret)
{
    struct solver *solver = calloc(1, sizeof *solver);
    if (!solver)
        return ALLOT_ENOMEM;
    solver->executor = executor;
    int error = kind == SOLVER_OPTIMAL ? optimal_solver_create(&solver->optimal) : 0;
    if (error)
        free(solver);
    else
        *ret = solver;
    return error;
}

void solver_destroy(struct solver *solver)
{
    if (!solver)
        return;
    optimal_solver_destroy(solver->optimal);
    free(solver);
}

int solver_answer(struct solver *solver, struct state *state, struct solution **ret)
{
    return solver->optimal ? optimal_solver_answer(solver->optimal, state, ret)
                           : reference_solver_solve(state, solver->executor, ret);
}

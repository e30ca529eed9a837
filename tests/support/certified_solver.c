/* Every optimal solution of every Criterion program is proven: the programs are linked with --wrap
 * of the two functions that give some, so that whoever solves has the certificate checked, too.
 * What is not proven ends the process. */
#include <stdio.h>
#include <stdlib.h>

#include "core/optimal_solver.h"
#include "tests/support/fail_alloc.h"

int __real_optimal_solver_solve(const struct state *state, struct solution **ret);
int __wrap_optimal_solver_solve(const struct state *state, struct solution **ret);
int __real_optimal_solver_answer(struct optimal_solver *solver, struct state *state,
                                 struct solution **ret);
int __wrap_optimal_solver_answer(struct optimal_solver *solver, struct state *state,
                                 struct solution **ret);

static void check(const struct state *state, const struct solution *solution)
{
    struct certificate_verdict verdict;
    fail_alloc_pause(true);
    int error = certificate_check(state, solution, &verdict);
    fail_alloc_pause(false);
    if (!error && verdict.fault == CERTIFICATE_VALID)
        return;
    fprintf(stderr, "a solution is not proven best: %s\n",
            error ? allot_error_text(error) : certificate_fault_texts[verdict.fault]);
    abort();
}

int __wrap_optimal_solver_solve(const struct state *state, struct solution **ret)
{
    int error = __real_optimal_solver_solve(state, ret);
    if (!error)
        check(state, *ret);
    return error;
}

int __wrap_optimal_solver_answer(struct optimal_solver *solver, struct state *state,
                                 struct solution **ret)
{
    int error = __real_optimal_solver_answer(solver, state, ret);
    if (!error)
        check(state, *ret);
    return error;
}

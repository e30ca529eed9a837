#include "core/optimal_solver.h"

#include <assert.h>
#include <stdlib.h>

#include "core/placement_follow.h"
#include "core/routes.h"

/* What one solve needs beside the placement. */
struct solving {
    struct placement *placement; /* borrowed */
    struct residual residual;
    struct distances distances;
    struct routes routes;
};

static int solving_init(struct solving *solving, struct placement *placement)
{
    *solving = (struct solving){.placement = placement};
    int error = residual_init(&solving->residual, placement);
    if (!error)
        error = distances_init(&solving->distances, &solving->residual);
    if (!error)
        error = routes_init(&solving->routes, &solving->distances);
    return error;
}

static void solving_release(struct solving *solving)
{
    routes_release(&solving->routes);
    distances_release(&solving->distances);
    residual_release(&solving->residual);
}

static int place_what_is_missing(struct solving *solving)
{
    bool found = true;
    while (solving->placement->open_count > 0 && found) {
        int error = distances_search(&solving->distances, &found);
        if (error)
            return error;
        int64_t routed = found ? routes_run(&solving->routes) : 0;
        assert(found == (routed > 0));
        found = routed > 0;
    }
    return 0;
}

/* The last search, if items are left that lack replicas, has found no way: what it has reached is
 * the cut. */
static int certify(const struct solving *solving, struct certificate **ret)
{
    const struct placement *placement = solving->placement;
    const struct distances *distances = &solving->distances;
    struct certificate *certificate = NULL;
    int error = certificate_create(placement->state->member_count, &certificate);
    if (error)
        return error;
    certificate->overflow_price = solving->residual.overflow_price;
    certificate->zone_price = solving->residual.zone_price;
    certificate->sink_potential = distances->sink_potential;
    for (int32_t i = 0; i < placement->taker_count; i++) {
        int32_t member = placement->takers[i];
        certificate->potential[member] = distances->potential[member];
        certificate->cut[member] =
            placement->open_count > 0 && distances->key[member] != DISTANCES_FAR;
    }
    *ret = certificate;
    return 0;
}

/* Routes what the placement, whose flow costs nothing, lacks. On success @ret is the proof. */
static int complete(struct placement *placement, struct certificate **ret)
{
    struct solving solving;
    int error = solving_init(&solving, placement);
    if (!error)
        error = place_what_is_missing(&solving);
    if (!error)
        error = certify(&solving, ret);
    solving_release(&solving);
    return error;
}

int optimal_solver_solve(const struct state *state, struct solution **ret)
{
    struct placement placement;
    struct certificate *certificate = NULL;
    int error = placement_init(&placement, state);
    if (!error)
        error = complete(&placement, &certificate);
    if (!error)
        error = placement_solution(&placement, ret);
    if (error)
        certificate_destroy(certificate);
    else
        (*ret)->certificate = certificate;
    placement_release(&placement);
    return error;
}

/* --- one after the other --- */

struct optimal_solver {
    /* Of the last answer; NULL: none. */
    struct state *state;
    struct solution *solution;
    struct placement placement;
};

int optimal_solver_create(struct optimal_solver **ret)
{
    struct optimal_solver *solver = calloc(1, sizeof *solver);
    if (!solver)
        return ALLOT_ENOMEM;
    *ret = solver;
    return 0;
}

static void forget(struct optimal_solver *solver)
{
    placement_release(&solver->placement);
    solution_unref(solver->solution);
    state_unref(solver->state);
    solver->solution = NULL;
    solver->state = NULL;
}

void optimal_solver_destroy(struct optimal_solver *solver)
{
    if (!solver)
        return;
    forget(solver);
    free(solver);
}

/* Turns the placement to @state: from the last one if that is near enough, or anew. */
static int turn_to(struct optimal_solver *solver, struct state *state,
                   struct placement_shifts *ret_shifts, bool *ret_follows)
{
    *ret_follows = false;
    if (solver->solution) {
        int error = placement_follow(&solver->placement, state, ret_shifts, ret_follows);
        if (error)
            return error;
    }
    if (!*ret_follows) {
        forget(solver);
        return placement_init(&solver->placement, state);
    }
    return 0;
}

static void keep(struct optimal_solver *solver, struct state *state, struct solution *solution)
{
    state_ref(state);
    state_unref(solver->state);
    solver->state = state;
    solution_unref(solver->solution);
    solver->solution = solution_ref(solution);
    placement_forget(&solver->placement);
}

int optimal_solver_answer(struct optimal_solver *solver, struct state *state, struct solution **ret)
{
    struct placement *placement = &solver->placement;
    struct placement_shifts shifts;
    struct certificate *certificate = NULL;
    struct solution *solution = NULL;
    bool follows;
    int error = turn_to(solver, state, &shifts, &follows);
    if (!error)
        error = complete(placement, &certificate);
    if (!error)
        error = follows ? placement_follow_solution(placement, solver->solution, &shifts, &solution)
                        : placement_solution(placement, &solution);
    if (error) {
        certificate_destroy(certificate);
        forget(solver);
        return error;
    }
    solution->certificate = certificate;
    keep(solver, state, solution);
    *ret = solution;
    return 0;
}

#include "core/optimal_solver.h"

#include <assert.h>

#include "core/routes.h"

struct solving {
    struct placement placement;
    struct residual residual;
    struct distances distances;
    struct routes routes;
};

static int solving_init(struct solving *solving, const struct state *state)
{
    *solving = (struct solving){0};
    int error = placement_init(&solving->placement, state);
    if (!error)
        error = residual_init(&solving->residual, &solving->placement);
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
    placement_release(&solving->placement);
}

static int place_what_is_missing(struct solving *solving)
{
    bool found = true;
    while (solving->placement.open_count > 0 && found) {
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
static int certify(const struct solving *solving, struct solution *solution)
{
    const struct placement *placement = &solving->placement;
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
    solution->certificate = certificate;
    return 0;
}

int optimal_solver_solve(const struct state *state, struct solution **ret)
{
    struct solving solving;
    struct solution *solution = NULL;
    int error = solving_init(&solving, state);
    if (!error)
        error = place_what_is_missing(&solving);
    if (!error)
        error = placement_solution(&solving.placement, &solution);
    if (!error)
        error = certify(&solving, solution);
    if (!error) {
        *ret = solution;
        solution = NULL;
    }
    solution_unref(solution);
    solving_release(&solving);
    return error;
}

#include "core/reference_solver.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow_network.h"

/* One solve, shared by its workers. Chunk c's desired members are written from member[room[c]] on;
 * the number of each item's into begin[item + 1]. */
struct solving {
    const struct state *state;
    struct solution *solution;
    int64_t *room; /* by chunk */
    int32_t chunk_count;
    atomic_int next_chunk;
    atomic_int error;
};

static int32_t chunk_begin(int32_t chunk)
{
    return chunk * SOLVER_CHUNK_ITEMS;
}

static int32_t chunk_size(const struct state *state, int32_t chunk)
{
    int32_t left = state->item_count - chunk_begin(chunk);
    return left < SOLVER_CHUNK_ITEMS ? left : SOLVER_CHUNK_ITEMS;
}

static int solve_chunk(const struct solving *solving, struct flow_network *network,
                       struct max_flow *flow, int32_t chunk)
{
    int32_t begin = chunk_begin(chunk);
    int error = flow_network_set_chunk(network, begin, chunk_size(solving->state, chunk));
    if (error)
        return error;
    struct max_flow_network view = flow_network_view(network);
    error = max_flow_solve(flow, &view);
    if (error)
        return error;
    int32_t *members = solving->solution->member + solving->room[chunk];
    for (int32_t item = begin; item < begin + network->item_count; item++) {
        int32_t count = flow_network_members(network, flow, item, members);
        solving->solution->begin[item + 1] = count;
        members += count;
    }
    return 0;
}

/* Takes chunk after chunk until none is left, in memory of its own. */
static void work(void *argument, int index)
{
    struct solving *solving = argument;
    struct flow_network network = {0};
    struct max_flow *flow = NULL;
    (void)index;
    int error = flow_network_init(&network, solving->state);
    if (!error)
        error = max_flow_create(&flow);
    while (!error && !atomic_load(&solving->error)) {
        int chunk = atomic_fetch_add(&solving->next_chunk, 1);
        if (chunk >= solving->chunk_count)
            break;
        error = solve_chunk(solving, &network, flow, chunk);
    }
    if (error)
        atomic_store(&solving->error, error);
    max_flow_destroy(flow);
    flow_network_release(&network);
}

/* How many members the items of a chunk can have at most, in all: none twice, and none beyond what
 * it has slots for. */
static int64_t most_members(const struct state *state, int32_t chunk)
{
    int64_t most = 0;
    for (int32_t i = chunk_begin(chunk); i < chunk_begin(chunk) + chunk_size(state, chunk); i++)
        most += state->replication[i] < state->member_count ? state->replication[i]
                                                            : state->member_count;
    return most < state->member_slots ? most : state->member_slots;
}

/* Sets room[], where each chunk's members begin at first, and returns where all end. */
static int64_t measure(const struct solving *solving)
{
    int64_t total = 0;
    for (int32_t chunk = 0; chunk < solving->chunk_count; chunk++) {
        solving->room[chunk] = total;
        total += most_members(solving->state, chunk);
    }
    return total;
}

/* Closes the gaps between the chunks, and turns counts into beginnings. */
static void concatenate(const struct solving *solving)
{
    struct solution *solution = solving->solution;
    int32_t total = 0;
    solution->begin[0] = 0;
    for (int32_t chunk = 0; chunk < solving->chunk_count; chunk++) {
        int32_t begin = chunk_begin(chunk);
        int32_t end = begin + chunk_size(solving->state, chunk);
        int32_t first = total;
        for (int32_t item = begin; item < end; item++) {
            total += solution->begin[item + 1];
            solution->begin[item + 1] = total;
        }
        memmove(solution->member + first, solution->member + solving->room[chunk],
                (size_t)(total - first) * sizeof *solution->member);
    }
    solution->assigned = total;
    solution->unattainable = solving->state->item_slots - total;
}

int reference_solver_solve(const struct state *state, const struct executor *executor,
                           struct solution **ret)
{
    struct solving solving = {
        .state = state,
        .chunk_count = (state->item_count + SOLVER_CHUNK_ITEMS - 1) / SOLVER_CHUNK_ITEMS,
    };
    solving.room = malloc(((size_t)solving.chunk_count + 1) * sizeof *solving.room);
    if (!solving.room)
        return ALLOT_ENOMEM;
    int error = solution_create(state, measure(&solving), &solving.solution);
    if (error)
        goto out;
    solving.solution->solver = SOLVER_REFERENCE;

    if (executor && executor->width > 1 && solving.chunk_count > 1)
        executor->run(executor->context, work, &solving);
    else
        work(&solving, 0);
    error = atomic_load(&solving.error);
    if (error)
        goto out;
    concatenate(&solving);
    *ret = solving.solution;
    solving.solution = NULL;
out:
    solution_unref(solving.solution);
    free(solving.room);
    return error;
}

#include "core/reference_solver.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow_network.h"
#include "core/solution_writer.h"

/* One solve, shared by its workers. Chunk c's desired members are written from members[room[c]] on;
 * the number of each item's into counts[item]. */
struct solving {
    const struct state *state;
    int32_t *counts;
    int32_t *members;
    int64_t *room; /* by chunk, and where all end */
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
    int32_t *members = solving->members + solving->room[chunk];
    for (int32_t item = begin; item < begin + network->item_count; item++) {
        solving->counts[item] = flow_network_members(network, flow, item, members);
        members += solving->counts[item];
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

/* Sets room[]. */
static void measure(const struct solving *solving)
{
    int64_t total = 0;
    for (int32_t chunk = 0; chunk < solving->chunk_count; chunk++) {
        solving->room[chunk] = total;
        total += most_members(solving->state, chunk);
    }
    solving->room[solving->chunk_count] = total;
}

static int solving_init(struct solving *solving, const struct state *state)
{
    int32_t chunks = (state->item_count + SOLVER_CHUNK_ITEMS - 1) / SOLVER_CHUNK_ITEMS;
    *solving = (struct solving){.state = state, .chunk_count = chunks};
    solving->counts = malloc(((size_t)state->item_count + 1) * sizeof *solving->counts);
    solving->room = malloc(((size_t)chunks + 1) * sizeof *solving->room);
    if (!solving->counts || !solving->room)
        return ALLOT_ENOMEM;
    measure(solving);
    if (solving->room[chunks] > INT32_MAX)
        return ALLOT_ELIMIT;
    solving->members = malloc(((size_t)solving->room[chunks] + 1) * sizeof *solving->members);
    return solving->members ? 0 : ALLOT_ENOMEM;
}

static void solving_release(struct solving *solving)
{
    free(solving->counts);
    free(solving->members);
    free(solving->room);
}

static int write_chunk(const struct solving *solving, struct solution_writer *writer, int32_t chunk)
{
    const int32_t *members = solving->members + solving->room[chunk];
    int32_t begin = chunk_begin(chunk);
    int32_t end = begin + chunk_size(solving->state, chunk);
    int error = 0;
    for (int32_t item = begin; !error && item < end; item++) {
        int32_t count = solving->counts[item];
        int32_t *desired = NULL;
        error = solution_writer_add(writer, count, &desired);
        if (!error && count > 0)
            memcpy(desired, members, (size_t)count * sizeof *desired);
        members += count;
    }
    return error;
}

/* Brings the chunks together. */
static int write_solution(const struct solving *solving, struct solution **ret)
{
    struct solution_writer writer;
    int error = solution_writer_init(&writer, solving->state);
    for (int32_t chunk = 0; !error && chunk < solving->chunk_count; chunk++)
        error = write_chunk(solving, &writer, chunk);
    if (!error)
        error = solution_writer_finish(&writer, ret);
    if (!error)
        (*ret)->solver = SOLVER_REFERENCE;
    solution_writer_release(&writer);
    return error;
}

int reference_solver_solve(const struct state *state, const struct executor *executor,
                           struct solution **ret)
{
    struct solving solving;
    int error = solving_init(&solving, state);
    if (error)
        goto out;
    if (executor && executor->width > 1 && solving.chunk_count > 1)
        executor->run(executor->context, work, &solving);
    else
        work(&solving, 0);
    error = atomic_load(&solving.error);
    if (!error)
        error = write_solution(&solving, ret);
out:
    solving_release(&solving);
    return error;
}

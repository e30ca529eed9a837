#include "core/solution.h"

#include <stdlib.h>

#include "core/solution_block.h"

const char *const solver_kind_names[] = {"optimal", "reference", NULL};

struct counted_solution {
    struct solution solution;
    atomic_int references;
};

struct solution *solution_create(const struct state *state)
{
    struct counted_solution *counted = calloc(1, sizeof *counted);
    if (!counted)
        return NULL;
    atomic_init(&counted->references, 1);
    counted->solution.fingerprint = state->fingerprint;
    counted->solution.item_count = state->item_count;
    counted->solution.member_count = state->member_count;
    return &counted->solution;
}

int32_t solution_find_block(const struct solution *solution, int32_t item)
{
    int32_t block = solution->block_of[item / SOLUTION_BLOCK_ITEMS];
    while (solution->block_begin[block + 1] <= item)
        block++;
    return block;
}

struct desired solution_desired(const struct solution *solution, int32_t item)
{
    int32_t block = solution_find_block(solution, item);
    return solution_block_desired(solution->blocks[block], item - solution->block_begin[block]);
}

void solution_add_load(const struct solution *solution, int32_t begin, int32_t end, int32_t *load)
{
    for (int32_t item = begin; item < end; item++) {
        struct desired desired = solution_desired(solution, item);
        for (int32_t d = 0; d < desired.count; d++)
            load[desired.members[d]]++;
    }
}

bool solution_fits(const struct solution *solution, const struct state *state)
{
    return solution && solution->fingerprint == state->fingerprint &&
           solution->item_count == state->item_count &&
           solution->member_count == state->member_count;
}

struct solution *solution_ref(struct solution *solution)
{
    atomic_fetch_add(&((struct counted_solution *)solution)->references, 1);
    return solution;
}

void solution_unref(struct solution *solution)
{
    if (!solution)
        return;
    if (atomic_fetch_sub(&((struct counted_solution *)solution)->references, 1) != 1)
        return;
    for (int32_t i = 0; i < solution->block_count; i++)
        solution_block_unref(solution->blocks[i]);
    free(solution->blocks);
    free(solution->block_begin);
    free(solution->block_of);
    certificate_destroy(solution->certificate);
    free(solution);
}

struct change_summary solution_changes(const struct solution *solution, const struct state *state)
{
    struct change_summary summary = {0};
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t a = state->assignment_begin[item];
        int32_t a_end = state->assignment_end[item];
        struct desired desired = solution_desired(solution, item);
        int32_t d = 0;
        while (a < a_end || d < desired.count) {
            int32_t current = a < a_end ? state->assignment_member[a] : STATE_NONE;
            if (a < a_end &&
                (current == STATE_NONE || d == desired.count || current < desired.members[d])) {
                summary.removed++;
                a++;
            } else if (a == a_end || desired.members[d] < current) {
                summary.added++;
                d++;
            } else {
                summary.unchanged++;
                a++;
                d++;
            }
        }
    }
    return summary;
}

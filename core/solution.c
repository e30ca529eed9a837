#include "core/solution.h"

#include <stdatomic.h>
#include <stdlib.h>

const char *const solver_kind_names[] = {"optimal", "reference", NULL};

struct counted_solution {
    struct solution solution;
    atomic_int references;
};

/* Rounded up, so that solutions of nearly equal sizes, one after the other, find each other's
 * memory as they left it. */
static size_t round_up(int64_t count)
{
    return ((size_t)count | 4095) + 1;
}

int solution_create(const struct state *state, int64_t room, struct solution **ret)
{
    if (room > INT32_MAX)
        return ALLOT_ELIMIT;
    struct counted_solution *counted = calloc(1, sizeof *counted);
    if (!counted)
        return ALLOT_ENOMEM;
    atomic_init(&counted->references, 1);
    struct solution *solution = &counted->solution;
    solution->network_hash = state->network_hash;
    solution->item_count = state->item_count;
    solution->member_count = state->member_count;
    solution->begin = malloc(round_up(state->item_count) * sizeof *solution->begin);
    solution->member = malloc(round_up(room) * sizeof *solution->member);
    if (!solution->begin || !solution->member) {
        solution_unref(solution);
        return ALLOT_ENOMEM;
    }
    *ret = solution;
    return 0;
}

bool solution_fits(const struct solution *solution, const struct state *state)
{
    return solution && solution->network_hash.crc == state->network_hash.crc &&
           solution->network_hash.fingerprint == state->network_hash.fingerprint &&
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
    free(solution->begin);
    free(solution->member);
    certificate_destroy(solution->certificate);
    free(solution);
}

struct change_summary solution_changes(const struct solution *solution, const struct state *state)
{
    struct change_summary summary = {0};
    for (int32_t item = 0; item < state->item_count; item++) {
        int32_t a = state->assignment_begin[item];
        int32_t a_end = state->assignment_end[item];
        int32_t d = solution->begin[item];
        int32_t d_end = solution->begin[item + 1];
        while (a < a_end || d < d_end) {
            int32_t current = a < a_end ? state->assignment_member[a] : STATE_NONE;
            if (a < a_end &&
                (current == STATE_NONE || d == d_end || current < solution->member[d])) {
                summary.removed++;
                a++;
            } else if (a == a_end || solution->member[d] < current) {
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

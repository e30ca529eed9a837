/* Many simulations of the loop, each with a seed of its own. Environment: ALLOT_SEED runs that one
 * only; ALLOT_SIMULATIONS is how many there are. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "tests/core/loop_simulation.h"

enum { SIMULATIONS = 700 };

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void check_happened(const struct simulation_counts *counts)
{
    cr_assert_gt(counts->transactions, 0);
    cr_assert_gt(counts->failed, 0);
    cr_assert_gt(counts->further, 0);
    cr_assert_gt(counts->late, 0);
    cr_assert_gt(counts->lost, 0);
    cr_assert_gt(counts->stops, 0);
    cr_assert_gt(counts->additions, 0);
    cr_assert_gt(counts->removals, 0);
    cr_assert_gt(counts->moves, 0);
    cr_assert_gt(counts->leaders, 0);
    cr_assert_gt(counts->records, 0);
}

Test(loop_simulation, keeps_its_promises_whatever_happens)
{
    uint64_t first = number_from("ALLOT_SEED", 1);
    uint64_t count = getenv("ALLOT_SEED") ? 1 : number_from("ALLOT_SIMULATIONS", SIMULATIONS);
    struct simulation_counts counts = {0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        char fault[256];
        int error = loop_simulation_run(seed, &counts, fault, stderr);
        cr_assert_eq(error, 0, "ALLOT_SEED=%" PRIu64 ": %s", seed, fault);
    }
    if (count >= SIMULATIONS)
        check_happened(&counts);
}

/* How long the core takes to observe and to solve large instances, by the optimal solver and by the
 * reference's, side by side (best of five, one thread); what that moves; and what it takes in
 * memory. With 0.9, the members can hold nine tenths of what is wanted. */
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "core/levels.h"
#include "tests/support/large_instance.h"

static const struct large_size sizes[] = {
    {10000, 100, 130}, {100000, 500, 130},   {100000, 500, 100},
    {100000, 500, 90}, {1000000, 1000, 130},
};

enum { RUNS = 5 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double megabytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1e6;
}

static void fail(const char *what)
{
    fprintf(stderr, "bench solve: %s failed\n", what);
    exit(1);
}

struct measured {
    struct solution *solution;
    double seconds;
};

static double least(double a, double b)
{
    return a < b ? a : b;
}

static struct measured measure(enum solver_kind kind, const struct state *state)
{
    struct measured best = {.seconds = 1e9};
    for (int run = 0; run < RUNS; run++) {
        solution_unref(best.solution);
        double begin = seconds();
        if (solver_solve(kind, state, NULL, &best.solution) != 0)
            fail("solve");
        best.seconds = least(best.seconds, seconds() - begin);
    }
    return best;
}

static struct state *observe(struct keyspace *keyspace, double *ret_seconds)
{
    struct state_config config = {.own_key = {0}};
    struct state *state = NULL;
    *ret_seconds = 1e9;
    for (int run = 0; run < RUNS; run++) {
        state_unref(state);
        double begin = seconds();
        if (state_observe(&config, keyspace, &state) != 0)
            fail("observe");
        *ret_seconds = least(*ret_seconds, seconds() - begin);
    }
    return state;
}

static void print_solver(const struct state *state, const struct measured *measured)
{
    struct levels levels;
    if (levels_measure(state, measured->solution, &levels) != 0)
        fail("measuring");
    printf("  %9.3f ms (removes %" PRId64 ", assigns %" PRId64 ", in one zone %" PRId64 ")",
           measured->seconds * 1e3, solution_changes(measured->solution, state).removed,
           levels.assigned, levels.zone_excess);
}

/* Returns the reference's answer, and in @ret_state what it is an answer to. */
static struct solution *bench(const struct large_size *size, enum large_kind kind,
                              const struct state *cold, const struct solution *settled,
                              struct state **ret_state)
{
    double before = megabytes();
    double observed = 0;
    struct keyspace *keyspace = large_instance(size, kind, cold, settled);
    if (!keyspace)
        fail("reading the instance");
    struct state *state = observe(keyspace, &observed);
    keyspace_unref(keyspace); /* the state holds it */
    double memory = megabytes() - before;
    struct measured reference = measure(SOLVER_REFERENCE, state);
    struct measured optimal = measure(SOLVER_OPTIMAL, state);
    printf("%8d x %-5d %.1f %-20s observe %6.1f ms, %6.1f MB  reference", size->items,
           size->members, size->percent / 100.0, large_kind_name(kind), observed * 1e3, memory);
    print_solver(state, &reference);
    printf("  optimal");
    print_solver(state, &optimal);
    printf("  %.1f times as fast\n", reference.seconds / optimal.seconds);
    fflush(stdout);
    solution_unref(optimal.solution);
    *ret_state = state;
    return reference.solution;
}

static void bench_size(const struct large_size *size)
{
    struct state *cold = NULL;
    struct solution *settled = bench(size, LARGE_COLD, NULL, NULL, &cold);
    for (enum large_kind kind = LARGE_SETTLED; kind < LARGE_KIND_COUNT; kind++) {
        struct state *state = NULL;
        solution_unref(bench(size, kind, cold, settled, &state));
        state_unref(state);
    }
    state_unref(cold);
    solution_unref(settled);
}

int main(void)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        bench_size(&sizes[i]);
    return 0;
}

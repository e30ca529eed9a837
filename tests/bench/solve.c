/* How long the core takes to observe and to solve the instances of large.json (best of five, one
 * thread), and what it takes in memory; the times that the reference took on two noisy cores beside
 * it. */
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/large_instance.h"

/* Seconds of the reference; 0: not known. */
static const struct size {
    int items;
    int members;
    double reference[LARGE_KIND_COUNT];
} sizes[] = {
    {1000, 10, {0}},      {10000, 100, {0.091, 0.063, 0, 0}},
    {25000, 200, {0}},    {100000, 500, {0.89, 0.43, 0.68, 0}},
    {1000000, 1000, {0}},
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
    struct state *state;
    struct solution *solution;
    double observe;
    double solve;
};

static struct measured measure(struct keyspace *keyspace)
{
    struct state_config config = {.own_key = {0}};
    struct measured best = {.observe = 1e9, .solve = 1e9};
    for (int run = 0; run < RUNS; run++) {
        state_unref(best.state);
        solution_unref(best.solution);
        double begin = seconds();
        if (state_observe(&config, keyspace, &best.state) != 0)
            fail("observe");
        double observed = seconds();
        if (solver_solve(best.state, NULL, &best.solution) != 0)
            fail("solve");
        double end = seconds();
        best.observe = observed - begin < best.observe ? observed - begin : best.observe;
        best.solve = end - observed < best.solve ? end - observed : best.solve;
    }
    return best;
}

static void print_row(const struct size *size, enum large_kind kind,
                      const struct measured *measured, double memory)
{
    printf("%8d x %-5d %-20s observe %8.4f s  solve %8.4f s  memory %7.1f MB", size->items,
           size->members, large_kind_name(kind), measured->observe, measured->solve, memory);
    if (size->reference[kind] > 0)
        printf("  reference %.3f s: %.1f times", size->reference[kind],
               size->reference[kind] / measured->solve);
    printf("\n");
    fflush(stdout);
}

static void bench_size(const struct size *size)
{
    struct measured cold = {0};
    for (enum large_kind kind = LARGE_COLD; kind < LARGE_KIND_COUNT; kind++) {
        double before = megabytes();
        struct keyspace *keyspace =
            large_instance(size->items, size->members, kind, cold.state, cold.solution);
        if (!keyspace)
            fail("reading the instance");
        struct measured measured = measure(keyspace);
        keyspace_unref(keyspace); /* the state holds it */
        print_row(size, kind, &measured, megabytes() - before);
        if (kind == LARGE_COLD) {
            cold = measured;
            continue;
        }
        state_unref(measured.state);
        solution_unref(measured.solution);
    }
    state_unref(cold.state);
    solution_unref(cold.solution);
}

int main(void)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        bench_size(&sizes[i]);
    return 0;
}

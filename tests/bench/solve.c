/* How long the core takes to observe and to solve large instances, by the optimal solver and by the
 * reference's, side by side (best of five, one thread); what that moves; and what it takes in
 * memory. With 0.9, the members can hold nine tenths of what is wanted. Then changes of one item
 * after another, each told to the solver that has answered before.
 *
 *     bench_solve [ITEMS]      only those of so many items */
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "core/levels.h"
#include "server/instance.h"
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

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* Returns the least time, and in @ret the answer. */
static double measure(enum solver_kind kind, const struct state *state, struct solution **ret)
{
    double best = 1e9;
    *ret = NULL;
    for (int run = 0; run < RUNS; run++) {
        solution_unref(*ret);
        double begin = seconds();
        if (solver_solve(kind, state, NULL, ret) != 0)
            fail("solve");
        best = least(best, seconds() - begin);
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

static void print_solver(const struct state *state, const struct solution *solution, double time)
{
    struct levels levels;
    if (levels_measure(state, solution, &levels) != 0)
        fail("measuring");
    printf("  %9.3f ms (removes %" PRId64 ", assigns %" PRId64 ", in one zone %" PRId64 ")",
           time * 1e3, solution_changes(solution, state).removed, levels.assigned,
           levels.zone_excess);
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
    struct solution *reference = NULL;
    struct solution *optimal = NULL;
    double reference_time = measure(SOLVER_REFERENCE, state, &reference);
    double optimal_time = measure(SOLVER_OPTIMAL, state, &optimal);
    printf("%8d x %-5d %.1f %-20s observe %6.1f ms, %6.1f MB  reference", size->items,
           size->members, size->percent / 100.0, large_kind_name(kind), observed * 1e3, memory);
    print_solver(state, reference, reference_time);
    printf("  optimal");
    print_solver(state, optimal, optimal_time);
    printf("  %.1f times as fast\n", reference_time / optimal_time);
    fflush(stdout);
    solution_unref(optimal);
    *ret_state = state;
    return reference;
}

/* --- one after the other --- */

/* The state in which item number @number, beyond those there are, wants @replication. */
static struct state *put_item(const struct state *state, int number, int replication)
{
    struct state_config config = {.own_key = {0}};
    struct keyspace *keyspace = NULL;
    struct state *next = NULL;
    char key[64];
    char value[32];
    int64_t revision = state->revision + 1;
    (void)snprintf(key, sizeof key, INSTANCE_ROOT "/items/item-%07d", number);
    (void)snprintf(value, sizeof value, "%d", replication);
    struct store_event event = {.kind = STORE_EVENT_PUT,
                                .kv = {.key = span_of(key),
                                       .value = span_of(value),
                                       .create_revision = revision,
                                       .mod_revision = revision,
                                       .version = 1}};
    struct store_watch_response response = {.cluster_id = keyspace_cluster_id(state->keyspace),
                                            .revision = revision,
                                            .events = &event,
                                            .event_count = 1};
    if (keyspace_apply(state->keyspace, &response, 1, &keyspace) != 0 ||
        state_observe(&config, keyspace, &next) != 0)
        fail("a change");
    keyspace_unref(keyspace);
    return next;
}

enum change { CHANGE_NOTHING, CHANGE_ONE, ADD_ONE, CHANGE_COUNT };

/* The state after the @run-th such change. */
static struct state *change_state(const struct large_size *size, const struct state *state,
                                  enum change change, int run)
{
    switch (change) {
    case CHANGE_ONE:
        return put_item(state, size->items / 2, 2 + run % 2);
    case ADD_ONE:
        return put_item(state, size->items + run, 2 + (run + 1) % 2);
    default: /* written again as it is */
        return put_item(state, size->items / 2, 3);
    }
}

/* Makes such a change RUNS times, and has each followed. */
static void bench_changes(const struct large_size *size, struct state *settled, enum change change)
{
    static const char *const names[] = {"nothing changed", "one item changed", "one item added"};
    struct solver *solver = NULL;
    struct solution *solution = NULL;
    struct state *state = state_ref(settled);
    double best = 1e9;
    double reference = measure(SOLVER_REFERENCE, state, &solution);
    solution_unref(solution);
    if (solver_create(SOLVER_OPTIMAL, NULL, &solver) != 0 ||
        solver_answer(solver, state, &solution) != 0)
        fail("solve");
    for (int run = 0; run < 2 * RUNS; run++) {
        struct state *next = change_state(size, state, change, run);
        state_unref(state);
        solution_unref(solution);
        state = next;
        double begin = seconds();
        if (solver_answer(solver, state, &solution) != 0)
            fail("solve");
        best = least(best, seconds() - begin);
    }
    printf("%8d x %-5d %.1f %s, following: reference %9.3f ms  optimal %9.3f ms  %.1f "
           "times as "
           "fast\n",
           size->items, size->members, size->percent / 100.0, names[change], reference * 1e3,
           best * 1e3, reference / best);
    solver_destroy(solver);
    solution_unref(solution);
    state_unref(state);
}

static void bench_size(const struct large_size *size)
{
    struct state *cold = NULL;
    struct solution *settled = bench(size, LARGE_COLD, NULL, NULL, &cold);
    for (enum large_kind kind = LARGE_SETTLED; kind < LARGE_KIND_COUNT; kind++) {
        struct state *state = NULL;
        solution_unref(bench(size, kind, cold, settled, &state));
        if (kind == LARGE_SETTLED) {
            for (enum change change = CHANGE_NOTHING; change < CHANGE_COUNT; change++)
                bench_changes(size, state, change);
        }
        state_unref(state);
    }
    state_unref(cold);
    solution_unref(settled);
}

int main(int argc, char **argv)
{
    long items = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (items == 0 || sizes[i].items == items)
            bench_size(&sizes[i]);
    return 0;
}

/* What the loop takes to react to one item that wants one replica more, or that is new among the
 * others, part by part: from what the watch tells to the transaction that follows, in a settled
 * cluster of 1,000,000 items and 1,000 members (best of eleven, and the median; one thread). And
 * what each part takes in memory.
 *
 *     bench_reaction [ITEMS [MEMBERS]] */
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "core/levels.h"
#include "core/pass.h"
#include "server/instance.h"
#include "tests/support/large_instance.h"

enum { RUNS = 11 };

enum part {
    PART_MIRROR,  /* the changes into the keyspace */
    PART_STATE,   /* that into a state */
    PART_SOLVE,   /* that into a solution */
    PART_PASS,    /* both into a transaction */
    PART_RELEASE, /* what was before */
    PART_LEVELS,  /* what the solution is worth, for the round's record: after the transaction */
    PART_COUNT
};

static const char *const part_names[] = {"mirror", "state", "solve", "pass", "release", "levels"};

struct versions {
    struct keyspace *keyspace;
    struct state *state;
    struct solution *solution;
};

static const struct state_config config = {.gone_members_are_inconsistent = true};

static void must(int error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "bench_reaction: %s: %s\n", what, allot_error_text(error));
    exit(1);
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + 1e-6 * (double)now.tv_nsec;
}

static double megabytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1e6;
}

/* --- one reaction --- */

/* Another item each time. */
static struct keyspace *put_item(struct keyspace *keyspace, int items, int run, bool added)
{
    struct keyspace *changed = NULL;
    char key[64];
    int64_t revision = keyspace_revision(keyspace) + 1;
    (void)snprintf(key, sizeof key, INSTANCE_ROOT "/items/item-%07d%s", items / 2 + run,
                   added ? "-new" : "");
    const struct entry *former = keyspace_find(keyspace, span_of(key));
    int64_t created = former ? former->create_revision : revision;
    struct store_event event = {.kind = STORE_EVENT_PUT,
                                .kv = {.key = span_of(key),
                                       .value = added ? SPAN("3") : SPAN("4"),
                                       .create_revision = created,
                                       .mod_revision = revision,
                                       .version = 1}};
    struct store_watch_response response = {.cluster_id = keyspace_cluster_id(keyspace),
                                            .revision = revision,
                                            .events = &event,
                                            .event_count = 1};
    must(keyspace_apply(keyspace, &response, 1, &changed), "the mirror");
    return changed;
}

static struct pass *decide(const struct versions *versions)
{
    struct pass_options options = {.split_oversized = true, .merged_checks = true};
    struct pass *pass = NULL;
    const struct store_txn *txn = NULL;
    must(pass_create(&options, versions->state, versions->solution, &pass), "the pass");
    must(pass_next(pass, &txn), "the pass");
    if (!txn) {
        fprintf(stderr, "bench_reaction: there is nothing to do\n");
        exit(1);
    }
    pass_done(pass, false);
    return pass;
}

static void release(struct versions *versions)
{
    solution_unref(versions->solution);
    state_unref(versions->state);
    keyspace_unref(versions->keyspace);
}

static void react(struct solver *solver, struct versions *versions, int items, int run, bool added,
                  double *ret_times)
{
    struct versions next = {.keyspace = NULL};
    struct levels levels;
    double at[PART_COUNT + 1];
    at[0] = milliseconds();
    next.keyspace = put_item(versions->keyspace, items, run, added);
    at[1] = milliseconds();
    must(state_follow(&config, versions->state, next.keyspace, &next.state), "the state");
    at[2] = milliseconds();
    must(solver_answer(solver, next.state, &next.solution), "the solver");
    at[3] = milliseconds();
    struct pass *pass = decide(&next);
    at[4] = milliseconds();
    release(versions);
    at[5] = milliseconds();
    must(levels_measure(next.state, next.solution, &levels), "the levels");
    at[6] = milliseconds();
    pass_destroy(pass);
    *versions = next;
    for (int part = 0; part < PART_COUNT; part++)
        ret_times[part] = at[part + 1] - at[part];
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(struct solver *solver, struct versions *versions, int items, bool added)
{
    double times[RUNS][PART_COUNT];
    double sorted[RUNS];
    for (int run = 0; run < RUNS; run++)
        react(solver, versions, items, run, added, times[run]);
    printf("one item %s\n", added ? "added" : "changed");
    for (int part = 0; part < PART_COUNT; part++) {
        for (int run = 0; run < RUNS; run++)
            sorted[run] = times[run][part];
        qsort(sorted, RUNS, sizeof *sorted, compare);
        printf("  %-8s %9.3f ms (median %.3f)\n", part_names[part], sorted[0], sorted[RUNS / 2]);
    }
}

/* --- the cluster --- */

/* The state in which all that is wanted of the cold one has come to be, without that. */
static struct keyspace *settled(const struct large_size *size)
{
    struct keyspace *cold = large_instance(size, LARGE_COLD, NULL, NULL);
    struct keyspace *keyspace = NULL;
    struct versions versions = {cold, NULL, NULL};
    must(cold ? 0 : ALLOT_EINVAL, "the instance");
    must(state_observe(&config, cold, &versions.state), "the state");
    must(solver_solve(SOLVER_OPTIMAL, versions.state, NULL, &versions.solution), "the solver");
    keyspace = large_instance(size, LARGE_SETTLED, versions.state, versions.solution);
    must(keyspace ? 0 : ALLOT_EINVAL, "the settled instance");
    release(&versions);
    return keyspace;
}

/* Makes each version for the first time, and tells what it takes. */
static void begin(const struct large_size *size, struct solver *solver, struct versions *versions)
{
    double before = megabytes();
    versions->keyspace = settled(size);
    double with_keyspace = megabytes();
    must(state_observe(&config, versions->keyspace, &versions->state), "the state");
    double with_state = megabytes();
    must(solver_answer(solver, versions->state, &versions->solution), "the solver");
    double with_solution = megabytes();
    printf("%d items, %d members: mirror %.1f MB, state %.1f MB, solver and solution %.1f MB\n",
           size->items, size->members, with_keyspace - before, with_state - with_keyspace,
           with_solution - with_state);
}

int main(int argc, char **argv)
{
    const struct large_size size = {
        .items = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1000000,
        .members = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1000,
        .percent = LARGE_VECTOR_PERCENT,
    };
    struct solver *solver = NULL;
    struct versions versions = {.keyspace = NULL};
    must(solver_create(SOLVER_OPTIMAL, NULL, &solver), "the solver");
    begin(&size, solver, &versions);
    measure(solver, &versions, size.items, false);
    measure(solver, &versions, size.items, true);
    solver_destroy(solver);
    release(&versions);
    return 0;
}

/* `allotd solve`: solves one instance offline, and tells how long that took. */
#include <inttypes.h>
#include <time.h>

#include "core/levels.h"
#include "server/executor.h"
#include "server/tool.h"

static const struct tool tool = {
    .name = "solve",
    .help =
        "usage: allotd solve [OPTION]... [FILE|-]\n"
        "\n"
        "Reads one instance as JSON (from FILE, or from standard input), solves it, and prints as\n"
        "JSON: network_hash, item_slots, member_slots, shed_capacity by member, desired as\n"
        "[item, zone, suffix], unattainable, the levels that solutions are compared by (assigned,\n"
        "zone_excess, overflow, kept), and the times (best of K).\n"
        "\n"
        "An instance has members, items, and assignments that there are; each has all of these:\n"
        "\n"
        "  {\"members\": [{\"zone\": \"a\", \"suffix\": \"1\", \"limit\": 3, \"exiting\": false,\n"
        "                \"create_revision\": 1}],\n"
        "   \"items\": [{\"id\": \"x\", \"replication\": 2}],\n"
        "   \"assignments\": [{\"item\": \"x\", \"zone\": \"a\", \"suffix\": \"1\", \"slot\": 0,\n"
        "                    \"consistent\": true}]}\n"
        "\n"
        "  --repeat K      observe and solve K times (default 1)\n"
        "  --threads N     solve with N threads (default 1)\n"
        "  --solver NAME   optimal: the best there is (the default); reference: push/relabel, as\n"
        "                  the reference decides\n"
        "  --balance-tolerance PERCENT\n"
        "                  how far beyond its fair share a member may be before anything\n"
        "                  moves for balance (default 0)\n"
        "  --certify       check the proof that nothing is better; fail without\n"
        "  --help, -h      print this\n"
        "\n"
        "Exit status: 0, 1 on failure, 2 on bad arguments or a bad instance.\n",
    .takes_repeat = true,
    .takes_threads = true,
    .takes_certify = true,
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct solved {
    struct state *state;
    struct solution *solution;
    double observe_seconds; /* the least so far; 0: none yet */
    double solve_seconds;
};

static void keep_least(double *least, double value)
{
    if (*least == 0 || value < *least)
        *least = value;
}

static int solve_once(struct keyspace *keyspace, const struct tool_options *options,
                      const struct executor *executor, struct solved *solved)
{
    struct state_config config = {.balance_tolerance = (int32_t)options->balance_tolerance};
    struct state *state = NULL;
    struct solution *solution = NULL;
    double begin = seconds();
    int error = state_observe(&config, keyspace, &state);
    double observed = seconds();
    if (!error)
        error = solver_solve(options->solver, state, executor, &solution);
    double end = seconds();
    if (error) {
        state_unref(state);
        return error;
    }
    keep_least(&solved->observe_seconds, observed - begin);
    keep_least(&solved->solve_seconds, end - observed);
    state_unref(solved->state);
    solution_unref(solved->solution);
    solved->state = state;
    solved->solution = solution;
    return 0;
}

static void print_desired(const struct state *state, const struct solution *solution)
{
    const char *separator = "";
    for (int32_t item = 0; item < state->item_count; item++) {
        struct desired desired = solution_desired(solution, item);
        for (int32_t d = 0; d < desired.count; d++) {
            const struct entry *member = state->members[desired.members[d]];
            fputs(separator, stdout);
            putchar('[');
            tool_print_string(stdout, state->items[item]->parts.item);
            fputs(", ", stdout);
            tool_print_string(stdout, member->parts.zone);
            fputs(", ", stdout);
            tool_print_string(stdout, member->parts.suffix);
            putchar(']');
            separator = ", ";
        }
    }
}

static void print(const struct solved *solved, const struct levels *levels)
{
    const struct state *state = solved->state;
    printf("{\"network_hash\": \"%" PRIu64 "\", \"item_slots\": %" PRId64
           ", \"member_slots\": %" PRId64 ", \"shed_capacity\": [",
           state_network_hash(state), state->item_slots, state->member_slots);
    for (int32_t member = 0; member < state->member_count; member++)
        printf("%s%" PRId32, member ? ", " : "", state->shed_capacity[member]);
    fputs("], \"desired\": [", stdout);
    print_desired(state, solved->solution);
    printf("], \"unattainable\": %" PRId64 ", \"assigned\": %" PRId64 ", \"zone_excess\": %" PRId64
           ", \"overflow\": %" PRId64 ", \"kept\": %" PRId64
           ", \"observe_seconds\": %.6f, \"solve_seconds\": %.6f}\n",
           solved->solution->unattainable, levels->assigned, levels->zone_excess, levels->overflow,
           levels->kept, solved->observe_seconds, solved->solve_seconds);
}

/* Returns 0, or the exit status with the fault told. */
static int certify(const struct solved *solved)
{
    struct certificate_verdict verdict;
    int error = certificate_check(solved->state, solved->solution, &verdict);
    if (error)
        return tool_fail(&tool, error);
    if (verdict.fault == CERTIFICATE_VALID)
        return 0;
    fprintf(stderr, "allotd solve: not proven best: %s\n", certificate_fault_texts[verdict.fault]);
    return TOOL_FAILED;
}

static int finish(const struct tool_options *options, const struct solved *solved)
{
    struct levels levels;
    int status = options->certify ? certify(solved) : 0;
    if (status)
        return status;
    int error = levels_measure(solved->state, solved->solution, &levels);
    if (error)
        return tool_fail(&tool, error);
    print(solved, &levels);
    return tool_finish(&tool);
}

int solve_command(int argc, char **argv)
{
    struct tool_options options;
    struct keyspace *keyspace = NULL;
    struct executor *executor = NULL;
    struct solved solved = {0};
    int status = tool_parse(&tool, argc, argv, &options);
    if (status)
        return status;
    if (options.help) {
        fputs(tool.help, stdout);
        return tool_finish(&tool);
    }
    status = tool_read_instance(&tool, &options, &keyspace);
    if (status)
        return status;
    int error = executor_create((int)options.threads, &executor);
    if (!error) {
        do
            error = solve_once(keyspace, &options, executor, &solved);
        while (!error && --options.repeat > 0);
    }
    status = error ? tool_fail(&tool, error) : finish(&options, &solved);
    state_unref(solved.state);
    solution_unref(solved.solution);
    executor_destroy(executor);
    keyspace_unref(keyspace);
    return status;
}

/* `allotd simulate`: runs the allocation loop on one instance, in memory, until nothing is left to
 * do. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/simulation.h"
#include "server/executor.h"
#include "server/instance.h"
#include "server/tool.h"

static const struct tool tool = {
    .name = "simulate",
    .help =
        "usage: allotd simulate [OPTION]... [FILE|-]\n"
        "\n"
        "Reads one instance as JSON (from FILE, or from standard input) and runs the allocation\n"
        "loop on it, as the leader, in memory. After an idle round every inconsistent assignment\n"
        "is marked consistent; the run ends at an idle round with nothing to mark. Prints as "
        "JSON:\n"
        "status (idle, or unfinished), rounds, adds, removes, packs, txns, and final, the keys of\n"
        "the assignments that are left. Removals of assignments of items that don't exist are not\n"
        "counted. What an instance is, `allotd solve --help` tells.\n"
        "\n"
        "  --trace          print each round too, with its operations\n"
        "  --max-rounds N   stop unfinished after N rounds\n"
        "  --threads N      solve with N threads (default 1)\n"
        "  --solver NAME    optimal: the best there is (the default); reference: push/relabel, as\n"
        "                   the reference decides\n"
        "  --balance-tolerance PERCENT\n"
        "                   how far beyond its fair share a member may be before anything\n"
        "                   moves for balance (default 0)\n"
        "  --help, -h       print this\n"
        "\n"
        "Exit status: 0, 1 on failure, 2 on bad arguments or a bad instance.\n",
    .takes_max_rounds = true,
    .takes_threads = true,
    .takes_trace = true,
};

/* The rounds as JSON, kept until they are printed last. */
struct trace {
    FILE *file;
    bool round_open;
    bool any_operation;
    bool any_round;
};

static void open_round(struct trace *trace)
{
    if (!trace->round_open)
        fprintf(trace->file, "%s{\"ops\": [", trace->any_round ? ", " : "");
    trace->any_round = trace->round_open = true;
}

static void on_operation(void *context, enum store_op_kind kind, struct span key)
{
    struct trace *trace = context;
    open_round(trace);
    fputs(trace->any_operation ? ", \"" : "\"", trace->file);
    fputs(kind == STORE_OP_PUT ? "PUT " : "DEL ", trace->file);
    tool_print_escaped(trace->file, key);
    putc('"', trace->file);
    trace->any_operation = true;
}

static const char *text_of(bool value)
{
    return value ? "true" : "false";
}

static void on_round(void *context, const struct simulation_round *round)
{
    struct trace *trace = context;
    open_round(trace);
    fprintf(trace->file, "], \"idle\": %s, \"solved\": %s, \"marked\": %" PRId64 "}",
            text_of(round->idle), text_of(round->solved), round->marked);
    trace->round_open = trace->any_operation = false;
}

static void print_final(struct keyspace *keyspace)
{
    char prefix[64];
    struct span assignments = keys_assignments_prefix(SPAN(INSTANCE_ROOT), prefix, sizeof prefix);
    struct keyspace_cursor cursor = keyspace_seek(keyspace, assignments);
    const char *separator = "";
    for (const struct entry *entry;
         (entry = keyspace_next(&cursor)) && entry->parts.kind == KEY_ASSIGNMENT;) {
        fputs(separator, stdout);
        tool_print_string(stdout, entry->key);
        separator = ", ";
    }
}

static void print(const struct simulation_result *result, const char *trace)
{
    printf("{\"status\": \"%s\", \"rounds\": %" PRId64 ", \"adds\": %" PRId64
           ", \"removes\": %" PRId64 ", \"packs\": %" PRId64 ", \"txns\": %" PRId64
           ", \"final\": [",
           result->idle ? "idle" : "unfinished", result->rounds, result->additions,
           result->removals, result->packings, result->transactions);
    print_final(result->keyspace);
    putchar(']');
    if (trace)
        printf(", \"trace\": [%s]", trace);
    fputs("}\n", stdout);
}

static int simulate(const struct tool_options *options, struct keyspace *keyspace)
{
    struct executor *executor = NULL;
    struct simulation_result result = {0};
    struct trace trace = {0};
    char *text = NULL;
    size_t size = 0;
    int status = TOOL_DONE;
    int error = executor_create((int)options->threads, &executor);
    if (!error && options->trace && !(trace.file = open_memstream(&text, &size)))
        error = ALLOT_ENOMEM;
    struct simulation_config config = {
        .max_rounds = options->max_rounds,
        .consistent_value = instance_consistent_value(),
        .balance_tolerance = (int32_t)options->balance_tolerance,
        .solver = options->solver,
        .executor = executor,
        .on_operation = options->trace ? on_operation : NULL,
        .on_round = options->trace ? on_round : NULL,
        .context = &trace,
    };
    if (!error)
        error = simulation_run(&config, keyspace, &result);
    if (trace.file && fclose(trace.file) != 0 && !error)
        error = ALLOT_ENOMEM;
    if (error) {
        status = tool_fail(&tool, error);
    } else {
        print(&result, text);
        status = tool_finish(&tool);
    }
    free(text);
    keyspace_unref(result.keyspace);
    executor_destroy(executor);
    return status;
}

int simulate_command(int argc, char **argv)
{
    struct tool_options options;
    struct keyspace *keyspace = NULL;
    int status = tool_parse(&tool, argc, argv, &options);
    if (status)
        return status;
    if (options.help) {
        fputs(tool.help, stdout);
        return tool_finish(&tool);
    }
    status = tool_read_instance(&tool, &options, &keyspace);
    if (!status)
        status = simulate(&options, keyspace);
    keyspace_unref(keyspace);
    return status;
}

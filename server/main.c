/* allotd: one binary for the server and the offline tools. */
#include <stdio.h>
#include <string.h>

#include "server/config.h"
#include "server/health_command.h"
#include "server/history_command.h"
#include "server/member_command.h"
#include "server/process.h"
#include "server/serve.h"
#include "server/snapshot_command.h"
#include "server/tool.h"

struct command {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv); /* with the arguments behind the name */
};

static const struct command commands[] = {
    {"serve", "serve the API and run the allocation loop (also without any command)",
     serve_command},
    {"member", "be a member that runs the allocation loop itself, led by the oldest such",
     member_command},
    {"solve", "solve one instance of the allocation problem, read from a file", solve_command},
    {"history", "check, export, prune or migrate the file of a history", history_command},
    {"snapshot", "save, verify or restore a snapshot of all that is in the store",
     snapshot_command},
    {"health", "ask a server how it is, for a container's health check", health_command},
    {"simulate", "run the allocation loop on one instance, in memory", simulate_command},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static int print_help(void)
{
    (void)printf("usage: allotd [COMMAND] [FLAG]...\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)printf("  %-10s%s\n", commands[i].name, commands[i].help);
    }
    (void)printf("\n`allotd COMMAND --help` tells a command's flags. Those of serve:\n\n");
    config_help(CONFIG_SERVE, stdout);
    return process_end_output();
}

int main(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
                      strcmp(argv[1], "-h") == 0)) {
        return print_help();
    }
    if (argc < 2 || argv[1][0] == '-') {
        return serve_command(argc - 1, argv + 1);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0) {
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    (void)fprintf(stderr, "allotd: %s: unknown command; see allotd --help\n", argv[1]);
    return 2;
}

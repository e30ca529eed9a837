/* What the offline tools have in common: their arguments, the instance they read, and how they
 * print. */
#ifndef ALLOT_SERVER_TOOL_H
#define ALLOT_SERVER_TOOL_H

#include <stdio.h>

#include "core/solver.h"

/* Exit statuses. */
enum {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,    /* out of memory, output could not be written, … */
    TOOL_BAD_INPUT = 2, /* bad arguments, or a bad instance */
};

struct tool_options {
    const char *file;          /* or "-" */
    int64_t repeat;            /* --repeat K */
    int64_t max_rounds;        /* --max-rounds N */
    int64_t threads;           /* --threads N */
    enum solver_kind solver;   /* --solver NAME */
    int64_t balance_tolerance; /* --balance-tolerance PERCENT */
    bool trace;                /* --trace */
    bool certify;              /* --certify */
    bool help;                 /* --help or -h: the rest is not set */
};

/* Which of the options a tool takes, and its help text. --help, --solver and
 * --balance-tolerance are taken by all. */
struct tool {
    const char *name;
    const char *help;
    bool takes_repeat;
    bool takes_max_rounds;
    bool takes_threads;
    bool takes_trace;
    bool takes_certify;
};

/* Parses the arguments behind the tool's name. Returns 0, or TOOL_BAD_INPUT with the fault told on
 * standard error. */
int tool_parse(const struct tool *tool, int argc, char **argv, struct tool_options *ret);

/* Whether @argument is @flag, alone or with "=" and its value, which is then *@ret_value. */
bool tool_is_flag(const char *argument, const char *flag, const char **ret_value);

/* Reads the instance that the options name. Returns 0, or an exit status with the fault told. */
int tool_read_instance(const struct tool *tool, const struct tool_options *options,
                       struct keyspace **ret);

/* Prints @text as a JSON string; with its escapes, but without the quotes. */
void tool_print_string(FILE *file, struct span text);
void tool_print_escaped(FILE *file, struct span text);

/* Tells an error of the core's, and returns TOOL_FAILED. */
int tool_fail(const struct tool *tool, int error);

/* Ends the output: TOOL_DONE, or TOOL_FAILED if not all of it could be written. */
int tool_finish(const struct tool *tool);

/* The tools: run with the arguments behind their name, they return the exit status. */
int solve_command(int argc, char **argv);
int simulate_command(int argc, char **argv);

#endif

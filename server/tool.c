#include "server/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/instance.h"

static int refuse(const struct tool *tool, const char *what, const char *detail)
{
    fprintf(stderr, "allotd %s: %s%s\nTry 'allotd %s --help'.\n", tool->name, what, detail,
            tool->name);
    return TOOL_BAD_INPUT;
}

struct number_option {
    const char *name;
    bool taken;
    int64_t minimum;
    int64_t maximum;
    int64_t *ret;
};

static int parse_number(const struct tool *tool, const struct number_option *option,
                        const char *text)
{
    char what[128];
    char *end = NULL;
    errno = 0;
    long long number = text ? strtoll(text, &end, 10) : 0;
    if (text && *text && !*end && !errno && number >= option->minimum &&
        number <= option->maximum) {
        *option->ret = number;
        return 0;
    }
    snprintf(what, sizeof what, "%s takes a number from %lld to %lld, not ", option->name,
             (long long)option->minimum, (long long)option->maximum);
    return refuse(tool, what, text ? text : "nothing");
}

static int parse_solver(const struct tool *tool, const char *text, enum solver_kind *ret)
{
    for (int i = 0; text && solver_kind_names[i]; i++)
        if (strcmp(text, solver_kind_names[i]) == 0) {
            *ret = (enum solver_kind)i;
            return 0;
        }
    return refuse(tool, "--solver takes the name of a solver (optimal, reference), not ",
                  text ? text : "nothing");
}

bool tool_is_flag(const char *argument, const char *flag, const char **ret_value)
{
    size_t size = strlen(flag);
    if (strncmp(argument, flag, size) != 0 || (argument[size] && argument[size] != '='))
        return false;
    if (argument[size] == '=')
        *ret_value = argument + size + 1;
    return true;
}

/* An option without a value, or the file. */
static int parse_plain(const struct tool *tool, const char *argument, struct tool_options *options)
{
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
        options->help = true;
    else if (tool->takes_trace && strcmp(argument, "--trace") == 0)
        options->trace = true;
    else if (tool->takes_certify && strcmp(argument, "--certify") == 0)
        options->certify = true;
    else if (argument[0] == '-' && argument[1])
        return refuse(tool, "unknown option ", argument);
    else if (options->file)
        return refuse(tool, "one file only, not also ", argument);
    else
        options->file = argument;
    return 0;
}

int tool_parse(const struct tool *tool, int argc, char **argv, struct tool_options *ret)
{
    struct tool_options options = {.repeat = 1, .max_rounds = 1000000, .threads = 1};
    const struct number_option numbers[] = {
        {"--repeat", tool->takes_repeat, 1, 1000000, &options.repeat},
        {"--max-rounds", tool->takes_max_rounds, 1, INT64_MAX, &options.max_rounds},
        {"--threads", tool->takes_threads, 1, 256, &options.threads},
        {"--balance-tolerance", true, 0, STATE_MAX_BALANCE_TOLERANCE, &options.balance_tolerance},
    };
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    for (int i = 0; i < argc && !options.help; i++) {
        const char *value = NULL;
        int n = 0;
        while (n < NUMBERS && !(numbers[n].taken && tool_is_flag(argv[i], numbers[n].name, &value)))
            n++;
        bool is_solver = n == NUMBERS && tool_is_flag(argv[i], "--solver", &value);
        int status = 0;
        if (n == NUMBERS && !is_solver) {
            status = parse_plain(tool, argv[i], &options);
        } else {
            if (!value && i + 1 < argc)
                value = argv[++i];
            status = is_solver ? parse_solver(tool, value, &options.solver)
                               : parse_number(tool, &numbers[n], value);
        }
        if (status)
            return status;
    }
    if (!options.help && options.solver == SOLVER_REFERENCE && options.balance_tolerance > 0)
        return refuse(tool, "--balance-tolerance is for --solver optimal, and the solver is ",
                      solver_kind_names[options.solver]);
    if (!options.file)
        options.file = "-";
    *ret = options;
    return 0;
}

int tool_read_instance(const struct tool *tool, const struct tool_options *options,
                       struct keyspace **ret)
{
    bool standard = strcmp(options->file, "-") == 0;
    FILE *file = standard ? stdin : fopen(options->file, "r");
    if (!file) {
        fprintf(stderr, "allotd %s: cannot open %s: %s\n", tool->name, options->file,
                strerror(errno));
        return TOOL_BAD_INPUT;
    }
    struct error_message why;
    int error = instance_read(file, ret, &why);
    if (!standard)
        (void)fclose(file); /* was only read */
    if (!error)
        return 0;
    fprintf(stderr, "allotd %s: %s: %s\n", tool->name, standard ? "standard input" : options->file,
            why.text);
    return error == ALLOT_ENOMEM ? TOOL_FAILED : TOOL_BAD_INPUT;
}

void tool_print_escaped(FILE *file, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < ' ')
            fprintf(file, "\\u%04x", c);
        else
            putc(c, file);
    }
}

void tool_print_string(FILE *file, struct span text)
{
    putc('"', file);
    tool_print_escaped(file, text);
    putc('"', file);
}

int tool_fail(const struct tool *tool, int error)
{
    fprintf(stderr, "allotd %s: %s\n", tool->name, allot_error_text(error));
    return TOOL_FAILED;
}

int tool_finish(const struct tool *tool)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return TOOL_DONE;
    fprintf(stderr, "allotd %s: cannot write the output: %s\n", tool->name, strerror(errno));
    return TOOL_FAILED;
}

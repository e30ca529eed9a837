#include "server/history_command.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/history_csv.h"
#include "api/history_json.h"
#include "server/clock.h"
#include "server/history_check.h"
#include "server/history_migrations.h"
#include "server/history_prune.h"
#include "server/history_search.h"
#include "server/tool.h"

static const char help[] =
    "usage: allotd history migrate FILE\n"
    "       allotd history check FILE\n"
    "       allotd history export [--format ndjson|csv] [--from REVISION] [--to REVISION] FILE\n"
    "       allotd history prune [--max-days DAYS] [--max-mib MEBIBYTES] FILE\n"
    "\n"
    "Works on the file of a history: history.db in the data directory of a server.\n"
    "\n"
    "  migrate   brings it to the version that this allotd writes (serve does so, too)\n"
    "  check     checks the file, and tells all that is in it again: each event must fit what was\n"
    "            there before, and what comes of them must be what the checkpoints say\n"
    "  export    writes all events, the oldest first, as lines of JSON or as CSV; without secrets\n"
    "  prune     removes what is older or more than it is to keep, and gives the room back\n"
    "\n"
    "check and export only read, also while a server writes. migrate and prune need the file for\n"
    "themselves: stop the server before.\n"
    "\n"
    "Exit status: 0, 1 on failure (damage found, no room, ...), 2 on bad arguments.\n";

/* --- arguments --- */

enum format { FORMAT_NDJSON, FORMAT_CSV };

struct options {
    const char *file;
    enum format format;
    int64_t from_revision;
    int64_t to_revision;
    int64_t max_days; /* 0: for ever */
    int64_t max_mib;  /* 0: any size */
};

static int refuse(const char *what, const char *given, const char *expected)
{
    (void)fprintf(stderr, "allotd: history: %s: \"%s\": expected %s\n", what, given, expected);
    return TOOL_BAD_INPUT;
}

static int parse_number(const char *flag, const char *text, int64_t most, int64_t *ret)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || number > most)
        return refuse(flag, text, "a number, not too large");
    *ret = number;
    return 0;
}

static int parse_format(const char *text, enum format *ret)
{
    if (strcmp(text, "ndjson") != 0 && strcmp(text, "csv") != 0)
        return refuse("--format", text, "ndjson or csv");
    *ret = strcmp(text, "csv") == 0 ? FORMAT_CSV : FORMAT_NDJSON;
    return 0;
}

/* One flag of an action's: parse_number's, unless it is the format. */
static int parse_flag(const char *action, const char *flag, const char *value,
                      struct options *options)
{
    const struct {
        const char *action;
        const char *flag;
        int64_t most;
        int64_t *number; /* NULL: the format */
    } flags[] = {
        {"export", "--format", 0, NULL},
        {"export", "--from", INT64_MAX, &options->from_revision},
        {"export", "--to", INT64_MAX, &options->to_revision},
        {"prune", "--max-days", INT_MAX, &options->max_days},
        {"prune", "--max-mib", INT_MAX, &options->max_mib},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(action, flags[i].action) != 0 || strcmp(flag, flags[i].flag) != 0)
            continue;
        if (!value)
            return refuse(flag, "", "a value");
        return flags[i].number ? parse_number(flag, value, flags[i].most, flags[i].number)
                               : parse_format(value, &options->format);
    }
    return refuse(action, flag, "one of its flags; see allotd history --help");
}

/* Takes one flag, and its value from the next argument unless it came with "=". */
static int take_flag(int argc, char **argv, int *index, struct options *options)
{
    char flag[64];
    const char *argument = argv[*index];
    size_t length = strcspn(argument, "=");
    const char *value = NULL;
    (void)snprintf(flag, sizeof flag, "%.*s", (int)length, argument);
    if (argument[length] == '=')
        value = argument + length + 1;
    else if (*index + 1 < argc)
        value = argv[++*index];
    return parse_flag(argv[0], flag, value, options);
}

static int parse(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.to_revision = INT64_MAX};
    for (int i = 1; i < argc; i++) {
        int error = 0;
        if (argv[i][0] == '-') {
            error = take_flag(argc, argv, &i, ret);
        } else if (ret->file) {
            error = refuse(argv[0], argv[i], "one file");
        } else {
            ret->file = argv[i];
        }
        if (error)
            return error;
    }
    if (!ret->file)
        return refuse(argv[0], "", "a file, such as allot-data/history.db");
    if (strcmp(argv[0], "prune") == 0 && ret->max_days == 0 && ret->max_mib == 0)
        return refuse(argv[0], ret->file, "--max-days or --max-mib, or both");
    return 0;
}

/* --- what all do --- */

static int fail(const struct error_message *why)
{
    (void)fprintf(stderr, "allotd: history: %s\n", why->text);
    return TOOL_FAILED;
}

static int finish(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return TOOL_DONE;
    (void)fprintf(stderr, "allotd: history: the output could not be written\n");
    return TOOL_FAILED;
}

static int open_file(const struct options *options, enum history_db_mode mode,
                     struct history_db **ret)
{
    struct error_message why = {""};
    return history_db_open(options->file, mode, ret, &why) ? fail(&why) : 0;
}

/* --- the actions --- */

static int migrate(const struct options *options)
{
    struct history_db *db = NULL;
    int version = 0;
    int status = open_file(options, HISTORY_DB_CHANGE, &db);
    if (status)
        return status;
    int error = history_migrations_version(db, &version);
    if (error)
        status = fail(&db->message);
    else
        (void)printf("%s: version %d\n", options->file, version);
    history_db_close(db);
    return status ? status : finish();
}

static int check(const struct options *options)
{
    struct history_db *db = NULL;
    struct history_check found = {0};
    int status = open_file(options, HISTORY_DB_READ, &db);
    if (status)
        return status;
    int error = history_db_execute(db, "BEGIN", "reading");
    if (!error)
        error = history_check_all(db, &found);
    if (error)
        status = fail(&db->message);
    else
        (void)printf("%s: good: %" PRId64 " events after revision %" PRId64 " up to %" PRId64
                     ", %" PRId64 " checkpoints, %" PRId64 " gaps; %" PRId64 " keys at the end\n",
                     options->file, found.events, found.extent.oldest, found.extent.reached,
                     found.checkpoints, found.gaps, found.keys);
    history_db_close(db);
    return status ? status : finish();
}

enum { MAX_LINE = 64 << 20, PAGE = 1000 };

struct export
{
    enum format format;
    struct buffer line;
    struct buffer scratch;
    bool failed;
};

static bool export_event(void *context, const struct history_event *event)
{
    struct export *export = context;
    buffer_clear(&export->line);
    if (export->format == FORMAT_CSV) {
        history_csv_write_event(event, &export->scratch, &export->line);
    } else {
        struct json_writer writer = json_writer_of(&export->line);
        history_write_event(&writer, event);
        buffer_append(&export->line, SPAN("\n"));
    }
    export->failed = export->line.error ||
                     fwrite(export->line.data, 1, export->line.size, stdout) != export->line.size;
    return !export->failed;
}

static int export_pages(struct history_db *db, const struct options *options, struct export *export)
{
    struct history_rows rows;
    struct history_query query = {.filter = {.kinds = (1u << HISTORY_KIND_COUNT) - 1,
                                             .from_revision = options->from_revision,
                                             .to_revision = options->to_revision,
                                             .to_ms = INT64_MAX},
                                  .limit = PAGE};
    struct history_page page = {.more = true};
    int error = history_rows_init(db, &rows);
    while (!error && !export->failed && page.more) {
        error = history_search_events(&rows, &query, export_event, export, &page);
        query.continues = true;
        query.position = page.last;
    }
    history_rows_release(&rows);
    return error;
}

static int export_all(const struct options *options)
{
    struct history_db *db = NULL;
    struct export export = {.format = options->format};
    int status = open_file(options, HISTORY_DB_READ, &db);
    if (status)
        return status;
    buffer_init(&export.line, MAX_LINE);
    buffer_init(&export.scratch, MAX_LINE);
    if (export.format == FORMAT_CSV) {
        history_csv_write_header(&export.line);
        (void)fwrite(export.line.data, 1, export.line.size, stdout);
    }
    int error = history_db_execute(db, "BEGIN", "reading");
    if (!error)
        error = export_pages(db, options, &export);
    if (error)
        status = fail(&db->message);
    else if (export.line.error)
        status = fail(&(struct error_message){"out of memory"});
    buffer_release(&export.line);
    buffer_release(&export.scratch);
    history_db_close(db);
    return status ? status : finish();
}

static int prune_step(struct history_db *db, const struct history_limits *limits,
                      struct history_extent *extent, int64_t *removed, bool *more)
{
    char sql[160];
    int error = history_db_execute(db, "BEGIN IMMEDIATE", "pruning");
    if (!error)
        error = history_prune_step(db, limits, clock_wall_ms(), extent, removed, more);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE history SET oldest = %" PRId64 ", pruned = %" PRId64 "; COMMIT",
                   extent->oldest, extent->pruned);
    return error ? error : history_db_execute(db, sql, "pruning");
}

/* All that is unused, whoever has made it so. What is written meanwhile is as much as is left, in
 * SQLite's temporary files and in the log beside the file. */
static int give_room_back(struct history_db *db)
{
    int64_t unused = 0;
    int error = history_db_query(db, "PRAGMA freelist_count", &unused);
    if (!error && unused > 0)
        error = history_db_execute(db, "PRAGMA temp_store = FILE; VACUUM", "giving room back");
    return error;
}

static int prune_all(struct history_db *db, const struct history_limits *limits,
                     struct history_extent *extent, int64_t *ret_removed)
{
    int64_t removed = 0;
    bool more = false;
    int error = history_extent_read(db, extent, &more);
    *ret_removed = 0;
    while (!error && more) {
        error = prune_step(db, limits, extent, &removed, &more);
        *ret_removed += removed;
    }
    return error ? error : give_room_back(db);
}

static int prune(const struct options *options)
{
    const struct history_limits limits = {.max_age_ms = options->max_days * 24 * 3600 * 1000,
                                          .max_bytes = options->max_mib << 20};
    struct history_db *db = NULL;
    struct history_extent extent = {0};
    struct stat file = {0};
    int64_t removed = 0;
    int status = open_file(options, HISTORY_DB_CHANGE, &db);
    if (status)
        return status;
    if (prune_all(db, &limits, &extent, &removed))
        status = fail(&db->message);
    history_db_close(db); /* it then has its size */
    if (status)
        return status;
    if (stat(options->file, &file) < 0)
        return fail(&(struct error_message){"the file is gone"});
    (void)printf("%s: %" PRId64 " events removed; begins at revision %" PRId64 ", %lld bytes\n",
                 options->file, removed, extent.oldest, (long long)file.st_size);
    return finish();
}

/* --- the command --- */

int history_command(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct options *options);
    } actions[] = {
        {"migrate", migrate}, {"check", check}, {"export", export_all}, {"prune", prune}};
    struct options options;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            return finish();
        }
    }
    for (size_t i = 0; argc > 0 && i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(argv[0], actions[i].name) == 0) {
            int status = parse(argc, argv, &options);
            return status ? status : actions[i].run(&options);
        }
    }
    return refuse("action", argc > 0 ? argv[0] : "", "migrate, check, export or prune");
}

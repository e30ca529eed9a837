#include "server/snapshot_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/backup_file.h"
#include "server/backup_restore.h"
#include "server/backup_take.h"
#include "server/config.h"
#include "server/process.h"
#include "server/version.h"

static const char usage[] =
    "usage: allotd snapshot save    [FLAG]... FILE\n"
    "       allotd snapshot verify  FILE\n"
    "       allotd snapshot restore [FLAG]... FILE\n"
    "\n"
    "  save      writes all that is in the store under the root, as of one revision, to FILE: "
    "also\n"
    "            while servers run. FILE is replaced only when all of it is written, and is for "
    "its\n"
    "            owner only: it has the hashes of sessions\n"
    "  verify    checks FILE, and tells what is in it\n"
    "  restore   puts what FILE has into the store, under the root, which must be empty there: it\n"
    "            need be neither the same store nor the same root\n"
    "\n"
    "FILE may be -, the standard output or input. docs/backup.md tells more.\n"
    "\n";

static const char statuses[] =
    "\nExit status: 0, 1 on failure (damage found, the store can't be reached, the root isn't\n"
    "empty, ...), 2 on bad arguments.\n";

static int fail(const char *action, const struct error_message *why)
{
    (void)fprintf(stderr, "allotd: snapshot %s: %s\n", action, why->text);
    return PROCESS_FAILED;
}

/* Tells what is in a file; on standard error where the file itself is on standard output. */
static int tell(FILE *out, const char *file, const char *what, const struct backup *backup)
{
    char summary[BACKUP_SUMMARY_SIZE];
    backup_summary(backup, summary);
    (void)fprintf(out, "%s: %s: %s\n", file, what, summary);
    return process_end_output();
}

/* --- save --- */

/* The file of an embedded store is read, not opened as a store: that would be its one process, and
 * let leases expire. */
static int take_from_embedded(const struct config *config, struct backup *ret)
{
    struct error_message why = {""};
    char path[CONFIG_MAX_PATH + sizeof "/store.sqlite"];
    (void)snprintf(path, sizeof path, "%s/store.sqlite", config->data_dir);
    return backup_take_file(path, span_of(config->root), ret, &why) ? fail("save", &why) : 0;
}

static int take_from_etcd(const struct config *config, struct backup *ret)
{
    struct error_message why = {""};
    struct process_store opened = {.store = NULL};
    if (process_open_store(config, &opened))
        return PROCESS_FAILED;
    int error = backup_take_store(opened.store, span_of(config->root), ret, &why);
    opened.store->operations->destroy(opened.store);
    return error ? fail("save", &why) : 0;
}

static int save(const struct config *config, const char *file)
{
    struct error_message why = {""};
    struct backup backup;
    int status = config->store == CONFIG_STORE_EMBEDDED ? take_from_embedded(config, &backup)
                                                        : take_from_etcd(config, &backup);
    if (status)
        return status;
    if (backup.key_count == 0)
        (void)fprintf(stderr, "allotd: snapshot save: there is nothing below %s\n", config->root);
    if (backup_check_format(&backup, &why) || backup_file_write(&backup, file, &why))
        status = fail("save", &why);
    else
        status = tell(strcmp(file, "-") == 0 ? stderr : stdout, file, "saved", &backup);
    backup_release(&backup);
    return status;
}

/* --- verify --- */

/* Reads one that can be restored. Returns 0, or the exit status, with the fault told. */
static int read_file(const char *action, const char *file, struct backup *ret,
                     char ret_digest[BACKUP_DIGEST_SIZE + 1])
{
    struct error_message why = {""};
    if (backup_file_read(file, ret, ret_digest, &why))
        return fail(action, &why);
    if (!backup_check_format(ret, &why))
        return 0;
    (void)fprintf(stderr, "allotd: snapshot %s: %s: %s\n", action, file, why.text);
    backup_release(ret);
    return PROCESS_FAILED;
}

static int verify(const struct config *config, const char *file)
{
    struct backup backup;
    char digest[BACKUP_DIGEST_SIZE + 1];
    (void)config;
    int status = read_file("verify", file, &backup, digest);
    if (status)
        return status;
    status = tell(stdout, file, "good", &backup);
    backup_release(&backup);
    return status;
}

/* --- restore --- */

static void tell_of_leases(const char *what, const struct backup_restored *restored)
{
    (void)printf("%s: the first does in %" PRId64 " s\n", what, restored->shortest_ttl);
}

/* At once, as servers are to be started while leases are held. */
static void tell_restored(void *context, const struct backup_restored *restored)
{
    const struct config *config = context;
    (void)printf("restored: %s as of revision %" PRId64 ": keys: %zu, leases: %zu\n", config->root,
                 restored->revision, restored->keys, restored->leases);
    if (restored->leases > 0 && config->hold_seconds > 0)
        (void)printf("leases are held for %d s: start the servers now\n", config->hold_seconds);
    else if (restored->leases > 0 && config->store == CONFIG_STORE_ETCD)
        tell_of_leases("members must find a server before their leases expire", restored);
    (void)fflush(stdout);
}

static int restore_into(struct store *store, const struct config *config,
                        const struct backup *backup, const char *digest)
{
    struct error_message why = {""};
    struct backup_restored restored;
    const struct backup_restore_config restore = {
        .store = store,
        .root = span_of(config->root),
        .backup = backup,
        .digest = digest,
        .tell = tell_restored,
        .context = (void *)config,
        .hold_ms = (int64_t)config->hold_seconds * 1000,
        .retry_ms = BACKUP_RESTORE_RETRY_MS,
        .retries = BACKUP_RESTORE_RETRIES,
    };
    if (backup_restore(&restore, &restored, &why))
        return fail("restore", &why);
    if (restored.leases > 0 && config->hold_seconds > 0)
        tell_of_leases("leases are held no longer: members must find a server before they expire",
                       &restored);
    return process_end_output();
}

static int restore(const struct config *config, const char *file)
{
    struct process_store opened = {.store = NULL};
    struct backup backup;
    char digest[BACKUP_DIGEST_SIZE + 1];
    if (config->hold_seconds > 0 && config->store == CONFIG_STORE_EMBEDDED) {
        (void)fprintf(stderr,
                      "allotd: --hold-seconds is for --store etcd: the leases of an embedded "
                      "store stand still until a server opens it\n");
        return PROCESS_BAD_INPUT;
    }
    int status = read_file("restore", file, &backup, digest);
    if (status)
        return status;
    status = process_open_store(config, &opened) ? PROCESS_FAILED : PROCESS_DONE;
    if (status == PROCESS_DONE)
        status = restore_into(opened.store, config, &backup, digest);
    if (opened.store)
        opened.store->operations->destroy(opened.store);
    backup_release(&backup);
    return status;
}

/* --- the command --- */

static const struct action {
    const char *name;
    int (*run)(const struct config *config, const char *file);
    enum config_command command; /* whose flags it has; 0: none */
} actions[] = {
    {"save", save, CONFIG_SNAPSHOT_SAVE},
    {"verify", verify, 0},
    {"restore", restore, CONFIG_SNAPSHOT_RESTORE},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static bool has_argument(int argc, char **argv, const char *argument)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], argument) == 0)
            return true;
    return false;
}

static int refuse(const char *why)
{
    (void)fprintf(stderr, "allotd: snapshot: %s; see --help\n", why);
    return PROCESS_BAD_INPUT;
}

/* With the @count arguments between the action and the file. */
static int run(const struct action *action, int count, char **flags, const char *file)
{
    struct config config;
    struct error_message why = {""};
    enum config_verdict verdict;
    if (!action->command)
        return count > 0 ? refuse("verify takes no flags, and one file") : action->run(NULL, file);
    if (config_parse(action->command, count, flags, process_environment, &config, &verdict, &why)) {
        (void)fprintf(stderr, "allotd: %s\n", why.text);
        return PROCESS_BAD_INPUT;
    }
    process_begin_log(&config);
    return action->run(&config, file);
}

int snapshot_command(int argc, char **argv)
{
    if (has_argument(argc, argv, "--help") || has_argument(argc, argv, "-h")) {
        (void)fputs(usage, stdout);
        config_help(CONFIG_SNAPSHOT, stdout);
        (void)fputs(statuses, stdout);
        return process_end_output();
    }
    if (has_argument(argc, argv, "--version")) {
        (void)printf("allotd %s\n", ALLOT_VERSION);
        return process_end_output();
    }
    const struct action *action = argc > 0 ? find_action(argv[0]) : NULL;
    const char *file = argc > 1 ? argv[argc - 1] : "";
    if (!action || strncmp(file, "--", 2) == 0 || !*file)
        return refuse("expected save, verify or restore, and a file behind the flags");
    return run(action, argc - 2, argv + 1, file);
}

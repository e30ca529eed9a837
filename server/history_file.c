#include "server/history_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/clock.h"
#include "server/log.h"

static int fail(struct error_message *why, const char *what, const char *path)
{
    (void)snprintf(why->text, sizeof why->text, "%s %s: %s", what, path, strerrordesc_np(errno));
    return ALLOT_EIO;
}

static int no_memory(struct error_message *why)
{
    (void)snprintf(why->text, sizeof why->text, "%s", allot_error_text(ALLOT_ENOMEM));
    return ALLOT_ENOMEM;
}

int history_file_make_directory(const char *path, struct error_message *why)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return 0;
    char *directory = strndup(path, (size_t)(slash - path));
    if (!directory)
        return no_memory(why);
    int error = mkdir(directory, 0700) < 0 && errno != EEXIST
                    ? fail(why, "cannot make the directory", directory)
                    : 0;
    free(directory);
    return error;
}

int history_file_find(const char *path, struct history_file *ret, struct error_message *why)
{
    struct stat found;
    if (stat(path, &found) < 0)
        return fail(why, "cannot find", path);
    *ret = (struct history_file){found.st_dev, found.st_ino};
    return 0;
}

int history_file_check(const char *path, const struct history_file *file, struct error_message *why)
{
    struct stat found;
    if (stat(path, &found) == 0 && found.st_dev == file->device && found.st_ino == file->inode)
        return 0;
    (void)snprintf(why->text, sizeof why->text, "%s: was moved, removed or replaced", path);
    return ALLOT_ENOTFOUND;
}

static int set_aside(const char *path, const char *suffix, int64_t time_ms,
                     struct error_message *why)
{
    char *from = NULL, *to = NULL;
    int error = 0;
    bool is_file = suffix[0] == '\0';
    if (asprintf(&from, "%s%s", path, suffix) < 0)
        from = NULL;
    if (asprintf(&to, "%s.%" PRId64 "%s", path, time_ms, suffix) < 0)
        to = NULL;
    if (!from || !to)
        error = no_memory(why);
    else if (rename(from, to) < 0 && (errno != ENOENT || is_file))
        error = fail(why, "history of another store: cannot rename", from);
    else if (is_file)
        log_write(LOG_WARNING, "history of another store set aside",
                  LOG_FIELDS(log_text("file", to)));
    free(from);
    free(to);
    return error;
}

int history_file_set_aside(const char *path, struct error_message *why)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    int64_t time_ms = clock_wall_ms();
    int error = 0;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0] && !error; i++)
        error = set_aside(path, suffixes[i], time_ms, why);
    return error;
}

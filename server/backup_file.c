#include "server/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/backup_format.h"

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int fail(const char *path, const char *what, struct error_message *why)
{
    (void)snprintf(why->text, sizeof why->text, "%.100s: %.40s: %.80s", path, what,
                   strerror(errno));
    return ALLOT_EIO;
}

/* Puts @path before what @why says. */
static int name_path(const char *path, int error, struct error_message *why)
{
    struct error_message story = *why;
    (void)snprintf(why->text, sizeof why->text, "%.100s: %.150s",
                   is_standard(path) ? "standard input or output" : path, story.text);
    return error;
}

/* --- writing --- */

/* Makes the name of a new file durable. */
static bool sync_directory(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    free(copy);
    return done;
}

/* Writes to a descriptor, which is closed in any case. */
static int write_to(int fd, const struct backup *backup, const char *path,
                    struct error_message *why)
{
    FILE *out = fdopen(fd, "w");
    if (!out) {
        int error = fail(path, "opening it", why);
        (void)close(fd);
        return error;
    }
    int error = backup_format_write(backup, out, why);
    if (error)
        (void)name_path(path, error, why);
    else if (fflush(out) != 0 || (!is_standard(path) && fsync(fileno(out)) != 0))
        error = fail(path, "writing", why);
    if (fclose(out) != 0 && !error)
        error = fail(path, "writing", why);
    return error;
}

static int write_standard(const struct backup *backup, struct error_message *why)
{
    int fd = dup(STDOUT_FILENO);
    return fd < 0 ? fail("standard output", "opening it", why) : write_to(fd, backup, "-", why);
}

/* Writes beside @path, and then moves it there. */
static int write_beside(const struct backup *backup, const char *path, char *beside,
                        struct error_message *why)
{
    int fd = mkostemp(beside, O_CLOEXEC); /* for its owner only */
    if (fd < 0)
        return fail(beside, "making it", why);
    int error = write_to(fd, backup, beside, why);
    if (!error && rename(beside, path) != 0)
        error = fail(path, "moving the new one there", why);
    if (error)
        (void)unlink(beside);
    else if (!sync_directory(path))
        error = fail(path, "syncing its directory", why);
    return error;
}

int backup_file_write(const struct backup *backup, const char *path, struct error_message *why)
{
    struct stat status;
    char *beside = NULL;
    if (is_standard(path))
        return write_standard(backup, why);
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        (void)snprintf(why->text, sizeof why->text,
                       "%.150s: isn't a file, which a new one could replace", path);
        return ALLOT_EINVAL;
    }
    if (asprintf(&beside, "%s.XXXXXX", path) < 0) {
        (void)snprintf(why->text, sizeof why->text, "%s", allot_error_text(ALLOT_ENOMEM));
        return ALLOT_ENOMEM;
    }
    int error = write_beside(backup, path, beside, why);
    free(beside);
    return error;
}

/* --- reading --- */

int backup_file_read(const char *path, struct backup *ret, char ret_digest[BACKUP_DIGEST_SIZE + 1],
                     struct error_message *why)
{
    FILE *in = is_standard(path) ? stdin : fopen(path, "re");
    if (!in)
        return fail(path, "opening it", why);
    int error = backup_format_read(in, ret, ret_digest, why);
    if (!is_standard(path))
        (void)fclose(in); /* was only read */
    return error ? name_path(path, error, why) : 0;
}

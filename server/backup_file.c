#include "server/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/backup_format.h"
#include "server/entropy.h"

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* What it is called in a message: of a long path the end, which tells more than the beginning. */
struct name {
    char text[104];
};

static struct name name_of(const char *path)
{
    enum { MOST = 100 };
    struct name name;
    size_t size = strlen(path);
    if (is_standard(path))
        path = "standard input or output";
    else if (size > MOST)
        path += size - MOST;
    (void)snprintf(name.text, sizeof name.text, "%s%s", size > MOST ? "..." : "", path);
    return name;
}

static int fail(const char *path, const char *what, struct error_message *why)
{
    (void)snprintf(why->text, sizeof why->text, "%s: %.40s: %.80s", name_of(path).text, what,
                   strerror(errno));
    return ALLOT_EIO;
}

/* Puts @path before what @why says. */
static int name_path(const char *path, int error, struct error_message *why)
{
    struct error_message story = *why;
    (void)snprintf(why->text, sizeof why->text, "%s: %.150s", name_of(path).text, story.text);
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

/* Leaves @fd open. */
static int write_to(int fd, const struct backup *backup, const char *path,
                    struct error_message *why)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
    if (!out) {
        int error = fail(path, "opening it", why);
        if (copy >= 0)
            (void)close(copy);
        return error;
    }
    int error = backup_format_write(backup, out, why);
    if (error)
        (void)name_path(path, error, why);
    else if (fflush(out) != 0 || (!is_standard(path) && fsync(fd) != 0))
        error = fail(path, "writing", why);
    if (fclose(out) != 0 && !error)
        error = fail(path, "writing", why);
    return error;
}

/* A new file for its owner only, without a name so far, so that nothing is left of it if we are
 * killed; where the file system can't have that, @name. */
static int open_new(const char *name, bool *ret_is_named)
{
    char *copy = strdup(name);
    int fd = copy ? open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600) : -1;
    free(copy);
    *ret_is_named = fd < 0;
    return fd < 0 ? open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : fd;
}

static bool give_name(int fd, const char *name)
{
    char itself[40];
    (void)snprintf(itself, sizeof itself, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, itself, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
}

/* Writes to a new file, and moves it to @path by way of @beside: only a rename replaces. */
static int write_beside(const struct backup *backup, const char *path, const char *beside,
                        struct error_message *why)
{
    bool is_named = false;
    int fd = open_new(beside, &is_named);
    if (fd < 0)
        return fail(beside, "making it", why);
    int error = write_to(fd, backup, path, why);
    if (!error && !is_named && !(is_named = give_name(fd, beside)))
        error = fail(beside, "making it", why);
    if (!error && rename(beside, path) != 0)
        error = fail(path, "moving the new one there", why);
    if (error && is_named)
        (void)unlink(beside);
    if (!error && !sync_directory(path))
        error = fail(path, "syncing its directory", why);
    (void)close(fd);
    return error;
}

int backup_file_write(const struct backup *backup, const char *path, struct error_message *why)
{
    struct stat status;
    uint64_t random = 0;
    char *beside = NULL;
    if (is_standard(path))
        return write_to(STDOUT_FILENO, backup, path, why);
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        (void)snprintf(why->text, sizeof why->text,
                       "%s: isn't a file, which a new one could replace", name_of(path).text);
        return ALLOT_EINVAL;
    }
    if (entropy_take(&random, sizeof random) ||
        asprintf(&beside, "%s.%016" PRIx64, path, random) < 0) {
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

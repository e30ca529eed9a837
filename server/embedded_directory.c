#include "server/embedded_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *directory, const char *what, struct error_message *why)
{
    snprintf(why->text, sizeof why->text, "%s: %s: %s", directory, what, strerrordesc_np(errno));
    return ALLOT_EIO;
}

/* Makes the name of a new directory durable. */
static bool sync_parent(int directory)
{
    int parent = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = parent >= 0 && fsync(parent) == 0;
    if (parent >= 0)
        close(parent);
    return done;
}

static int lock_file(const char *name, int directory, int *ret_lock, struct error_message *why)
{
    int lock = openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return fail(name, "opening its lock", why);
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        *ret_lock = lock;
        return 0;
    }
    int error = ALLOT_ELOCKED;
    if (errno == EWOULDBLOCK)
        snprintf(why->text, sizeof why->text, "%s: another process has it open", name);
    else
        error = fail(name, "locking", why);
    close(lock);
    return error;
}

int embedded_directory_lock(const char *directory, int *ret_lock, struct error_message *why)
{
    if (!directory || !*directory || strlen(directory) >= PATH_MAX - sizeof "/store.sqlite-wal") {
        snprintf(why->text, sizeof why->text, "no data directory, or one with a name too long");
        return ALLOT_EINVAL;
    }
    bool is_new = mkdir(directory, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return fail(directory, "making it", why);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(directory, "opening it", why);
    int error = is_new && !sync_parent(fd) ? fail(directory, "syncing its parent", why) : 0;
    if (!error)
        error = lock_file(directory, fd, ret_lock, why);
    close(fd);
    return error;
}

#include "server/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct error_message *why, const char *path, const char *text)
{
    (void)snprintf(why->text, sizeof why->text, "%.150s: %s", path, text);
    return ALLOT_EIO;
}

int regular_file_open(const char *path, FILE **ret, struct error_message *why)
{
    struct stat status;
    int error = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (!file || fstat(fd, &status) < 0)
        error = fail(why, path, strerrordesc_np(errno));
    else if (!S_ISREG(status.st_mode))
        error = fail(why, path, "expected a regular file");
    else
        *ret = file;
    if (error && file)
        (void)fclose(file);
    else if (error && fd >= 0)
        (void)close(fd);
    return error;
}

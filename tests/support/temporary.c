#include "tests/support/temporary.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

char *temporary_directory(char *path)
{
    const char *parent = getenv("TMPDIR");
    int size = snprintf(path, TEMPORARY_SIZE, "%s/allot-test.XXXXXX", parent ? parent : "/tmp");
    if (size >= TEMPORARY_SIZE || !mkdtemp(path)) {
        perror("a temporary directory");
        abort();
    }
    return path;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

void temporary_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

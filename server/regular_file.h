/* Files that a server is given to read: certificates, tokens. */
#ifndef ALLOT_SERVER_REGULAR_FILE_H
#define ALLOT_SERVER_REGULAR_FILE_H

#include <stdio.h>

#include "core/error.h"

/* Opens @path to read. It must be a regular file, or a link to one: a FIFO, say, is not waited for.
 * ALLOT_EIO, told in @why with the path. */
int regular_file_open(const char *path, FILE **ret, struct error_message *why);

#endif

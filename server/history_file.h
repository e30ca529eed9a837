/* The file of a history, as the file system has it: the directory that it stands in, whether it is
 * still the same one, and setting it aside. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_FILE_H
#define ALLOT_SERVER_HISTORY_FILE_H

#include <sys/types.h>

#include "core/error.h"

/* Which file it is, whatever it is called by now. */
struct history_file {
    dev_t device;
    ino_t inode;
};

/* Errors of all are told in @why: ALLOT_EIO, ALLOT_ENOMEM. */

/* Makes the directory of @path if it is missing, but none above that. */
int history_file_make_directory(const char *path, struct error_message *why);

/* Finds which file stands at @path. */
int history_file_find(const char *path, struct history_file *ret, struct error_message *why);
/* ALLOT_ENOTFOUND: it isn't @file any more: that was moved, removed or replaced. */
int history_file_check(const char *path, const struct history_file *file,
                       struct error_message *why);

/* Renames it, and what SQLite keeps beside it, to a name that ends with the time in milliseconds,
 * and logs that. On error it may still be there. */
int history_file_set_aside(const char *path, struct error_message *why);

#endif

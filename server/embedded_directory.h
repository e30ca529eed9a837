/* The embedded store's data directory. Private to it. */
#ifndef ALLOT_SERVER_EMBEDDED_DIRECTORY_H
#define ALLOT_SERVER_EMBEDDED_DIRECTORY_H

#include "core/error.h"

/* Makes the directory (0700) if it is missing, and locks it: until *@ret_lock is closed, or the
 * process ends. ALLOT_ELOCKED, ALLOT_EIO, ALLOT_EINVAL (a name that is empty or too long), told in
 * @why. */
int embedded_directory_lock(const char *directory, int *ret_lock, struct error_message *why);

#endif

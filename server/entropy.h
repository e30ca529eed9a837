/* Unpredictable bytes, of the kernel's. */
#ifndef ALLOT_SERVER_ENTROPY_H
#define ALLOT_SERVER_ENTROPY_H

#include <stddef.h>

/* Fills @bytes with @size of them, fit for secrets: no two calls get the same, and nothing is kept
 * of what was given. Each thread asks the kernel for several calls' bytes at once. Returns 0 or
 * ALLOT_EIO. Any thread. */
int entropy_take(void *bytes, size_t size);

#endif

/* Makes one allocation of this process fail, to try the paths that handle it. Works in programs
 * linked with --wrap=malloc, --wrap=calloc and --wrap=realloc, for calls from our own objects. */
#ifndef ALLOT_TESTS_SUPPORT_FAIL_ALLOC_H
#define ALLOT_TESTS_SUPPORT_FAIL_ALLOC_H

#include <stdbool.h>

/* The @nth allocation from now on, and none other, gives NULL; @nth <= 0: none. Counts from 0. */
void fail_alloc_set(long nth);

/* Allocations since the last fail_alloc_set, the failed one included. */
long fail_alloc_count(void);

/* While @paused, allocations of the calling thread are not counted and don't fail. */
void fail_alloc_pause(bool paused);

#endif

/* Waits for a running loop to have nothing more to do. */
#ifndef ALLOT_TESTS_SUPPORT_LOOP_IDLE_H
#define ALLOT_TESTS_SUPPORT_LOOP_IDLE_H

#include "server/loop.h"

/* Until a pass has found nothing to do in a state as of @revision or after. Returns that state's
 * revision, or 0: it took more than a minute. */
int64_t loop_idle_wait(struct loop *loop, int64_t revision);

#endif

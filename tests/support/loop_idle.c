#include "tests/support/loop_idle.h"

#include <time.h>

#include "server/clock.h"

enum { WAIT_MS = 60000 };

int64_t loop_idle_wait(struct loop *loop, int64_t revision)
{
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    struct loop_status status;
    loop_status(loop, &status);
    while (status.allocator.idle_revision < revision && clock_monotonic_ms() < deadline) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        loop_status(loop, &status);
    }
    return status.allocator.idle_revision < revision ? 0 : status.allocator.idle_revision;
}

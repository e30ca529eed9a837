#include "server/clock.h"

#include <errno.h>
#include <time.h>

#include "core/error.h"

static int64_t read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now); /* can't fail for the clocks used here */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

int clock_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return ALLOT_ENOMEM;
    int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) ||
                 pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed ? ALLOT_ENOMEM : 0;
}

bool clock_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ms)
{
    if (deadline_ms == INT64_MAX) {
        pthread_cond_wait(condition, mutex);
        return true;
    }
    struct timespec until = {.tv_sec = deadline_ms / 1000,
                             .tv_nsec = (deadline_ms % 1000) * 1000000};
    return pthread_cond_timedwait(condition, mutex, &until) != ETIMEDOUT;
}

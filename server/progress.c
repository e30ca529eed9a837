#include "server/progress.h"

#include "server/clock.h"

static const int64_t ended = INT64_MAX;

void progress_begin(struct progress *progress, const char *name)
{
    /* These can't fail for the thread itself. */
    (void)pthread_setname_np(pthread_self(), name);
    progress->name = name;
    (void)pthread_getcpuclockid(pthread_self(), &progress->processor);
    atomic_store(&progress->due_ms, clock_monotonic_ms());
}

void progress_end(struct progress *progress)
{
    atomic_store(&progress->due_ms, ended);
}

void progress_wait(struct progress *progress, int64_t at_most_ms)
{
    atomic_store(&progress->due_ms, clock_monotonic_ms() + at_most_ms);
}

/* Whether it has taken processor time since the last look. */
static bool has_computed(struct progress *progress)
{
    struct timespec taken;
    if (clock_gettime(progress->processor, &taken) != 0)
        return false; /* the thread is gone */
    int64_t taken_us = (int64_t)taken.tv_sec * 1000000 + taken.tv_nsec / 1000;
    bool has = taken_us > progress->seen_us;
    progress->seen_us = taken_us;
    return has;
}

int64_t progress_overdue_ms(struct progress *progress)
{
    int64_t due_ms = atomic_load(&progress->due_ms);
    int64_t now_ms = clock_monotonic_ms();
    if (due_ms == 0 || now_ms <= due_ms)
        return 0;
    if (has_computed(progress)) {
        /* unless it has just said something else */
        (void)atomic_compare_exchange_strong(&progress->due_ms, &due_ms, now_ms);
        return 0;
    }
    return now_ms - due_ms;
}

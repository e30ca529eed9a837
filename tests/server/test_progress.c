/* Threads that wait, compute, end, and are stuck, as a watchdog sees them. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "server/clock.h"
#include "server/progress.h"

enum { LOOKS = 5, STUCK_MS = 50 };

struct subject {
    struct progress progress;
    sem_t begun;
    sem_t go_on;
    atomic_bool computes;
    pthread_t thread;
};

static void *subject_thread(void *argument)
{
    struct subject *subject = argument;
    volatile int64_t sum = 0;
    progress_begin(&subject->progress, "subject");
    sem_post(&subject->begun);
    while (atomic_load(&subject->computes))
        sum = sum + 1;
    sem_wait(&subject->go_on);
    progress_end(&subject->progress);
    sem_post(&subject->begun);
    sem_wait(&subject->go_on);
    return NULL;
}

static void start(struct subject *subject, bool computes)
{
    sem_init(&subject->begun, 0, 0);
    sem_init(&subject->go_on, 0, 0);
    atomic_store(&subject->computes, computes);
    cr_assert_eq(progress_overdue_ms(&subject->progress), 0, "it has not begun");
    cr_assert_eq(pthread_create(&subject->thread, NULL, subject_thread, subject), 0);
    sem_wait(&subject->begun);
}

static void end(struct subject *subject)
{
    atomic_store(&subject->computes, false);
    sem_post(&subject->go_on);
    sem_wait(&subject->begun);
    cr_assert_eq(progress_overdue_ms(&subject->progress), 0, "it has ended");
    sem_post(&subject->go_on);
    pthread_join(subject->thread, NULL);
    cr_assert_eq(progress_overdue_ms(&subject->progress), 0, "it is gone");
    sem_destroy(&subject->begun);
    sem_destroy(&subject->go_on);
}

/* Waits until it has been overdue for that long. */
static void await_stuck(struct subject *subject)
{
    while (progress_overdue_ms(&subject->progress) <= STUCK_MS)
        sched_yield();
}

TestSuite(progress, .timeout = 60);

Test(progress, finds_a_thread_that_is_stuck)
{
    struct subject subject = {0};
    start(&subject, false);
    await_stuck(&subject);
    end(&subject);
}

Test(progress, lets_a_thread_wait_as_long_as_it_said)
{
    struct subject subject = {0};
    start(&subject, false);
    progress_wait(&subject.progress, 3600000);
    int64_t begin_ms = clock_monotonic_ms();
    while (clock_monotonic_ms() <= begin_ms + STUCK_MS)
        cr_assert_eq(progress_overdue_ms(&subject.progress), 0);
    progress_wait(&subject.progress, 0);
    await_stuck(&subject);
    end(&subject);
}

/* It would be overdue by all of that time. */
Test(progress, counts_what_a_thread_computes)
{
    struct subject subject = {0};
    start(&subject, true);
    int64_t begin_ms = clock_monotonic_ms();
    for (int got_on = 0; got_on < LOOKS || clock_monotonic_ms() <= begin_ms + STUCK_MS;)
        got_on +=
            progress_overdue_ms(&subject.progress) == 0 && clock_monotonic_ms() > begin_ms + LOOKS;
    atomic_store(&subject.computes, false);
    await_stuck(&subject);
    end(&subject);
}

#include "server/timers.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/error.h"
#include "server/clock.h"

/* A list without order: setting and cancelling, which every request does several times, cost O(1),
 * and the thread looks through all of them only when the earliest it knew of is due, which is rare
 * because almost every deadline is cancelled long before. */
struct timers {
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* the thread has to look again */
    pthread_cond_t idle; /* a function has returned */
    pthread_t thread;
    struct timer *first;
    struct timer *running; /* whose function runs: only compared, it may be freed by now */
    int64_t wake_ms;       /* the thread sleeps until then */
    bool stopping;
};

static void unlink_timer(struct timers *timers, struct timer *timer)
{
    if (timer->previous) {
        timer->previous->next = timer->next;
    } else {
        timers->first = timer->next;
    }
    if (timer->next) {
        timer->next->previous = timer->previous;
    }
    timer->previous = NULL;
    timer->next = NULL;
    timer->is_set = false;
}

/* A timer that is due, or NULL with the time of the earliest one. */
static struct timer *find_due(const struct timers *timers, int64_t now_ms, int64_t *ret_earliest_ms)
{
    *ret_earliest_ms = INT64_MAX;
    for (struct timer *timer = timers->first; timer; timer = timer->next) {
        if (timer->due_ms <= now_ms) {
            return timer;
        }
        if (timer->due_ms < *ret_earliest_ms) {
            *ret_earliest_ms = timer->due_ms;
        }
    }
    return NULL;
}

static void run_timer(struct timers *timers, struct timer *timer)
{
    timer_function *function = timer->function;
    void *context = timer->context;
    unlink_timer(timers, timer);
    timers->running = timer;
    (void)pthread_mutex_unlock(&timers->mutex);
    function(context);
    (void)pthread_mutex_lock(&timers->mutex);
    timers->running = NULL;
    (void)pthread_cond_broadcast(&timers->idle);
}

static void *timers_thread(void *argument)
{
    struct timers *timers = argument;
    (void)pthread_mutex_lock(&timers->mutex);
    while (!timers->stopping) {
        int64_t earliest_ms;
        struct timer *due = find_due(timers, clock_monotonic_ms(), &earliest_ms);
        if (due) {
            run_timer(timers, due);
        } else {
            timers->wake_ms = earliest_ms;
            (void)clock_condition_wait(&timers->wake, &timers->mutex, earliest_ms);
        }
    }
    (void)pthread_mutex_unlock(&timers->mutex);
    return NULL;
}

int timers_create(struct timers **ret)
{
    struct timers *timers = calloc(1, sizeof *timers);
    if (!timers) {
        return ALLOT_ENOMEM;
    }
    if (pthread_mutex_init(&timers->mutex, NULL) != 0) {
        goto out_memory;
    }
    if (clock_condition_init(&timers->wake) < 0) {
        goto out_mutex;
    }
    if (clock_condition_init(&timers->idle) < 0) {
        goto out_wake;
    }
    if (pthread_create(&timers->thread, NULL, timers_thread, timers) != 0) {
        goto out_idle;
    }
    *ret = timers;
    return 0;

out_idle:
    (void)pthread_cond_destroy(&timers->idle);
out_wake:
    (void)pthread_cond_destroy(&timers->wake);
out_mutex:
    (void)pthread_mutex_destroy(&timers->mutex);
out_memory:
    free(timers);
    return ALLOT_EIO;
}

void timers_destroy(struct timers *timers)
{
    if (!timers) {
        return;
    }
    (void)pthread_mutex_lock(&timers->mutex);
    timers->stopping = true;
    (void)pthread_cond_signal(&timers->wake);
    (void)pthread_mutex_unlock(&timers->mutex);
    (void)pthread_join(timers->thread, NULL);
    (void)pthread_cond_destroy(&timers->idle);
    (void)pthread_cond_destroy(&timers->wake);
    (void)pthread_mutex_destroy(&timers->mutex);
    free(timers);
}

void timer_init(struct timer *timer, timer_function *function, void *context)
{
    *timer = (struct timer){.function = function, .context = context};
}

void timer_set(struct timers *timers, struct timer *timer, int64_t delay_ms)
{
    int64_t due_ms = clock_monotonic_ms() + delay_ms;
    (void)pthread_mutex_lock(&timers->mutex);
    timer->due_ms = due_ms;
    if (!timer->is_set) {
        timer->is_set = true;
        timer->previous = NULL;
        timer->next = timers->first;
        if (timers->first) {
            timers->first->previous = timer;
        }
        timers->first = timer;
    }
    if (due_ms < timers->wake_ms) {
        (void)pthread_cond_signal(&timers->wake);
    }
    (void)pthread_mutex_unlock(&timers->mutex);
}

void timer_cancel(struct timers *timers, struct timer *timer)
{
    (void)pthread_mutex_lock(&timers->mutex);
    if (timer->is_set) {
        unlink_timer(timers, timer);
    }
    if (!pthread_equal(pthread_self(), timers->thread)) {
        while (timers->running == timer) {
            (void)pthread_cond_wait(&timers->idle, &timers->mutex);
        }
        /* the function may have set itself anew before it returned */
        if (timer->is_set) {
            unlink_timer(timers, timer);
        }
    }
    (void)pthread_mutex_unlock(&timers->mutex);
}

/* Timers: called once, when due, in any order of setting; and never after timer_cancel. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/error.h"
#include "server/clock.h"
#include "server/timers.h"
#include "tests/support/fail_alloc.h"

static const int64_t NEVER_MS = 3600000;

struct call {
    struct timer timer;
    struct timers *timers;
    sem_t called;
    atomic_int count;
    int64_t at_ms;
    int again; /* how many times it sets itself anew */
};

static void on_time(void *context)
{
    struct call *call = context;
    call->at_ms = clock_monotonic_ms();
    atomic_fetch_add(&call->count, 1);
    if (call->again > 0) {
        call->again--;
        timer_set(call->timers, &call->timer, 1);
    }
    sem_post(&call->called);
}

static void call_init(struct call *call, struct timers *timers)
{
    *call = (struct call){.timers = timers};
    sem_init(&call->called, 0, 0);
    timer_init(&call->timer, on_time, call);
}

Test(timers, calls_when_due)
{
    struct timers *timers = NULL;
    struct call late, early;
    cr_assert_eq(timers_create(&timers), 0);
    call_init(&late, timers);
    call_init(&early, timers);
    int64_t start_ms = clock_monotonic_ms();
    timer_set(timers, &late.timer, 60);
    timer_set(timers, &early.timer, 20); /* earlier than what the thread sleeps for */
    sem_wait(&late.called);
    sem_wait(&early.called);
    cr_assert_geq(late.at_ms, start_ms + 60);
    cr_assert_geq(early.at_ms, start_ms + 20);
    cr_assert_leq(early.at_ms, late.at_ms);
    timers_destroy(timers);
    cr_assert_eq(late.count, 1);
    cr_assert_eq(early.count, 1);
}

Test(timers, set_again_counts_anew)
{
    struct timers *timers = NULL;
    struct call call;
    cr_assert_eq(timers_create(&timers), 0);
    call_init(&call, timers);
    timer_set(timers, &call.timer, NEVER_MS);
    timer_set(timers, &call.timer, 1);
    sem_wait(&call.called);
    timers_destroy(timers);
    cr_assert_eq(call.count, 1);
}

Test(timers, may_set_itself)
{
    struct timers *timers = NULL;
    struct call call;
    cr_assert_eq(timers_create(&timers), 0);
    call_init(&call, timers);
    call.again = 2;
    timer_set(timers, &call.timer, 0);
    for (int i = 0; i < 3; i++) {
        sem_wait(&call.called);
    }
    timer_cancel(timers, &call.timer);
    cr_assert_eq(call.count, 3);
    timers_destroy(timers);
}

Test(timers, cancelled_ones_are_not_called)
{
    struct timers *timers = NULL;
    struct call cancelled[3], other;
    cr_assert_eq(timers_create(&timers), 0);
    call_init(&other, timers);
    for (int i = 0; i < 3; i++) {
        call_init(&cancelled[i], timers);
        timer_set(timers, &cancelled[i].timer, 10);
    }
    for (int i = 2; i >= 0; i--) {
        timer_cancel(timers, &cancelled[i].timer);
        timer_cancel(timers, &cancelled[i].timer); /* and again: nothing */
    }
    timer_set(timers, &other.timer, 30);
    sem_wait(&other.called);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(cancelled[i].count, 0);
    }
    timers_destroy(timers);
}

/* A function that is held in the middle. */
struct held {
    struct timer timer;
    struct timers *timers;
    sem_t entered, go;
    atomic_bool returned;
};

static void hold(void *context)
{
    struct held *held = context;
    sem_post(&held->entered);
    sem_wait(&held->go);
    atomic_store(&held->returned, true);
}

static void *let_go(void *context)
{
    struct held *held = context;
    sem_post(&held->go);
    return NULL;
}

Test(timers, cancel_waits_for_a_function_that_runs)
{
    struct held held = {.returned = false};
    pthread_t other;
    cr_assert_eq(timers_create(&held.timers), 0);
    sem_init(&held.entered, 0, 0);
    sem_init(&held.go, 0, 0);
    timer_init(&held.timer, hold, &held);
    timer_set(held.timers, &held.timer, 0);
    sem_wait(&held.entered);
    cr_assert_eq(pthread_create(&other, NULL, let_go, &held), 0);
    timer_cancel(held.timers, &held.timer);
    cr_assert(atomic_load(&held.returned));
    pthread_join(other, NULL);
    timers_destroy(held.timers);
}

struct short_lived {
    struct timer timer;
    struct timers *timers;
    sem_t *freed;
};

static void free_itself(void *context)
{
    struct short_lived *lived = context;
    sem_t *freed = lived->freed;
    timer_cancel(lived->timers, &lived->timer);
    free(lived);
    sem_post(freed);
}

Test(timers, a_function_may_free_its_timer)
{
    struct timers *timers = NULL;
    struct short_lived *lived = malloc(sizeof *lived);
    sem_t freed;
    cr_assert_not_null(lived);
    cr_assert_eq(timers_create(&timers), 0);
    sem_init(&freed, 0, 0);
    *lived = (struct short_lived){.timers = timers, .freed = &freed};
    timer_init(&lived->timer, free_itself, lived);
    timer_set(timers, &lived->timer, 0);
    sem_wait(&freed);
    timers_destroy(timers);
}

Test(timers, reports_when_memory_is_out)
{
    struct timers *timers = NULL;
    fail_alloc_set(1);
    cr_assert_eq(timers_create(&timers), ALLOT_ENOMEM);
    fail_alloc_set(0);
    cr_assert_null(timers);
    timers_destroy(NULL);
}

/* The time, as the server's parts use it. */
#ifndef ALLOT_SERVER_CLOCK_H
#define ALLOT_SERVER_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of the monotonic clock: for deadlines. */
int64_t clock_monotonic_ms(void);
/* Microseconds of the same: to measure by. */
int64_t clock_monotonic_us(void);
/* Milliseconds since 1970: for people. */
int64_t clock_wall_ms(void);

/* A condition variable that waits on the monotonic clock. Returns 0 or ALLOT_ENOMEM. */
int clock_condition_init(pthread_cond_t *condition);
/* Waits for @condition, at most until @deadline_ms (INT64_MAX: forever). False: the time is up. */
bool clock_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ms);

#endif

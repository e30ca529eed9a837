/* Deadlines: functions to be called when their time has come, on one thread for all of them.
 * All functions may be called from any thread. */
#ifndef ALLOT_SERVER_TIMERS_H
#define ALLOT_SERVER_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct timers;

typedef void timer_function(void *context);

/* Stored by the caller, inside whatever it is the deadline of; zeroed by timer_init. It must stay
 * where it is while it is set. */
struct timer {
    timer_function *function;
    void *context;
    int64_t due_ms; /* monotonic; private */
    bool is_set;    /* private */
    struct timer *previous;
    struct timer *next;
};

/* ALLOT_ENOMEM; ALLOT_EIO: no thread. @ret is then untouched. */
int timers_create(struct timers **ret);
/* Timers still set are forgotten. Not from within a timer's function. NULL is fine. */
void timers_destroy(struct timers *timers);

void timer_init(struct timer *timer, timer_function *function, void *context);

/* Calls the function once, in @delay_ms; a timer that is already set is set anew. O(1). The
 * function may set and cancel timers (its own too), and may free the timer. It must be short and
 * must not block: the others wait for it. */
void timer_set(struct timers *timers, struct timer *timer, int64_t delay_ms);

/* After this the function does not run and will not, unless it is the function itself that calls.
 * So the caller must hold no lock that the function takes. O(1). */
void timer_cancel(struct timers *timers, struct timer *timer);

#endif

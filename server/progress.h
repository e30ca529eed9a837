/* Whether a thread gets on: told by the thread itself before it waits, and seen by a watchdog.
 *
 * A thread gets on while it computes, however long, since that takes processor time; and while it
 * waits for no longer than it has said. So whoever waits for work looks up now and then. What is
 * left is a thread that is stuck: on a lock that is never let go, say. An endless computation is
 * not found: it would be the same after a restart. */
#ifndef ALLOT_SERVER_PROGRESS_H
#define ALLOT_SERVER_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* For how long at most a thread waits for work before it looks up. */
enum { PROGRESS_IDLE_MS = 1000 };

/* All private; zeroed before its thread begins. */
struct progress {
    const char *name;           /* of the thread */
    atomic_int_fast64_t due_ms; /* when it gets on at the latest, monotonic; 0: it has not begun */
    clockid_t processor;        /* the thread's processor time, and ... */
    int64_t seen_us;            /* ... how much of it the watchdog has seen */
};

/* By the thread: first of all, and last of all. It is given @name (static, 15 bytes at most), which
 * tools show that list threads. */
void progress_begin(struct progress *progress, const char *name);
void progress_end(struct progress *progress);

/* From now on it waits, for @at_most_ms, or does so after some computation. By the thread, or by
 * others that work for it. */
void progress_wait(struct progress *progress, int64_t at_most_ms);

/* For how long it should have got on by now, and has not; 0: it gets on, has ended, or has not
 * begun. Processor time counts that it has taken since the last time this was asked, so it is asked
 * now and then, by one thread at a time. */
int64_t progress_overdue_ms(struct progress *progress);

#endif

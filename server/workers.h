/* A few threads for work that takes the processor for a while, so that listener threads and the
 * loop don't. All functions may be called from any thread. */
#ifndef ALLOT_SERVER_WORKERS_H
#define ALLOT_SERVER_WORKERS_H

struct workers;

typedef void workers_task(void *context);

/* @threads >= 1; at most @queue_max tasks wait. ALLOT_ENOMEM; ALLOT_EIO: no thread. */
int workers_create(int threads, int queue_max, struct workers **ret);

/* Runs all that was submitted, and ends. Nothing may be submitted any more. NULL is fine. */
void workers_destroy(struct workers *workers);

/* Calls task(context) on one of the threads, in the order of submission. ALLOT_ELIMIT: too many
 * wait, and it is not called. */
int workers_submit(struct workers *workers, workers_task *task, void *context);

#endif

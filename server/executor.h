/* Threads to solve with: the core's struct executor, on POSIX threads. */
#ifndef ALLOT_SERVER_EXECUTOR_H
#define ALLOT_SERVER_EXECUTOR_H

#include "core/solver.h"

/* An executor of @width threads (>= 1): the caller's own, and width - 1 that are made for each run.
 * If they can't be made, the run goes on with fewer. ALLOT_ENOMEM. */
int executor_create(int width, struct executor **ret);
void executor_destroy(struct executor *executor); /* NULL is fine */

#endif

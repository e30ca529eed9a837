/* A simulated cluster: several allotds over one model store, their members, items and replicas, and
 * a seed that decides what happens next. Equal seeds give equal runs.
 *
 * For a while everything that can go wrong does: mirrors lag, transactions are held up, their
 * answers are lost before or after they were applied, or long before; leases expire, processes
 * stall and crash, members come, go, drain and change, values are put that don't decode, and
 * in every other run operators pause the loop and limit its moves. Each
 * transaction of the loop is checked as it is applied (loop_checker.h). Then the disturbances end,
 * and it is checked that the loop comes to rest, in what state, and once there is room for
 * everything, that everything has its place. */
#ifndef ALLOT_TESTS_CORE_LOOP_SIMULATION_H
#define ALLOT_TESTS_CORE_LOOP_SIMULATION_H

#include <stdint.h>
#include <stdio.h>

/* How often things happened, to see that they do. */
struct simulation_counts {
    long transactions; /* applied */
    long failed;       /* their checks failed */
    long further;      /* not the first of their pass */
    long late;         /* applied after their allocator was told that nobody knows */
    long lost;         /* answers */
    long stops;        /* the fence was found lost */
    long additions;
    long removals;
    long moves;   /* begun where operators put things off */
    long leaders; /* changes of the author of transactions */
    long records; /* of rounds */
};

/* Runs one simulation, and adds to @counts. Returns 0 and @ret_fault is empty; or @ret_fault tells
 * what is wrong, and the end of the history goes to @trace if it isn't NULL. */
int loop_simulation_run(uint64_t seed, struct simulation_counts *counts, char ret_fault[256],
                        FILE *trace);

#endif

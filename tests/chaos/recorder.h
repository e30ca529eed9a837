/* Records all that ever happens under the cluster's root, by a watch of its own on etcd itself,
 * which goes on through whatever the cluster has to bear. */
#ifndef ALLOT_TESTS_CHAOS_RECORDER_H
#define ALLOT_TESTS_CHAOS_RECORDER_H

#include "tests/chaos/cluster.h"
#include "tests/support/history_checker.h"

struct recorder;

struct recorder *recorder_start(const struct cluster *cluster);
void recorder_stop(struct recorder *recorder);

/* The revision of the last event; what comes before it will not be asked for again. */
int64_t recorder_revision(struct recorder *recorder);

/* Gives @checker what it hasn't been given yet. False: there is a fault, in it or in the recording
 * (then told on standard error). */
bool recorder_check(struct recorder *recorder, struct history_checker *checker);

#endif

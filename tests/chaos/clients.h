/* What lives on a cluster while it is ill-treated: members that register, send heartbeats, report
 * and drain, each with a thread, and an operator who changes items. They take any allotd that
 * answers, and remember what was acknowledged. */
#ifndef ALLOT_TESTS_CHAOS_CLIENTS_H
#define ALLOT_TESTS_CHAOS_CLIENTS_H

#include <stdint.h>

#include "tests/chaos/cluster.h"

enum { CLIENTS_MEMBERS = 6, CLIENTS_ITEMS = 24, CLIENTS_MAX_NAME = 64 };

/* A write that was acknowledged: at this revision it changed the key. */
struct acknowledged {
    char key[CLIENTS_MAX_NAME];
    int64_t revision;
};

struct clients;

/* @cluster is borrowed; its allotds' ports don't change. */
struct clients *clients_start(const struct cluster *cluster, uint64_t seed);
/* From now on nobody fails, drains or is changed any more; every item and member is (again) there,
 * with room for all. Waits until that was acknowledged. False: it took too long. */
bool clients_calm(struct clients *clients);
void clients_stop(struct clients *clients);

/* What was acknowledged so far; valid until the stop. Not while the operator is at work. */
const struct acknowledged *clients_acknowledged(const struct clients *clients, size_t *ret_count);
/* Requests that got an answer, and that didn't or a 5xx. */
void clients_counts(struct clients *clients, long *ret_answered, long *ret_failed);

#endif

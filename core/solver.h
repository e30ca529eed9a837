/* Solves a state: which members shall hold which items.
 *
 * Items are solved in key order, in chunks of SOLVER_CHUNK_ITEMS, each a maximum-flow problem of
 * its own (flow_network.h, max_flow.h), which may run in parallel; the answer is the same. */
#ifndef ALLOT_CORE_SOLVER_H
#define ALLOT_CORE_SOLVER_H

#include "core/state.h"

enum { SOLVER_CHUNK_ITEMS = 10000 };

/* The desired assignments. Immutable, reference-counted. Indices are those of every state that
 * solution_fits. */
struct solution {
    struct network_hash network_hash;
    int32_t item_count;
    int32_t member_count;
    int32_t *begin;  /* item_count + 1: item i's desired members are member[begin[i]] … */
    int32_t *member; /* ascending within an item */
    int64_t assigned;
    int64_t unattainable; /* item_slots - assigned */
};

/* Threads of the caller's: run(context, task, argument) calls task(argument, index) once for each
 * index < width, each on a thread of its own if it can, and returns when all have returned. */
struct executor {
    int width; /* >= 1 */
    void (*run)(void *context, void (*task)(void *argument, int index), void *argument);
    void *context;
};

/* Solves @state. @executor may be NULL: then on this thread. On success @ret is a new solution with
 * one reference; on error (ALLOT_ENOMEM; ALLOT_ELIMIT: more nodes, or replicas, than can be
 * numbered) it is untouched. Deterministic. */
int solver_solve(const struct state *state, const struct executor *executor, struct solution **ret);

/* Whether @solution (NULL: no) is one of @state: of both of its network hashes, and of as many
 * items and members, so that not even an accident of hashes reads past an array. */
bool solution_fits(const struct solution *solution, const struct state *state);

struct solution *solution_ref(struct solution *solution);
void solution_unref(struct solution *solution); /* NULL is fine */

/* Current against desired assignments. */
struct change_summary {
    int64_t added;
    int64_t removed;
    int64_t unchanged;
};
struct change_summary solution_changes(const struct solution *solution, const struct state *state);

#endif

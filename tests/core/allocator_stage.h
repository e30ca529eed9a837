/* What the tests of the allocator share: one scheduler over one store, driven step by step. Names
 * of keys in here have no root. What isn't as expected ends the test. */
#ifndef ALLOT_TESTS_CORE_ALLOCATOR_STAGE_H
#define ALLOT_TESTS_CORE_ALLOCATOR_STAGE_H

#include "tests/core/scheduler.h"

struct stage {
    struct model_store *store;
    struct scheduler scheduler;
    int64_t own_lease; /* of the candidate's key */
};
extern struct stage stage;

/* The leader of a cluster with one member, which one item, x, is to be assigned to. Its allocator
 * has begun before there was anything to do: what it does now is in the pass of this number. */
enum { STAGE_FIRST_ROUND = 2 };
void stage_set_up(void);
void stage_tear_down(void);

/* The key of a name, in one of a few static buffers. */
struct span stage_key(const char *name);
void stage_put(const char *name, const char *value);
const struct store_kv *stage_find(const char *name);
/* Puts @count keys, named by @format and their number. */
void stage_put_many(const char *format, int count, const char *value);

/* The next step, which is @action. */
struct allocator_step stage_expect(int64_t now_ms, enum allocator_action action);
/* It stops, with @error, for good. */
void stage_expect_stop(int64_t now_ms, int error);
/* It wants a solution, and is given it. */
void stage_solve(int64_t now_ms);
/* Executes what it wants executed. Whether the checks held. */
bool stage_execute(const struct store_txn *txn, int64_t now_ms);
/* Steps on, solving and executing, to the next WAIT or STOP. */
struct allocator_step stage_settle(int64_t now_ms);
/* … and on, until the mirror sees nothing new. */
void stage_settle_all(int64_t now_ms);
struct allocator_status stage_status(void);
/* What its transactions of pass @round put as their actor, with the fence that the mirror has. */
struct span stage_actor(int64_t round);

#endif

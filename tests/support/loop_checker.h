/* Proves of each transaction of an allocation loop, from the store's history, that it kept what the
 * loop promises; knows nothing of how decisions are made, only of how things stood.
 *
 * Each promise is about the revision at which the transaction was applied, however stale the mirror
 * was that it was decided on:
 *
 * - Its author leads: its candidate's key is the oldest that stands.
 * - It takes no consistent replica from an item that is then left with fewer consistent ones than
 *   its replication. Consistent is a replica whose value says so and whose member is registered.
 * - No addition takes a member above its item limit. Counted are the assignments of the items that
 *   were there, and valid, in the mirror, and have been since: one that is created (again) while
 *   its former assignments still stand brings these back to life, which nobody can see coming.
 * - It leaves no item with two assignments for one member, or in one slot, that hadn't them before,
 *   and puts nothing over an assignment that exists.
 * - It touches no assignment whose item or member was invalid in the mirror, and removes none whose
 *   item is invalid.
 * - Its first operation puts the actor.
 * - If it records a round (a key under ROOT/rounds/), it does nothing else; the record is new, and
 *   comes after all others in the order of keys; and only the oldest ones are deleted. */
#ifndef ALLOT_TESTS_SUPPORT_LOOP_CHECKER_H
#define ALLOT_TESTS_SUPPORT_LOOP_CHECKER_H

#include "core/state.h"
#include "tests/support/model_store.h"

struct loop_checker {
    const struct model_store *store; /* borrowed */
    struct span root;                /* borrowed */
    struct decoder decoder;
    struct model_table table; /* how things stand at the revision seen so far */
    int64_t revision;
    char fault[256]; /* the first one found, or empty */
};

/* @root is borrowed until the release; @decoder tells what the values mean. */
void loop_checker_init(struct loop_checker *checker, const struct model_store *store,
                       struct span root, struct decoder decoder);
void loop_checker_release(struct loop_checker *checker);

/* Takes note of what has happened since; none of it was the loop's. */
void loop_checker_observe(struct loop_checker *checker);

/* Checks what has happened since: one transaction, if it was applied, of the allocator whose
 * candidate's key is @author, decided on @mirror. False if there is a fault. */
bool loop_checker_check(struct loop_checker *checker, const char *author,
                        const struct state *mirror);

/* Checks how things stand when a loop has nothing left to do: no assignment without its item, the
 * slots of each item numbered from 0. False if there is a fault. */
bool loop_checker_check_idle(struct loop_checker *checker);

#endif

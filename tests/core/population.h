/* What people, members and time do to a store, at random: the items, members and assignments that
 * the loop has to do with in a simulation. */
#ifndef ALLOT_TESTS_CORE_POPULATION_H
#define ALLOT_TESTS_CORE_POPULATION_H

#include "tests/support/model_store.h"
#include "tests/support/random.h"

struct population {
    struct random *random;     /* borrowed */
    struct model_store *store; /* borrowed */
    int items;                 /* at most so many; members are few */
};

/* Most of the items, and some members. */
void population_begin(struct population *population);

/* One item is put with another replication, or a value that doesn't decode, or deleted. */
void population_change_item(struct population *population);
/* A member that isn't there comes, with a lease of its own or without; one that is goes, or
 * changes. */
void population_change_member(struct population *population);
/* One assignment becomes consistent, or isn't any more, or is lost. */
void population_change_assignment(struct population *population);
/* Much at once, for a pass of several transactions: all items want something else, or all members
 * have done what was to be done. */
void population_change_much(struct population *population);

/* Puts something that decodes where something doesn't, of items and members. */
void population_repair(struct population *population);
/* Marks every assignment consistent; whether there was one that wasn't. */
bool population_mark_all(struct population *population);
/* All members are there, stay, and could each hold every item. */
void population_make_room(struct population *population);

#endif

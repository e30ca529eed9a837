/* The instances of tests/vectors/large.json, made by rule: see the README of the vectors. */
#ifndef ALLOT_TESTS_LARGE_INSTANCE_H
#define ALLOT_TESTS_LARGE_INSTANCE_H

#include <stdio.h>

#include "core/solver.h"

enum large_kind { LARGE_COLD, LARGE_SETTLED, LARGE_LOST, LARGE_EXITING, LARGE_KIND_COUNT };

/* "cold", "settled", "m0001 lost", "every tenth exiting". */
const char *large_kind_name(enum large_kind kind);

/* Writes the instance of @items and @members as JSON. @settled is the answer to the cold one, and
 * @state the state that it was solved on; both NULL for LARGE_COLD. */
void large_instance_write(FILE *file, int items, int members, enum large_kind kind,
                          const struct state *state, const struct solution *settled);

/* The same, read into a keyspace; NULL if that fails. */
struct keyspace *large_instance(int items, int members, enum large_kind kind,
                                const struct state *state, const struct solution *settled);

#endif

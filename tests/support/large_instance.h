/* The instances of tests/vectors/large.json, made by rule (see the README of the vectors), and
 * others like them. */
#ifndef ALLOT_TESTS_LARGE_INSTANCE_H
#define ALLOT_TESTS_LARGE_INSTANCE_H

#include <stdio.h>

#include "core/solver.h"

enum large_kind {
    LARGE_COLD,
    LARGE_SETTLED,
    LARGE_LOST,
    LARGE_EXITING,
    LARGE_VECTOR_COUNT,               /* those before are in large.json */
    LARGE_ADDED = LARGE_VECTOR_COUNT, /* one member more than is settled, empty */
    LARGE_ITEM,                       /* one item more, not assigned */
    LARGE_KIND_COUNT
};

enum { LARGE_VECTOR_PERCENT = 130 };

struct large_size {
    int items;
    int members;
    int percent; /* what the members can hold, of what the items want; of the vectors 130 */
};

/* "cold", "settled", "m0001 lost", "every tenth exiting", "one member added", "one item added". */
const char *large_kind_name(enum large_kind kind);

/* Writes the instance as JSON. @settled is the answer to the cold one, and @state the state that it
 * was solved on; both NULL for LARGE_COLD. */
void large_instance_write(FILE *file, const struct large_size *size, enum large_kind kind,
                          const struct state *state, const struct solution *settled);

/* The same, read into a keyspace; NULL if that fails. */
struct keyspace *large_instance(const struct large_size *size, enum large_kind kind,
                                const struct state *state, const struct solution *settled);

#endif

/* What differs between two versions of a keyspace. */
#ifndef ALLOT_CORE_KEYSPACE_DIFFERENCE_H
#define ALLOT_CORE_KEYSPACE_DIFFERENCE_H

#include "core/keyspace.h"

/* Walks the keys whose entries differ, in order:
 *     struct keyspace_difference difference = keyspace_compare(former, newer);
 *     while (keyspace_next_difference(&difference)) … difference.before, difference.after
 * Both are borrowed meanwhile. Cost: the lists of pages, and the entries of those that the two
 * don't share, which are few if one has come from the other by few changes. */
struct keyspace_difference {
    const struct entry *before; /* NULL: the key is new */
    const struct entry *after;  /* NULL: it is gone */
    struct keyspace_cursor former;
    struct keyspace_cursor newer;
};

struct keyspace_difference keyspace_compare(const struct keyspace *former,
                                            const struct keyspace *newer);
bool keyspace_next_difference(struct keyspace_difference *difference); /* false at the end */

#endif

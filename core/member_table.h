/* Private to the state: where members, the invalid ones included, are found by name.
 *
 * Sorted by a hash of the name, and then by the name itself, so that names made to hash alike cost
 * a binary search and no more; with a directory by the first bits of the hash, so that other names
 * are found at the first or second look. */
#ifndef ALLOT_CORE_MEMBER_TABLE_H
#define ALLOT_CORE_MEMBER_TABLE_H

#include "core/keyspace.h"

struct member_name {
    uint64_t hash;
    const struct entry *entry;
    int32_t member; /* STATE_NONE: registered, but invalid */
};

struct member_table {
    struct member_name *names;
    size_t count;
    /* Of the names whose hash, shifted, is at least the index; one more at the end. */
    size_t *begin;
    unsigned shift;
};

/* Makes room for @most names. ALLOT_ENOMEM. */
int member_table_init(struct member_table *table, size_t most);
void member_table_release(struct member_table *table); /* also of a zeroed one */

/* @entry is borrowed. */
void member_table_add(struct member_table *table, const struct entry *entry, int32_t member);
/* When all have been added. */
void member_table_sort(struct member_table *table);

/* The member that @assignment names, or NULL. */
const struct member_name *member_table_find(const struct member_table *table,
                                            const struct entry *assignment);

#endif

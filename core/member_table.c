#include "core/member_table.h"

#include <stdlib.h>

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash_bytes(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static uint64_t hash_member(const struct key_parts *parts)
{
    uint64_t hash = hash_bytes(UINT64_C(0xCBF29CE484222325), parts->zone);
    hash = hash_bytes(hash, SPAN("#"));
    return hash_bytes(hash, parts->suffix);
}

/* The first bits of an FNV hash say little of a name's last letters; all bits go into these. */
static uint64_t spread(uint64_t hash)
{
    return hash * UINT64_C(0x9E3779B97F4A7C15);
}

static int compare_member_names(const void *a, const void *b)
{
    const struct member_name *left = a;
    const struct member_name *right = b;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return keys_compare_members(&left->entry->parts, &right->entry->parts);
}

/* There are about as many places in the directory as names. */
int member_table_init(struct member_table *table, size_t most)
{
    unsigned bits = 1;
    while (most >> bits > 0)
        bits++;
    *table = (struct member_table){.shift = 64 - bits};
    table->names = calloc(most + 1, sizeof *table->names);
    table->begin = calloc(((size_t)1 << bits) + 1, sizeof *table->begin);
    if (table->names && table->begin)
        return 0;
    member_table_release(table);
    return ALLOT_ENOMEM;
}

void member_table_release(struct member_table *table)
{
    free(table->names);
    free(table->begin);
    *table = (struct member_table){0};
}

void member_table_add(struct member_table *table, const struct entry *entry, int32_t member)
{
    table->names[table->count++] =
        (struct member_name){spread(hash_member(&entry->parts)), entry, member};
}

void member_table_sort(struct member_table *table)
{
    size_t places = (size_t)1 << (64 - table->shift);
    size_t name = 0;
    qsort(table->names, table->count, sizeof *table->names, compare_member_names);
    for (size_t place = 0; place <= places; place++) {
        while (name < table->count && table->names[name].hash >> table->shift < place)
            name++;
        table->begin[place] = name;
    }
}

const struct member_name *member_table_find(const struct member_table *table,
                                            const struct entry *assignment)
{
    const struct member_name wanted = {.hash = spread(hash_member(&assignment->parts)),
                                       .entry = assignment};
    size_t place = wanted.hash >> table->shift;
    size_t low = table->begin[place];
    size_t high = table->begin[place + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_member_names(&table->names[middle], &wanted);
        if (order == 0)
            return &table->names[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* What identifies a problem to be solved: the members with their limits, the items with their
 * replications, in the order in which they are added.
 *
 * Two hashes, for two purposes. `crc` is the reference's: keys and decimal numbers run together, so
 * that different problems can have the same one by their names alone ("a1" with 2, "a" with 12).
 * `fingerprint` also takes in lengths, and mixes all that it is given: equal problems have equal
 * ones, and different problems different ones but by a chance of 2^-64. */
#ifndef ALLOT_CORE_NETWORK_HASH_H
#define ALLOT_CORE_NETWORK_HASH_H

#include <stdint.h>

#include "core/span.h"

struct network_hash {
    uint64_t crc; /* CRC-64 of the ECMA polynomial. Source: allocation.md, section 3 */
    uint64_t fingerprint;
    uint64_t size; /* bytes that crc is of */
};

/* The hash of a run of additions alone, made once for as long as they stay the same. Different ways
 * to divide the same additions into runs give different fingerprints: who compares them divides
 * alike, where network_run_ends. */
enum { NETWORK_RUN_MIN = 16, NETWORK_RUN_MAX = 256 };
struct network_run {
    struct network_hash hash;
    uint64_t shift; /* crc64_shift(hash.size) */
    int32_t count;  /* of the additions; for its maker */
};

/* Takes in a member with its limit, an item with its replication, a member with what it sheds.
 * @number >= 0. Begin with zeroes. */
void network_hash_add(struct network_hash *hash, struct span key, int64_t number);

/* Takes in all of a run: the crc is as if its additions had been made one by one. Costs as much as
 * two or three of them. */
void network_hash_join(struct network_hash *hash, const struct network_run *run);

/* Whether a run of @count additions ends with the last one, which is of @key. The keys themselves
 * tell, one in 64 of them: so what comes or goes leaves most runs as they are, though all that
 * follows has another number then. */
bool network_run_ends(int32_t count, struct span key);

/* Sets run->shift when all have been added. */
void network_run_finish(struct network_run *run);

#endif

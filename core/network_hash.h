/* What identifies a problem to be solved: the members with their limits, the items with their
 * replications, the members with what they shed. Two hashes of these, for two purposes.
 *
 * The reference's is a CRC of all of them in order, keys and decimal numbers run together, so that
 * different problems can have the same one by their names alone ("a1" with 2, "a" with 12).
 *
 * A fingerprint also takes in lengths, and what each is, and mixes all that it is given: equal
 * problems have equal ones, and different problems different ones but by a chance of 2^-64. It is a
 * sum, so that what changes is all that has to be looked at. */
#ifndef ALLOT_CORE_NETWORK_HASH_H
#define ALLOT_CORE_NETWORK_HASH_H

#include <stdint.h>

#include "core/span.h"

/* Takes one more into the reference's hash (0 to begin with): CRC-64 of the ECMA polynomial.
 * @number >= 0. Source: allocation.md, section 3. */
uint64_t network_crc_add(uint64_t crc, struct span key, int64_t number);

enum network_part {
    NETWORK_MEMBER, /* with its item limit */
    NETWORK_ITEM,   /* with its replication */
    NETWORK_SHED,   /* a member with what it sheds */
};

/* What one adds to the fingerprint, which is the sum of these, modulo 2^64. */
uint64_t network_fingerprint(enum network_part part, struct span key, int64_t number);

#endif

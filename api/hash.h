/* FNV-1a, 64 bits: short marks of texts, with no claim against an attacker.
 * Source: Fowler, Noll, Vo. */
#ifndef ALLOT_API_HASH_H
#define ALLOT_API_HASH_H

#include <stdint.h>

#include "core/span.h"

#define HASH_START UINT64_C(0xCBF29CE484222325)

static inline uint64_t hash_bytes(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001B3);
    return hash;
}

#endif

/* Short marks of texts. */
#ifndef ALLOT_API_HASH_H
#define ALLOT_API_HASH_H

#include <stdint.h>

#include "core/span.h"

/* FNV-1a, 64 bits, with no claim against an attacker. Source: Fowler, Noll, Vo. */
#define HASH_START UINT64_C(0xCBF29CE484222325)

static inline uint64_t hash_bytes(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001B3);
    return hash;
}

/* For tables in memory: eight bytes at a step, each mixed in by a product whose high half is folded
 * onto the low one. With a secret @seed it is hard to choose texts that are marked alike. */
static inline uint64_t hash_mix(uint64_t hash)
{
    hash *= UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

static inline uint64_t hash_seeded(uint64_t seed, struct span bytes)
{
    uint64_t hash = hash_mix(seed ^ bytes.size), word = 0;
    for (; bytes.size >= sizeof word; bytes.data += sizeof word, bytes.size -= sizeof word) {
        memcpy(&word, bytes.data, sizeof word);
        hash = hash_mix(hash ^ word);
    }
    word = 0;
    if (bytes.size > 0)
        memcpy(&word, bytes.data, bytes.size);
    return hash_mix(hash ^ word);
}

#endif

#include "core/network_hash.h"

#include <string.h>

#include "core/crc64.h"

/* Of the key and the number's digits behind it. */
uint64_t network_crc_add(uint64_t crc, struct span key, int64_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    crc = crc64_update(crc, key);
    return crc64_update(crc, (struct span){digits + at, sizeof digits - at});
}

/* Source of the multipliers and shifts: the finalizer of Steele, Lea & Flood, "Fast splittable
 * pseudorandom number generators", 2014. Each step is a bijection of the sum. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    uint64_t z = hash + word + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t mix_bytes(uint64_t hash, struct span bytes)
{
    uint64_t word;
    hash = mix(hash, bytes.size);
    for (; bytes.size >= sizeof word; bytes.data += sizeof word, bytes.size -= sizeof word) {
        memcpy(&word, bytes.data, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    if (bytes.size)
        memcpy(&word, bytes.data, bytes.size);
    return mix(hash, word);
}

uint64_t network_fingerprint(enum network_part part, struct span key, int64_t number)
{
    return mix(mix_bytes((uint64_t)part, key), (uint64_t)number);
}

#include "core/network_hash.h"

#include <string.h>

#include "core/crc64.h"

/* Of the key and the number's digits behind it: run together, as bytes come cheapest by the word.
 */
static void add_text(struct network_hash *hash, struct span key, int64_t number)
{
    enum { DIGITS = 24, SHORT_KEY = 256 };
    char text[SHORT_KEY + DIGITS];
    char digits[DIGITS];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    hash->size += key.size + sizeof digits - at;
    if (key.size > SHORT_KEY) {
        hash->crc = crc64_update(hash->crc, key);
        key.size = 0;
    }
    if (key.size > 0)
        memcpy(text, key.data, key.size);
    memcpy(text + key.size, digits + at, sizeof digits - at);
    hash->crc = crc64_update(hash->crc, (struct span){text, key.size + sizeof digits - at});
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

void network_hash_add(struct network_hash *hash, struct span key, int64_t number)
{
    add_text(hash, key, number);
    hash->fingerprint = mix(mix_bytes(hash->fingerprint, key), (uint64_t)number);
}

void network_hash_join(struct network_hash *hash, const struct network_run *run)
{
    hash->crc = crc64_join(hash->crc, run->hash.crc, run->shift);
    hash->fingerprint = mix(hash->fingerprint, run->hash.fingerprint);
    hash->size += run->hash.size;
}

bool network_run_ends(int32_t count, struct span key)
{
    bool may_end = count >= NETWORK_RUN_MIN;
    return count == NETWORK_RUN_MAX || (may_end && mix_bytes(0, key) % 64 == 0);
}

void network_run_finish(struct network_run *run)
{
    run->shift = crc64_shift(run->hash.size);
}

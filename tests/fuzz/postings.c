/* The postings of a block of the history: the input is what is stored, but its checksum, after the
 * numbers of two names that are looked for. */
#include <zlib.h>

#include "server/history_postings.h"
#include "tests/fuzz/fuzz.h"

enum { NAMES = 2, CHECKSUM_BYTES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct history_positions found;
    if (size < NAMES)
        return 0;
    const struct history_row wanted = {.item = data[0], .principal = data[1]};
    size_t stored_size = size - NAMES + CHECKSUM_BYTES;
    char *stored = malloc(stored_size);
    fuzz_require(stored != NULL, "memory");
    memcpy(stored + CHECKSUM_BYTES, data + NAMES, size - NAMES);
    uint32_t sum = (uint32_t)crc32_z(0, data + NAMES, size - NAMES);
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        stored[i] = (char)(sum >> 8 * i);
    struct span span = {stored, stored_size};
    if (history_postings_find(span, &wanted, ~0u, &found) == 0)
        fuzz_require(found.count <= HISTORY_MAX_BLOCK_EVENTS, "a block's events");
    free(stored);
    return 0;
}

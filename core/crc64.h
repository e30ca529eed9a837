/* CRC-64/ECMA, reflected: polynomial 0xC96C5795D7870F42, all bits inverted before and after each
 * update (also known as CRC-64/XZ). */
#ifndef ALLOT_CORE_CRC64_H
#define ALLOT_CORE_CRC64_H

#include <stdint.h>

#include "core/span.h"

/* The checksum @crc (0 to begin with) continued over @bytes: that of the bytes that gave @crc with
 * @bytes after them. Eight bytes at a step (Kounavis & Berry 2005, "slicing-by-8"). */
uint64_t crc64_update(uint64_t crc, struct span bytes);

/* The checksum of bytes with others after them, from that of each: @shift is crc64_shift of how
 * many the others are. That takes a step for each bit of the number, and joining one for each bit
 * of a checksum. The inversions cancel out: what is left is linear, so the first checksum is
 * multiplied by a power of x. */
uint64_t crc64_join(uint64_t first, uint64_t second, uint64_t shift);
uint64_t crc64_shift(uint64_t size);

#endif

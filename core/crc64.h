/* CRC-64/ECMA, reflected: polynomial 0xC96C5795D7870F42, all bits inverted before and after each
 * update (also known as CRC-64/XZ). */
#ifndef ALLOT_CORE_CRC64_H
#define ALLOT_CORE_CRC64_H

#include <stdint.h>

#include "core/span.h"

/* The checksum @crc (0 to begin with) continued over @bytes: that of the bytes that gave @crc with
 * @bytes after them. Eight bytes at a step (Kounavis & Berry 2005, "slicing-by-8"). */
uint64_t crc64_update(uint64_t crc, struct span bytes);

#endif

/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef ALLOT_API_UTF8_H
#define ALLOT_API_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

/* The length of the character that @bytes begin with, 1 to 4, and its number in *@ret; or 0, @ret
 * untouched, if they begin with none. */
size_t utf8_decode(struct span bytes, uint32_t *ret);

bool utf8_is_valid(struct span text);

#endif

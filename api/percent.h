/* Percent-encoding (RFC 3986). `+` stands for itself. */
#ifndef ALLOT_API_PERCENT_H
#define ALLOT_API_PERCENT_H

#include "core/span.h"

/* Decodes @raw into @storage of at least raw.size bytes, which may be those of @raw, and sets @ret
 * to what is there then. ALLOT_ESYNTAX, @ret untouched: a `%` without two hexadecimal digits, or
 * the result is not UTF-8. */
int percent_decode(struct span raw, char *storage, struct span *ret);

#endif

/* Times as RFC 3339 texts, such as 2026-01-31T12:00:00.123Z: milliseconds since 1970 in C. */
#ifndef ALLOT_API_TIMESTAMP_H
#define ALLOT_API_TIMESTAMP_H

#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

/* What @milliseconds (0 up to the year 9999) look like, in UTC. */
enum { TIMESTAMP_SIZE = 40 };
void timestamp_format(int64_t milliseconds, char text[TIMESTAMP_SIZE]);

/* Reads a date and time with an offset: `Z`, or hours and minutes; digits of a second beyond the
 * third are cut. ALLOT_ESYNTAX, @ret untouched: it is none, or before 1970. Leap seconds are taken
 * for the second after. */
int timestamp_parse(struct span text, int64_t *ret_milliseconds);

#endif

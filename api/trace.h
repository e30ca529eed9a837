/* Which trace a request is part of: the traceparent of W3C Trace Context, of version 00 and no
 * other: "00-TRACE-SPAN-FLAGS", of 32, 16 and 2 hexadecimal digits in lower case, neither id all
 * zero. Pure functions of bytes. Source: https://www.w3.org/TR/trace-context/ */
#ifndef ALLOT_API_TRACE_H
#define ALLOT_API_TRACE_H

#include "core/span.h"

/* The trace's id; {NULL, 0} if @traceparent is none. */
struct span trace_id(struct span traceparent);

/* Unpredictable, and not all zero. */
struct trace_random {
    unsigned char trace[16];
    unsigned char span[8];
};

enum { TRACE_PARENT_SIZE = 56 }; /* with a terminating zero */

/* A span of our own in the trace of @received, with its flags; in a new trace, which is not
 * recorded, if that is none. */
void trace_continue(struct span received, const struct trace_random *random,
                    char ret[TRACE_PARENT_SIZE]);

#endif

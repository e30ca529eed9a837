/* Problem details (RFC 9457): what a request gets that can't be served.
 *
 *   {"type":"urn:allot:problem:not-found","title":"No such
 * resource","status":404,"code":"not-found",
 *    "detail":"…","instance":"/v1/items/a","errors":[{"pointer":"/replication","detail":"…"}]} */
#ifndef ALLOT_API_PROBLEM_H
#define ALLOT_API_PROBLEM_H

#include "api/buffer.h"
#include "api/call.h"
#include "api/problem_kind.h"

/* Faults of the input, gathered to be told all at once; more than PROBLEM_MAX_FAULTS are only
 * counted. */
enum { PROBLEM_MAX_FAULTS = 64 };
struct problem_faults {
    struct buffer json; /* the members of `errors`, with their commas */
    size_t count;
};

void problem_faults_init(struct problem_faults *faults);
void problem_faults_release(struct problem_faults *faults);
/* @context is a struct problem_faults: fits json_spec_decode. */
void problem_add_fault(void *context, const char *pointer, const char *detail);
/* A fault of the path or the query: @parameter names which. */
void problem_add_parameter_fault(struct problem_faults *faults, struct span parameter,
                                 const char *detail);

/* Each makes the reply of @call that problem, in place of what it was, and returns API_REPLY.
 * Retry-After is added to every 503. */
enum api_step problem(struct api_call *call, enum problem_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum api_step problem_invalid(struct api_call *call, const struct problem_faults *faults);
/* The same for one fault alone. */
enum api_step problem_invalid_at(struct api_call *call, const char *pointer, const char *detail);
/* The one table from error codes to HTTP. @what was attempted: "to write the item". */
enum api_step problem_of_error(struct api_call *call, int error, const char *what);
/* The same of a lease that was to be granted or kept alive. Whether it was may not be known, but
 * nothing rests on that: a lease that nobody uses changes nothing, and one may be kept alive twice.
 */
enum api_step problem_of_lease_error(struct api_call *call, int error, const char *what);

#endif

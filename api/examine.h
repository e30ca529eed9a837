/* What is checked of every request before its body is read and its handler is run. */
#ifndef ALLOT_API_EXAMINE_H
#define ALLOT_API_EXAMINE_H

#include "api/handler.h"

/* Examines the target and headers: fills in path, query, route and parameters of @call. False: the
 * reply is complete (it may be a good one: OPTIONS). @content_length: of the body, -1: unknown. */
bool examine_head(struct api_call *call, int64_t content_length);

/* Examines and parses the body. False: the reply says what is wrong with it. */
bool examine_body(struct api_call *call);

#endif

/* Replies, written step by step:
 *
 *     struct json_writer writer = reply_json(call, 200);
 *     … write a value …
 *     return reply_finish(call); */
#ifndef ALLOT_API_REPLY_H
#define ALLOT_API_REPLY_H

#include "api/handler.h"

/* Starts the reply anew. The others fill it in; what fails there shows in reply_finish. */
void reply_start(struct api_call *call, int status);
/* @name is static, and so is @value; the formatted one is kept in the call. */
void reply_header(struct api_call *call, const char *name, const char *value);
void reply_header_integer(struct api_call *call, const char *name, int64_t number);
void reply_header_format(struct api_call *call, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The path of the request, as it came, without the query. */
struct span reply_path(const struct api_call *call);

/* Starts a reply in JSON, with Allot-Revision: of the change that was made, else the snapshot's if
 * there is one. */
struct json_writer reply_json(struct api_call *call, int status);
/* Ends it. If it could not be written, for memory or for its size, it becomes that problem. */
enum api_step reply_finish(struct api_call *call);
/* A whole reply without a body, as reply_json and reply_finish. */
enum api_step reply_empty(struct api_call *call, int status);

/* Ends the reply of a single resource: adds its ETag, to a 201 also its Location, and turns the
 * reply to a GET whose If-None-Match lists the ETag into a 304. */
enum api_step reply_finish_resource(struct api_call *call, int64_t mod_revision,
                                    uint64_t status_hash);

#endif

/* The OpenAPI 3.1 document, /openapi.json: written from the table of routes, the specs that
 * requests are read by, and what is said here of each operation. */
#ifndef ALLOT_API_OPENAPI_H
#define ALLOT_API_OPENAPI_H

#include "api/handler.h"

enum { OPENAPI_MAX_STATUSES = 3 };

/* What the table of routes does not say of one of its routes. All texts are static. */
struct openapi_operation {
    const char *method;
    const char *pattern;
    const char *summary;
    const char *request;                /* name of the body's schema; NULL: it has none */
    const char *response;               /* name of a success' schema; NULL: no body */
    int statuses[OPENAPI_MAX_STATUSES]; /* of success; 0 ends them */
    const char *example;                /* a body that works; NULL: none is needed */
    const char *line;                   /* name of the schema of a line of NDJSON; NULL: no lines */
};
extern const struct openapi_operation openapi_operations[];
extern const size_t openapi_operation_count;

/* A schema: as JSON, or by the spec that a request is read by. */
struct openapi_schema {
    const char *name;
    const char *json;             /* NULL: by the spec */
    const struct json_spec *spec; /* of a patch: none of its fields is required */
    bool is_patch;
};
extern const struct openapi_schema openapi_schemas[];
extern const size_t openapi_schema_count;

/* A query parameter: its schema as JSON, and what it is for. */
struct openapi_parameter {
    const char *name;
    const char *json;
    const char *description;
    /* Part of the patterns of the routes that this is said of, before what is said of the same name
     * elsewhere; NULL: of all. */
    const char *where;
    bool required;
};
extern const struct openapi_parameter openapi_parameters[];
extern const size_t openapi_parameter_count;

/* Of the headers: those of a request, among its parameters; those of a reply with @status; those of
 * a problem; what the last two refer to, among the components. */
void openapi_write_request_headers(struct json_writer *writer, const struct api_route *route,
                                   const struct openapi_operation *operation);
void openapi_write_reply_headers(struct json_writer *writer, const struct api_route *route,
                                 const struct openapi_operation *operation, int status);
void openapi_write_problem_headers(struct json_writer *writer);
void openapi_write_header_components(struct json_writer *writer);
/* Whether the reply may be 304. */
bool openapi_can_be_unchanged(const struct api_route *route,
                              const struct openapi_operation *operation);

#endif

#include "api/openapi.h"

/* What is said in the API's document of the headers of requests and replies. */

/* --- which operations have them --- */

static bool is(const struct api_route *route, const char *method)
{
    return strcmp(route->method, method) == 0;
}

static bool has_status(const struct openapi_operation *operation, int status)
{
    for (size_t i = 0; i < OPENAPI_MAX_STATUSES && operation->statuses[i]; i++) {
        if (operation->statuses[i] == status)
            return true;
    }
    return false;
}

static bool is_any(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)route;
    (void)operation;
    return true;
}

static bool is_streamed(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)operation;
    return route->streams;
}

static bool has_tag(const struct api_route *route, const struct openapi_operation *operation)
{
    static const char *const resources[] = {"Item", "Member", "Assignment", "Allocator", "File"};
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        if (operation->response && strcmp(operation->response, resources[i]) == 0)
            return true;
    }
    (void)route;
    return false;
}

static bool is_read_again(const struct api_route *route, const struct openapi_operation *operation)
{
    return is(route, "GET") && has_tag(route, operation);
}

static bool is_created(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)route;
    return has_status(operation, 201);
}

static bool is_conditional(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)operation;
    return !is(route, "GET") && (!is(route, "POST") || strstr(route->pattern, "/drain"));
}

static bool is_recorded(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)operation;
    return routes_takes(route, SPAN("atomic")) || routes_takes(route, SPAN("apply"));
}

static bool is_members_own(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)operation;
    return !is(route, "GET") && strstr(route->pattern, "{suffix}");
}

static bool is_change(const struct api_route *route, const struct openapi_operation *operation)
{
    return is_conditional(route, operation) || is_recorded(route, operation);
}

static bool has_revision(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)operation;
    return route->needs_snapshot || strstr(route->pattern, "/history");
}

static bool has_token(const struct api_route *route, const struct openapi_operation *operation)
{
    (void)operation;
    return route->has_lines && routes_takes(route, SPAN("continue"));
}

/* --- the headers --- */

struct header {
    const char *name;
    const char *description;
    bool (*is_there)(const struct api_route *route, const struct openapi_operation *operation);
};

static const struct header request_headers[] = {
    {"If-Match", "only if the resource has this ETag (its revision)", is_conditional},
    {"If-None-Match", "304 if the resource still has one of these ETags", is_read_again},
    {"If-None-Match", "*: only if the resource does not exist so far", is_created},
    {"Last-Event-ID", "as `from`, which it overrides: browsers send it when they come back",
     is_streamed},
    {"Idempotency-Key", "what is done under a key is not done again", is_recorded},
    {"Allot-Session", "the secret that the member was registered with", is_members_own},
    {"X-Allot-Reason", "why the change is made, for the history", is_change},
    {"X-Request-Id", "how the request is called in logs and history; made if absent, and echoed",
     is_any},
};

static const struct header reply_headers[] = {
    {"Allot-Revision", "the revision of the store that the reply reflects", has_revision},
    {"ETag", "of the resource, for If-Match and If-None-Match", has_tag},
    {"Location", "where the resource is", is_created},
    {"Allot-Continue", "for lines and CSV: the token `continue` of the next page", has_token},
    {"X-Request-Id", "how the request is called in logs and history", is_any},
};

/* Of a problem. */
static const struct header retry_after = {"Retry-After", "seconds; of 429 and 503", is_any};

void openapi_write_request_headers(struct json_writer *writer, const struct api_route *route,
                                   const struct openapi_operation *operation)
{
    for (size_t i = 0; i < sizeof request_headers / sizeof request_headers[0]; i++) {
        const struct header *header = &request_headers[i];
        if (!header->is_there(route, operation))
            continue;
        json_begin(writer, '{');
        json_text_field(writer, "name", header->name);
        json_text_field(writer, "in", "header");
        json_text_field(writer, "description", header->description);
        json_raw_field(writer, "schema", SPAN("{\"type\":\"string\"}"));
        json_end(writer, '}');
    }
}

static void write_reference(struct json_writer *writer, const struct header *header)
{
    json_name(writer, header->name);
    json_begin(writer, '{');
    json_name(writer, "$ref");
    buffer_append_format(writer->out, "\"#/components/headers/%s\"", header->name);
    writer->comma = true;
    json_end(writer, '}');
}

void openapi_write_reply_headers(struct json_writer *writer, const struct api_route *route,
                                 const struct openapi_operation *operation, int status)
{
    json_name(writer, "headers");
    json_begin(writer, '{');
    for (size_t i = 0; i < sizeof reply_headers / sizeof reply_headers[0]; i++) {
        const struct header *header = &reply_headers[i];
        bool fits = header->is_there != is_created || status == 201;
        if (fits && header->is_there(route, operation))
            write_reference(writer, header);
    }
    json_end(writer, '}');
}

void openapi_write_problem_headers(struct json_writer *writer)
{
    json_name(writer, "headers");
    json_begin(writer, '{');
    write_reference(writer, &retry_after);
    json_end(writer, '}');
}

bool openapi_can_be_unchanged(const struct api_route *route,
                              const struct openapi_operation *operation)
{
    return is_read_again(route, operation);
}

static void write_component(struct json_writer *writer, const struct header *header)
{
    json_name(writer, header->name);
    json_begin(writer, '{');
    json_text_field(writer, "description", header->description);
    json_raw_field(writer, "schema", SPAN("{\"type\":\"string\"}"));
    json_end(writer, '}');
}

void openapi_write_header_components(struct json_writer *writer)
{
    json_name(writer, "headers");
    json_begin(writer, '{');
    for (size_t i = 0; i < sizeof reply_headers / sizeof reply_headers[0]; i++)
        write_component(writer, &reply_headers[i]);
    write_component(writer, &retry_after);
    json_end(writer, '}');
}

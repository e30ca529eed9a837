#include "api/openapi.h"

#include <stdio.h>

#include "api/reply.h"
#include "api/resources.h"

static void raw_field(struct json_writer *writer, const char *name, const char *json)
{
    json_raw_field(writer, name, span_of(json));
}

/* --- schemas from specs --- */

static void write_string_bounds(struct json_writer *writer, const struct json_field *field)
{
    json_text_field(writer, "type", "string");
    json_integer_field(writer, "minLength", field->least);
    json_integer_field(writer, "maxLength", field->most);
}

static void write_choices(struct json_writer *writer, const struct json_field *field)
{
    json_name(writer, "enum");
    json_begin(writer, '[');
    for (int i = 0; field->choices[i]; i++)
        json_string(writer, span_of(field->choices[i]));
    json_end(writer, ']');
}

static void write_labels(struct json_writer *writer)
{
    json_text_field(writer, "type", "object");
    json_integer_field(writer, "maxProperties", JSON_MAX_LABELS);
    json_name(writer, "additionalProperties");
    json_begin(writer, '{');
    json_text_field(writer, "type", "string");
    json_integer_field(writer, "maxLength", JSON_MAX_LABEL_VALUE);
    json_end(writer, '}');
}

static void write_type(struct json_writer *writer, const struct json_field *field)
{
    switch (field->type) {
    case JSON_INTEGER:
        json_text_field(writer, "type", "integer");
        json_integer_field(writer, "minimum", field->least);
        json_integer_field(writer, "maximum", field->most);
        break;
    case JSON_BOOLEAN:
        json_text_field(writer, "type", "boolean");
        break;
    case JSON_CHOICE:
        write_choices(writer, field);
        break;
    case JSON_TOKEN:
        write_string_bounds(writer, field);
        json_text_field(writer, "pattern", "^[!-~]*$");
        break;
    case JSON_TIME:
        json_text_field(writer, "type", "string");
        json_text_field(writer, "format", "date-time");
        break;
    case JSON_STRING:
        write_string_bounds(writer, field);
        break;
    case JSON_LABELS:
        write_labels(writer);
        break;
    case JSON_OBJECT:
        json_text_field(writer, "type", "object");
        break;
    case JSON_ANY:
        break;
    }
}

/* In a merge patch null stands for what is to go, which what is required can't. */
static void write_field(struct json_writer *writer, const struct json_field *field, bool is_patch)
{
    json_name(writer, field->name);
    if (!is_patch || field->required) {
        json_begin(writer, '{');
        write_type(writer, field);
        json_end(writer, '}');
        return;
    }
    json_begin(writer, '{');
    json_name(writer, "anyOf");
    json_begin(writer, '[');
    json_begin(writer, '{');
    if (field->type == JSON_LABELS)
        json_text_field(writer, "type", "object");
    else
        write_type(writer, field);
    json_end(writer, '}');
    json_raw(writer, SPAN("{\"type\":\"null\"}"));
    json_end(writer, ']');
    json_end(writer, '}');
}

static void write_spec(struct json_writer *writer, const struct json_spec *spec, bool is_patch)
{
    json_begin(writer, '{');
    json_text_field(writer, "type", "object");
    json_boolean_field(writer, "additionalProperties", spec->ignore_unknown);
    json_name(writer, "required");
    json_begin(writer, '[');
    for (size_t i = 0; !is_patch && i < spec->count; i++) {
        if (spec->fields[i].required)
            json_string(writer, span_of(spec->fields[i].name));
    }
    json_end(writer, ']');
    json_name(writer, "properties");
    json_begin(writer, '{');
    for (size_t i = 0; i < spec->count; i++)
        write_field(writer, &spec->fields[i], is_patch);
    json_end(writer, '}');
    json_end(writer, '}');
}

static void write_components(struct json_writer *writer)
{
    json_name(writer, "components");
    json_begin(writer, '{');
    json_name(writer, "schemas");
    json_begin(writer, '{');
    for (size_t i = 0; i < openapi_schema_count; i++) {
        const struct openapi_schema *schema = &openapi_schemas[i];
        json_name(writer, schema->name);
        if (schema->json)
            json_raw(writer, span_of(schema->json));
        else
            write_spec(writer, schema->spec, schema->is_patch);
    }
    json_end(writer, '}');
    openapi_write_header_components(writer);
    json_raw_field(writer, "securitySchemes",
                   SPAN("{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\","
                        "\"description\":\"Required by a server with --auth-file.\"}}"));
    json_end(writer, '}');
}

/* --- parameters --- */

static void write_path_parameters(struct json_writer *writer, const char *pattern)
{
    for (const char *open = strchr(pattern, '{'); open; open = strchr(open + 1, '{')) {
        struct span name = {open + 1, strcspn(open + 1, "}")};
        bool is_short = span_equal(name, SPAN("zone")) || span_equal(name, SPAN("suffix"));
        json_begin(writer, '{');
        json_string_field(writer, "name", name);
        json_text_field(writer, "in", "path");
        json_boolean_field(writer, "required", true);
        json_name(writer, "schema");
        json_begin(writer, '{');
        json_text_field(writer, "type", "string");
        json_integer_field(writer, "minLength", 1);
        json_integer_field(writer, "maxLength", is_short ? PATH_MAX_NAME : PATH_MAX_ITEM);
        json_end(writer, '}');
        json_end(writer, '}');
    }
}

static void write_query_parameter(struct json_writer *writer, const char *pattern, const char *name)
{
    for (size_t i = 0; i < openapi_parameter_count; i++) {
        const struct openapi_parameter *parameter = &openapi_parameters[i];
        if (strcmp(parameter->name, name) != 0 ||
            (parameter->where && !strstr(pattern, parameter->where)))
            continue;
        json_begin(writer, '{');
        json_text_field(writer, "name", name);
        json_text_field(writer, "in", "query");
        json_text_field(writer, "description", parameter->description);
        if (parameter->required)
            json_boolean_field(writer, "required", true);
        raw_field(writer, "schema", parameter->json);
        json_end(writer, '}');
        return;
    }
}

static void write_parameters(struct json_writer *writer, const struct api_route *route,
                             const struct openapi_operation *operation)
{
    json_name(writer, "parameters");
    json_begin(writer, '[');
    write_path_parameters(writer, route->pattern);
    openapi_write_request_headers(writer, route, operation);
    for (size_t i = 0; i < ROUTE_MAX_QUERY && route->query[i]; i++)
        write_query_parameter(writer, route->pattern, route->query[i]);
    json_end(writer, ']');
}

/* --- operations --- */

static void write_media_type(struct json_writer *writer, const char *media_type, const char *schema,
                             const char *example)
{
    char reference[80];
    (void)snprintf(reference, sizeof reference, "{\"$ref\":\"#/components/schemas/%s\"}", schema);
    json_name(writer, media_type);
    json_begin(writer, '{');
    raw_field(writer, "schema", reference);
    if (example)
        raw_field(writer, "example", example);
    json_end(writer, '}');
}

static bool takes_dry_run(const struct api_route *route)
{
    return routes_takes(route, SPAN("dry_run"));
}

/* The reply to what can be a dry run: it is the plan of that, or what it is otherwise. */
static void write_or_plan(struct json_writer *writer, const char *schema)
{
    char either[200];
    (void)snprintf(either, sizeof either,
                   "{\"schema\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/%s\"},"
                   "{\"$ref\":\"#/components/schemas/Plan\"}]}}",
                   schema);
    raw_field(writer, "application/json", either);
}

static void write_success(struct json_writer *writer, const struct api_route *route,
                          const struct openapi_operation *operation, int status)
{
    json_name(writer, "content");
    json_begin(writer, '{');
    if (route->streams) {
        write_media_type(writer, "application/x-ndjson", operation->response, NULL);
        write_media_type(writer, "text/event-stream", operation->response, NULL);
    } else if (route->is_file) {
        write_media_type(writer, "*/*", operation->response, NULL);
    } else if (status == 200 && takes_dry_run(route) && operation->response) {
        write_or_plan(writer, operation->response);
    } else if (status == 200 && takes_dry_run(route)) {
        write_media_type(writer, "application/json", "Plan", NULL);
    } else {
        write_media_type(writer, "application/json", operation->response, NULL);
    }
    if (route->has_lines)
        write_media_type(writer, "application/x-ndjson", operation->line, NULL);
    if (route->has_csv)
        json_raw_field(writer, "text/csv", SPAN("{\"schema\":{\"type\":\"string\"}}"));
    json_end(writer, '}');
}

static void write_request(struct json_writer *writer, const struct api_route *route,
                          const struct openapi_operation *operation)
{
    if (!operation->request)
        return;
    json_name(writer, "requestBody");
    json_begin(writer, '{');
    json_boolean_field(writer, "required", true);
    json_name(writer, "content");
    json_begin(writer, '{');
    write_media_type(writer, "application/json", operation->request, operation->example);
    if (strcmp(route->method, "PATCH") == 0)
        write_media_type(writer, "application/merge-patch+json", operation->request,
                         operation->example);
    if (route->has_lines)
        write_media_type(writer, "application/x-ndjson", "Change", NULL);
    json_end(writer, '}');
    json_integer_field(writer, "x-max-bytes", (int64_t)route->body_limit);
    json_end(writer, '}');
}

static void write_response(struct json_writer *writer, const struct api_route *route,
                           const struct openapi_operation *operation, int status)
{
    bool plans_only = status == 200 && !operation->response && takes_dry_run(route);
    char name[16];
    (void)snprintf(name, sizeof name, "%d", status);
    json_name(writer, name);
    json_begin(writer, '{');
    json_text_field(writer, "description",
                    plans_only      ? "What would come of it, with dry_run"
                    : status == 201 ? "Created"
                                    : "Done");
    openapi_write_reply_headers(writer, route, operation, status);
    if (operation->response || plans_only)
        write_success(writer, route, operation, status);
    json_end(writer, '}');
}

static void write_unchanged(struct json_writer *writer, const struct api_route *route,
                            const struct openapi_operation *operation)
{
    json_name(writer, "304");
    json_begin(writer, '{');
    json_text_field(writer, "description", "Not changed: If-None-Match has its ETag");
    openapi_write_reply_headers(writer, route, operation, 304);
    json_end(writer, '}');
}

static void write_problem(struct json_writer *writer, const char *statuses, const char *description)
{
    json_name(writer, statuses);
    json_begin(writer, '{');
    json_text_field(writer, "description", description);
    openapi_write_problem_headers(writer);
    json_name(writer, "content");
    json_begin(writer, '{');
    write_media_type(writer, "application/problem+json", "Problem", NULL);
    json_end(writer, '}');
    json_end(writer, '}');
}

static void write_responses(struct json_writer *writer, const struct api_route *route,
                            const struct openapi_operation *operation)
{
    bool ok = false;
    json_name(writer, "responses");
    json_begin(writer, '{');
    for (size_t i = 0; i < OPENAPI_MAX_STATUSES && operation->statuses[i]; i++) {
        ok = ok || operation->statuses[i] == 200;
        write_response(writer, route, operation, operation->statuses[i]);
    }
    if (!ok && takes_dry_run(route))
        write_response(writer, route, operation, 200);
    if (openapi_can_be_unchanged(route, operation))
        write_unchanged(writer, route, operation);
    write_problem(writer, "4XX", "What is wrong with the request (RFC 9457)");
    write_problem(writer, "5XX", "Why it can't be served now (RFC 9457)");
    json_end(writer, '}');
}

/* A name of its own: the method and the pattern, with everything else but letters left out. */
static void write_operation_id(struct json_writer *writer, const struct api_route *route)
{
    char name[160];
    size_t size = (size_t)snprintf(name, sizeof name, "%s", route->method);
    for (size_t i = 0; i < size; i++)
        name[i] = (char)(name[i] | 0x20); /* in lower case */
    for (const char *c = route->pattern; *c && size + 2 < sizeof name; c++) {
        bool letter = (*c | 0x20) >= 'a' && (*c | 0x20) <= 'z';
        if (letter || (*c >= '0' && *c <= '9'))
            name[size++] = *c;
        else if (name[size - 1] != '_')
            name[size++] = '_';
    }
    size -= name[size - 1] == '_';
    json_string_field(writer, "operationId", (struct span){name, size});
}

static const struct openapi_operation *find_operation(const struct api_route *route)
{
    for (size_t i = 0; i < openapi_operation_count; i++) {
        if (strcmp(openapi_operations[i].method, route->method) == 0 &&
            strcmp(openapi_operations[i].pattern, route->pattern) == 0)
            return &openapi_operations[i];
    }
    return NULL;
}

static void write_roles(struct json_writer *writer, const struct api_route *route)
{
    static const char *const roles[] = {
        [ROUTE_OPEN] = "[]",
        [ROUTE_ANY] = "[\"reader\",\"member\",\"operator\"]",
        [ROUTE_READ] = "[\"reader\",\"operator\"]",
        [ROUTE_MEMBER] = "[\"member\",\"operator\"]",
        [ROUTE_MEMBER_READ] = "[\"reader\",\"member\",\"operator\"]",
        [ROUTE_OPERATE] = "[\"operator\"]",
    };
    raw_field(writer, "x-roles", roles[route->access]);
    raw_field(writer, "security", route->access == ROUTE_OPEN ? "[]" : "[{\"token\":[]},{}]");
}

static void write_operation(struct json_writer *writer, const struct api_route *route)
{
    const struct openapi_operation *operation = find_operation(route);
    char method[16];
    size_t size = (size_t)snprintf(method, sizeof method, "%s", route->method);
    for (size_t i = 0; i < size; i++)
        method[i] = (char)(method[i] | 0x20);
    json_name(writer, method);
    json_begin(writer, '{');
    write_operation_id(writer, route);
    write_roles(writer, route);
    if (operation) { /* a test sees that there is one */
        write_parameters(writer, route, operation);
        json_text_field(writer, "summary", operation->summary);
        write_request(writer, route, operation);
        write_responses(writer, route, operation);
    }
    json_end(writer, '}');
}

static bool is_first_of_path(const struct api_route *routes, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(routes[i].pattern, routes[index].pattern) == 0)
            return false;
    }
    return true;
}

static void write_paths(struct json_writer *writer)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    json_name(writer, "paths");
    json_begin(writer, '{');
    for (size_t i = 0; i < count; i++) {
        if (!is_first_of_path(routes, i))
            continue;
        json_name(writer, routes[i].pattern);
        json_begin(writer, '{');
        for (size_t k = i; k < count; k++) {
            if (strcmp(routes[k].pattern, routes[i].pattern) == 0)
                write_operation(writer, &routes[k]);
        }
        json_end(writer, '}');
    }
    json_end(writer, '}');
}

enum api_step openapi_get(struct api_call *call)
{
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_text_field(&writer, "openapi", "3.1.0");
    json_name(&writer, "info");
    json_begin(&writer, '{');
    json_text_field(&writer, "title", "allot");
    json_text_field(&writer, "version", "1");
    json_text_field(&writer, "description",
                    "Keeps items assigned to members across zones. Every reply names the revision "
                    "of the store that it reflects, in Allot-Revision; a single resource has an "
                    "ETag, which If-Match and If-None-Match take.");
    json_end(&writer, '}');
    json_raw_field(&writer, "servers", SPAN("[{\"url\":\"/\"}]"));
    write_paths(&writer);
    write_components(&writer);
    json_end(&writer, '}');
    return reply_finish(call);
}

#include "api/examine.h"

#include "api/headers.h"
#include "api/json_reader.h"
#include "api/reply.h"

/* Each of these returns whether the request passes; if not, it has made the reply. */

/* --- where it comes from, and to whom --- */

static bool examine_host(struct api_call *call)
{
    struct span host = call_header(call, "Host");
    struct span origin = call_header(call, "Origin");
    if (!host.data) {
        (void)problem(call, PROBLEM_MALFORMED, "the header Host is required");
        return false;
    }
    if (!headers_host_is_ours(host, call->runtime->host_names, call->runtime->host_name_count)) {
        (void)problem(call, PROBLEM_HOST,
                      "the header Host must name this server: its address, localhost, or a name "
                      "that it was configured with");
        return false;
    }
    if (origin.data && !headers_origin_matches(origin, host)) {
        (void)problem(call, PROBLEM_ORIGIN, "the header Origin must match the header Host");
        return false;
    }
    return true;
}

/* --- the target --- */

static bool parse_target(struct api_call *call)
{
    struct span target = call->request->target;
    char *storage = arena_allocate(&call->arena, target.size + 1);
    if (!storage) {
        (void)problem_of_error(call, ALLOT_ENOMEM, "to read the target");
        return false;
    }
    const char *mark = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    struct span path = {target.data, mark ? (size_t)(mark - target.data) : target.size};
    struct span query = {NULL, 0};
    if (mark)
        query = (struct span){mark + 1, target.size - path.size - 1};
    struct error_message why = {""};
    if (path_parse(path, storage, &call->path, &why) ||
        query_parse(query, storage + path.size, &call->query, &why)) {
        (void)problem(call, PROBLEM_MALFORMED, "%s", why.text);
        return false;
    }
    return true;
}

/* --- the route --- */

static bool find_route(struct api_call *call, struct route_match *ret)
{
    struct span method = call->request->method;
    struct route_match match = routes_find(method, &call->path);
    char allow[ROUTES_ALLOW_SIZE];
    if (match.route) {
        *ret = match;
        return true;
    }
    if (!match.path_exists) {
        (void)problem(call, PROBLEM_NO_PATH, "nothing is served under this path");
        return false;
    }
    routes_allow(&call->path, allow);
    if (span_equal(method, SPAN("OPTIONS"))) {
        reply_start(call, 204);
        reply_header_format(call, "Allow", "%s", allow);
        (void)reply_finish(call);
        return false;
    }
    (void)problem(call, PROBLEM_METHOD, "this path takes %s", allow);
    if (call->reply.status == 405) {
        reply_header_format(call, "Allow", "%s", allow);
        if (call->reply.body.error)
            (void)problem_of_error(call, call->reply.body.error, "to write the reply");
    }
    return false;
}

static bool is_known_query(const struct api_route *route, struct span name)
{
    for (size_t i = 0; i < ROUTE_MAX_QUERY && route->query[i]; i++) {
        if (span_equal(span_of(route->query[i]), name))
            return true;
    }
    return false;
}

static bool examine_query(struct api_call *call)
{
    char text[256];
    struct buffer unknown = {.data = text, .capacity = sizeof text, .maximum = sizeof text};
    size_t count = 0;
    for (size_t i = 0; i < call->query.count; i++) {
        struct span name = call->query.parameters[i].name;
        if (is_known_query(call->route, name))
            continue;
        /* The buffer can't grow: the first names that fit are told. */
        buffer_append(&unknown, count++ > 0 ? SPAN(", ") : SPAN(""));
        buffer_append(&unknown, name);
    }
    if (count == 0)
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "not a query parameter of this resource: %.*s",
                  (int)unknown.size, text);
    return false;
}

static bool examine_names(struct api_call *call, const struct route_match *match)
{
    struct problem_faults faults;
    problem_faults_init(&faults);
    for (size_t i = 0; i < match->count; i++) {
        struct error_message why = {""};
        bool is_short = span_equal(match->names[i], SPAN("zone")) ||
                        span_equal(match->names[i], SPAN("suffix"));
        if (path_check_name(match->parameters[i], is_short ? PATH_MAX_NAME : PATH_MAX_ITEM, &why))
            problem_add_parameter_fault(&faults, match->names[i], why.text);
        call->parameters[i] = match->parameters[i];
    }
    bool good = faults.count == 0;
    if (!good)
        (void)problem_invalid(call, &faults);
    problem_faults_release(&faults);
    return good;
}

/* --- media types and lengths --- */

static bool is_write(const struct api_call *call)
{
    return !span_equal(call->request->method, SPAN("GET"));
}

static bool must_be_json(const struct api_call *call, int64_t content_length)
{
    return call->route->takes_body || content_length > 0 ||
           span_equal(call->request->method, SPAN("POST"));
}

static bool refuse_media_type(struct api_call *call)
{
    (void)problem(call, PROBLEM_MEDIA_TYPE,
                  "a write's Content-Type must be application/json (a PATCH's may be "
                  "application/merge-patch+json); a POST's even without a body");
    return false;
}

/* A web page elsewhere can send a POST without asking first (a preflight), as a form, as plain text
 * or without any type; it can't send JSON. Not all browsers tell its Origin. So writes must say
 * that they are JSON. One without a body need not, unless it is a POST: any other method is always
 * asked for first, and nobody here answers that. */
static bool examine_media_types(struct api_call *call, int64_t content_length)
{
    struct span type = call_header(call, "Content-Type");
    if (!headers_accept_json(call_header(call, "Accept"))) {
        (void)problem(call, PROBLEM_NOT_ACCEPTABLE, "only application/json is served here");
        return false;
    }
    if (!is_write(call))
        return true;
    if (span_equal(call->request->method, SPAN("PATCH")) && headers_is_merge_patch(type))
        return true;
    if (type.data ? !headers_is_json(type) : must_be_json(call, content_length))
        return refuse_media_type(call);
    return true;
}

static bool refuse_length(struct api_call *call)
{
    size_t limit = call->route->body_limit;
    if (limit == 0)
        (void)problem(call, PROBLEM_TOO_LARGE, "this request takes no body");
    else
        (void)problem(call, PROBLEM_TOO_LARGE, "the body may have at most %zu bytes", limit);
    return false;
}

bool examine_head(struct api_call *call, int64_t content_length)
{
    struct route_match match;
    if (!examine_host(call) || !parse_target(call) || !find_route(call, &match))
        return false;
    call->route = match.route;
    if (call->parent && !call->route->in_list) {
        (void)problem(call, PROBLEM_METHOD, "this can't be one of several changes");
        return false;
    }
    if (!examine_names(call, &match) || !examine_query(call) ||
        !examine_media_types(call, content_length))
        return false;
    if (content_length > 0 && (uint64_t)content_length > call->route->body_limit)
        return refuse_length(call);
    call->examined = true;
    return true;
}

/* --- the body --- */

static bool examine_no_fields(struct api_call *call)
{
    static const struct json_spec nothing = {NULL, 0, false};
    char target[1];
    uint32_t given;
    return call_decode_body(call, &nothing, target, &given);
}

bool examine_body(struct api_call *call)
{
    struct span body = call->request->body;
    struct error_message why = {""};
    if (body.size > call->route->body_limit)
        return refuse_length(call);
    if (body.size == 0 && !call->route->takes_body)
        return true;
    if (!call_header(call, "Content-Type").data)
        return refuse_media_type(call);
    int error = json_read(body, &call->body, &why);
    if (error == ALLOT_ELIMIT) {
        struct problem_faults faults;
        problem_faults_init(&faults);
        problem_add_fault(&faults, "", why.text);
        (void)problem_invalid(call, &faults);
        problem_faults_release(&faults);
    } else if (error == ALLOT_ESYNTAX) {
        (void)problem(call, PROBLEM_MALFORMED, "the body is not JSON: %s", why.text);
    } else if (error) {
        (void)problem_of_error(call, error, "to read the body");
    }
    return !error && (call->route->takes_body || examine_no_fields(call));
}

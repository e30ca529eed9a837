#include "api/examine.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "api/headers.h"
#include "api/json_reader.h"
#include "api/reply.h"

/* Each of these returns whether the request passes; if not, it has made the reply. */

/* --- where it comes from, and to whom --- */

static bool examine_host(struct api_call *call)
{
    struct span host = call_header(call, "Host");
    struct span origin = call_header(call, "Origin");
    /* Of several lines the values come joined by commas, which none of our names has. */
    if (!host.data || memchr(host.data, ',', host.size)) {
        (void)problem(call, PROBLEM_MALFORMED, "the header Host is required, and only once");
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

/* --- by whom --- */

/* The token of `Authorization: Bearer TOKEN`; false: there is none. */
static bool read_token(const struct api_call *call, struct span *ret)
{
    static const struct span scheme = {"bearer ", 7};
    struct span value = call_header(call, "Authorization");
    if (value.size <= scheme.size || strncasecmp(value.data, scheme.data, scheme.size) != 0)
        return false;
    *ret = (struct span){value.data + scheme.size, value.size - scheme.size};
    return true;
}

/* Takes this request from the quota of @who, and has every reply tell of that
 * (draft-ietf-httpapi-ratelimit-headers). */
static bool take_quota(struct api_call *call, const char *kind, struct span who)
{
    const struct api_runtime *runtime = call->runtime;
    struct api_quota quota;
    char key[2 * PRINCIPAL_NAME_SIZE];
    if (!runtime->take_quota)
        return true;
    /* A principal may be called like an address. */
    int size = snprintf(key, sizeof key, "%s %.*s", kind, (int)who.size, who.size ? who.data : "");
    size_t length = (size_t)size < sizeof key ? (size_t)size : sizeof key - 1;
    bool taken = runtime->take_quota(runtime->context, (struct span){key, length}, &quota);
    (void)snprintf(call->quota_policy, sizeof call->quota_policy,
                   "\"default\";q=%" PRId64 ";w=%" PRId64, quota.burst, quota.window_seconds);
    (void)snprintf(call->quota_left, sizeof call->quota_left,
                   "\"default\";r=%" PRId64 ";t=%" PRId64, quota.remaining, quota.reset_seconds);
    if (!taken)
        (void)problem(call, PROBLEM_TOO_MANY, "at most %" PRId64 " requests in %" PRId64 " s",
                      quota.burst, quota.window_seconds);
    return taken;
}

/* Out of the quota of its address. */
static bool refuse_stranger(struct api_call *call, bool has_token)
{
    if (!take_quota(call, "address", call->request->client))
        return false;
    (void)problem(call, PROBLEM_UNAUTHORIZED,
                  has_token ? "the token is nobody's, or no longer anybody's"
                            : "a token is required: Authorization: Bearer TOKEN");
    if (call->reply.status == 401)
        reply_header(call, "WWW-Authenticate",
                     has_token ? "Bearer realm=\"allotd\", error=\"invalid_token\""
                               : "Bearer realm=\"allotd\"");
    return false;
}

/* A change is made by who brings the list of changes. */
static bool examine_principal(struct api_call *call, bool is_open)
{
    const struct api_runtime *runtime = call->runtime;
    struct span token = {NULL, 0};
    if (call->parent) {
        call->principal = call->parent->principal;
        return true;
    }
    call->principal = (struct principal){.name = PRINCIPAL_OF_ANYBODY, .role = PRINCIPAL_OPERATOR};
    if (is_open)
        return true;
    if (!runtime->authenticate)
        return take_quota(call, "address", call->request->client);
    bool has_token = read_token(call, &token);
    if (!has_token || !runtime->authenticate(runtime->context, token, &call->principal))
        return refuse_stranger(call, has_token);
    return take_quota(call, "principal", span_of(call->principal.name));
}

static bool examine_access(struct api_call *call, const struct route_match *match)
{
    static const char *const needed[] = {
        [ROUTE_READ] = "the role reader or operator",
        [ROUTE_MEMBER] = "the role operator, or that of this very member",
        [ROUTE_MEMBER_READ] = "the role reader or operator, or that of this very member",
        [ROUTE_OPERATE] = "the role operator",
    };
    /* What brings a list of changes has been asked whether it may; supposing them is no change. */
    if (call->parent || routes_may(match, &call->principal))
        return true;
    (void)problem(call, PROBLEM_FORBIDDEN, "this takes %s", needed[match->route->access]);
    return false;
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

static bool require_route(struct api_call *call, const struct route_match *match)
{
    struct span method = call->request->method;
    char allow[ROUTES_ALLOW_SIZE];
    if (match->route)
        return true;
    if (!match->path_exists) {
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

static bool examine_query(struct api_call *call)
{
    char text[256];
    struct buffer unknown = {.data = text, .capacity = sizeof text, .maximum = sizeof text};
    size_t count = 0;
    for (size_t i = 0; i < call->query.count; i++) {
        struct span name = call->query.parameters[i].name;
        if (routes_takes(call->route, name))
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

static bool examine_accept(struct api_call *call)
{
    const struct api_route *route = call->route;
    if (route->streams || route->is_file || call_format(call) != CALL_NO_FORMAT)
        return true;
    (void)problem(call, PROBLEM_NOT_ACCEPTABLE, "only application/json%s%s is served here",
                  route->has_lines ? ", application/x-ndjson" : "",
                  route->has_csv ? ", text/csv" : "");
    return false;
}

static bool examine_encoding(struct api_call *call)
{
    static const struct span identity = {"identity", 8};
    struct span encoding = call_header(call, "Content-Encoding");
    if (!encoding.data || (encoding.size == identity.size &&
                           strncasecmp(encoding.data, identity.data, identity.size) == 0))
        return true;
    (void)problem(call, PROBLEM_MEDIA_TYPE, "a request's body must not be compressed");
    reply_header(call, "Accept-Encoding", "identity");
    return false;
}

/* A web page elsewhere can send a POST without asking first (a preflight), as a form, as plain text
 * or without any type; it can't send JSON. Not all browsers tell its Origin. So writes must say
 * that they are JSON. One without a body need not, unless it is a POST: any other method is always
 * asked for first, and nobody here answers that. */
static bool examine_media_types(struct api_call *call, int64_t content_length)
{
    struct span type = call_header(call, "Content-Type");
    if (!examine_accept(call))
        return false;
    if (!is_write(call))
        return true;
    if (!examine_encoding(call))
        return false;
    if (span_equal(call->request->method, SPAN("PATCH")) && headers_is_merge_patch(type))
        return true;
    if (call->route->has_lines && headers_is_ndjson(type))
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
    if (!examine_host(call) || !parse_target(call))
        return false;
    match = routes_find(call->request->method, &call->path);
    call->route = match.route;
    bool is_open = match.route && match.route->access == ROUTE_OPEN;
    if (!examine_principal(call, is_open) || !require_route(call, &match))
        return false;
    if (call->parent && !call->route->in_list) {
        (void)problem(call, PROBLEM_METHOD, "this can't be one of several changes");
        return false;
    }
    if (!examine_names(call, &match) || !examine_access(call, &match) || !examine_query(call) ||
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

static bool is_in_lines(const struct api_call *call)
{
    return call->route->has_lines && headers_is_ndjson(call_header(call, "Content-Type"));
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
    int error = is_in_lines(call) ? json_read_lines(body, &call->body, &why)
                                  : json_read_bounded(body, &call->body, &why);
    if (error == ALLOT_ELIMIT) {
        (void)problem_invalid_at(call, "", why.text);
    } else if (error == ALLOT_ESYNTAX) {
        (void)problem(call, PROBLEM_MALFORMED, "the body is not JSON: %s", why.text);
    } else if (error) {
        (void)problem_of_error(call, error, "to read the body");
    }
    return !error && (call->route->takes_body || examine_no_fields(call));
}

#include "api/routes.h"

#include <stdio.h>

#include "api/bulk.h"
#include "api/change_list.h"
#include "api/resources.h"

/* Bodies of requests that need none: room for an empty object. */
enum { EMPTY_BODY = 1024 };

#define ITEM "/v1/items/{id}"
#define MEMBER "/v1/members/{zone}/{suffix}"
#define ASSIGNMENT "/v1/assignments/{item}/{zone}/{suffix}"

#define READ(pattern, handler, access, ...)                                                 \
    {                                                                                       \
        "GET", pattern, handler, access, 0, false, true, false, false, false, false, false, \
        {                                                                                   \
            "min_revision", __VA_ARGS__                                                     \
        }                                                                                   \
    }
#define WRITE(method, pattern, handler, access, ...)                                           \
    {                                                                                          \
        method, pattern, handler, access, API_MAX_BODY, true, true, true, false, false, false, \
            false,                                                                             \
        {                                                                                      \
            "dry_run", __VA_ARGS__                                                             \
        }                                                                                      \
    }
#define ACT(method, pattern, handler, access, ...)                                            \
    {                                                                                         \
        method, pattern, handler, access, EMPTY_BODY, false, true, true, false, false, false, \
            false,                                                                            \
        {                                                                                     \
            "dry_run", __VA_ARGS__                                                            \
        }                                                                                     \
    }

/* A question, or several changes, in a body. */
#define POST(pattern, handler, access, limit, ...)                                              \
    {                                                                                           \
        "POST", pattern, handler, access, limit, true, true, false, false, false, false, false, \
        {                                                                                       \
            __VA_ARGS__                                                                         \
        }                                                                                       \
    }

/* A page of history: which is read without a snapshot, even while the store can't be. */
#define HISTORY(path, function, who, csv, ...)                                                   \
    {                                                                                            \
        .method = "GET", .pattern = path, .handler = function, .access = who, .has_lines = true, \
        .has_csv = csv, .query = {                                                               \
            "min_revision",                                                                      \
            "limit",                                                                             \
            "continue",                                                                          \
            "from",                                                                              \
            "to",                                                                                \
            "order",                                                                             \
            __VA_ARGS__                                                                          \
        }                                                                                        \
    }

/* What anybody may load. */
#define FILE_AT(path, function)                                                          \
    {                                                                                    \
        .method = "GET", .pattern = (path), .handler = (function), .access = ROUTE_OPEN, \
        .is_file = true                                                                  \
    }

static const struct api_route routes[] = {
    FILE_AT("/", assets_page),
    FILE_AT("/assets/{name}", assets_get),
    {"GET",
     "/livez",
     health_live,
     ROUTE_OPEN,
     0,
     false,
     false,
     false,
     false,
     false,
     false,
     false,
     {NULL}},
    {"GET",
     "/readyz",
     health_ready,
     ROUTE_OPEN,
     0,
     false,
     false,
     false,
     false,
     false,
     false,
     false,
     {NULL}},
    {"GET",
     "/openapi.json",
     openapi_get,
     ROUTE_OPEN,
     0,
     false,
     false,
     false,
     false,
     false,
     false,
     false,
     {NULL}},
    {.method = "GET",
     .pattern = "/metrics",
     .handler = metrics_get,
     .access = ROUTE_READ,
     .is_file = true},
    READ("/v1/allocator", allocator_get, ROUTE_READ, NULL),
    {"PUT",
     "/v1/allocator",
     allocator_put,
     ROUTE_OPERATE,
     API_MAX_BODY,
     true,
     true,
     false,
     false,
     false,
     false,
     false,
     {"dry_run"}},
    READ("/v1/assignments", assignments_list, ROUTE_READ, "limit", "continue", "item", "zone",
         "suffix"),
    READ(ASSIGNMENT, assignments_get, ROUTE_MEMBER_READ, NULL),
    WRITE("PATCH", ASSIGNMENT, assignments_patch, ROUTE_MEMBER, NULL),
    {.method = "POST",
     .pattern = "/v1/batch",
     .handler = batch_post,
     .access = ROUTE_OPERATE,
     .body_limit = BULK_MAX_BODY,
     .takes_body = true,
     .needs_snapshot = true,
     .has_lines = true,
     .query = {"dry_run", "atomic"}},
    READ("/v1/cluster", cluster_get, ROUTE_READ, NULL),
    HISTORY("/v1/history", history_list, ROUTE_READ, true, "kind", "actor", "item", "zone",
            "suffix"),
    {.method = "GET",
     .pattern = "/v1/history/moves",
     .handler = history_moves,
     .access = ROUTE_READ,
     .query = {"min_revision", "limit", "from", "to", "more_than"}},
    HISTORY("/v1/history/rounds", history_rounds, ROUTE_READ, false, NULL),
    {.method = "GET",
     .pattern = "/v1/history/state",
     .handler = history_state,
     .access = ROUTE_READ,
     .query = {"min_revision", "at", "kind"}},
    READ("/v1/items", items_list, ROUTE_READ, "limit", "continue", "prefix", "contains", "state",
         "label"),
    READ(ITEM, items_get, ROUTE_ANY, NULL),
    WRITE("PUT", ITEM, items_put, ROUTE_OPERATE, NULL),
    WRITE("PATCH", ITEM, items_patch, ROUTE_OPERATE, NULL),
    ACT("DELETE", ITEM, items_delete, ROUTE_OPERATE, NULL),
    READ(ITEM "/assignments", assignments_of_item, ROUTE_READ, "limit", "continue"),
    READ(ITEM "/explain", items_explain, ROUTE_READ, NULL),
    HISTORY(ITEM "/history", history_of_item, ROUTE_READ, true, "kind", "actor"),
    READ("/v1/members", members_list, ROUTE_READ, "limit", "continue", "zone", "label"),
    POST("/v1/members/stoppable", members_stoppable, ROUTE_READ, API_MAX_BODY, NULL),
    READ(MEMBER, members_get, ROUTE_MEMBER_READ, NULL),
    WRITE("PUT", MEMBER, members_put, ROUTE_MEMBER, NULL),
    WRITE("PATCH", MEMBER, members_patch, ROUTE_MEMBER, NULL),
    ACT("DELETE", MEMBER, members_delete, ROUTE_MEMBER, "force"),
    READ(MEMBER "/assignments", assignments_of_member, ROUTE_MEMBER_READ, "limit", "continue",
         "after", "wait"),
    READ(MEMBER "/drain", drain_get, ROUTE_MEMBER_READ, NULL),
    ACT("POST", MEMBER "/drain", drain_post, ROUTE_MEMBER, NULL),
    ACT("DELETE", MEMBER "/drain", drain_delete, ROUTE_MEMBER, NULL),
    {"POST",
     MEMBER "/heartbeat",
     heartbeat_post,
     ROUTE_MEMBER,
     EMPTY_BODY,
     false,
     true,
     false,
     false,
     false,
     false,
     false,
     {NULL}},
    HISTORY(MEMBER "/history", history_of_member, ROUTE_MEMBER_READ, true, "kind", "actor"),
    READ(MEMBER "/lease", lease_get, ROUTE_MEMBER_READ, NULL),
    POST("/v1/plan", plan_post, ROUTE_READ, CHANGE_LIST_MAX_BODY, "apply", "max_moves", NULL),
    {.method = "GET",
     .pattern = "/v1/watch",
     .handler = watch_get,
     .access = ROUTE_READ,
     .needs_snapshot = true,
     .query = {"min_revision", "from", "kind", "item", "prefix", "zone", "suffix"},
     .streams = true},
    {.method = "GET", .pattern = "/v1/whoami", .handler = whoami_get, .access = ROUTE_ANY},
};
enum { ROUTE_COUNT = sizeof routes / sizeof routes[0] };

const struct api_route *routes_all(size_t *ret_count)
{
    *ret_count = ROUTE_COUNT;
    return routes;
}

/* Matches @path with @pattern, setting what its braces stand for. An empty segment is no name. */
static bool match_pattern(const char *pattern, const struct path *path, struct route_match *match)
{
    size_t segment = 0;
    match->count = 0;
    while (*pattern) {
        const char *begin = pattern + 1;
        size_t size = strcspn(begin, "/");
        if (segment == path->count || segment == PATH_MAX_SEGMENTS)
            return false;
        struct span given = path->segments[segment++];
        if (*begin == '{') {
            if (given.size == 0)
                return false;
            match->names[match->count] = (struct span){begin + 1, size - 2};
            match->parameters[match->count++] = given;
        } else if (!span_equal(given, (struct span){begin, size})) {
            return false;
        }
        pattern = begin + size;
    }
    return segment == path->count;
}

/* Whether @pattern may match, by its first segment and what follows that: most don't. */
static bool begins_alike(const char *pattern, const struct path *path)
{
    struct span first = path->segments[0];
    bool more = path->count > 1;
    /* The path may have zero bytes, which the pattern ends with. */
    return strnlen(pattern + 1, first.size) == first.size &&
           memcmp(pattern + 1, first.data, first.size) == 0 &&
           pattern[1 + first.size] == (more ? '/' : '\0') &&
           (!more || pattern[2 + first.size] == '{' || path->segments[1].size == 0 ||
            pattern[2 + first.size] == path->segments[1].data[0]);
}

struct route_match routes_find(struct span method, const struct path *path)
{
    bool path_exists = false;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!begins_alike(routes[i].pattern, path))
            continue;
        struct route_match match = {.path_exists = true};
        if (!match_pattern(routes[i].pattern, path, &match))
            continue;
        path_exists = true;
        match.route = &routes[i];
        if (span_equal(method, span_of(routes[i].method)))
            return match;
    }
    return (struct route_match){.path_exists = path_exists};
}

bool routes_takes(const struct api_route *route, struct span parameter)
{
    for (size_t i = 0; i < ROUTE_MAX_QUERY && route->query[i]; i++) {
        if (span_equal(span_of(route->query[i]), parameter))
            return true;
    }
    return false;
}

void routes_allow(const struct path *path, char text[ROUTES_ALLOW_SIZE])
{
    size_t size = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ROUTE_COUNT && size < ROUTES_ALLOW_SIZE; i++) {
        struct route_match match;
        if (!match_pattern(routes[i].pattern, path, &match))
            continue;
        bool is_get = strcmp(routes[i].method, "GET") == 0;
        size += (size_t)snprintf(text + size, ROUTES_ALLOW_SIZE - size, "%s, ",
                                 is_get ? "GET, HEAD" : routes[i].method);
    }
    if (size < ROUTES_ALLOW_SIZE)
        (void)snprintf(text + size, ROUTES_ALLOW_SIZE - size, "OPTIONS");
}

static bool is_own(const struct principal *principal, const struct route_match *match)
{
    if (principal->role != PRINCIPAL_MEMBER || match->count < 2)
        return false;
    return span_equal(match->parameters[match->count - 2], span_of(principal->zone)) &&
           span_equal(match->parameters[match->count - 1], span_of(principal->suffix));
}

bool routes_may(const struct route_match *match, const struct principal *principal)
{
    bool reads = principal->role == PRINCIPAL_READER;
    if (principal->role == PRINCIPAL_OPERATOR)
        return true;
    switch (match->route->access) {
    case ROUTE_OPEN:
    case ROUTE_ANY:
        return true;
    case ROUTE_READ:
        return reads;
    case ROUTE_MEMBER:
        return is_own(principal, match);
    case ROUTE_MEMBER_READ:
        return reads || is_own(principal, match);
    case ROUTE_OPERATE:
        break;
    }
    return false;
}

const char *const principal_role_names[] = {"reader", "member", "operator", NULL};

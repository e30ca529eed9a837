#include "api/routes.h"

#include <stdio.h>

#include "api/change_list.h"
#include "api/resources.h"

/* Bodies of requests that need none: room for an empty object. */
enum { EMPTY_BODY = 1024 };

#define ITEM "/v1/items/{id}"
#define MEMBER "/v1/members/{zone}/{suffix}"
#define ASSIGNMENT "/v1/assignments/{item}/{zone}/{suffix}"

#define READ(pattern, handler, ...)                     \
    {                                                   \
        "GET", pattern, handler, 0, false, true, false, \
        {                                               \
            "min_revision", __VA_ARGS__                 \
        }                                               \
    }
#define WRITE(method, pattern, handler, ...)                      \
    {                                                             \
        method, pattern, handler, API_MAX_BODY, true, true, true, \
        {                                                         \
            "dry_run", __VA_ARGS__                                \
        }                                                         \
    }
#define ACT(method, pattern, handler, ...)                       \
    {                                                            \
        method, pattern, handler, EMPTY_BODY, false, true, true, \
        {                                                        \
            "dry_run", __VA_ARGS__                               \
        }                                                        \
    }

static const struct api_route routes[] = {
    {"GET", "/livez", health_live, 0, false, false, false, {NULL}},
    {"GET", "/readyz", health_ready, 0, false, false, false, {NULL}},
    {"GET", "/openapi.json", openapi_get, 0, false, false, false, {NULL}},
    READ("/v1/assignments", assignments_list, "limit", "continue", "item", "zone", "suffix"),
    READ(ASSIGNMENT, assignments_get, NULL),
    WRITE("PATCH", ASSIGNMENT, assignments_patch, NULL),
    {"POST", "/v1/batch", batch_post, CHANGE_LIST_MAX_BODY, true, true, false, {"dry_run", NULL}},
    READ("/v1/cluster", cluster_get, NULL),
    READ("/v1/items", items_list, "limit", "continue", "prefix", "state", "label"),
    READ(ITEM, items_get, NULL),
    WRITE("PUT", ITEM, items_put, NULL),
    WRITE("PATCH", ITEM, items_patch, NULL),
    ACT("DELETE", ITEM, items_delete, NULL),
    READ(ITEM "/assignments", assignments_of_item, "limit", "continue"),
    READ(ITEM "/explain", items_explain, NULL),
    READ("/v1/members", members_list, "limit", "continue", "zone", "label"),
    {"POST", "/v1/members/stoppable", members_stoppable, API_MAX_BODY, true, true, false, {NULL}},
    READ(MEMBER, members_get, NULL),
    WRITE("PUT", MEMBER, members_put, NULL),
    WRITE("PATCH", MEMBER, members_patch, NULL),
    ACT("DELETE", MEMBER, members_delete, "force"),
    READ(MEMBER "/assignments", assignments_of_member, "limit", "continue", "after", "wait"),
    READ(MEMBER "/drain", drain_get, NULL),
    ACT("POST", MEMBER "/drain", drain_post, NULL),
    ACT("DELETE", MEMBER "/drain", drain_delete, NULL),
    {"POST", MEMBER "/heartbeat", heartbeat_post, EMPTY_BODY, false, true, false, {NULL}},
    {"POST",
     "/v1/plan",
     plan_post,
     CHANGE_LIST_MAX_BODY,
     true,
     true,
     false,
     {"apply", "max_moves", NULL}},
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

struct route_match routes_find(struct span method, const struct path *path)
{
    bool path_exists = false;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
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

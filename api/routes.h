/* The table of routes: from it come 404, 405 with Allow, OPTIONS, the limits of bodies and the
 * names of query parameters. */
#ifndef ALLOT_API_ROUTES_H
#define ALLOT_API_ROUTES_H

#include "api/call.h"
#include "api/path.h"

typedef enum api_step api_handler(struct api_call *call);

/* Who may: operators may everything. */
enum route_access {
    ROUTE_OPEN,        /* anybody, without a token */
    ROUTE_ANY,         /* whoever has a token */
    ROUTE_READ,        /* readers */
    ROUTE_MEMBER,      /* the member that the path names */
    ROUTE_MEMBER_READ, /* the member that the path names, and readers */
    ROUTE_OPERATE,     /* nobody else */
};

enum { ROUTE_MAX_PARAMETERS = 3, ROUTE_MAX_QUERY = 11 };

struct api_route {
    const char *method;
    /* A segment in braces matches any name, and is the name of that parameter: {zone} and {suffix}
     * take PATH_MAX_NAME bytes, others PATH_MAX_ITEM. */
    const char *pattern;
    api_handler *handler;
    enum route_access access;
    uint32_t body_limit; /* bytes; 0: no body */
    /* It reads the body itself; else a body may only be an empty object. */
    bool takes_body;
    bool needs_snapshot;
    bool in_list;   /* it may be one of several changes: change_list.h */
    bool streams;   /* it replies with a stream, of a type that it chooses itself */
    bool has_lines; /* it replies with NDJSON if that is wanted, and takes it for an array */
    bool has_csv;   /* it replies with CSV if that is wanted */
    bool is_file;   /* it replies with a file, of whatever type that is */
    const char *query[ROUTE_MAX_QUERY]; /* names of the parameters that it takes */
};

/* What of the path a pattern's braces stand for. */
struct route_match {
    const struct api_route *route; /* NULL: no route with that path and method */
    bool path_exists;              /* there is one with another method */
    struct span parameters[ROUTE_MAX_PARAMETERS];
    struct span names[ROUTE_MAX_PARAMETERS]; /* "zone" */
    size_t count;
};
struct route_match routes_find(struct span method, const struct path *path);

/* Whether the route takes this query parameter. */
bool routes_takes(const struct api_route *route, struct span parameter);

/* Whether @principal may use the route that @match has found, for what its path names. */
bool routes_may(const struct route_match *match, const struct principal *principal);

/* The methods of @path, as Allow lists them, into @text. */
enum { ROUTES_ALLOW_SIZE = 80 };
void routes_allow(const struct path *path, char text[ROUTES_ALLOW_SIZE]);

/* All routes, ordered by pattern. */
const struct api_route *routes_all(size_t *ret_count);

#endif

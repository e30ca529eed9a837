#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "api/routes.h"
#include "tests/support/api_client.h"

/* Who may do what: every route, for everybody. */

static struct client client;

/* The token is the role; of the member it is that of east 1. */
static bool authenticate(void *context, struct span token, struct principal *ret)
{
    (void)context;
    *ret = (struct principal){.name = "tester"};
    if (span_equal(token, SPAN("member"))) {
        ret->role = PRINCIPAL_MEMBER;
        strcpy(ret->zone, "east");
        strcpy(ret->suffix, "1");
        return true;
    }
    ret->role = span_equal(token, SPAN("operator")) ? PRINCIPAL_OPERATOR : PRINCIPAL_READER;
    return ret->role == PRINCIPAL_OPERATOR || span_equal(token, SPAN("reader"));
}

static void setup(void)
{
    client_init(&client);
    client.runtime.authenticate = authenticate;
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_put(&client.store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/members/west#1", "{\"item_limit\":4}");
    fake_store_put(&client.store, "/assign/a#east#1#0", "");
    fake_store_publish(&client.store);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(access, .init = setup, .fini = teardown);

#define ITEM "/v1/items/{id}"
#define MEMBER "/v1/members/{zone}/{suffix}"
#define ASSIGNMENT "/v1/assignments/{item}/{zone}/{suffix}"

/* Who is let in: o, an operator; r, a reader; m, the member that the path names; n, another member;
 * and -, who has no token. Written down apart from the table of routes, so that a slip there
 * shows. */
static const struct {
    const char *method;
    const char *pattern;
    const char *who;
} expected[] = {
    {"GET", "/", "ormn-"},
    {"GET", "/assets/{name}", "ormn-"},
    {"GET", "/livez", "ormn-"},
    {"GET", "/readyz", "ormn-"},
    {"GET", "/openapi.json", "ormn-"},
    {"GET", "/metrics", "or"},
    {"GET", "/v1/allocator", "or"},
    {"PUT", "/v1/allocator", "o"},
    {"GET", "/v1/assignments", "or"},
    {"GET", ASSIGNMENT, "orm"},
    {"PATCH", ASSIGNMENT, "om"},
    {"POST", "/v1/batch", "o"},
    {"GET", "/v1/cluster", "or"},
    {"GET", "/v1/history", "or"},
    {"GET", "/v1/history/moves", "or"},
    {"GET", "/v1/history/rounds", "or"},
    {"GET", "/v1/history/state", "or"},
    {"GET", "/v1/items", "or"},
    {"GET", ITEM, "ormn"},
    {"PUT", ITEM, "o"},
    {"PATCH", ITEM, "o"},
    {"DELETE", ITEM, "o"},
    {"GET", ITEM "/assignments", "or"},
    {"GET", ITEM "/explain", "or"},
    {"GET", ITEM "/history", "or"},
    {"GET", "/v1/members", "or"},
    {"POST", "/v1/members/stoppable", "or"},
    {"GET", MEMBER, "orm"},
    {"PUT", MEMBER, "om"},
    {"PATCH", MEMBER, "om"},
    {"DELETE", MEMBER, "om"},
    {"GET", MEMBER "/assignments", "orm"},
    {"GET", MEMBER "/drain", "orm"},
    {"POST", MEMBER "/drain", "om"},
    {"DELETE", MEMBER "/drain", "om"},
    {"POST", MEMBER "/heartbeat", "om"},
    {"GET", MEMBER "/history", "orm"},
    {"GET", MEMBER "/lease", "orm"},
    {"POST", "/v1/plan", "or"},
    {"GET", "/v1/watch", "or"},
    {"GET", "/v1/whoami", "ormn"},
};
enum { EXPECTED = sizeof expected / sizeof expected[0] };

static const char *who_may(const struct api_route *route)
{
    for (size_t i = 0; i < EXPECTED; i++) {
        if (strcmp(expected[i].method, route->method) == 0 &&
            strcmp(expected[i].pattern, route->pattern) == 0)
            return expected[i].who;
    }
    cr_assert_fail("nobody has said who may %s %s", route->method, route->pattern);
    return "";
}

/* The pattern with names in place of its braces. */
static void fill(const char *pattern, const char *zone, char *target, size_t size)
{
    size_t at = 0;
    for (const char *c = pattern; *c && at + 8 < size; c++) {
        if (*c != '{') {
            target[at++] = *c;
            continue;
        }
        const char *name = strncmp(c, "{zone}", 6) == 0     ? zone
                           : strncmp(c, "{suffix}", 8) == 0 ? "1"
                                                            : "a";
        at += (size_t)snprintf(target + at, size - at, "%s", name);
        c = strchr(c, '}');
    }
    target[at] = '\0';
}

static const char *token_of(char who)
{
    return who == 'o' ? "Bearer operator" : who == 'r' ? "bearer reader" : "Bearer member";
}

Test(access, of_every_route_for_everybody)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    cr_expect_eq(count, EXPECTED);
    for (size_t i = 0; i < count; i++) {
        const char *allowed = who_may(&routes[i]);
        for (const char *who = "ormn-"; *who; who++) {
            char target[200];
            fill(routes[i].pattern, *who == 'n' ? "west" : "east", target, sizeof target);
            client_header(&client, "Authorization", *who == '-' ? NULL : token_of(*who));
            int status =
                client_send(&client, routes[i].method, target, routes[i].takes_body ? "{}" : NULL);
            int refusal = *who == '-' ? 401 : 403;
            if (strchr(allowed, *who))
                cr_expect(status != 401 && status != 403, "%c %s %s: %d", *who, routes[i].method,
                          target, status);
            else
                cr_expect_eq(status, refusal, "%c %s %s: %d", *who, routes[i].method, target,
                             status);
            if (status == 401 || status == 403)
                cr_expect_eq(client.steps, 0);
        }
    }
}

Test(access, takes_a_known_token)
{
    const char *const bad[] = {"Bearer nobody", "Bearer ", "Bearer", "Basic operator", "operator"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_header(&client, "Authorization", bad[i]);
        cr_expect_eq(client_send(&client, "GET", "/v1/items", NULL), 401);
        cr_expect_str_eq(client_reply_header(&client, "WWW-Authenticate"),
                         i == 0 ? "Bearer realm=\"allotd\", error=\"invalid_token\""
                                : "Bearer realm=\"allotd\"");
        cr_expect_str_eq(client.reply.content_type, "application/problem+json");
    }
    /* Not even what there is and isn't is told. */
    cr_expect_eq(client_send(&client, "GET", "/none", NULL), 401);
    cr_expect_eq(client_send(&client, "BREW", "/v1/items", NULL), 401);
}

Test(access, is_told_to_who_asks)
{
    client_header(&client, "Authorization", "Bearer reader");
    cr_expect_eq(client_send(&client, "GET", "/v1/whoami", NULL), 200);
    cr_expect_str_eq(client_text(&client, "/name"), "tester");
    cr_expect_str_eq(client_text(&client, "/role"), "reader");
    cr_expect_null(client_json(&client, "/zone"));
    cr_expect(client_true(&client, "/tokens"));
    client_header(&client, "Authorization", "Bearer member");
    cr_expect_eq(client_send(&client, "GET", "/v1/whoami", NULL), 200);
    cr_expect_str_eq(client_text(&client, "/role"), "member");
    cr_expect_str_eq(client_text(&client, "/zone"), "east");
    cr_expect_str_eq(client_text(&client, "/suffix"), "1");
    client.runtime.authenticate = NULL;
    cr_expect_eq(client_send(&client, "GET", "/v1/whoami", NULL), 200);
    cr_expect_str_eq(client_text(&client, "/name"), "anonymous");
    cr_expect_str_eq(client_text(&client, "/role"), "operator");
    cr_expect_not(client_true(&client, "/tokens"));
}

Test(access, is_that_of_the_member_that_the_path_names)
{
    client_header(&client, "Authorization", "Bearer member");
    cr_expect_eq(client_send(&client, "PUT", "/v1/members/east/1", "{\"item_limit\":5}"), 200);
    cr_expect_eq(client_send(&client, "PUT", "/v1/members/east/2", "{\"item_limit\":5}"), 403);
    cr_expect_eq(client_send(&client, "PUT", "/v1/members/1/east", "{\"item_limit\":5}"), 403);
    cr_expect_eq(client_send(&client, "GET", "/v1/assignments/a/west/1", NULL), 403);
    cr_expect_str_eq(client_text(&client, "/code"), "forbidden");
}

Test(access, to_plans_is_for_readers_but_not_to_what_they_change)
{
    client_header(&client, "Authorization", "Bearer reader");
    cr_expect_eq(client_send(&client, "POST", "/v1/plan",
                             "{\"changes\":[{\"method\":\"DELETE\",\"path\":\"/v1/items/a\"}]}"),
                 200);
    cr_expect_eq(client_send(&client, "POST", "/v1/plan?apply=true", "{\"changes\":[]}"), 403);
    cr_expect_eq(fake_store_mod_revision(&client.store, "/actor"), 0);
}

/* Each key may ask once. */
static char asked[64];
static bool take_quota(void *context, struct span key, struct api_quota *ret)
{
    (void)context;
    bool first = !span_equal(key, span_of(asked));
    (void)snprintf(asked, sizeof asked, "%.*s", (int)key.size, key.data);
    *ret = (struct api_quota){.burst = 1, .window_seconds = 2, .reset_seconds = 2};
    return first;
}

Test(access, is_limited_for_each_principal)
{
    client.runtime.take_quota = take_quota;
    client_header(&client, "Authorization", "Bearer reader");
    cr_expect_eq(client_send(&client, "GET", "/v1/items", NULL), 200);
    cr_expect_str_eq(asked, "principal tester");
    cr_expect_str_eq(client_reply_header(&client, "RateLimit-Policy"), "\"default\";q=1;w=2");
    cr_expect_str_eq(client_reply_header(&client, "RateLimit"), "\"default\";r=0;t=2");
    cr_expect_eq(client_send(&client, "GET", "/v1/items", NULL), 429);
    cr_expect_not_null(client_reply_header(&client, "RateLimit"));
    cr_expect_not_null(client_reply_header(&client, "Retry-After"));
    cr_expect_str_eq(client_text(&client, "/code"), "too-many-requests");
    cr_expect_eq(client_send(&client, "GET", "/livez", NULL), 200);
    cr_expect_null(client_reply_header(&client, "RateLimit"));
    client_header(&client, "Authorization", "Bearer guessed");
    cr_expect_eq(client_send(&client, "GET", "/v1/items", NULL), 401);
    cr_expect_str_eq(asked, "address "); /* which this adapter doesn't tell */
    cr_expect_eq(client_send(&client, "GET", "/v1/items", NULL), 429);
}

Test(access, is_recorded_with_the_change)
{
    client_header(&client, "Authorization", "Bearer operator");
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/b", "{\"replication\":1}"), 201);
    struct span actor = fake_store_value(&client.store, "/actor");
    cr_expect_not_null(memmem(actor.data, actor.size, "\"principal\":\"tester\"", 20));
}

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "tests/support/api_client.h"
#include "tests/support/array.h"

/* What holds for every request, whatever it asks for. */

static struct client client;

static void setup(void)
{
    client_init(&client);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(requests, .init = setup, .fini = teardown);

static int get(const char *target)
{
    return client_send(&client, "GET", target, NULL);
}

static int put(const char *body)
{
    return client_send(&client, "PUT", "/v1/items/a", body);
}

static void expect_code(int status, const char *code)
{
    cr_expect_eq(client.reply.status, status, "%d instead of %d", client.reply.status, status);
    cr_expect_str_eq(client_text(&client, "/code"), code);
    cr_expect_str_eq(client.reply.content_type, "application/problem+json");
    cr_expect_eq(client_number(&client, "/status"), status);
    cr_expect_neq(strlen(client_text(&client, "/type")), 0);
    cr_expect_neq(strlen(client_text(&client, "/title")), 0);
    cr_expect_neq(strlen(client_text(&client, "/detail")), 0);
}

/* --- watching --- */

static void tell_range(void *context, int64_t *ret_oldest, int64_t *ret_newest)
{
    (void)context;
    *ret_oldest = 1;
    *ret_newest = 7;
}

Test(requests, a_watch_names_the_revision_after_which_it_tells)
{
    client.runtime.watch_range = tell_range;
    cr_expect_eq(get("/v1/watch"), 200);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "7");
    cr_expect_eq(get("/v1/watch?from=1"), 200);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "1");
    client_header(&client, "Last-Event-ID", "2");
    cr_expect_eq(get("/v1/watch?from=1"), 200);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "2");
    client_header(&client, "Last-Event-ID", NULL);
    cr_expect_eq(get("/v1/watch?from=0"), 410);
    cr_expect_eq(get("/v1/watch?from=8"), 503);
}

/* --- paths and methods --- */

Test(requests, unknown_paths)
{
    static const char *const targets[] = {
        "/",
        "/v1",
        "/v1/",
        "/v2/items",
        "/v1/items/",
        "/v1//items",
        "/v1/itemsx",
        "//v1/items",
        "/v1/members/a",
        "/v1/members/a/",
        "/v1/items/a/b",
        "/v1/items/a/assignments/",
        "/V1/items",
        "/v1/items/1/2/3/4/5/6/7/8",
        "/v1/items%2Fa",
        "/livez/",
        "/v1/members//a",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        cr_expect_eq(get(targets[i]), 404, "%s gives %d", targets[i], client.reply.status);
        cr_expect_str_eq(client_text(&client, "/code"), "no-such-path");
    }
}

/* A zero byte in a segment ends no pattern's: what is behind it in memory is not looked at. */
Test(requests, a_zero_byte_does_not_end_a_segment)
{
    static const char *const targets[] = {
        "/%00",         "/%00t%04F",    "/livez%00",     "/livez%00and-far-more",
        "/v1%00/items", "/v1/items%00", "/v1/items%00/a"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        cr_expect_eq(get(targets[i]), 404, "%s gives %d", targets[i], client.reply.status);
}

Test(requests, an_unknown_resource_is_another_404)
{
    (void)get("/v1/items/a?");
    expect_code(404, "not-found");
    cr_expect_str_eq(client_text(&client, "/instance"), "/v1/items/a");
}

Test(requests, encoded_letters_of_a_path_are_the_same_path)
{
    cr_expect_eq(get("/v1/%69tems"), 200);
}

Test(requests, methods_that_a_path_does_not_take)
{
    cr_expect_eq(client_send(&client, "POST", "/v1/items/a", NULL), 405);
    cr_expect_str_eq(client_reply_header(&client, "Allow"),
                     "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    expect_code(405, "method-not-allowed");
    cr_expect_eq(client_send(&client, "PUT", "/v1/items", NULL), 405);
    cr_expect_str_eq(client_reply_header(&client, "Allow"), "GET, HEAD, OPTIONS");
    cr_expect_eq(client_send(&client, "BREW", "/v1/members/a/b/heartbeat", NULL), 405);
    cr_expect_str_eq(client_reply_header(&client, "Allow"), "POST, OPTIONS");
    cr_expect_eq(client_send(&client, "get", "/v1/items", NULL), 405);
    cr_expect_eq(client_send(&client, "BREW", "/tea", NULL), 404);
}

Test(requests, options)
{
    cr_expect_eq(client_send(&client, "OPTIONS", "/v1/members/a/b/drain", NULL), 204);
    cr_expect_str_eq(client_reply_header(&client, "Allow"), "GET, HEAD, POST, DELETE, OPTIONS");
    cr_expect_null(client.reply.text);
    cr_expect_eq(client_send(&client, "OPTIONS", "/v1/none", NULL), 404);
}

/* The longest Allow fits, and routes with the same pattern stand together. */
Test(requests, every_route_is_found_by_its_own_pattern)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    cr_expect_gt(count, 15);
    for (size_t i = 0; i < count; i++) {
        char storage[200];
        char allow[ROUTES_ALLOW_SIZE];
        struct path path;
        struct error_message why = {""};
        struct span pattern = span_of(routes[i].pattern);
        cr_expect_eq(path_parse(pattern, storage, &path, &why), 0);
        struct route_match match = routes_find(span_of(routes[i].method), &path);
        cr_expect_eq(match.route, &routes[i], "%s", routes[i].pattern);
        routes_allow(&path, allow);
        cr_expect_not_null(strstr(allow, "OPTIONS"));
        cr_expect_not_null(strstr(allow, routes[i].method));
    }
}

/* --- names --- */

Test(requests, names_that_can_not_be)
{
    static const char *const names[] = {"%23", "%20", "a%22", "%00",    "%0A", "a!",
                                        "%7F", ".",   "..",   "%2E%2E", "#",   "a%23b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char target[100];
        (void)snprintf(target, sizeof target, "/v1/items/%s", names[i]);
        cr_expect_eq(client_send(&client, "PUT", target, "{\"replication\":1}"), 422, "%s: %d",
                     names[i], client.reply.status);
        cr_expect_str_eq(client_text(&client, "/errors/0/parameter"), "id");
        cr_expect_eq(get(target), 422);
    }
    cr_expect_eq(client.store.revision, 1);
}

Test(requests, names_that_can_be)
{
    static const char *const names[] = {"%24",    "%2F",      "...",          "a%2F..%2Fb",
                                        "%C3%A9", "\xC3\xA9", "%F0%9F%98%80", "a+b",
                                        "~",      "{id}",     "%25"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char target[100];
        (void)snprintf(target, sizeof target, "/v1/items/%s", names[i]);
        (void)client_send(&client, "PUT", target, "{\"replication\":1}");
        cr_expect(client.reply.status == 201 || client.reply.status == 200, "%s", names[i]);
        cr_expect_eq(get(target), 200);
    }
    cr_expect_neq(fake_store_mod_revision(&client.store, "/items//"), 0);
    cr_expect_neq(fake_store_mod_revision(&client.store, "/items/a/../b"), 0);
    cr_expect_neq(fake_store_mod_revision(&client.store, "/items/a+b"), 0);
    cr_expect_neq(fake_store_mod_revision(&client.store, "/items/%"), 0);
}

Test(requests, names_have_limits_and_all_faults_are_told)
{
    char target[1200];
    (void)snprintf(target, sizeof target, "/v1/items/%0512d", 0);
    cr_expect_eq(client_send(&client, "PUT", target, "{\"replication\":1}"), 201);
    (void)snprintf(target, sizeof target, "/v1/items/%0513d", 0);
    cr_expect_eq(client_send(&client, "PUT", target, "{\"replication\":1}"), 422);
    (void)snprintf(target, sizeof target, "/v1/members/%0128d/%0128d", 0, 0);
    cr_expect_eq(client_send(&client, "PUT", target, "{\"item_limit\":1}"), 201);
    (void)snprintf(target, sizeof target, "/v1/members/%0129d/%%20", 0);
    cr_expect_eq(client_send(&client, "PUT", target, "{\"item_limit\":1}"), 422);
    cr_expect_str_eq(client_text(&client, "/errors/0/parameter"), "zone");
    cr_expect_str_eq(client_text(&client, "/errors/1/parameter"), "suffix");
}

Test(requests, malformed_targets)
{
    static const char *const targets[] = {
        "",
        "v1/items",
        "/v1/items/%",
        "/v1/items/%2",
        "/v1/items/%zz",
        "/v1/items/%C3",
        "/v1/items/\xFF",
        "/v1/items?limit",
        "/v1/items?limit=%",
        "*",
        "/v1/items?limit=1&limit=1",
        "/v1/items?prefix=%FF",
        "http://localhost/v1/items",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        cr_expect_eq(get(targets[i]), 400, "%s gives %d", targets[i], client.reply.status);
        cr_expect_str_eq(client_text(&client, "/code"), "malformed-request");
    }
}

Test(requests, unknown_query_parameters_are_named)
{
    cr_expect_eq(get("/v1/items?limit=1&colour=red&%20=1"), 400);
    cr_expect_not_null(strstr(client_text(&client, "/detail"), "colour,  "));
    cr_expect_null(strstr(client_text(&client, "/detail"), "limit"));
    cr_expect_eq(get("/v1/items?=1"), 400);
    cr_expect_eq(get("/v1/items/a?limit=1"), 400);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a?force=true", NULL), 400);
    cr_expect_eq(get("/v1/items?&"), 200);
}

/* --- revisions --- */

static void catch_up(struct client *late, enum api_step step)
{
    cr_expect_eq(step, API_WAIT_REVISION);
    fake_store_publish(&late->store);
}

Test(requests, a_read_waits_for_its_least_revision)
{
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}"); /* at 2, not published */
    cr_expect_eq(get("/v1/items/a"), 404);
    cr_expect_eq(get("/v1/items/a?min_revision=1"), 404);
    cr_expect_eq(client.steps, 0);
    (void)get("/v1/items/a?min_revision=2");
    expect_code(503, "not-ready");
    cr_expect_not_null(client_reply_header(&client, "Retry-After"));
    client.meddle = catch_up;
    cr_expect_eq(get("/v1/items/a?min_revision=2"), 200);
    cr_expect_eq(client.steps, 1);
    cr_expect_str_eq(client_reply_header(&client, "Allot-Revision"), "2");
    cr_expect_eq(get("/v1/items?min_revision=2"), 200);
    cr_expect_eq(client.steps, 0);
    cr_expect_eq(get("/v1/items?min_revision=-1"), 400);
    cr_expect_eq(get("/v1/items?min_revision=two"), 400);
    cr_expect_eq(client_send(&client, "PUT", "/v1/items/a?min_revision=2", "{}"), 400);
}

Test(requests, every_read_of_the_state_and_of_history_takes_a_least_revision)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    for (size_t i = 0; i < count; i++) {
        bool takes = false;
        for (size_t k = 0; k < ROUTE_MAX_QUERY && routes[i].query[k]; k++)
            takes = takes || strcmp(routes[i].query[k], "min_revision") == 0;
        bool of_history = strncmp(routes[i].pattern, "/v1/history", strlen("/v1/history")) == 0;
        bool reads = (routes[i].needs_snapshot || routes[i].has_lines || of_history) &&
                     strcmp(routes[i].method, "GET") == 0;
        cr_expect_eq(takes, reads, "%s %s", routes[i].method, routes[i].pattern);
    }
}

Test(requests, a_number_may_be_as_large_as_is_said)
{
    (void)get("/v1/items?min_revision=9223372036854775807");
    expect_code(503, "not-ready");
    cr_expect_eq(get("/v1/items?min_revision=9223372036854775808"), 400);
    cr_expect(strstr(client_text(&client, "/detail"), "from 0 to 9223372036854775807"));
    cr_expect_eq(get("/v1/items?min_revision=00000000000000000001"), 200);
}

Test(requests, a_list_goes_on_whatever_its_least_revision)
{
    char target[200];
    fake_store_put(&client.store, "/items/a", "{\"replication\":1}");
    fake_store_put(&client.store, "/items/b", "{\"replication\":1}");
    fake_store_publish(&client.store);
    cr_expect_eq(get("/v1/items?limit=1&min_revision=3"), 200);
    (void)snprintf(target, sizeof target, "/v1/items?continue=%s",
                   client_text(&client, "/continue"));
    cr_expect_eq(get(target), 200);
    cr_expect_str_eq(client_text(&client, "/items/0/id"), "b");
}

/* --- bodies --- */

Test(requests, malformed_bodies)
{
    static const char *const bodies[] = {
        "",
        " ",
        "{",
        "}",
        "{\"replication\":1",
        "{\"replication\":1}}",
        "{\"replication\":1} {}",
        "{\"replication\":1,}",
        "{'replication':1}",
        "{replication:1}",
        "{\"replication\":NaN}",
        "{\"replication\":Infinity}",
        "{\"replication\":-Infinity}",
        "{\"replication\":01}",
        "{\"replication\":+1}",
        "{\"replication\":.5}",
        "{\"replication\":1.}",
        "{\"replication\":0x1}",
        "{\"replication\":1}//",
        "/* */{\"replication\":1}",
        "{\"replication\":1,\"replication\":2}",
        "{\"replication\":1,\"\\u0072eplication\":2}",
        "{\"replication\":1,\"labels\":{\"a\":\"\\u0000\"}}",
        "{\"replication\":1,\"labels\":{\"a\":\"\xFF\"}}",
        "{\"replication\":1,\"labels\":{\"a\":\"\n\"}}",
        "{\"replication\":1,\"labels\":{\"a\":\"\\ud800\"}}",
        "{\"replication\" 1}",
        "[1 2]",
        "tru",
        "nul",
        "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        cr_expect_eq(put(bodies[i]), 400, "%s gives %d", bodies[i], client.reply.status);
        cr_expect_not_null(strstr(client_text(&client, "/detail"), "line 1, column "), "%s",
                           client_text(&client, "/detail"));
    }
    cr_expect_eq(client_send_bytes(&client, "PUT", "/v1/items/a", SPAN("{\"replication\":1}\0")),
                 400);
    cr_expect_eq(client.store.revision, 1);
}

Test(requests, bodies_that_are_no_object)
{
    static const char *const bodies[] = {"null", "1", "[]", "\"x\"", "true"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        cr_expect_eq(put(bodies[i]), 422, "%s gives %d", bodies[i], client.reply.status);
        cr_expect_str_eq(client_text(&client, "/errors/0/pointer"), "");
    }
}

Test(requests, a_body_may_be_as_long_as_its_limit)
{
    char *body = array_create(API_MAX_BODY + 1, 1);
    (void)snprintf(body, API_MAX_BODY + 2, "%-*s", API_MAX_BODY + 1, "{\"replication\":1}");
    struct span longest = {body, API_MAX_BODY};
    cr_expect_eq(client_send_bytes(&client, "PUT", "/v1/items/a", longest), 201);
    longest.size++;
    cr_expect_eq(client_send_bytes(&client, "PUT", "/v1/items/a", longest), 413);
    client.hides_length = true;
    cr_expect_eq(client_send_bytes(&client, "PUT", "/v1/items/a", longest), 413);
    expect_code(413, "body-too-large");
    free(body);
}

Test(requests, requests_without_a_body)
{
    cr_expect_eq(client_send(&client, "GET", "/v1/items", "{}"), 413);
    cr_expect_eq(put("{\"replication\":1}"), 201);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", "{\"x\":1}"), 422);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", "{}"), 204);
}

Test(requests, faults_beyond_a_number_are_counted)
{
    struct buffer body;
    buffer_init(&body, 4000);
    for (int i = 0; i < 100; i++)
        buffer_append_format(&body, "%c\"x%d\":1", i ? ',' : '{', i);
    buffer_append_text(&body, ",\"replication\":1}");
    cr_expect_eq(client_send_bytes(&client, "PUT", "/v1/items/a", buffer_span(&body)), 422);
    buffer_release(&body);
    cr_expect_eq(json_object_array_length(client_json(&client, "/errors")), 64);
    cr_expect_str_eq(client_text(&client, "/detail"), "the request has 100 faults");
}

/* --- media types --- */

Test(requests, writes_must_be_json)
{
    static const char *const types[] = {"text/plain",
                                        "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=x",
                                        "",
                                        "application/jsonx",
                                        "application/json; charset=latin1"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        client_header(&client, "Content-Type", types[i]);
        cr_expect_eq(put("{\"replication\":1}"), 415, "%s", types[i]);
        cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 415, "%s", types[i]);
        cr_expect_eq(get("/v1/items"), 200);
    }
    client_header(&client, "Content-Type", NULL);
    cr_expect_eq(put("{\"replication\":1}"), 415);
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", "{}"), 415);
    client.hides_length = true;
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", "{}"), 415);
    client.hides_length = false;
    cr_expect_eq(client_send(&client, "DELETE", "/v1/items/a", NULL), 404);
    client_header(&client, "Content-Type", "Application/JSON ; Charset=UTF-8");
    cr_expect_eq(put("{\"replication\":1}"), 201);
}

/* What a web page of another site can send without asking first, as older browsers do: no Origin,
 * and with a form's type or none. */
Test(requests, a_page_elsewhere_can_not_post)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "text/plain", "text/plain; application/json", NULL};
    static const char *const targets[] = {"/v1/members/a/b/drain", "/v1/members/a/b/heartbeat"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        client_header(&client, "Content-Type", types[i]);
        for (size_t k = 0; k < sizeof targets / sizeof targets[0]; k++) {
            cr_expect_eq(client_send(&client, "POST", targets[k], NULL), 415, "%s", types[i]);
            client.hides_length = true;
            cr_expect_eq(client_send(&client, "POST", targets[k], NULL), 415, "%s", types[i]);
            client.hides_length = false;
        }
    }
    expect_code(415, "unsupported-media-type");
    client_header(&client, "Content-Type", "application/json");
    cr_expect_eq(client_send(&client, "POST", targets[0], NULL), 404);
    cr_expect_eq(client_send(&client, "POST", targets[0], "{}"), 404);
}

Test(requests, only_json_is_served)
{
    static const struct {
        const char *accept;
        int status;
    } cases[] = {
        {"*/*", 200},
        {"", 200},
        {"application/json", 200},
        {"application/*;q=0.5", 200},
        {"text/html, */*;q=0.1", 200},
        {"text/html", 406},
        {"application/json;q=0", 406},
        {"application/json;q=0.000, */*", 406},
        {"*/*;q=0, application/json", 200},
        {"application/xml,application/*;q=0", 406},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_header(&client, "Accept", cases[i].accept);
        cr_expect_eq(get("/v1/items"), cases[i].status, "%s", cases[i].accept);
    }
}

Test(requests, compressed_bodies)
{
    client_header(&client, "Content-Encoding", "gzip");
    cr_expect_eq(put("\x1f\x8b"), 415);
    expect_code(415, "unsupported-media-type");
    cr_expect_str_eq(client_reply_header(&client, "Accept-Encoding"), "identity");
    client_header(&client, "Content-Encoding", "Identity");
    cr_expect_eq(put("{\"replication\":1}"), 201);
}

/* --- hosts and origins --- */

Test(requests, hosts)
{
    static const struct span names[] = {{"allot.example", 13}, {"[fe80::1]", 9}};
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"localhost", 200},
        {"LocalHost:80", 200},
        {"127.0.0.1:8080", 200},
        {"[::1]:8080", 200},
        {"[::1]", 200},
        {"allot.example:1", 200},
        {"[fe80::1]", 200},
        {"evil.example", 403},
        {"localhost.evil.example", 403},
        {"", 403},
        {"127.0.0.1.evil", 403},
        {"[::2]", 403},
        {"xlocalhost", 403},
        {NULL, 400},
        {"localhost, localhost", 400}, /* two lines */
    };
    client.runtime.host_names = names;
    client.runtime.host_name_count = 2;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_header(&client, "Host", cases[i].host);
        cr_expect_eq(get("/v1/items"), cases[i].status, "%s",
                     cases[i].host ? cases[i].host : "none");
    }
}

Test(requests, origins)
{
    static const struct {
        const char *origin;
        int status;
    } cases[] = {
        {"http://localhost:8080", 404},
        {"https://localhost:8080", 404},
        {"http://localhost", 403},
        {"http://localhost:8081", 403},
        {"http://evil.example", 403},
        {"null", 403},
        {"", 403},
        {"localhost:8080", 403},
        {"ftp://localhost:8080", 403},
        {"http://localhost:8080.evil.example", 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_header(&client, "Origin", cases[i].origin);
        cr_expect_eq(client_send(&client, "POST", "/v1/members/a/b/drain", NULL), cases[i].status,
                     "%s", cases[i].origin);
    }
}

/* --- headers --- */

Test(requests, reasons)
{
    char reason[300];
    (void)snprintf(reason, sizeof reason, "%0200d", 0);
    client_header(&client, "X-Allot-Reason", reason);
    cr_expect_eq(put("{\"replication\":1}"), 201);
    (void)snprintf(reason, sizeof reason, "%0201d", 0);
    cr_expect_eq(put("{\"replication\":2}"), 400);
    client_header(&client, "X-Allot-Reason", "a\x01");
    cr_expect_eq(put("{\"replication\":2}"), 400);
    client_header(&client, "X-Allot-Reason", "\xFF");
    cr_expect_eq(put("{\"replication\":2}"), 400);
    client_header(&client, "X-Allot-Reason", "d\xC3\xA9j\xC3\xA0 \"vu\"");
    cr_expect_eq(put("{\"replication\":2}"), 200);
}

/* --- a store that can't be reached --- */

Test(requests, tell_how_old_a_snapshot_is_that_is_not_current)
{
    cr_expect_eq(get("/v1/items"), 200);
    cr_expect_null(client_reply_header(&client, "Age"));
    cr_expect_null(client_reply_header(&client, "Warning"));
    client.health.snapshot_age_ms = API_STALE_MS + 1999;
    cr_expect_eq(get("/v1/items"), 200);
    cr_expect_str_eq(client_reply_header(&client, "Age"), "6");
    cr_expect_str_eq(client_reply_header(&client, "Warning"), "110 - \"Response is Stale\"");
    cr_expect_eq(put("{\"replication\":1}"), 201);
    cr_expect_null(client_reply_header(&client, "Age"));
}

Test(requests, tell_why_a_store_has_not_made_the_change)
{
    client.failing_step = API_TXN;
    client.failing_error = ALLOT_EUNAVAILABLE;
    cr_expect_eq(put("{\"replication\":1}"), 503);
    cr_expect_str_eq(client_reply_header(&client, "Retry-After"), "1");
    cr_expect(strstr(client_text(&client, "/detail"), "takes no writes now; nothing was changed"),
              "%s", client.reply.text);
    client.health.store_reachable = false;
    cr_expect_eq(put("{\"replication\":1}"), 503);
    cr_expect(strstr(client_text(&client, "/detail"), "can't be reached; nothing was changed"),
              "%s", client.reply.text);
}

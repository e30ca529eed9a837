#include <criterion/criterion.h>
#include <json-c/linkhash.h>
#include <stdio.h>
#include <string.h>

#include "api/openapi.h"
#include "tests/support/api_client.h"

/* That the document tells of every route, and of nothing else. How it is used by who knows nothing
 * else: tests/scripts/test_openapi.sh. */

static struct client client;

static void setup(void)
{
    client_init(&client);
    cr_assert_eq(client_send(&client, "GET", "/openapi.json", NULL), 200);
    cr_assert_not_null(client.reply.json);
}

static void teardown(void)
{
    client_release(&client);
}

TestSuite(openapi, .init = setup, .fini = teardown);

static bool is_route(const char *method, const char *pattern)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(routes[i].method, method) == 0 && strcmp(routes[i].pattern, pattern) == 0)
            return true;
    }
    return false;
}

static struct json_object *member_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    (void)json_object_object_get_ex(object, name, &value);
    return value;
}

Test(openapi, tells_of_every_route)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    struct json_object *paths = client_json(&client, "/paths");
    for (size_t i = 0; i < count; i++) {
        char method[16];
        size_t size = strlen(routes[i].method);
        cr_assert_lt(size, sizeof method);
        for (size_t c = 0; c <= size; c++)
            method[c] = (char)(routes[i].method[c] ? routes[i].method[c] | 0x20 : 0);
        struct json_object *operation = member_of(member_of(paths, routes[i].pattern), method);
        cr_expect_not_null(member_of(operation, "summary"), "%s %s", method, routes[i].pattern);
        cr_expect_not_null(member_of(operation, "responses"));
        bool brings = routes[i].takes_body || strcmp(routes[i].method, "POST") == 0;
        cr_expect_eq(member_of(operation, "requestBody") != NULL, brings, "%s %s", method,
                     routes[i].pattern);
    }
}

Test(openapi, tells_of_no_other_route)
{
    json_object_object_foreach(client_json(&client, "/paths"), pattern, operations)
    {
        json_object_object_foreach(operations, method, operation)
        {
            cr_expect(operation && is_route(method, pattern), "%s %s", method, pattern);
        }
    }
    for (size_t i = 0; i < openapi_operation_count; i++)
        cr_expect(is_route(openapi_operations[i].method, openapi_operations[i].pattern), "%s %s",
                  openapi_operations[i].method, openapi_operations[i].pattern);
}

static bool is_parameter(const char *name)
{
    for (size_t i = 0; i < openapi_parameter_count; i++) {
        if (strcmp(openapi_parameters[i].name, name) == 0)
            return true;
    }
    return false;
}

Test(openapi, tells_of_every_query_parameter)
{
    size_t count;
    const struct api_route *routes = routes_all(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t q = 0; q < ROUTE_MAX_QUERY && routes[i].query[q]; q++)
            cr_expect(is_parameter(routes[i].query[q]), "%s", routes[i].query[q]);
}

static void expect_references(struct json_object *value)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            expect_references(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, inner)
        {
            if (strcmp(name, "$ref") == 0)
                cr_expect_not_null(client_json(&client, json_object_get_string(inner) + 1), "%s",
                                   json_object_get_string(inner));
            else
                expect_references(inner);
        }
    }
}

Test(openapi, refers_to_what_there_is)
{
    expect_references(client.reply.json);
}

/* What a resource must have, a patch can't remove. */
Test(openapi, lets_null_remove_what_can_be_removed)
{
    cr_expect_str_eq(
        client_text(&client, "/components/schemas/ItemPatch/properties/replication/type"),
        "integer");
    cr_expect_str_eq(
        client_text(&client, "/components/schemas/ItemPatch/properties/labels/anyOf/1/type"),
        "null");
}

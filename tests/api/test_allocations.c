#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/api_client.h"

/* Every request, with each of its allocations failing in turn: the reply is the right one; or 503,
 * and nothing was changed; or 204, as the change is made and there is no memory to show it. Nothing
 * leaks. */

#define SESSION "0123456789abcdef"

struct sample {
    const char *method;
    const char *target;
    const char *body;
    int status;
};

static const struct sample samples[] = {
    {"GET", "/livez", NULL, 200},
    {"GET", "/", NULL, 200},
    {"GET", "/v1/whoami", NULL, 200},
    {"GET", "/v1/members/west/1/lease", NULL, 200},
    {"GET", "/v1/members/east/1/lease", NULL, 200},
    {"GET", "/readyz", NULL, 200},
    {"GET", "/v1/cluster", NULL, 200},
    {"GET", "/v1/items?limit=1", NULL, 200},
    {"GET", "/v1/items?label=x=y", NULL, 200},
    {"GET", "/v1/items/a", NULL, 200},
    {"PATCH", "/v1/items/a", "{\"replication\":2,\"labels\":{\"x\":\"y\"}}", 200},
    {"PATCH", "/v1/members/east/1", "{\"labels\":{\"x\":\"y\",\"z\":null}}", 200},
    {"GET", "/v1/members?label=x", NULL, 200},
    {"GET", "/v1/items/none", NULL, 404},
    {"PUT", "/v1/items/a", "{\"replication\":2,\"labels\":{\"x\":\"y\"}}", 200},
    {"PUT", "/v1/items/new", "{\"replication\":2}", 201},
    {"PUT", "/v1/items/a", "{\"replication\":-1,\"x\":0}", 422},
    {"PUT", "/v1/items/a", "{", 400},
    {"DELETE", "/v1/items/a", NULL, 204},
    {"GET", "/v1/items/a/assignments", NULL, 200},
    {"GET", "/v1/items/a/explain", NULL, 200},
    {"GET", "/v1/members", NULL, 200},
    {"GET", "/v1/members/east/1", NULL, 200},
    {"PUT", "/v1/members/west/1", "{\"item_limit\":5,\"ttl_seconds\":30}", 200},
    {"PUT", "/v1/members/east/new", "{\"item_limit\":5,\"ttl_seconds\":9}", 201},
    {"PUT", "/v1/members/east/new",
     "{\"item_limit\":5,\"ttl_seconds\":9,\"session\":\"" SESSION "\"}", 201},
    {"DELETE", "/v1/members/west/1", NULL, 204},
    {"DELETE", "/v1/members/east/1", NULL, 409},
    {"POST", "/v1/members/west/1/heartbeat", NULL, 200},
    {"GET", "/v1/members/east/1/drain", NULL, 200},
    {"POST", "/v1/members/east/1/drain", NULL, 200},
    {"GET", "/v1/members/east/1/assignments", NULL, 200},
    {"GET", "/v1/members/east/1/assignments?after=99&wait=1s", NULL, 200},
    {"GET", "/v1/assignments", NULL, 200},
    {"POST", "/v1/members/stoppable", "{\"members\":[{\"zone\":\"east\",\"suffix\":\"1\"}]}", 200},
    {"POST", "/v1/plan",
     "{\"changes\":[{\"method\":\"PUT\",\"path\":\"/v1/items/a\",\"body\":{\"replication\":3}}]}",
     200},
    {"PUT", "/v1/items/a?dry_run=true", "{\"replication\":3}", 200},
    {"POST", "/v1/batch",
     "[{\"method\":\"PUT\",\"path\":\"/v1/items/a\",\"body\":{\"replication\":3}},"
     "{\"method\":\"DELETE\",\"path\":\"/v1/items/b\"}]",
     200},
    {"POST", "/v1/batch", "[{\"method\":\"PUT\",\"path\":\"/v1/items/a\",\"body\":{}}]", 422},
    {"POST", "/v1/batch?atomic=false", "[{\"method\":\"DELETE\",\"path\":\"/v1/items/none\"},7]",
     200},
    {"GET", "/v1/assignments/a/east/1", NULL, 200},
    {"PATCH", "/v1/assignments/a/east/1", "{\"consistent\":true,\"value\":{\"a\":1}}", 200},
    {"OPTIONS", "/v1/items", NULL, 204},
    {"BREW", "/v1/items", NULL, 405},
    {"GET", "/none", NULL, 404},
    {"GET", "/v1/items/%20", NULL, 422},
};

static const struct api_asset page = {{"", 0}, "text/html", "\"1\"", {"page", 4}};

/* East 1 holds a; west 1 stands under a lease, with a session. */
static void prepare(struct client *client)
{
    client_init(client);
    struct fake_store *store = &client->store;
    client->runtime.assets = (struct api_assets){&page, 1};
    int64_t lease = fake_store_grant(store, 30);
    fake_store_put(store, "/items/a", "{\"replication\":1}");
    fake_store_put(store, "/items/b", "{\"replication\":1}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put_leased(store, "/members/west#1",
                          "{\"item_limit\":4,\"ttl_seconds\":30,\"session_hash\":"
                          "\"9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f\"}",
                          lease);
    fake_store_put(store, "/assign/a#east#1#0", "{\"value\":{\"b\":[2]}}");
    fake_store_publish(store);
    client_header(client, "Allot-Session", SESSION);
}

/* Returns how many allocations the request made. */
static long run(const struct sample *sample, long failing,
                void (*meddle)(struct client *, enum api_step))
{
    struct client client;
    prepare(&client);
    client.failing_allocation = failing;
    client.meddle = meddle;
    if (strcmp(sample->method, "PATCH") == 0)
        client_header(&client, "Content-Type", "application/merge-patch+json");
    int status = client_send(&client, sample->method, sample->target, sample->body);
    bool changed = fake_store_mod_revision(&client.store, "/actor") > 0;
    cr_expect(status == sample->status || (failing && status == (changed ? 204 : 503)),
              "%s %s with allocation %ld failing: %d", sample->method, sample->target, failing,
              status);
    cr_expect(status != 200 || client.reply.broken || client.reply.gzipped || client.reply.json,
              "%s %s with allocation %ld failing: no JSON", sample->method, sample->target,
              failing);
    long allocations = client.allocations;
    client_release(&client);
    return allocations;
}

Test(allocations, each_may_fail)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        long count = run(&samples[i], 0, NULL);
        cr_expect_geq(count, 2, "%s %s", samples[i].method, samples[i].target);
        for (long failing = 1; failing <= count; failing++)
            (void)run(&samples[i], failing, NULL);
    }
}

/* Somebody else changes the item, or registers the member, just before the transaction. */
static void interfere(struct client *client, enum api_step step)
{
    if (step != API_TXN)
        return;
    client->meddle = NULL;
    fake_store_put(&client->store, "/items/a", "{\"replication\":7}");
    fake_store_put(&client->store, "/members/north#1",
                   "{\"item_limit\":4,\"ttl_seconds\":30,\"session_hash\":\"0\"}");
}

Test(allocations, each_may_fail_in_a_race)
{
    static const struct sample races[] = {
        {"PUT", "/v1/items/a", "{\"replication\":2}", 200},
        {"PUT", "/v1/members/north/1", "{\"item_limit\":5,\"ttl_seconds\":9}", 409},
    };
    for (size_t i = 0; i < sizeof races / sizeof races[0]; i++) {
        long count = run(&races[i], 0, interfere);
        for (long failing = 1; failing <= count; failing++)
            (void)run(&races[i], failing, interfere);
    }
}

#include "tests/etcd/fixture.h"

#include <criterion/criterion.h>

struct store *must_open(const struct etcd_store_config *config)
{
    struct store *store = NULL;
    struct error_message why = {""};
    cr_assert_eq(etcd_store_open(config, &store, &why), 0, "%s", why.text);
    return store;
}

void fixture_start(struct fixture *fixture, const char *const *arguments)
{
    etcd_server_start(&fixture->server, arguments);
    fixture->store = must_open(&(struct etcd_store_config){.endpoints = fixture->server.url});
}

void fixture_open(struct fixture *fixture)
{
    fixture_start(fixture, NULL);
}

void fixture_open_over(struct fixture *fixture, enum etcd_protocol protocol)
{
    etcd_server_start(&fixture->server, NULL);
    fixture->store = must_open(
        &(struct etcd_store_config){.endpoints = fixture->server.url, .protocol = protocol});
}

void fixture_remove(struct fixture *fixture)
{
    if (fixture->store)
        fixture->store->operations->destroy(fixture->store);
    etcd_server_remove(&fixture->server);
}

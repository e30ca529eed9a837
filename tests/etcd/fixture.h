/* A real etcd, and a store that speaks to it. What fails here ends the test. */
#ifndef ALLOT_TESTS_ETCD_FIXTURE_H
#define ALLOT_TESTS_ETCD_FIXTURE_H

#include "server/etcd_store.h"
#include "tests/support/etcd_server.h"

struct fixture {
    struct etcd_server server;
    struct store *store;
};

void fixture_open(struct fixture *fixture);
/* With more arguments for etcd: see etcd_server_start. */
void fixture_start(struct fixture *fixture, const char *const *arguments);
void fixture_remove(struct fixture *fixture);

/* Opens a store, which must succeed. */
struct store *must_open(const struct etcd_store_config *config);

#endif

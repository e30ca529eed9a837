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
void fixture_open_over(struct fixture *fixture, enum etcd_protocol protocol);
/* With more arguments for etcd: see etcd_server_start. */
void fixture_start(struct fixture *fixture, const char *const *arguments);
void fixture_remove(struct fixture *fixture);

/* Opens a store, which must succeed. */
struct store *must_open(const struct etcd_store_config *config);

/* A test that is given a @protocol: one over gRPC, and one over the gateway. */
#define TEST_OVER_BOTH(suite, name)                          \
    static void suite##_##name(enum etcd_protocol protocol); \
    Test(suite, name##_over_grpc)                            \
    {                                                        \
        suite##_##name(ETCD_GRPC);                           \
    }                                                        \
    Test(suite, name##_over_the_gateway)                     \
    {                                                        \
        suite##_##name(ETCD_GATEWAY);                        \
    }                                                        \
    static void suite##_##name(enum etcd_protocol protocol)

#endif

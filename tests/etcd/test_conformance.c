/* The etcd store over a real etcd: what every store must do. */
#include <criterion/criterion.h>

#include "tests/etcd/fixture.h"
#include "tests/server/store_conformance.h"

#define CONFORMANCE_TEST(name)                                                  \
    TEST_OVER_BOTH(etcd_store_conformance, name)                                \
    {                                                                           \
        struct fixture fixture;                                                 \
        fixture_open_over(&fixture, protocol);                                  \
        must_put(fixture.store, SPAN("/another/key"), "of somebody else's", 0); \
        store_conformance_##name(fixture.store, "/conformance/");               \
        fixture_remove(&fixture);                                               \
    }
STORE_CONFORMANCE_CASES(CONFORMANCE_TEST)

/* The embedded store: what every store must do. What is its own: test_embedded_store_*.c. */
#include <criterion/criterion.h>

#include "tests/server/embedded_fixture.h"
#include "tests/server/store_conformance.h"

#define CONFORMANCE_TEST(name)                                                  \
    Test(embedded_store_conformance, name)                                      \
    {                                                                           \
        struct embedded_fixture fixture;                                        \
        embedded_fixture_open(&fixture, (struct embedded_store_config){0});     \
        must_put(fixture.store, SPAN("/another/key"), "of somebody else's", 0); \
        store_conformance_##name(fixture.store, "/conformance/");               \
        embedded_fixture_remove(&fixture);                                      \
    }
STORE_CONFORMANCE_CASES(CONFORMANCE_TEST)

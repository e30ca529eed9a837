#include "tests/http/fixture.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "tests/support/snapshots.h"

static struct snapshot *newest(void *context)
{
    struct fixture *fixture = context;
    return publisher_snapshot(fixture->publisher);
}

static int64_t wall_clock(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static int random_bytes(void *context, void *bytes, size_t size)
{
    (void)context;
    return getrandom(bytes, size, 0) == (ssize_t)size ? 0 : ALLOT_EIO;
}

void fixture_init(struct fixture *fixture)
{
    enum { LONG_MS = 60000 };
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000001)};
    (void)signal(SIGPIPE, SIG_IGN); /* as the server does; see MHD_OPTION_SIGPIPE_HANDLED_BY_APP */
    *fixture = (struct fixture){
        .runtime = {.context = fixture,
                    .snapshot = newest,
                    .wall_clock_ms = wall_clock,
                    .random = random_bytes,
                    .root = SPAN("/allot")},
        .config = {.address_size = sizeof loopback,
                   .threads = 2,
                   .max_connections = 64,
                   .workers = 1,
                   .max_work = 2,
                   .times = {LONG_MS, LONG_MS, LONG_MS, LONG_MS, LONG_MS, LONG_MS, LONG_MS, LONG_MS,
                             LONG_MS}},
    };
    memcpy(&fixture->config.address, &loopback, sizeof loopback);
}

void fixture_start(struct fixture *fixture)
{
    struct error_message why = {""};
    fixture->store = held_store_create();
    cr_assert_eq(publisher_create(&fixture->publisher), 0);
    fixture->config.runtime = &fixture->runtime;
    fixture->config.store = held_store_port(fixture->store);
    fixture->config.publisher = fixture->publisher;
    cr_assert_eq(outcomes_create(SPAN("/allot/test"), &fixture->outcomes), 0);
    fixture->config.outcomes = fixture->outcomes;
    size_t route_count;
    const struct api_route *routes = routes_all(&route_count);
    cr_assert_eq(http_metrics_create(routes, route_count, &fixture->metrics), 0);
    fixture->config.metrics = fixture->metrics;
    cr_assert_eq(http_server_start(&fixture->config, &fixture->server, &why), 0, "%s", why.text);
    http_server_address(fixture->server, &fixture->address);
}

void fixture_stop(struct fixture *fixture)
{
    http_server_stop(fixture->server);
    fixture->server = NULL;
    held_store_destroy(fixture->store);
    outcomes_destroy(fixture->outcomes);
    publisher_destroy(fixture->publisher);
    http_metrics_destroy(fixture->metrics);
    cr_assert_eq(scripted_api_calls(), 0);
}

void fixture_publish(struct fixture *fixture, int64_t revision)
{
    struct snapshot *snapshot = snapshot_of_nothing(revision);
    publisher_publish(fixture->publisher, snapshot);
    snapshot_unref(snapshot);
}

struct http_client fixture_connect(struct fixture *fixture)
{
    struct http_client client;
    cr_assert(http_client_connect(&client, &fixture->address));
    return client;
}

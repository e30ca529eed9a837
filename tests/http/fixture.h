/* An HTTP server on a free port of 127.0.0.1, with a scripted API, a store that holds its requests,
 * and a publisher. What fails here ends the test. */
#ifndef ALLOT_TESTS_HTTP_FIXTURE_H
#define ALLOT_TESTS_HTTP_FIXTURE_H

#include "server/http_server.h"
#include "tests/http/held_store.h"
#include "tests/http/scripted_api.h"
#include "tests/support/http_client.h"

struct fixture {
    struct http_server_config config; /* change it before fixture_start */
    struct api_runtime runtime;
    struct held_store *store;
    struct publisher *publisher;
    struct outcomes *outcomes; /* of what is put at /allot/test */
    struct http_metrics *metrics;
    struct http_server *server;
    struct sockaddr_storage address;
};

/* The defaults, and far longer times than any test takes. */
void fixture_init(struct fixture *fixture);
void fixture_start(struct fixture *fixture);
/* Stops the server if it still runs, then the store and the publisher; no call may be left. */
void fixture_stop(struct fixture *fixture);

void fixture_publish(struct fixture *fixture, int64_t revision);

struct http_client fixture_connect(struct fixture *fixture);

#endif

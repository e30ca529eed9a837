#include "tests/support/whole_server.h"

#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/values.h"
#include "server/embedded_store.h"
#include "tests/support/http_client.h"

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "whole_server: %s\n", what);
        abort();
    }
}

/* --- directories --- */

void whole_server_make_directory(char path[WHOLE_SERVER_PATH_SIZE])
{
    (void)snprintf(path, WHOLE_SERVER_PATH_SIZE, "/tmp/allot-server-XXXXXX");
    require(mkdtemp(path) != NULL, "mkdtemp");
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void whole_server_remove_directory(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- start --- */

static void start_loop(struct whole_server *server)
{
    struct error_message why = {""};
    const struct decoder decoder = api_decoder();
    const struct loop_config loop = {
        .store = server->store,
        .publisher = server->publisher,
        .moves = server->metrics.moves,
        .decoder = &decoder,
        .root = span_of(server->config.root),
        .candidate = &server->candidate,
        .ttl_seconds = 20,
        .gather_ms = 30,
        .threads = 2,
    };
    require(candidate_init_scheduler(&server->candidate, loop.root,
                                     span_of(server->runtime.instance), &why) == 0,
            why.text);
    require(loop_start(&loop, &server->loop) == 0, "loop");
}

static void start_http(struct whole_server *server)
{
    struct error_message why = {""};
    struct http_server_config http = {
        .address = server->config.listen.address,
        .address_size = server->config.listen.size,
        .threads = 2,
        .workers = 2,
        .max_work = 64,
        .max_connections = 128,
        .times = HTTP_DEFAULT_TIMES,
        .runtime = &server->runtime.api,
        .store = server->store,
        .publisher = server->publisher,
        .metrics = server->metrics.http,
    };
    http.times.stop_ms = 1000;
    require(http_server_start(&http, &server->http, &why) == 0, why.text);
    http_server_address(server->http, &server->address);
}

static void wait_until_ready(const struct whole_server *server)
{
    struct http_reply *reply = malloc(sizeof *reply);
    struct http_client client;
    require(reply && http_client_connect(&client, &server->address), "connect");
    while (http_client_request(&client, "GET", "/readyz", "", NULL, reply) == 503) {
    }
    require(reply->status == 200, "not ready");
    http_client_close(&client);
    free(reply);
}

void whole_server_start(struct whole_server *server, const char *data_dir)
{
    const struct sockaddr_in loopback = {.sin_family = AF_INET,
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct embedded_store_config store = {.data_dir = data_dir,
                                                .retention = EMBEDDED_STORE_RETENTION};
    struct error_message why = {""};
    (void)signal(SIGPIPE, SIG_IGN);
    *server = (struct whole_server){
        .config = {.root = "/allot", .listen = {.size = sizeof loopback, .is_loopback = true}}};
    memcpy(&server->config.listen.address, &loopback, sizeof loopback);
    require(metrics_init(&server->metrics, 6) == 0, "metrics");
    require(embedded_store_open(&store, &server->embedded, &why) == 0, why.text);
    require(metered_store_create(server->embedded, &server->metrics.store, &server->store) == 0,
            "store");
    require(publisher_create(&server->publisher) == 0, "publisher");
    server->runtime.publisher = server->publisher;
    server->runtime.store = "embedded";
    server->runtime.instance = embedded_store_instance(server->embedded);
    start_loop(server);
    server->runtime.loop = server->loop;
    server->metrics.publisher = server->publisher;
    server->metrics.loop = server->loop;
    server->runtime.metrics = &server->metrics;
    require(runtime_init(&server->runtime, &server->config) == 0, "runtime");
    start_http(server);
    wait_until_ready(server);
}

void whole_server_stop(struct whole_server *server)
{
    http_server_stop(server->http);
    runtime_release(&server->runtime);
    loop_stop(server->loop);
    candidate_release(&server->candidate);
    server->store->operations->destroy(server->store);
    publisher_destroy(server->publisher);
    metrics_release(&server->metrics);
}

#include "server/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/values.h"
#include "server/config.h"
#include "server/embedded_store.h"
#include "server/http_server.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/publisher.h"
#include "server/runtime.h"
#include "server/version.h"

/* All parts of a running server, each set once it runs. */
struct parts {
    struct store *store;
    struct publisher *publisher;
    struct candidate candidate;
    struct loop *loop;
    struct runtime runtime;
    bool runtime_is_made;
    struct http_server *http;
};

/* --- signals --- */

/* Blocked in every thread from before the first one begins, and waited for by one. */
static sigset_t stop_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    return signals;
}

static void prepare_signals(void)
{
    sigset_t signals = stop_signals();
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that leaves is an error of write() */
}

static int wait_for_signal(void)
{
    sigset_t signals = stop_signals();
    int number = 0;
    while (sigwait(&signals, &number) != 0) {
    }
    return number;
}

static void leave_at_once(int number)
{
    _exit(SERVE_CUT + number);
}

/* From now on a signal doesn't wait for anything. */
static void let_signals_cut(void)
{
    const struct sigaction action = {.sa_handler = leave_at_once};
    sigset_t signals = stop_signals();
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/* --- start --- */

/* A descriptor for each connection, and some for everything else. */
static void allow_descriptors(const struct config *config)
{
    enum { OTHERS = 256 };
    struct rlimit limit;
    rlim_t needed = (rlim_t)config->max_connections + OTHERS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < needed) {
        log_write(LOG_WARNING, "fewer files may be open than connections are allowed",
                  LOG_FIELDS(log_integer("files", (int64_t)limit.rlim_cur),
                             log_integer("max_connections", config->max_connections)));
    }
}

static int fail(const char *what, int error, const struct error_message *why)
{
    log_write(LOG_ERROR, what,
              LOG_FIELDS(log_text("error", why->text[0] ? why->text : allot_error_text(error))));
    return error;
}

static void on_store_failed(void *context, int error, const char *why)
{
    (void)context;
    log_write(LOG_ERROR, "store",
              LOG_FIELDS(log_text("error", allot_error_text(error)), log_text("why", why)));
}

static int open_store(const struct config *config, struct parts *parts)
{
    struct error_message why = {""};
    const struct embedded_store_config embedded = {
        .data_dir = config->data_dir,
        .retention = EMBEDDED_STORE_RETENTION,
        .failed = on_store_failed,
    };
    int error = ALLOT_EINVAL;
    switch ((enum config_store)config->store) {
    case CONFIG_STORE_EMBEDDED:
        error = embedded_store_open(&embedded, &parts->store, &why);
        if (error == 0) {
            parts->runtime.store = "embedded";
            parts->runtime.instance = embedded_store_instance(parts->store);
        }
        break;
    }
    return error < 0 ? fail("cannot open the store", error, &why) : 0;
}

static int start_loop(const struct config *config, struct parts *parts)
{
    struct error_message why = {""};
    const struct decoder decoder = api_decoder();
    const struct loop_config loop = {
        .store = parts->store,
        .publisher = parts->publisher,
        .decoder = &decoder,
        .root = span_of(config->root),
        .candidate = &parts->candidate,
        .ttl_seconds = config->ttl_seconds,
        .gather_ms = config->gather_ms,
        .threads = config->threads,
    };
    int error = candidate_init_scheduler(&parts->candidate, loop.root,
                                         span_of(parts->runtime.instance), &why);
    if (error == 0) {
        error = loop_start(&loop, &parts->loop);
    }
    return error < 0 ? fail("cannot start the loop", error, &why) : 0;
}

static int start_http(const struct config *config, struct parts *parts)
{
    struct error_message why = {""};
    const struct http_server_config http = {
        .address = config->listen.address,
        .address_size = config->listen.size,
        .threads = config->threads,
        .max_connections = config->max_connections,
        .max_connections_per_address = config->max_connections_per_address,
        .times = HTTP_DEFAULT_TIMES,
        .runtime = &parts->runtime.api,
        .store = parts->store,
        .publisher = parts->publisher,
    };
    int error = http_server_start(&http, &parts->http, &why);
    if (error < 0) {
        char address[128];
        config_address_format(&config->listen.address, address, sizeof address);
        log_write(LOG_ERROR, "cannot listen",
                  LOG_FIELDS(log_text("address", address), log_text("error", why.text)));
    }
    return error;
}

static int make_publisher(struct parts *parts)
{
    int error = publisher_create(&parts->publisher);
    return error < 0 ? fail("cannot start", error, &(struct error_message){""}) : 0;
}

static int make_runtime(const struct config *config, struct parts *parts)
{
    parts->runtime.publisher = parts->publisher;
    parts->runtime.loop = parts->loop;
    int error = runtime_init(&parts->runtime, config);
    parts->runtime_is_made = error == 0;
    return error < 0 ? fail("cannot start", error, &(struct error_message){""}) : 0;
}

static int start(const struct config *config, struct parts *parts)
{
    int error = open_store(config, parts);
    if (error == 0) {
        error = make_publisher(parts);
    }
    if (error == 0) {
        error = start_loop(config, parts);
    }
    if (error == 0) {
        error = make_runtime(config, parts);
    }
    if (error == 0) {
        error = start_http(config, parts);
    }
    return error;
}

static void tell_listening(const struct config *config, const struct parts *parts)
{
    struct sockaddr_storage chosen;
    char address[128];
    http_server_address(parts->http, &chosen);
    config_address_format(&chosen, address, sizeof address);
    log_write(LOG_INFO, "listening",
              LOG_FIELDS(log_text("address", address), log_text("version", ALLOT_VERSION),
                         log_text("instance", parts->runtime.instance),
                         log_text("store", parts->runtime.store),
                         log_text("data_dir", config->data_dir), log_text("root", config->root),
                         log_integer("threads", config->threads)));
}

/* In this order: what is in flight needs the loop to see its snapshot, and the server's last
 * answers come from the store and then the publisher. */
static void stop(struct parts *parts)
{
    http_server_stop(parts->http);
    if (parts->runtime_is_made) {
        runtime_release(&parts->runtime);
    }
    loop_stop(parts->loop);
    candidate_release(&parts->candidate);
    if (parts->store) {
        parts->store->operations->destroy(parts->store);
    }
    publisher_destroy(parts->publisher);
}

/* --- the command --- */

static int serve(const struct config *config)
{
    struct parts parts = {.store = NULL};
    log_configure((enum log_level)config->log_level, (enum log_format)config->log_format,
                  STDERR_FILENO);
    prepare_signals();
    allow_descriptors(config);
    int error = start(config, &parts);
    if (error == 0) {
        tell_listening(config, &parts);
        int number = wait_for_signal();
        log_write(LOG_INFO, "stopping", LOG_FIELDS(log_text("signal", strsignal(number))));
    }
    let_signals_cut();
    stop(&parts);
    if (error == 0) {
        log_write(LOG_INFO, "stopped", NULL);
    }
    return error < 0 ? SERVE_FAILED : SERVE_DONE;
}

static const char *environment(const char *name)
{
    return getenv(name);
}

int serve_command(int argc, char **argv)
{
    struct config config;
    struct error_message why = {""};
    enum config_verdict verdict;
    if (config_parse(argc, argv, environment, &config, &verdict, &why) < 0) {
        (void)fprintf(stderr, "allotd: %s\n", why.text);
        return SERVE_BAD_INPUT;
    }
    switch (verdict) {
    case CONFIG_RUN:
        return serve(&config);
    case CONFIG_HELP:
        (void)printf("usage: allotd [serve] [FLAG]...\n\n"
                     "Serves the API and runs the allocation loop, until SIGTERM or SIGINT.\n\n");
        config_help(stdout);
        (void)printf("\nExit status: 0 when stopped, 1 if it can't start, 2 on bad flags or\n"
                     "variables, 128 + N when cut short by a second signal N.\n");
        break;
    case CONFIG_VERSION:
        (void)printf("allotd %s\n", ALLOT_VERSION);
        break;
    }
    return fflush(stdout) == 0 ? SERVE_DONE : SERVE_FAILED;
}

#include "server/serve.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "api/values.h"
#include "server/clock.h"
#include "server/config.h"
#include "server/http_server.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/process.h"
#include "server/publisher.h"
#include "server/runtime.h"
#include "server/service_manager.h"
#include "server/tls.h"
#include "server/version.h"

/* All parts of a running server, each set once it runs. */
struct parts {
    struct metrics metrics;
    struct service_manager manager;
    struct store *store;
    struct publisher *publisher;
    struct candidate candidate;
    struct outcomes *outcomes;
    struct watch_hub *hub;
    struct loop *loop;
    struct history *history;
    bool has_tls;
    struct runtime runtime;
    bool runtime_is_made;
    struct http_server *http;
};

/* --- start --- */

/* For plans: threads, and how many may wait for one. */
enum { WORKERS = 2, MAX_WORK = 16 };

/* After which a client that watches is told where it is, if it was told of nothing. */
enum { BOOKMARK_MS = 3000 };

/* How often to look whether certificates have changed. */
enum { CERTIFICATES_MS = 5000 };

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

static int open_store(const struct config *config, struct parts *parts)
{
    struct error_message why = {""};
    struct process_store opened = {.store = NULL};
    int error = process_open_store(config, &opened);
    parts->store = opened.store;
    if (error == 0) {
        error = metered_store_create(opened.store, &parts->metrics.store, &parts->store);
        error = error < 0 ? process_fail("cannot start", error, &why) : 0;
    }
    parts->runtime.store = opened.name;
    parts->runtime.instance = config->instance[0] ? config->instance : opened.instance;
    return error;
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
        .solver = (enum solver_kind)config->solver,
        .balance_tolerance = config->balance_tolerance,
        .certify = config->certify,
        .outcomes = parts->outcomes,
        .hub = parts->hub,
        .moves = parts->metrics.moves,
    };
    int error = candidate_init_scheduler(&parts->candidate, loop.root,
                                         span_of(parts->runtime.instance), &why);
    if (error == 0) {
        error = loop_start(&loop, &parts->loop);
    }
    return error < 0 ? process_fail("cannot start the loop", error, &why) : 0;
}

/* What can't be kept of the history is told by its status: the server does its work all the same.
 */
static int start_history(const struct config *config, struct parts *parts)
{
    char in_data_dir[CONFIG_MAX_PATH + sizeof "/history.db"];
    const char *path = config->history.file;
    if (path && strcmp(path, "none") == 0) {
        return 0;
    }
    if (!path) {
        (void)snprintf(in_data_dir, sizeof in_data_dir, "%s/history.db", config->data_dir);
        path = in_data_dir;
    }
    const struct history_config history = {
        .store = parts->store,
        .path = path,
        .root = span_of(config->root),
        .limits = {.max_age_ms = (int64_t)config->history.max_days * 24 * 3600 * 1000,
                   .max_bytes = (int64_t)config->history.max_mib << 20},
        .gather_ms = HISTORY_GATHER_MS,
        .longest_retry_ms = HISTORY_LONGEST_RETRY_MS,
        .look_ms = HISTORY_LOOK_MS,
    };
    int error = history_start(&history, &parts->history);
    parts->runtime.history = parts->history;
    return error < 0 ? process_fail("cannot start the history", error, &(struct error_message){""})
                     : 0;
}

static int start_http(const struct config *config, struct parts *parts)
{
    struct error_message why = {""};
    const struct http_server_config http = {
        .address = config->listen.address,
        .address_size = config->listen.size,
        .threads = config->threads,
        .workers = WORKERS,
        .max_work = MAX_WORK,
        .max_connections = config->max_connections,
        .max_connections_per_address = config->max_connections_per_address,
        .times = HTTP_DEFAULT_TIMES,
        .tls = config->tls.cert_file != NULL,
        .runtime = &parts->runtime.api,
        .store = parts->store,
        .publisher = parts->publisher,
        .outcomes = parts->outcomes,
        .hub = parts->hub,
        .metrics = parts->metrics.http,
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

static int make_publisher(const struct config *config, struct parts *parts)
{
    char actor[CONFIG_MAX_ROOT + 8];
    int size = snprintf(actor, sizeof actor, "%s/actor", config->root);
    int error = publisher_create(&parts->publisher);
    if (error == 0) {
        error = outcomes_create((struct span){actor, (size_t)size}, &parts->outcomes);
    }
    if (error == 0) {
        const struct watch_hub_config hub = {.root = span_of(config->root),
                                             .max_bytes = WATCH_HUB_BYTES,
                                             .max_watchers = config->max_watches,
                                             .bookmark_ms = BOOKMARK_MS};
        error = watch_hub_create(&hub, &parts->hub);
    }
    return error < 0 ? process_fail("cannot start", error, &(struct error_message){""}) : 0;
}

static int open_principals(const struct config *config, struct parts *parts)
{
    struct error_message why = {""};
    if (!config->auth_file) {
        return 0;
    }
    int error = principals_open(config->auth_file, &parts->runtime.principals, &why);
    return error < 0 ? process_fail("cannot read who is let in", error, &why) : 0;
}

static int make_metrics(const struct config *config, struct parts *parts)
{
    int error = metrics_init(&parts->metrics, config->thrash_moves);
    return error < 0 ? process_fail("cannot start", error, &(struct error_message){""}) : 0;
}

static int make_runtime(const struct config *config, struct parts *parts)
{
    parts->metrics.publisher = parts->publisher;
    parts->metrics.loop = parts->loop;
    parts->metrics.hub = parts->hub;
    parts->metrics.history = parts->history;
    parts->metrics.ttl_seconds = config->ttl_seconds;
    parts->runtime.metrics = &parts->metrics;
    parts->runtime.publisher = parts->publisher;
    parts->runtime.loop = parts->loop;
    parts->runtime.hub = parts->hub;
    int error = runtime_init(&parts->runtime, config);
    parts->runtime_is_made = error == 0;
    return error < 0 ? process_fail("cannot start", error, &(struct error_message){""}) : 0;
}

/* It is taken all the same: that nobody can connect is seen at once, and mended by another. */
static void warn_of_expiration(void)
{
    int64_t seconds = tls_expiration_seconds();
    if (seconds > 0 && seconds * 1000 <= clock_wall_ms()) {
        log_write(LOG_WARNING, "the certificate has expired",
                  LOG_FIELDS(log_integer("expiration_seconds", seconds)));
    }
}

static int open_tls(const struct config *config, struct parts *parts)
{
    struct error_message why = {""};
    const struct tls_files files = {config->tls.cert_file, config->tls.key_file,
                                    config->tls.client_ca_file};
    int error = files.cert ? tls_open(&files, &why) : 0;
    parts->has_tls = files.cert && error == 0;
    warn_of_expiration();
    return error < 0 ? process_fail("cannot set TLS up", error, &why) : 0;
}

static int start(const struct config *config, struct parts *parts)
{
    int error = open_principals(config, parts);
    if (error == 0) {
        error = open_tls(config, parts);
    }
    if (error == 0) {
        error = make_metrics(config, parts);
    }
    if (error == 0) {
        error = open_store(config, parts);
    }
    if (error == 0) {
        error = make_publisher(config, parts);
    }
    if (error == 0) {
        error = start_loop(config, parts);
    }
    if (error == 0) {
        error = start_history(config, parts);
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
                         config->store == CONFIG_STORE_ETCD
                             ? log_text("endpoints", config->etcd.endpoints)
                             : log_text("data_dir", config->data_dir),
                         log_text("root", config->root), log_integer("threads", config->threads)));
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
    history_stop(parts->history);
    candidate_release(&parts->candidate);
    if (parts->store) {
        parts->store->operations->destroy(parts->store);
    }
    outcomes_destroy(parts->outcomes);
    watch_hub_destroy(parts->hub);
    publisher_destroy(parts->publisher);
    metrics_release(&parts->metrics);
    principals_close(parts->runtime.principals);
    tls_close();
}

/* --- the command --- */

static int reload_tls(void)
{
    struct error_message why = {""};
    int error = tls_reload(&why);
    warn_of_expiration();
    return error < 0
               ? process_fail("certificates not read again: the former ones hold", error, &why)
               : 0;
}

/* Whoever renews certificates may have no way to send a signal. */
static void look_at_certificates(const struct parts *parts)
{
    if (parts->has_tls && tls_files_changed() && reload_tls() == 0) {
        log_write(LOG_INFO, "certificates read again, as they have changed", NULL);
    }
}

/* Who watches has shown a token once, for as long as that may be: so where tokens have changed, all
 * come again. */
static int reload_principals(struct parts *parts, bool *ret_changed)
{
    struct error_message why = {""};
    *ret_changed = false;
    int error = parts->runtime.principals
                    ? principals_reload(parts->runtime.principals, ret_changed, &why)
                    : 0;
    if (error < 0) {
        return process_fail("tokens not read again: the former ones hold", error, &why);
    }
    if (*ret_changed) {
        watch_hub_dismiss(parts->hub);
    }
    return 0;
}

/* Reads anew what SIGHUP is for. What is bad changes nothing. */
static void reload(struct parts *parts)
{
    service_manager_reloading(&parts->manager);
    bool changed;
    int principals_error = reload_principals(parts, &changed);
    int tls_error = parts->has_tls ? reload_tls() : 0;
    if (principals_error == 0 && tls_error == 0) {
        log_write(LOG_INFO, "read again",
                  LOG_FIELDS(log_text("tokens", changed ? "changed" : "unchanged")));
    }
    service_manager_ready(&parts->manager);
}

static int64_t period_ms(const struct parts *parts)
{
    int64_t period_ms = service_manager_period_ms(&parts->manager);
    return parts->has_tls && period_ms > CERTIFICATES_MS ? CERTIFICATES_MS : period_ms;
}

/* Where there is nothing to read again, a SIGHUP ends the server as the other signals do: its
 * terminal is gone. But not where a service manager sends it. */
static int wait_for_end(struct parts *parts)
{
    bool reloads =
        parts->runtime.principals || parts->has_tls || service_manager_is_there(&parts->manager);
    for (;;) {
        service_manager_look(&parts->manager, parts->loop);
        look_at_certificates(parts);
        int number = process_wait_for_signal(period_ms(parts));
        if (number == SIGHUP && reloads) {
            reload(parts);
        } else if (number != 0) {
            return number;
        }
    }
}

static int serve(const struct config *config)
{
    struct parts parts = {.store = NULL};
    process_begin(config);
    service_manager_init(&parts.manager, process_environment);
    allow_descriptors(config);
    int error = start(config, &parts);
    if (error == 0) {
        tell_listening(config, &parts);
        service_manager_ready(&parts.manager);
        int number = wait_for_end(&parts);
        service_manager_stopping(&parts.manager);
        log_write(LOG_INFO, "stopping", LOG_FIELDS(log_text("signal", strsignal(number))));
    }
    process_let_signals_cut();
    stop(&parts);
    service_manager_release(&parts.manager);
    return process_end(error);
}

int serve_command(int argc, char **argv)
{
    struct config config;
    struct error_message why = {""};
    enum config_verdict verdict;
    if (config_parse(CONFIG_SERVE, argc, argv, process_environment, &config, &verdict, &why) < 0) {
        (void)fprintf(stderr, "allotd: %s\n", why.text);
        return PROCESS_BAD_INPUT;
    }
    switch (verdict) {
    case CONFIG_RUN:
        return serve(&config);
    case CONFIG_HELP:
        (void)printf(
            "usage: allotd [serve] [FLAG]...\n\n"
            "Serves the API and runs the allocation loop, until SIGTERM or SIGINT.\n"
            "SIGHUP has it read tokens and certificate again; if it has neither, nor a service\n"
            "manager, SIGHUP ends it.\n"
            "From SIGUSR1 on everything is logged, from SIGUSR2 on what --log-level says.\n"
            "A service manager is told how it is (NOTIFY_SOCKET, WATCHDOG_USEC).\n\n");
        config_help(CONFIG_SERVE, stdout);
        (void)printf("\nExit status: 0 when stopped, 1 if it can't start, 2 on bad flags or\n"
                     "variables, 128 + N when cut short by a second signal N.\n");
        break;
    case CONFIG_VERSION:
        (void)printf("allotd %s\n", ALLOT_VERSION);
        break;
    }
    return process_end_output();
}

#include "server/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/http_private.h"
#include "server/log.h"
#include "server/tls.h"

/* --- what libmicrohttpd has to say --- */

/* It reports what clients do wrong, so this isn't for every day. */
__attribute__((format(printf, 2, 0))) static void log_library(void *context, const char *format,
                                                              va_list arguments)
{
    (void)context;
    char text[512];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length > 0) {
        text[strcspn(text, "\n")] = '\0';
        log_write(LOG_DEBUG, "libmicrohttpd", LOG_FIELDS(log_text("text", text)));
    }
}

static void on_hangups(void *context)
{
    struct http_server *server = context;
    http_exchanges_look_for_hangups(server);
    timer_set(server->timers, &server->hangups, server->config.times.hangup_ms);
}

/* --- start --- */

static int fail(struct error_message *why, const char *what, int number)
{
    (void)snprintf(why->text, sizeof why->text, "%s: %s", what, strerror(number));
    return ALLOT_EIO;
}

/* A socket of our own, because libmicrohttpd doesn't tell why it can't listen. */
static int open_socket(const struct http_server_config *config,
                       struct sockaddr_storage *ret_address, int *ret, struct error_message *why)
{
    const int one = 1;
    socklen_t size = sizeof *ret_address;
    const struct sockaddr *address = (const struct sockaddr *)&config->address;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(why, "socket", errno);
    }
    const char *what = NULL;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) {
        what = "setsockopt";
    } else if (bind(fd, address, config->address_size) < 0) {
        what = "bind";
    } else if (listen(fd, SOMAXCONN) < 0) {
        what = "listen";
    } else if (getsockname(fd, (struct sockaddr *)ret_address, &size) < 0) {
        what = "getsockname";
    }
    if (what) {
        int number = errno;
        (void)close(fd);
        return fail(why, what, number);
    }
    *ret = fd;
    return 0;
}

/* Adds what TLS needs: 2 options. */
static size_t add_tls(struct MHD_OptionItem *options)
{
    gnutls_certificate_retrieve_function3 *retrieve = tls_retrieve;
    size_t count = 0;
    options[count] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, NULL};
    _Static_assert(sizeof retrieve == sizeof options->ptr_value, "as POSIX has it");
    memcpy(&options[count++].ptr_value, &retrieve, sizeof retrieve);
    options[count++] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES};
    return count;
}

/* While it stops, connections are ended as they come. MHD_quiesce_daemon would end the listening
 * instead; but with epoll it may abort the process: both it and the threads take the socket out of
 * the set, and who comes second panics. */
static enum MHD_Result takes_connections(void *context, const struct sockaddr *address,
                                         socklen_t size)
{
    struct http_server *server = context;
    (void)address;
    (void)size;
    return atomic_load(&server->draining) ? MHD_NO : MHD_YES;
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int listen_socket)
{
    const struct http_server_config *config = &server->config;
    int threads =
        config->threads < config->max_connections ? config->threads : config->max_connections;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listen_socket, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, config->max_connections, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, config->max_connections_per_address, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_MEMORY, NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        /* Room for TLS, and for the pool: one thread is not one. */
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    size_t count = 5;
    unsigned tls = config->tls ? MHD_USE_TLS : 0;
    if (config->tls) {
        count += add_tls(options + count);
    }
    if (threads > 1) {
        options[count] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, threads, NULL};
    }
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | tls, 0,
        takes_connections, server, http_request_advance, server, MHD_OPTION_EXTERNAL_LOGGER,
        log_library, NULL, MHD_OPTION_URI_LOG_CALLBACK, http_request_begin, server,
        MHD_OPTION_NOTIFY_COMPLETED, http_request_end, server, MHD_OPTION_NOTIFY_CONNECTION,
        http_connection_notify, server, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static int make_id_prefix(struct http_server *server)
{
    const struct api_runtime *runtime = server->config.runtime;
    unsigned char bytes[(sizeof server->id_prefix - 1) / 2];
    int error = runtime->random(runtime->context, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes && error == 0; i++) {
        (void)snprintf(server->id_prefix + 2 * i, 3, "%02x", (unsigned)bytes[i]);
    }
    return error;
}

static void destroy(struct http_server *server)
{
    workers_destroy(server->workers);
    timers_destroy(server->timers);
    (void)pthread_cond_destroy(&server->quiet);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
}

/* Everything but the daemon. */
static int create(const struct http_server_config *config, struct http_server **ret)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        return ALLOT_ENOMEM;
    }
    server->config = *config;
    if (pthread_mutex_init(&server->mutex, NULL) != 0) {
        free(server);
        return ALLOT_ENOMEM;
    }
    if (clock_condition_init(&server->quiet) < 0) {
        (void)pthread_mutex_destroy(&server->mutex);
        free(server);
        return ALLOT_ENOMEM;
    }
    int error = timers_create(&server->timers);
    if (error == 0) {
        error = workers_create(config->workers, config->max_work, &server->workers);
    }
    if (error == 0) {
        error = make_id_prefix(server);
    }
    if (error < 0) {
        destroy(server);
        return error;
    }
    *ret = server;
    return 0;
}

int http_server_start(const struct http_server_config *config, struct http_server **ret,
                      struct error_message *why)
{
    struct http_server *server = NULL;
    int listen_socket = -1;
    int error = create(config, &server);
    if (error < 0) {
        (void)snprintf(why->text, sizeof why->text, "%s", allot_error_text(error));
        return error;
    }
    error = open_socket(config, &server->address, &listen_socket, why);
    if (error < 0) {
        destroy(server);
        return error;
    }
    server->daemon = start_daemon(server, listen_socket);
    if (!server->daemon) {
        (void)close(listen_socket);
        destroy(server);
        (void)snprintf(why->text, sizeof why->text, "the HTTP library does not start");
        return ALLOT_EIO;
    }
    timer_init(&server->hangups, on_hangups, server);
    timer_set(server->timers, &server->hangups, config->times.hangup_ms);
    *ret = server;
    return 0;
}

void http_server_address(const struct http_server *server, struct sockaddr_storage *ret)
{
    *ret = server->address;
}

/* --- stop --- */

/* Waits until nothing is in flight, or @timeout_ms have passed. */
static void wait_quiet(struct http_server *server, int64_t timeout_ms)
{
    int64_t until_ms = clock_monotonic_ms() + timeout_ms;
    (void)pthread_mutex_lock(&server->mutex);
    while (atomic_load(&server->in_flight) > 0 &&
           clock_condition_wait(&server->quiet, &server->mutex, until_ms)) {
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

void http_server_stop(struct http_server *server)
{
    enum { LAST_REPLIES_MS = 1000 };
    if (!server) {
        return;
    }
    atomic_store(&server->draining, true);
    http_exchanges_end_waits(server);
    if (server->config.hub) {
        watch_hub_stop(server->config.hub);
    }
    wait_quiet(server, server->config.times.stop_ms);
    /* Nobody may be suspended when the daemon stops. */
    http_exchanges_abort(server);
    workers_destroy(server->workers);
    server->workers = NULL;
    wait_quiet(server, LAST_REPLIES_MS);
    MHD_stop_daemon(server->daemon);
    destroy(server);
}

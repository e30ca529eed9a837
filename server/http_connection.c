#include <netdb.h>
#include <stdlib.h>

#include "server/http_private.h"
#include "server/tls.h"

static void cut(void *context)
{
    struct http_connection *connection = context;
    (void)shutdown(connection->socket, SHUT_RDWR);
}

/* NULL: it has none. */
static gnutls_session_t tls_session_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

static void name_client(struct http_connection *connection, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && info->client_addr) {
        bool v6 = info->client_addr->sa_family == AF_INET6;
        (void)getnameinfo(info->client_addr,
                          v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
                          connection->client, sizeof connection->client, NULL, 0, NI_NUMERICHOST);
    }
}

static void begin(struct http_server *server, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        (void)shutdown(info->connect_fd, SHUT_RDWR); /* rather than one without deadlines */
        return;
    }
    connection->server = server;
    connection->socket = info->connect_fd;
    name_client(connection, mhd);
    timer_init(&connection->deadline, cut, connection);
    timer_set(server->timers, &connection->deadline, server->config.times.header_ms);
    *context = connection;
    if (server->config.tls && tls_session_of(mhd)) {
        tls_begin(tls_session_of(mhd));
    }
}

void http_connection_notify(void *server, struct MHD_Connection *mhd, void **context,
                            enum MHD_ConnectionNotificationCode code)
{
    struct http_connection *connection = *context;
    bool begins = code == MHD_CONNECTION_NOTIFY_STARTED;
    http_metrics_note_connection(((struct http_server *)server)->config.metrics, begins ? 1 : -1);
    if (begins) {
        begin(server, mhd, context);
    } else if (connection) {
        if (connection->request) {
            http_request_end(server, mhd, &connection->request, MHD_REQUEST_TERMINATED_WITH_ERROR);
        }
        /* The socket is still open here, and the deadline is over before it closes: so no cut can
         * hit another connection that was given the same descriptor. */
        timer_cancel(connection->server->timers, &connection->deadline);
        free(connection);
        *context = NULL;
    }
}

static struct http_connection *find(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void http_connection_set_request(struct MHD_Connection *mhd, void *request)
{
    struct http_connection *connection = find(mhd);
    if (connection) {
        connection->request = request;
    }
}

void http_connection_limit(struct MHD_Connection *mhd, int64_t delay_ms)
{
    struct http_connection *connection = find(mhd);
    if (connection) {
        timer_set(connection->server->timers, &connection->deadline, delay_ms);
    }
}

void http_connection_wait(struct MHD_Connection *mhd)
{
    struct http_connection *connection = find(mhd);
    if (connection) {
        timer_cancel(connection->server->timers, &connection->deadline);
    }
}

const char *http_connection_client(struct MHD_Connection *mhd)
{
    const struct http_connection *connection = find(mhd);
    return connection ? connection->client : "";
}

bool http_connection_is_trusted(struct MHD_Connection *mhd)
{
    struct http_connection *connection = find(mhd);
    if (!connection) {
        return false;
    }
    if (!connection->trusted) {
        bool needs_one = connection->server->config.tls && tls_asks_clients();
        gnutls_session_t session = needs_one ? tls_session_of(mhd) : NULL;
        connection->trusted = !needs_one || (session && tls_client_is_trusted(session));
    }
    return connection->trusted;
}

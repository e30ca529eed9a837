/* All exchanges of a server. */
#include "server/http_exchange_internal.h"

#include <poll.h>

int http_exchanges_add(struct http_server *server, struct http_exchange *exchange)
{
    bool waits = exchange->step == API_WAIT_CHANGE;
    (void)pthread_mutex_lock(&server->mutex);
    int error = server->aborting                ? ALLOT_ECANCELED
                : waits && server->ending_waits ? ALLOT_EUNAVAILABLE
                                                : 0;
    if (!error) {
        MHD_suspend_connection(exchange->connection);
        exchange->next = server->exchanges;
        if (server->exchanges) {
            server->exchanges->previous = exchange;
        }
        server->exchanges = exchange;
    }
    (void)pthread_mutex_unlock(&server->mutex);
    return error;
}

void http_exchanges_remove(struct http_server *server, struct http_exchange *exchange)
{
    (void)pthread_mutex_lock(&server->mutex);
    if (exchange->previous) {
        exchange->previous->next = exchange->next;
    } else {
        server->exchanges = exchange->next;
    }
    if (exchange->next) {
        exchange->next->previous = exchange->previous;
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

/* --- clients who leave --- */

/* Whether it is for nothing once its client has left. What the store is asked for has its effect
 * all the same. */
static bool is_for_client_alone(const struct http_exchange *exchange)
{
    return exchange->step == API_WAIT_CHANGE || exchange->step == API_COMPUTE;
}

static void leave_broken(struct http_exchange *const *exchanges, struct pollfd *sockets,
                         nfds_t count)
{
    if (poll(sockets, count, 0) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < count; i++) {
        if (sockets[i].revents != 0) {
            http_exchange_leave(exchanges[i]);
        }
    }
}

void http_exchanges_look_for_hangups(struct http_server *server)
{
    enum { AT_ONCE = 64 };
    struct http_exchange *exchanges[AT_ONCE];
    struct pollfd sockets[AT_ONCE];
    nfds_t count = 0;
    (void)pthread_mutex_lock(&server->mutex);
    for (struct http_exchange *exchange = server->exchanges; exchange; exchange = exchange->next) {
        if (!is_for_client_alone(exchange)) {
            continue;
        }
        exchanges[count] = exchange;
        sockets[count++] = (struct pollfd){.fd = exchange->socket, .events = POLLRDHUP};
        if (count == AT_ONCE) {
            leave_broken(exchanges, sockets, count);
            count = 0;
        }
    }
    leave_broken(exchanges, sockets, count);
    (void)pthread_mutex_unlock(&server->mutex);
}

/* --- stopping --- */

void http_exchanges_abort(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->aborting = true;
    for (struct http_exchange *exchange = server->exchanges; exchange; exchange = exchange->next) {
        http_exchange_give_up(exchange);
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

void http_exchanges_end_waits(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->ending_waits = true;
    for (struct http_exchange *exchange = server->exchanges; exchange; exchange = exchange->next) {
        if (exchange->step == API_WAIT_CHANGE) {
            http_exchange_settle(exchange, ALLOT_EUNAVAILABLE, false);
        }
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

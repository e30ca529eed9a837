/* The service manager that runs the process, if one does: systemd, or another that speaks its
 * protocol. It is told that the process serves, reads its configuration again, and stops; how the
 * loop is; and, if it has asked for that, now and then that the loop gets on. When that stops, it
 * starts the process anew.
 *
 * A message is a datagram of lines NAME=VALUE for the socket in NOTIFY_SOCKET. It takes less code
 * to send one than to have a library for it. Source: sd_notify(3), sd_watchdog_enabled(3). */
#ifndef ALLOT_SERVER_SERVICE_MANAGER_H
#define ALLOT_SERVER_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "server/config.h"
#include "server/loop.h"

/* All private. */
struct service_manager {
    int socket; /* -1: there is none */
    struct sockaddr_un address;
    socklen_t address_size;
    int64_t
        watchdog_ms;    /* after which it wants to have been told that the loop gets on; 0: never */
    bool stuck;         /* the loop, when last looked */
    const char *status; /* last told; static */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. What can't be used is logged, and left out.
 */
void service_manager_init(struct service_manager *manager, config_environment *environment);
void service_manager_release(struct service_manager *manager);

/* Whether there is one. */
bool service_manager_is_there(const struct service_manager *manager);

/* The process serves, again after service_manager_reloading; it reads its configuration; it stops.
 * Each waits for a second at most, and logs if it can't. Without a service manager: nothing. */
void service_manager_ready(struct service_manager *manager);
void service_manager_reloading(struct service_manager *manager);
void service_manager_stopping(struct service_manager *manager);

/* How often service_manager_look is to be called, in ms; INT64_MAX: not at all. */
int64_t service_manager_period_ms(const struct service_manager *manager);

/* Tells the manager how @loop is, if that has changed; and that it gets on, unless for half of the
 * time that the manager allows it should have and has not. Logs when that begins and ends. */
void service_manager_look(struct service_manager *manager, struct loop *loop);

/* The part of that for a loop which should have got on for @overdue_ms in its @thread. */
void service_manager_feed(struct service_manager *manager, int64_t overdue_ms, const char *thread);

#endif

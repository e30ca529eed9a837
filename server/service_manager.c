#include "server/service_manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/call.h"
#include "server/clock.h"
#include "server/log.h"

enum { STATUS_MS = 1000 }; /* how often to look how the loop is */

/* --- messages --- */

static void send_message(struct service_manager *manager, const char *message)
{
    const struct sockaddr *address = (const struct sockaddr *)&manager->address;
    if (manager->socket < 0)
        return;
    ssize_t sent;
    do {
        sent = sendto(manager->socket, message, strlen(message), MSG_NOSIGNAL, address,
                      manager->address_size);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        log_write(LOG_WARNING, "cannot tell the service manager",
                  LOG_FIELDS(log_text("message", message), log_text("error", strerror(errno))));
}

void service_manager_ready(struct service_manager *manager)
{
    send_message(manager, "READY=1");
}

void service_manager_reloading(struct service_manager *manager)
{
    char message[64];
    (void)snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   clock_monotonic_us());
    send_message(manager, message);
}

void service_manager_stopping(struct service_manager *manager)
{
    send_message(manager, "STOPPING=1\nSTATUS=Stopping");
}

/* --- the loop --- */

int64_t service_manager_period_ms(const struct service_manager *manager)
{
    int64_t quarter_ms = manager->watchdog_ms / 4;
    if (manager->socket < 0)
        return INT64_MAX;
    if (manager->watchdog_ms == 0 || quarter_ms > STATUS_MS)
        return STATUS_MS;
    return quarter_ms > 0 ? quarter_ms : 1;
}

void service_manager_feed(struct service_manager *manager, int64_t overdue_ms, const char *thread)
{
    if (manager->watchdog_ms == 0)
        return;
    bool stuck = overdue_ms > manager->watchdog_ms / 2;
    if (stuck && !manager->stuck)
        log_write(LOG_ERROR, "the loop is stuck: the watchdog is told nothing more",
                  LOG_FIELDS(log_text("thread", thread), log_integer("overdue_ms", overdue_ms)));
    if (!stuck && manager->stuck)
        log_write(LOG_WARNING, "the loop gets on again", NULL);
    manager->stuck = stuck;
    if (!stuck)
        send_message(manager, "WATCHDOG=1");
}

static const char *describe(struct loop *loop)
{
    struct loop_status status;
    loop_status(loop, &status);
    if (status.refused)
        return "STATUS=Not announced: the log says why";
    int64_t age_ms = clock_monotonic_ms() - status.current_monotonic_ms;
    if (!status.store_reachable || age_ms > API_STALE_MS)
        return "STATUS=Waiting for the store";
    return status.leading ? "STATUS=Leading" : "STATUS=Following the leader";
}

void service_manager_look(struct service_manager *manager, struct loop *loop)
{
    const char *thread = "";
    if (manager->socket < 0)
        return;
    int64_t overdue_ms = loop_overdue_ms(loop, &thread);
    service_manager_feed(manager, overdue_ms, thread);
    if (manager->stuck)
        return; /* with a lock, maybe */
    const char *status = describe(loop);
    if (status != manager->status)
        send_message(manager, status);
    manager->status = status;
}

/* --- the environment --- */

/* "/path", or "@name" for one in the abstract namespace. */
static int set_address(struct service_manager *manager, const char *name)
{
    size_t size = strlen(name);
    if ((*name != '/' && *name != '@') || size >= sizeof manager->address.sun_path)
        return ALLOT_EINVAL;
    manager->address.sun_family = AF_UNIX;
    memcpy(manager->address.sun_path, name, size);
    if (*name == '@')
        manager->address.sun_path[0] = '\0';
    manager->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return 0;
}

static int open_socket(void)
{
    const struct timeval second = {.tv_sec = 1};
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
    return descriptor;
}

/* A whole number from 1 on; 0: it isn't one. */
static int64_t read_number(const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return errno != 0 || end == text || *end != '\0' || number < 0 ? 0 : number;
}

/* For another process if WATCHDOG_PID says so: then the variables were only inherited. */
static int64_t read_watchdog(config_environment *environment)
{
    const char *microseconds = environment("WATCHDOG_USEC");
    const char *process = environment("WATCHDOG_PID");
    if (!microseconds || !*microseconds || (process && read_number(process) != getpid()))
        return 0;
    int64_t number = read_number(microseconds);
    if (number == 0)
        log_write(LOG_WARNING, "WATCHDOG_USEC: expected a number of microseconds",
                  LOG_FIELDS(log_text("value", microseconds)));
    return number > 0 && number < 1000 ? 1 : number / 1000;
}

void service_manager_init(struct service_manager *manager, config_environment *environment)
{
    const char *name = environment("NOTIFY_SOCKET");
    *manager = (struct service_manager){.socket = -1};
    if (!name || !*name)
        return;
    if (set_address(manager, name) < 0) {
        log_write(LOG_WARNING, "NOTIFY_SOCKET: expected /PATH or @NAME",
                  LOG_FIELDS(log_text("value", name)));
        return;
    }
    manager->socket = open_socket();
    if (manager->socket < 0)
        log_write(LOG_WARNING, "no socket for the service manager",
                  LOG_FIELDS(log_text("error", strerror(errno))));
    else
        manager->watchdog_ms = read_watchdog(environment);
}

bool service_manager_is_there(const struct service_manager *manager)
{
    return manager->socket >= 0;
}

void service_manager_release(struct service_manager *manager)
{
    if (manager->socket >= 0)
        (void)close(manager->socket);
    manager->socket = -1;
}

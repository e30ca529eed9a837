#include "tests/support/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/http_client.h"

enum { ATTEMPTS = 5, PATIENCE_MS = 20000, POLL_MS = 10, MAX_ARGUMENTS = 48 };

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "etcd_server: %s\n", what);
        abort();
    }
}

static struct sockaddr_in address_of(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int free_port(void)
{
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &size) == 0,
            "no free port");
    close(fd);
    return ntohs(address.sin_port);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* In the child. The peers' address is a socket in the directory. Its own log stays there, too. */
static void run(const struct etcd_server *server, const char *const *arguments)
{
    union {
        const char *constant[MAX_ARGUMENTS];
        char *const variable[MAX_ARGUMENTS];
    } argv = {{"etcd",
               "--name",
               "test",
               "--data-dir",
               "data",
               "--logger",
               "zap",
               "--log-level",
               "error",
               "--heartbeat-interval",
               "20",
               "--election-timeout",
               "200",
               "--listen-peer-urls",
               "unix://peer:1",
               "--initial-advertise-peer-urls",
               "unix://peer:1",
               "--initial-cluster",
               "test=unix://peer:1",
               "--listen-client-urls",
               server->url,
               "--advertise-client-urls",
               server->url}};
    int count = 23;
    for (; arguments && *arguments && count < MAX_ARGUMENTS - 1; arguments++)
        argv.constant[count++] = *arguments;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = chdir(server->directory) == 0
                  ? open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                  : -1;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (log >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0)
        (void)execvp("etcd", argv.variable);
    _exit(127);
}

static bool has_ended(struct etcd_server *server)
{
    if (waitpid(server->pid, NULL, WNOHANG) == 0)
        return false;
    server->pid = 0;
    return true;
}

/* The status; 0: none. A @method of NULL only connects: 200. */
static int request(const struct etcd_server *server, const char *method, const char *path,
                   const char *body)
{
    static struct http_reply reply;
    struct sockaddr_storage address = {0};
    struct sockaddr_in ipv4 = address_of(server->port);
    struct http_client client;
    memcpy(&address, &ipv4, sizeof ipv4);
    if (!http_client_connect(&client, &address))
        return 0;
    /* A long answer tells its size by nothing but the end of the connection. */
    const char *headers = "Connection: close\r\n";
    int status = method ? http_client_request(&client, method, path, headers, body, &reply) : 200;
    http_client_close(&client);
    return status;
}

/* False: it has ended. */
static bool await(struct etcd_server *server, bool speaks_http)
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += POLL_MS) {
        if (request(server, speaks_http ? "GET" : NULL, "/health", NULL) == 200)
            return true;
        if (has_ended(server))
            return false;
        pause_ms(POLL_MS);
    }
    return false;
}

static bool begin(struct etcd_server *server, const char *const *arguments, bool speaks_http)
{
    server->pid = fork();
    require(server->pid >= 0, "cannot fork");
    if (server->pid == 0)
        run(server, arguments);
    return await(server, speaks_http);
}

/* Somebody else may have taken the port meanwhile: then another one. */
static void start(struct etcd_server *server, const char *const *arguments, const char *scheme,
                  bool speaks_http)
{
    bool up = false;
    *server = (struct etcd_server){0};
    temporary_directory(server->directory);
    for (int attempt = 0; attempt < ATTEMPTS && !up; attempt++) {
        server->port = free_port();
        snprintf(server->url, sizeof server->url, "%s://127.0.0.1:%d", scheme, server->port);
        up = begin(server, arguments, speaks_http);
    }
    require(up, "etcd does not start; is it installed?");
}

void etcd_server_start(struct etcd_server *server, const char *const *arguments)
{
    start(server, arguments, "http", true);
}

void etcd_server_start_tls(struct etcd_server *server, const char *const *arguments)
{
    start(server, arguments, "https", false);
}

void etcd_server_kill(struct etcd_server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void etcd_server_restart(struct etcd_server *server, const char *const *arguments)
{
    bool speaks_http = strncmp(server->url, "http:", 5) == 0;
    require(begin(server, arguments, speaks_http), "etcd does not start again");
}

void etcd_server_empty(const struct etcd_server *server)
{
    char data[sizeof server->directory + 8];
    snprintf(data, sizeof data, "%s/data", server->directory);
    temporary_remove(data);
}

void etcd_server_post(const struct etcd_server *server, const char *path, const char *body)
{
    require(request(server, "POST", path, body) == 200, path);
}

void etcd_server_freeze(struct etcd_server *server)
{
    kill(server->pid, SIGSTOP);
}

void etcd_server_thaw(struct etcd_server *server)
{
    kill(server->pid, SIGCONT);
}

void etcd_server_remove(struct etcd_server *server)
{
    etcd_server_kill(server);
    temporary_remove(server->directory);
}

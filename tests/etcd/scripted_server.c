#include "tests/etcd/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "scripted_server: %s\n", what);
        abort();
    }
}

/* --- answers --- */

bool scripted_send(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool scripted_reply(const struct scripted_request *request, int status, const char *body)
{
    char head[128];
    int size = snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n\r\n",
                        status, strlen(body));
    return scripted_send(request->fd, head, (size_t)size) &&
           scripted_send(request->fd, body, strlen(body));
}

bool scripted_begin_chunks(const struct scripted_request *request)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    return scripted_send(request->fd, head, sizeof head - 1);
}

bool scripted_chunk(const struct scripted_request *request, const char *text, size_t size)
{
    char head[32];
    int head_size = snprintf(head, sizeof head, "%zx\r\n", size);
    return scripted_send(request->fd, head, (size_t)head_size) &&
           scripted_send(request->fd, text, size) && scripted_send(request->fd, "\r\n", 2);
}

bool scripted_chunks(const struct scripted_request *request, const char *text, size_t size)
{
    bool sent = true;
    for (size_t left = strlen(text); sent && left > 0;) {
        size_t now = left < size ? left : size;
        sent = scripted_chunk(request, text, now);
        text += now;
        left -= now;
    }
    return sent;
}

bool scripted_end_chunks(const struct scripted_request *request)
{
    return scripted_send(request->fd, "0\r\n\r\n", 5);
}

void scripted_wait_for_close(const struct scripted_request *request)
{
    char byte;
    while (recv(request->fd, &byte, 1, 0) > 0)
        ;
}

/* --- connections --- */

struct connection {
    struct scripted_server *server;
    int index;
    int fd;
    char data[SCRIPTED_MAX_REQUEST];
};

/* Receives until @size bytes are there. False: the client has gone. */
static bool receive(struct connection *connection, size_t *have, size_t size)
{
    while (*have < size) {
        require(size < sizeof connection->data, "a request is too large");
        ssize_t got =
            recv(connection->fd, connection->data + *have, sizeof connection->data - 1 - *have, 0);
        if (got <= 0)
            return false;
        *have += (size_t)got;
        connection->data[*have] = 0;
    }
    return true;
}

/* Answers one request, at the beginning of data, and takes it from there. */
static bool serve_one(struct connection *connection, size_t *have)
{
    char *end;
    while ((end = strstr(connection->data, "\r\n\r\n")) == NULL) {
        if (!receive(connection, have, *have + 1))
            return false;
    }
    *end = 0;
    const char *length = strcasestr(connection->data, "\r\nContent-Length:");
    char *body = end + 4;
    size_t body_size = length ? strtoul(length + 17, NULL, 10) : 0;
    size_t size = (size_t)(body - connection->data) + body_size;
    if (!receive(connection, have, size))
        return false;
    char behind = connection->data[size];
    connection->data[size] = 0;
    char path[128] = "";
    require(sscanf(connection->data, "POST %127s", path) == 1, "not a POST");
    const struct scripted_request request = {
        .number = atomic_fetch_add(&connection->server->requests, 1) + 1,
        .connection = connection->index + 1,
        .fd = connection->fd,
        .head = connection->data,
        .path = path,
        .body = body,
    };
    bool go_on = connection->server->answer(connection->server->context, &request);
    connection->data[size] = behind;
    *have -= size;
    memmove(connection->data, connection->data + size, *have + 1);
    return go_on;
}

static void *connection_thread(void *argument)
{
    struct connection *connection = argument;
    struct scripted_server *server = connection->server;
    size_t have = 0;
    connection->data[0] = 0;
    if (server->serve)
        server->serve(server->context, connection->fd);
    else
        while (serve_one(connection, &have))
            ;
    pthread_mutex_lock(&server->mutex);
    close(connection->fd);
    server->fds[connection->index] = -1;
    pthread_mutex_unlock(&server->mutex);
    free(connection);
    return NULL;
}

static void *listener_thread(void *argument)
{
    struct scripted_server *server = argument;
    int fd;
    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        int yes = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct connection *connection = malloc(sizeof *connection);
        if (!connection) /* a test lets one allocation fail, and means another one */
            connection = malloc(sizeof *connection);
        require(connection && server->thread_count < SCRIPTED_MAX_CONNECTIONS, "too much");
        pthread_mutex_lock(&server->mutex);
        connection->server = server;
        connection->fd = fd;
        connection->index = server->thread_count++;
        server->fds[connection->index] = fd;
        atomic_store(&server->connections, server->thread_count);
        require(pthread_create(&server->threads[connection->index], NULL, connection_thread,
                               connection) == 0,
                "no thread");
        if (server->stopping)
            (void)shutdown(fd, SHUT_RDWR);
        pthread_mutex_unlock(&server->mutex);
    }
    return NULL;
}

/* --- life --- */

static void start(struct scripted_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(server->listener >= 0 &&
                bind(server->listener, (struct sockaddr *)&address, size) == 0 &&
                listen(server->listener, 64) == 0 &&
                getsockname(server->listener, (struct sockaddr *)&address, &size) == 0,
            "cannot listen");
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    require(pthread_mutex_init(&server->mutex, NULL) == 0 &&
                pthread_create(&server->thread, NULL, listener_thread, server) == 0,
            "no thread");
}

void scripted_server_start(struct scripted_server *server, scripted_answer *answer, void *context)
{
    memset(server, 0, sizeof *server);
    server->answer = answer;
    server->context = context;
    start(server);
}

void scripted_server_start_raw(struct scripted_server *server, scripted_connection *serve,
                               void *context)
{
    memset(server, 0, sizeof *server);
    server->serve = serve;
    server->context = context;
    start(server);
}

void scripted_server_deafen(struct scripted_server *server)
{
    if (server->listener < 0)
        return;
    (void)shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    server->listener = -1;
}

void scripted_server_stop(struct scripted_server *server)
{
    scripted_server_deafen(server);
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    for (int i = 0; i < server->thread_count; i++) {
        if (server->fds[i] >= 0)
            (void)shutdown(server->fds[i], SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->mutex);
    for (int i = 0; i < server->thread_count; i++)
        pthread_join(server->threads[i], NULL);
    pthread_mutex_destroy(&server->mutex);
}

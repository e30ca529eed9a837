#include "tests/support/http_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <unistd.h>

bool http_client_connect(struct http_client *client, const struct sockaddr_storage *address)
{
    const struct timeval limit = {.tv_sec = HTTP_CLIENT_TIMEOUT_S};
    socklen_t size =
        address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    *client = (struct http_client){.fd = -1, .data = malloc(HTTP_CLIENT_MAX_REPLY)};
    if (!client->data) {
        return false;
    }
    client->fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
        setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
        connect(client->fd, (const struct sockaddr *)address, size) < 0) {
        http_client_close(client);
        return false;
    }
    return true;
}

void http_client_close(struct http_client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    free(client->data);
    *client = (struct http_client){.fd = -1};
}

/* --- sending --- */

bool http_client_send(struct http_client *client, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool http_client_send_text(struct http_client *client, const char *text)
{
    return http_client_send(client, text, strlen(text));
}

bool http_client_send_request(struct http_client *client, const char *method, const char *target,
                              const char *headers, const char *body)
{
    char *text = NULL;
    char length[96] = "";
    if (body) {
        (void)snprintf(length, sizeof length,
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    }
    int size = asprintf(&text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s\r\n%s", method, target,
                        length, headers, body ? body : "");
    bool sent = size >= 0 && http_client_send(client, text, (size_t)size);
    free(size >= 0 ? text : NULL);
    return sent;
}

void http_client_end_sending(struct http_client *client)
{
    (void)shutdown(client->fd, SHUT_WR);
}

/* --- receiving --- */

/* Adds what comes next to the buffer: bytes, 0 at the end, < 0 on an error or if it is full. */
static ssize_t receive_more(struct http_client *client)
{
    ssize_t got;
    if (client->size == HTTP_CLIENT_MAX_REPLY) {
        return -1;
    }
    do {
        got =
            recv(client->fd, client->data + client->size, HTTP_CLIENT_MAX_REPLY - client->size, 0);
    } while (got < 0 && errno == EINTR);
    client->size += got > 0 ? (size_t)got : 0;
    return got;
}

/* The bytes of the next head, its empty line included; 0 if none comes. */
static size_t receive_head(struct http_client *client)
{
    for (;;) {
        const char *end = memmem(client->data, client->size, "\r\n\r\n", 4);
        if (end) {
            return (size_t)(end - client->data) + 4;
        }
        if (receive_more(client) <= 0) {
            return 0;
        }
    }
}

static void consume(struct http_client *client, size_t size)
{
    client->size -= size;
    memmove(client->data, client->data + size, client->size);
}

static int status_of(const struct http_client *client)
{
    return client->size > 12 && memcmp(client->data, "HTTP/1.", 7) == 0 ? atoi(client->data + 9)
                                                                        : 0;
}

int http_client_receive_interim(struct http_client *client)
{
    size_t size = receive_head(client);
    int status = size > 0 ? status_of(client) : 0;
    consume(client, size);
    return status;
}

/* The bytes of the body that follows a head; until the end of the connection if it doesn't tell. */
static size_t body_size_of(const struct http_reply *reply, bool head_only, bool *ret_to_end)
{
    char value[32];
    *ret_to_end = false;
    if (head_only || reply->status == 204 || reply->status == 304) {
        return 0;
    }
    if (http_reply_header(reply, "Content-Length", value, sizeof value)) {
        return (size_t)strtoull(value, NULL, 10);
    }
    *ret_to_end = true;
    return 0;
}

/* Receives until there are @size bytes. */
static bool receive_up_to(struct http_client *client, size_t size)
{
    while (client->size < size) {
        if (receive_more(client) <= 0) {
            return false;
        }
    }
    return true;
}

/* Receives a body in chunks behind the head, without trailers, into @ret. Returns the bytes of head
 * and chunks; 0 if it breaks off. */
static size_t receive_chunks(struct http_client *client, size_t head_size, struct http_reply *ret)
{
    size_t at = head_size;
    for (;;) {
        const char *line_end;
        while (!(line_end = memmem(client->data + at, client->size - at, "\r\n", 2))) {
            if (receive_more(client) <= 0) {
                return 0;
            }
        }
        size_t size = strtoull(client->data + at, NULL, 16);
        size_t begin = (size_t)(line_end - client->data) + 2;
        if (!receive_up_to(client, begin + size + 2)) {
            return 0;
        }
        memcpy(ret->text + head_size + ret->body_size, client->data + begin, size);
        ret->body_size += size;
        at = begin + size + 2;
        if (size == 0) {
            return at;
        }
    }
}

static bool is_chunked(const struct http_reply *reply)
{
    char value[32];
    return http_reply_header(reply, "Transfer-Encoding", value, sizeof value) &&
           strcmp(value, "chunked") == 0;
}

int http_client_receive(struct http_client *client, bool head_only, struct http_reply *ret)
{
    size_t head_size;
    bool to_end;
    do {
        head_size = receive_head(client);
        ret->status = head_size > 0 ? status_of(client) : 0;
        if (ret->status == 100) {
            consume(client, head_size);
        }
    } while (ret->status == 100);
    ret->head = ret->text;
    ret->body = ret->text;
    ret->body_size = 0;
    memcpy(ret->text, client->data, head_size);
    ret->text[head_size] = '\0';
    if (ret->status && !head_only && is_chunked(ret)) {
        size_t whole = receive_chunks(client, head_size, ret);
        ret->status = whole > 0 ? ret->status : 0;
        ret->text[head_size - 1] = '\0';
        ret->text[head_size + ret->body_size] = '\0';
        ret->body = ret->text + head_size;
        consume(client, whole);
        return ret->status;
    }
    size_t size = body_size_of(ret, head_only, &to_end);
    while (ret->status && (to_end || client->size < head_size + size)) {
        ssize_t got = receive_more(client);
        if (to_end && got == 0) {
            size = client->size - head_size;
            break;
        }
        if (got <= 0) {
            ret->status = 0;
        }
    }
    if (ret->status) {
        memcpy(ret->text + head_size, client->data + head_size, size);
        ret->text[head_size - 1] = '\0'; /* instead of the last newline */
        ret->text[head_size + size] = '\0';
        ret->body = ret->text + head_size;
        ret->body_size = size;
        consume(client, head_size + size);
    }
    return ret->status;
}

/* One piece to be thrown away: its bytes, 0 at the end, < 0 on an error. */
static ssize_t receive_nothing(struct http_client *client)
{
    char piece[4096];
    ssize_t got;
    do {
        got = recv(client->fd, piece, sizeof piece, 0);
    } while (got < 0 && errno == EINTR);
    return got < 0 && errno == ECONNRESET ? 0 : got;
}

bool http_client_is_ended(struct http_client *client)
{
    return client->size == 0 && receive_nothing(client) == 0;
}

bool http_client_drain(struct http_client *client)
{
    ssize_t got;
    client->size = 0;
    while ((got = receive_nothing(client)) > 0) {
    }
    return got == 0;
}

int http_client_request(struct http_client *client, const char *method, const char *target,
                        const char *headers, const char *body, struct http_reply *ret)
{
    ret->status = 0;
    if (!http_client_send_request(client, method, target, headers, body)) {
        return 0;
    }
    return http_client_receive(client, strcmp(method, "HEAD") == 0, ret);
}

bool http_reply_header(const struct http_reply *reply, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    for (const char *line = reply->head; line; line = strstr(line, "\r\n")) {
        line += line == reply->head ? 0 : 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            size_t found = strcspn(line, "\r\n");
            (void)snprintf(value, size, "%.*s", (int)found, line);
            return true;
        }
    }
    return false;
}

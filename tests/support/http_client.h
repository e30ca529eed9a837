/* A small blocking HTTP/1.1 client for tests, on a raw socket, so that it can misbehave as well.
 * No call waits for longer than HTTP_CLIENT_TIMEOUT_S. Nothing here ends the test: what fails is
 * told by the results. */
#ifndef ALLOT_TESTS_SUPPORT_HTTP_CLIENT_H
#define ALLOT_TESTS_SUPPORT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
    HTTP_CLIENT_TIMEOUT_S = 30,
    HTTP_CLIENT_MAX_REPLY = 256 * 1024, /* bytes, the head included */
};

struct http_client {
    int fd; /* -1: not connected */
    /* Received and not yet part of a reply: the next replies of a pipeline. */
    char *data;
    size_t size;
};

struct http_reply {
    int status; /* 0: the connection ended, or broke, before a whole reply came */
    char *head; /* the status line and headers, as they came; owned by the client's buffer */
    const char *body;
    size_t body_size;
    char text[HTTP_CLIENT_MAX_REPLY + 1]; /* head and body, each with a terminating zero byte */
};

/* False if it can't connect. */
bool http_client_connect(struct http_client *client, const struct sockaddr_storage *address);
void http_client_close(struct http_client *client);

/* Sends bytes as they are; false if the other side no longer takes them. */
bool http_client_send(struct http_client *client, const char *bytes, size_t size);
bool http_client_send_text(struct http_client *client, const char *text);
/* A whole request: @headers are lines that each end in CRLF, or ""; Host is added, and with @body
 * (may be NULL) Content-Type and Content-Length. */
bool http_client_send_request(struct http_client *client, const char *method, const char *target,
                              const char *headers, const char *body);
/* No more will be sent, but replies are still read. */
void http_client_end_sending(struct http_client *client);

/* Receives one reply (not of a HEAD request: see @head_only); 100 Continue is skipped. Returns its
 * status, or 0. */
int http_client_receive(struct http_client *client, bool head_only, struct http_reply *ret);
/* Receives the head of an interim reply alone, such as 100. */
int http_client_receive_interim(struct http_client *client);
/* True if the other side ends the connection without sending anything more. */
bool http_client_is_ended(struct http_client *client);
/* Throws away what still comes; true once the other side has ended the connection. */
bool http_client_drain(struct http_client *client);

/* Sends a request and receives its reply. */
int http_client_request(struct http_client *client, const char *method, const char *target,
                        const char *headers, const char *body, struct http_reply *ret);

/* The value of a header of @reply, without surrounding blanks, into @value; false if absent. */
bool http_reply_header(const struct http_reply *reply, const char *name, char *value, size_t size);

#endif

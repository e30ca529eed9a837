/* A server on a free port of 127.0.0.1 that answers each HTTP request as a function of the test
 * says, byte by byte if need be. What fails here ends the program. */
#ifndef ALLOT_TESTS_ETCD_SCRIPTED_SERVER_H
#define ALLOT_TESTS_ETCD_SCRIPTED_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { SCRIPTED_MAX_REQUEST = 1 << 16, SCRIPTED_MAX_CONNECTIONS = 256 };

struct scripted_request {
    int number;     /* of all requests, from 1 */
    int connection; /* from 1 */
    int fd;
    const char *head; /* the request line and headers */
    const char *path;
    const char *body;
};

/* Answers by writing to the request's fd, or not. False: the connection is closed. Called in a
 * thread for each connection. */
typedef bool scripted_answer(void *context, const struct scripted_request *request);

/* Serves a connection by itself, until it is to be closed. */
typedef void scripted_connection(void *context, int fd);

struct scripted_server {
    char url[64];
    scripted_answer *answer;
    scripted_connection *serve;
    void *context;
    atomic_int requests;
    atomic_int connections;

    int listener;
    pthread_t thread;
    pthread_mutex_t mutex;
    bool stopping;
    int fds[SCRIPTED_MAX_CONNECTIONS]; /* -1: closed */
    pthread_t threads[SCRIPTED_MAX_CONNECTIONS];
    int thread_count;
};

void scripted_server_start(struct scripted_server *server, scripted_answer *answer, void *context);
/* Likewise, but what comes on a connection need not be HTTP/1.1: @serve is called in a thread for
 * each. */
void scripted_server_start_raw(struct scripted_server *server, scripted_connection *serve,
                               void *context);
/* Cuts all connections, and waits for all threads. */
void scripted_server_stop(struct scripted_server *server);
/* Once no answer is being written, and it will not listen any more: the connections stay. */
void scripted_server_deafen(struct scripted_server *server);

/* False if the client has gone. */
bool scripted_send(int fd, const char *bytes, size_t size);

/* For answers. A whole reply with a Content-Length; false if the client has gone. */
bool scripted_reply(const struct scripted_request *request, int status, const char *body);
/* The head of an answer in chunks, and its chunks; those of @size bytes each. */
bool scripted_begin_chunks(const struct scripted_request *request);
bool scripted_chunk(const struct scripted_request *request, const char *text, size_t size);
bool scripted_chunks(const struct scripted_request *request, const char *text, size_t size);
bool scripted_end_chunks(const struct scripted_request *request);
/* Waits until the client has closed the connection. */
void scripted_wait_for_close(const struct scripted_request *request);

#endif

/* A whole server in this process, as `allotd serve` puts it together: embedded store, loop, HTTP
 * listener on a free port of 127.0.0.1. What fails here ends the process. */
#ifndef ALLOT_TESTS_SUPPORT_WHOLE_SERVER_H
#define ALLOT_TESTS_SUPPORT_WHOLE_SERVER_H

#include "server/http_server.h"
#include "server/loop.h"
#include "server/runtime.h"

struct whole_server {
    struct config config;
    struct store *embedded; /* which is measured by … */
    struct store *store;    /* … this one, that everybody uses */
    struct publisher *publisher;
    struct candidate candidate;
    struct loop *loop;
    struct metrics metrics;
    struct runtime runtime;
    struct http_server *http;
    struct sockaddr_storage address;
};

/* An empty directory of its own, below /tmp; its path is copied into @path. */
enum { WHOLE_SERVER_PATH_SIZE = 64 };
void whole_server_make_directory(char path[WHOLE_SERVER_PATH_SIZE]);
void whole_server_remove_directory(const char *path);

/* Returns once /readyz says so. @server must stay where it is. */
void whole_server_start(struct whole_server *server, const char *data_dir);
/* What is in flight gets a second. */
void whole_server_stop(struct whole_server *server);

#endif

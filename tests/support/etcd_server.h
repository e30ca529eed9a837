/* A real etcd of one member on a free port of 127.0.0.1, in a directory of its own. What fails here
 * ends the program. The process dies with the one that started it. */
#ifndef ALLOT_TESTS_SUPPORT_ETCD_SERVER_H
#define ALLOT_TESTS_SUPPORT_ETCD_SERVER_H

#include <sys/types.h>

#include "tests/support/temporary.h"

struct etcd_server {
    char directory[TEMPORARY_SIZE];
    char url[64]; /* "http://127.0.0.1:PORT" */
    int port;
    pid_t pid;
};

/* With more arguments, up to a NULL; or NULL. */
void etcd_server_start(struct etcd_server *server, const char *const *arguments);
/* With arguments that make it speak TLS: then the url is https, and what is waited for is only that
 * it listens. */
void etcd_server_start_tls(struct etcd_server *server, const char *const *arguments);
/* Ends it at once, and keeps what it has written. */
void etcd_server_kill(struct etcd_server *server);
/* Begins again after etcd_server_kill, with what it had written, on the same port. */
void etcd_server_restart(struct etcd_server *server, const char *const *arguments);
/* After etcd_server_kill: what it had written is gone. It begins again as the same cluster. */
void etcd_server_empty(const struct etcd_server *server);
/* POSTs to its gateway, which must answer with 200. */
void etcd_server_post(const struct etcd_server *server, const char *path, const char *body);
/* Lets it stand still, and go on. */
void etcd_server_freeze(struct etcd_server *server);
void etcd_server_thaw(struct etcd_server *server);
/* Ends it, and removes the directory. */
void etcd_server_remove(struct etcd_server *server);

#endif

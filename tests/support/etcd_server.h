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

/* With more arguments, up to a NULL; or NULL. Those for TLS, if @tls: then the url is https. */
void etcd_server_start(struct etcd_server *server, const char *const *arguments);
/* Likewise, but doesn't wait until it answers: for one that wants TLS. */
void etcd_server_start_tls(struct etcd_server *server, const char *const *arguments);
/* Ends it at once, and keeps what it has written. */
void etcd_server_kill(struct etcd_server *server);
/* Begins again after etcd_server_kill, with what it had written, on the same port. */
void etcd_server_restart(struct etcd_server *server);
/* Lets it stand still, and go on. */
void etcd_server_freeze(struct etcd_server *server);
void etcd_server_thaw(struct etcd_server *server);
/* Ends it, and removes the directory. */
void etcd_server_remove(struct etcd_server *server);

#endif

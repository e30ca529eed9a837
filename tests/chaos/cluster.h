/* Three real etcds and three real allotds, the allotds behind a proxy, to be ill-treated.
 * Everything listens on 127.0.0.1, on ports that stay the same when a process is started again, and
 * dies with the process that started it. What can't be done here ends the process. */
#ifndef ALLOT_TESTS_CHAOS_CLUSTER_H
#define ALLOT_TESTS_CHAOS_CLUSTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "tests/chaos/tcp_proxy.h"
#include "tests/support/temporary.h"

enum { CLUSTER_SIZE = 3, CLUSTER_TTL_S = 3 };
#define CLUSTER_ROOT "/chaos"

enum process_kind { PROCESS_ETCD, PROCESS_ALLOTD };

struct process {
    pid_t pid; /* 0: not running */
    int port;  /* for clients */
    bool frozen;
};

struct cluster {
    char directory[TEMPORARY_SIZE];
    struct process etcds[CLUSTER_SIZE];
    struct process allotds[CLUSTER_SIZE];
    int peer_ports[CLUSTER_SIZE];
    int proxy_ports[CLUSTER_SIZE];
    struct tcp_proxy *proxy;
    char endpoints[256];       /* etcd itself */
    char proxy_endpoints[256]; /* … as the allotds know it */
};

/* Starts all, and waits until the allotds are ready. */
void cluster_start(struct cluster *cluster);
/* Ends all, the allotds with SIGTERM: each must leave with status 0, and with a history that fits
 * together. False if one doesn't. */
bool cluster_stop(struct cluster *cluster);

/* SIGKILL. Nothing if it isn't running. */
void cluster_kill(struct cluster *cluster, enum process_kind kind, int number);
/* Starts it again, if it isn't running, and waits for nothing. */
void cluster_restart(struct cluster *cluster, enum process_kind kind, int number);
void cluster_freeze(struct cluster *cluster, enum process_kind kind, int number);
void cluster_thaw(struct cluster *cluster, enum process_kind kind, int number);
/* Whether a process has ended that nobody has ended. */
bool cluster_has_lost_one(struct cluster *cluster);

/* POSTs to the gateway of an etcd; whether it answered with 200. */
bool cluster_post(const struct cluster *cluster, int number, const char *path, const char *body);
/* Whether the etcds have different data as of a revision that all of them have reached: nothing
 * that is built on them can be right then. True only if all of them answer. */
bool cluster_etcds_differ(const struct cluster *cluster);
/* Waits until an allotd says that it is ready. False: it took too long. */
bool cluster_await_ready(const struct cluster *cluster, int number);

/* A connection's address, for http_client_connect. */
struct sockaddr_storage cluster_address(const struct process *process);

#endif

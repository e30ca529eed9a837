/* Measures how long a cluster of two allotds on a real etcd goes without decisions when the leader
 * is killed (its lease must expire), and when it is told to end (it hands over): from the signal
 * until an item that is put just after it has its replica. Medians of several times, with the least
 * and the most.
 *
 *     bench_failover */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/etcd_store.h"
#include "server/log.h"
#include "tests/support/allotd.h"
#include "tests/support/etcd_server.h"
#include "tests/support/store_sync.h"
#include "tests/support/temporary.h"

enum { RUNS = 7, TTL_S = 3, ALLOTDS = 2 };

struct cluster {
    struct etcd_server etcd;
    struct store *store;
    struct sync_watch assignments;
    char directories[ALLOTDS][TEMPORARY_SIZE];
    struct allotd allotds[ALLOTDS];
    int leader; /* the one that has run for longer */
    int items;
};

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench_failover: %s\n", what);
        exit(1);
    }
}

static void start_allotd(struct cluster *cluster, int number)
{
    char ttl[8];
    char name[8];
    (void)snprintf(ttl, sizeof ttl, "%d", TTL_S);
    (void)snprintf(name, sizeof name, "%d", number);
    const char *const arguments[] = {"--store",         "etcd",       "--etcd-endpoints",
                                     cluster->etcd.url, "--instance", name,
                                     "--ttl-seconds",   ttl,          NULL};
    must(allotd_start(&cluster->allotds[number], cluster->directories[number], arguments),
         "allotd does not start");
}

/* Puts another item and waits for its replica. */
static void put_item(struct cluster *cluster)
{
    char key[64];
    (void)snprintf(key, sizeof key, "/allot/items/item-%d", cluster->items++);
    must(sync_put(cluster->store, span_of(key), SPAN("{\"replication\":1}"), 0, NULL) == 0,
         "cannot put an item");
    must(sync_watch_wait(&cluster->assignments, (size_t)cluster->items), "nobody decides");
}

static void start(struct cluster *cluster)
{
    struct error_message why = {""};
    struct store_keys assignments = {SPAN("/allot/assign/"), SPAN("/allot/assign0")};
    etcd_server_start(&cluster->etcd, NULL);
    must(etcd_store_open(&(struct etcd_store_config){.endpoints = cluster->etcd.url},
                         &cluster->store, &why) == 0,
         why.text);
    must(sync_put(cluster->store, SPAN("/allot/members/zone#member"), SPAN("{\"item_limit\":1000}"),
                  0, NULL) == 0,
         "cannot put a member");
    must(sync_watch_start(&cluster->assignments, cluster->store, assignments, 1) == 0, "no watch");
    for (int i = 0; i < ALLOTDS; i++) {
        temporary_directory(cluster->directories[i]);
        start_allotd(cluster, i);
        put_item(cluster); /* so the first one leads before the second is there */
    }
}

static void stop(struct cluster *cluster)
{
    for (int i = 0; i < ALLOTDS; i++) {
        must(allotd_stop(&cluster->allotds[i]) == 0, "allotd does not end well");
        temporary_remove(cluster->directories[i]);
    }
    sync_watch_stop(&cluster->assignments);
    sync_watch_release(&cluster->assignments);
    cluster->store->operations->destroy(cluster->store);
    etcd_server_remove(&cluster->etcd);
}

/* Ends the leader by @signal, and lets it come back, to follow. */
static int64_t fail_over(struct cluster *cluster, int signal)
{
    int former = cluster->leader;
    int64_t begin_ms = clock_monotonic_ms();
    must(kill(cluster->allotds[former].pid, signal) == 0, "cannot signal the leader");
    put_item(cluster);
    int64_t took_ms = clock_monotonic_ms() - begin_ms;
    (void)allotd_stop(&cluster->allotds[former]);
    start_allotd(cluster, former);
    cluster->leader = 1 - former;
    put_item(cluster);
    return took_ms;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure(struct cluster *cluster, int signal, const char *what)
{
    int64_t took_ms[RUNS];
    for (int i = 0; i < RUNS; i++)
        took_ms[i] = fail_over(cluster, signal);
    qsort(took_ms, RUNS, sizeof *took_ms, by_size);
    printf("%-16s next decision after %5lld ms (%lld to %lld)\n", what,
           (long long)took_ms[RUNS / 2], (long long)took_ms[0], (long long)took_ms[RUNS - 1]);
    fflush(stdout);
}

int main(void)
{
    static struct cluster cluster;
    log_configure(LOG_ERROR, LOG_FORMAT_LOGFMT, 2);
    start(&cluster);
    printf("leases of %d s\n", TTL_S);
    measure(&cluster, SIGTERM, "SIGTERM");
    measure(&cluster, SIGKILL, "kill -9");
    stop(&cluster);
    return 0;
}

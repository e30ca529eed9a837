/* 10,000 items PUT one by one over 16 keep-alive connections to a real allotd with the embedded
 * store, and every one assigned at the end; then as many GETs over the same connections. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/allotd.h"
#include "tests/support/http_client.h"
#include "tests/support/temporary.h"

enum { ITEMS = 10000, CONNECTIONS = 16, MEMBERS = 100, REPLICATION = 3, LIMIT = 390 };

static struct allotd allotd;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void fail(const char *what, const struct http_reply *reply)
{
    fprintf(stderr, "bench put_items: %s: %d %s\n", what, reply ? reply->status : 0,
            reply && reply->body ? reply->body : "");
    allotd_kill(&allotd);
    exit(1);
}

struct connection {
    pthread_t thread;
    const char *method;
    struct http_client client;
    int number;
    int expected;
    struct http_reply reply;
};

static void *request_items(void *argument)
{
    struct connection *connection = argument;
    for (int i = connection->number; i < ITEMS; i += CONNECTIONS) {
        char target[64];
        char body[64];
        bool put = strcmp(connection->method, "PUT") == 0;
        snprintf(target, sizeof target, "/v1/items/item-%07d", i);
        snprintf(body, sizeof body, "{\"replication\": %d}", REPLICATION);
        if (http_client_request(&connection->client, connection->method, target, "",
                                put ? body : NULL, &connection->reply) != connection->expected)
            fail(target, &connection->reply);
    }
    return NULL;
}

static double request_all(struct connection *connections, const char *method, int expected)
{
    double begin = seconds();
    for (int i = 0; i < CONNECTIONS; i++) {
        connections[i].number = i;
        connections[i].method = method;
        connections[i].expected = expected;
        if (pthread_create(&connections[i].thread, NULL, request_items, &connections[i]) != 0)
            fail("a thread", NULL);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        pthread_join(connections[i].thread, NULL);
    return seconds() - begin;
}

static void put_members(struct connection *connection)
{
    for (int i = 0; i < MEMBERS; i++) {
        char target[64];
        char body[64];
        snprintf(target, sizeof target, "/v1/members/zone-%c/m%04d", "abc"[i % 3], i);
        snprintf(body, sizeof body, "{\"item_limit\": %d}", LIMIT);
        if (http_client_request(&connection->client, "PUT", target, "", body, &connection->reply) !=
            201)
            fail(target, &connection->reply);
    }
}

/* Waits until the cluster counts every replica as assigned. */
static double await_assigned(struct connection *connection, double begin)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"assignments\":%d", ITEMS * REPLICATION);
    while (seconds() - begin < 120) {
        if (http_client_request(&connection->client, "GET", "/v1/cluster", "", NULL,
                                &connection->reply) != 200)
            fail("/v1/cluster", &connection->reply);
        if (strstr(connection->reply.body, wanted))
            return seconds() - begin;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    fail("not all assigned", &connection->reply);
    return 0;
}

int main(void)
{
    char directory[TEMPORARY_SIZE];
    static struct connection connections[CONNECTIONS];
    temporary_directory(directory);
    if (!allotd_start(&allotd, directory, NULL))
        fail("allotd", NULL);
    for (int i = 0; i < CONNECTIONS; i++)
        if (!http_client_connect(&connections[i].client, &allotd.address))
            fail("a connection", NULL);
    put_members(&connections[0]);

    double begin = seconds();
    double put = request_all(connections, "PUT", 201);
    double assigned = await_assigned(&connections[0], begin);
    double get = request_all(connections, "GET", 200);
    printf(
        "%d items x %d replicas, %d connections: PUT %.2f s (%.0f/s), all assigned after %.2f s, "
        "GET %.2f s (%.0f/s)\n",
        ITEMS, REPLICATION, CONNECTIONS, put, ITEMS / put, assigned, get, ITEMS / get);

    for (int i = 0; i < CONNECTIONS; i++)
        http_client_close(&connections[i].client);
    int status = allotd_stop(&allotd);
    temporary_remove(directory);
    return status != 0;
}

/* The whole server under load, for ThreadSanitizer: the embedded store, the loop, the listener, and
 * clients that write, read what they wrote, list, break off, and are still there when it stops.
 *
 * What must hold: every reply is one of those expected, a client sees its own writes at once, what
 * was acknowledged is still there in a server that is started anew, and no lease is left behind by
 * those who broke off. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/embedded_store.h"
#include "server/log.h"
#include "tests/support/http_client.h"
#include "tests/support/whole_server.h"

enum { CLIENTS = 8, ITEMS = 30, LEAVERS = 16, FICKLE = 100 };

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "http_stress: %s\n", what);
        exit(1); /* NOLINT(concurrency-mt-unsafe): the end of it all */
    }
}

/* --- clients --- */

struct user {
    struct whole_server *server;
    int number;
    bool last; /* leaves its items where they are */
};

static int ask(struct http_client *client, const char *method, const char *target,
               const char *headers, const char *body, struct http_reply *reply)
{
    int status = http_client_request(client, method, target, headers, body, reply);
    if (status == 0 || status >= 500) {
        (void)fprintf(stderr, "http_stress: %s %s: %d %s\n", method, target, status,
                      status ? reply->body : "");
    }
    return status;
}

static void use_item(struct user *user, struct http_client *client, int item,
                     struct http_reply *reply)
{
    char target[64];
    char tag[64];
    char header[96];
    (void)snprintf(target, sizeof target, "/v1/items/client-%d%%2F%d", user->number, item);
    require(ask(client, "PUT", target, "If-None-Match: *\r\n", "{\"replication\":1}", reply) == 201,
            "an item is created");
    require(ask(client, "GET", target, "", NULL, reply) == 200, "it is there at once");
    require(http_reply_header(reply, "ETag", tag, sizeof tag), "it has a tag");
    (void)snprintf(header, sizeof header, "If-Match: %s\r\n", tag);
    require(ask(client, "PUT", target, header, "{\"replication\":2}", reply) == 200,
            "nobody else changed it");
    require(strstr(reply->body, "\"replication\":2") != NULL, "the reply has the change");
    require(ask(client, "PUT", target, header, "{\"replication\":3}", reply) == 412,
            "an old tag is refused");
    if (!user->last) {
        require(ask(client, "DELETE", target, "", NULL, reply) / 100 == 2, "it is deleted");
        require(ask(client, "GET", target, "", NULL, reply) == 404, "it is gone at once");
    }
}

static void *be_client(void *argument)
{
    struct user *user = argument;
    struct http_reply *reply = malloc(sizeof *reply);
    struct http_client client;
    char member[64];
    require(reply != NULL, "memory");
    require(http_client_connect(&client, &user->server->address), "connected");
    (void)snprintf(member, sizeof member, "/v1/members/zone-%d/m%d", user->number % 2,
                   user->number);
    int status = ask(&client, "PUT", member, "", "{\"item_limit\":1000}", reply);
    require(status == 201 || status == 200, "a member is registered");
    for (int item = 0; item < ITEMS; item++) {
        use_item(user, &client, item, reply);
        require(ask(&client, "GET", "/v1/items?limit=10", "", NULL, reply) == 200, "items");
        require(ask(&client, "GET", "/v1/assignments", "", NULL, reply) == 200, "assignments");
        require(ask(&client, "GET", "/v1/cluster", "", NULL, reply) == 200, "the cluster");
        require(ask(&client, "GET", "/metrics", "", NULL, reply) == 200, "metrics");
    }
    http_client_close(&client);
    free(reply);
    return NULL;
}

/* Goes away in the middle of requests, again and again. */
static void *be_rude(void *argument)
{
    struct user *user = argument;
    for (int i = 0; i < 100; i++) {
        struct http_client client;
        require(http_client_connect(&client, &user->server->address), "connected");
        (void)http_client_send_request(&client, "PUT", "/v1/items/rude", "",
                                       i % 2 ? "{\"replication\":0}"
                                             : "{\"replication\":0,\"labels\":{\"a\":\"b\"}}");
        if (i % 3 == 0) {
            (void)http_client_send_text(&client, "PUT /v1/items/rude HTTP/1.1\r\nHost: 127.0");
        }
        http_client_close(&client);
    }
    return NULL;
}

/* Registers members that others are registering too, and doesn't wait to hear whether it has. */
static void *be_fickle(void *argument)
{
    struct user *user = argument;
    for (int i = 0; i < FICKLE; i++) {
        struct http_client client;
        char target[64];
        char body[128];
        (void)snprintf(target, sizeof target, "/v1/members/fickle/%d", i);
        (void)snprintf(body, sizeof body,
                       "{\"item_limit\":1,\"ttl_seconds\":3600,\"session\":\"%016d\"}",
                       user->number);
        require(http_client_connect(&client, &user->server->address), "connected");
        (void)http_client_send_request(&client, "PUT", target, "", body);
        if (i % 4 == 0) {
            (void)usleep(1000);
        }
        http_client_close(&client);
    }
    return NULL;
}

static void run_clients(struct whole_server *server, bool last)
{
    enum { COUNT = CLIENTS + 3 };
    pthread_t threads[COUNT];
    struct user users[COUNT];
    for (int i = 0; i < COUNT; i++) {
        users[i] = (struct user){server, i, last};
        void *(*be)(void *) = i < CLIENTS ? be_client : i == CLIENTS ? be_rude : be_fickle;
        require(pthread_create(&threads[i], NULL, be, &users[i]) == 0, "thread");
    }
    for (int i = 0; i < COUNT; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

/* Waits until there are as many leases as members that stand on one, beside the server's own. A
 * request that has just been sent may still be under way. */
static void await_leases(struct whole_server *server, struct http_reply *reply)
{
    struct http_client client;
    struct embedded_store_statistics statistics;
    int64_t members = -1;
    require(http_client_connect(&client, &server->address), "connected");
    do {
        require(ask(&client, "GET", "/v1/members?zone=fickle&limit=5000", "", NULL, reply) == 200,
                "members");
        members = 0;
        for (const char *at = reply->body; (at = strstr(at, "\"zone\":\"fickle\"")); at++) {
            members++;
        }
        embedded_store_statistics(server->embedded, &statistics);
    } while (statistics.leases != members + 1);
    http_client_close(&client);
}

/* Requests that are under way when the server stops: each is answered, or its connection ends. */
static void stop_under_load(struct whole_server *server, struct http_reply *reply)
{
    struct http_client leavers[LEAVERS];
    for (int i = 0; i < LEAVERS; i++) {
        char target[64];
        (void)snprintf(target, sizeof target, "/v1/items/late-%d", i);
        require(http_client_connect(&leavers[i], &server->address), "connected");
        require(http_client_send_request(&leavers[i], "PUT", target, "", "{\"replication\":0}"),
                "sent");
    }
    whole_server_stop(server);
    for (int i = 0; i < LEAVERS; i++) {
        int status = http_client_receive(&leavers[i], false, reply);
        require(status == 0 || status == 201 || status == 503 || status == 504, "a last reply");
        http_client_close(&leavers[i]);
    }
}

static void assert_kept(struct whole_server *server, struct http_reply *reply)
{
    struct http_client client;
    require(http_client_connect(&client, &server->address), "connected");
    for (int number = 0; number < CLIENTS; number++) {
        for (int item = 0; item < ITEMS; item++) {
            char target[64];
            (void)snprintf(target, sizeof target, "/v1/items/client-%d%%2F%d", number, item);
            require(ask(&client, "GET", target, "", NULL, reply) == 200, "an item is kept");
            require(strstr(reply->body, "\"replication\":2") != NULL, "and as it was");
        }
    }
    http_client_close(&client);
}

/* --- the program --- */

int main(void)
{
    char data_dir[WHOLE_SERVER_PATH_SIZE];
    static struct whole_server server;
    static struct http_reply reply;
    log_configure(LOG_ERROR, LOG_FORMAT_LOGFMT, STDERR_FILENO);
    whole_server_make_directory(data_dir);

    whole_server_start(&server, data_dir);
    run_clients(&server, false);
    run_clients(&server, true);
    await_leases(&server, &reply);
    stop_under_load(&server, &reply);

    whole_server_start(&server, data_dir);
    assert_kept(&server, &reply);
    whole_server_stop(&server);
    whole_server_remove_directory(data_dir);
    (void)printf("http_stress: all held\n");
    return 0;
}

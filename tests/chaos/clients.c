#include "tests/chaos/clients.h"

#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/http_client.h"
#include "tests/support/random.h"

enum {
    MEMBER_TTL_S = 5,
    LONGEST_SILENCE_MS = 2000 * MEMBER_TTL_S,
    BEAT_MS = 300,   /* of a member: it looks what it has, reports, and is heard of */
    OPERATE_MS = 40, /* of the operator */
    PATIENCE_MS = 60000,
    TARGET = 192,
    BODY = 256,
};

/* What one thread talks with. */
struct line {
    struct clients *clients;
    struct random random;
    struct http_reply reply;
};

struct member {
    struct line line;
    pthread_t thread;
    int number;
    char target[TARGET]; /* of the resource */
    char session[96];    /* a header */
};

struct clients {
    const struct cluster *cluster;
    struct member members[CLIENTS_MEMBERS];
    struct line operator;
    pthread_t operator_thread;
    struct acknowledged *acknowledged;
    size_t acknowledged_count;
    size_t acknowledged_capacity;
    atomic_bool calm;
    atomic_bool operator_is_done;
    atomic_bool stopping;
    atomic_long answered;
    atomic_long failed;
};

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "clients: %s\n", what);
    abort();
}

static void pause_ms(int ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static bool chance(struct line *line, uint64_t percent)
{
    return random_below(&line->random, 100) < percent;
}

/* Asks any allotd; the status, or 0. */
static int ask(struct line *line, const char *method, const char *target, const char *headers,
               const char *body)
{
    struct clients *clients = line->clients;
    uint64_t number = random_below(&line->random, CLUSTER_SIZE);
    struct sockaddr_storage address = cluster_address(&clients->cluster->allotds[number]);
    struct http_client client;
    int status = 0;
    if (http_client_connect(&client, &address)) {
        status = http_client_request(&client, method, target, headers, body, &line->reply);
        http_client_close(&client);
    }
    atomic_fetch_add(status == 0 || status >= 500 ? &clients->failed : &clients->answered, 1);
    return status;
}

/* --- members --- */

static void put_member(struct member *member)
{
    char body[BODY];
    uint64_t limit = atomic_load(&member->line.clients->calm)
                         ? CLIENTS_ITEMS
                         : 2 + random_below(&member->line.random, CLIENTS_ITEMS);
    (void)snprintf(body, sizeof body, "{\"item_limit\":%d,\"ttl_seconds\":%d,\"session\":\"%s\"}",
                   (int)limit, MEMBER_TTL_S, "a-secret-of-16-or-more");
    (void)ask(&member->line, "PUT", member->target, member->session, body);
}

static void report(struct member *member, struct json_object *assignment)
{
    struct json_object *consistent = json_object_object_get(assignment, "consistent");
    char target[TARGET];
    if (!consistent || json_object_get_boolean(consistent))
        return;
    (void)snprintf(target, sizeof target, "/v1/assignments/%s/%s/%s",
                   json_object_get_string(json_object_object_get(assignment, "item")),
                   json_object_get_string(json_object_object_get(assignment, "zone")),
                   json_object_get_string(json_object_object_get(assignment, "suffix")));
    (void)ask(&member->line, "PATCH", target, member->session, "{\"consistent\":true}");
}

/* Reports what it has been given, all of it or a part. */
static void report_all(struct member *member, bool all)
{
    char target[TARGET + 16];
    (void)snprintf(target, sizeof target, "%s/assignments", member->target);
    if (ask(&member->line, "GET", target, "", NULL) != 200)
        return;
    struct json_object *tree = json_tokener_parse(member->line.reply.body);
    struct json_object *items = json_object_object_get(tree, "items");
    size_t count = items ? json_object_array_length(items) : 0;
    for (size_t i = 0; i < count && !atomic_load(&member->line.clients->stopping); i++)
        if (all || chance(&member->line, 60))
            report(member, json_object_array_get_idx(items, i));
    json_object_put(tree);
}

static void drain(struct member *member, const char *method)
{
    char target[TARGET + 16];
    (void)snprintf(target, sizeof target, "%s/drain", member->target);
    (void)ask(&member->line, method, target, member->session, "{}");
}

static bool beat(struct member *member)
{
    char target[TARGET + 16];
    (void)snprintf(target, sizeof target, "%s/heartbeat", member->target);
    int status = ask(&member->line, "POST", target, member->session, "{}");
    return status != 404 && status != 410;
}

/* Falls silent, for less or for more than its TTL; changes its limit; drains, or thinks better. */
static void be_difficult(struct member *member)
{
    uint64_t what = random_below(&member->line.random, 100);
    if (what < 3)
        pause_ms((int)random_below(&member->line.random, LONGEST_SILENCE_MS));
    else if (what < 8)
        put_member(member);
    else if (what < 11)
        drain(member, "POST");
    else if (what < 14)
        drain(member, "DELETE");
    else if (what < 15)
        (void)ask(&member->line, "DELETE", member->target, member->session, NULL);
}

static void *member_thread(void *argument)
{
    struct member *member = argument;
    struct clients *clients = member->line.clients;
    bool calmed = false;
    while (!atomic_load(&clients->stopping)) {
        bool calm = atomic_load(&clients->calm);
        if (calm && !calmed) {
            drain(member, "DELETE");
            put_member(member);
            calmed = member->line.reply.status == 200 || member->line.reply.status == 201;
        }
        if (!beat(member))
            put_member(member);
        report_all(member, calm);
        if (!calm)
            be_difficult(member);
        pause_ms(BEAT_MS);
    }
    return NULL;
}

/* --- the operator --- */

static void acknowledge(struct line *line, int item)
{
    struct clients *clients = line->clients;
    char revision[32];
    if (!http_reply_header(&line->reply, "Allot-Revision", revision, sizeof revision))
        return;
    if (clients->acknowledged_count == clients->acknowledged_capacity) {
        clients->acknowledged_capacity = 2 * clients->acknowledged_capacity + 256;
        clients->acknowledged = realloc(clients->acknowledged, clients->acknowledged_capacity *
                                                                   sizeof *clients->acknowledged);
        must(clients->acknowledged != NULL, "out of memory");
    }
    struct acknowledged *entry = &clients->acknowledged[clients->acknowledged_count++];
    (void)snprintf(entry->key, sizeof entry->key, "%s/items/item-%02d", CLUSTER_ROOT, item);
    entry->revision = strtoll(revision, NULL, 10);
}

/* Only what was created is sure to have been changed by the request. */
static int put_item(struct line *line, int item, int replication)
{
    char target[TARGET];
    char body[BODY];
    (void)snprintf(target, sizeof target, "/v1/items/item-%02d", item);
    (void)snprintf(body, sizeof body, "{\"replication\":%d,\"consistency\":\"%s\"}", replication,
                   item % 3 == 0 ? "immediate" : "reported");
    int status = ask(line, "PUT", target, "", body);
    if (status == 201)
        acknowledge(line, item);
    return status;
}

static void operate(struct line *line)
{
    char target[TARGET];
    int item = (int)random_below(&line->random, CLIENTS_ITEMS);
    if (chance(line, 75)) {
        (void)put_item(line, item, (int)random_below(&line->random, 4));
        return;
    }
    (void)snprintf(target, sizeof target, "/v1/items/item-%02d", item);
    int status = ask(line, "DELETE", target, "", NULL);
    if (status == 200 || status == 204)
        acknowledge(line, item);
}

static void *operator_thread(void *argument)
{
    struct line *line = argument;
    struct clients *clients = line->clients;
    while (!atomic_load(&clients->stopping) && !atomic_load(&clients->calm)) {
        operate(line);
        pause_ms(OPERATE_MS);
    }
    for (int item = 0; item < CLIENTS_ITEMS && !atomic_load(&clients->stopping);) {
        int status = put_item(line, item, 2);
        if (status == 200 || status == 201)
            item++;
        else
            pause_ms(BEAT_MS);
    }
    atomic_store(&clients->operator_is_done, true);
    return NULL;
}

/* --- lifecycle --- */

static void init_line(struct line *line, struct clients *clients, uint64_t seed)
{
    line->clients = clients;
    line->random.state = seed;
}

struct clients *clients_start(const struct cluster *cluster, uint64_t seed)
{
    struct clients *clients = calloc(1, sizeof *clients);
    must(clients != NULL, "out of memory");
    clients->cluster = cluster;
    for (int i = 0; i < CLIENTS_MEMBERS; i++) {
        struct member *member = &clients->members[i];
        init_line(&member->line, clients, seed * 100 + (uint64_t)i);
        member->number = i;
        (void)snprintf(member->target, sizeof member->target, "/v1/members/zone-%c/m%d",
                       'a' + i % 3, i);
        (void)snprintf(member->session, sizeof member->session,
                       "Allot-Session: a-secret-of-16-or-more\r\n");
        must(pthread_create(&member->thread, NULL, member_thread, member) == 0, "thread");
    }
    init_line(&clients->operator, clients, seed * 100 + CLIENTS_MEMBERS);
    must(pthread_create(&clients->operator_thread, NULL, operator_thread, &clients->operator) == 0,
         "thread");
    return clients;
}

bool clients_calm(struct clients *clients)
{
    atomic_store(&clients->calm, true);
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += BEAT_MS) {
        if (atomic_load(&clients->operator_is_done))
            return true;
        pause_ms(BEAT_MS);
    }
    return false;
}

void clients_stop(struct clients *clients)
{
    atomic_store(&clients->stopping, true);
    for (int i = 0; i < CLIENTS_MEMBERS; i++)
        pthread_join(clients->members[i].thread, NULL);
    pthread_join(clients->operator_thread, NULL);
    free(clients->acknowledged);
    free(clients);
}

const struct acknowledged *clients_acknowledged(const struct clients *clients, size_t *ret_count)
{
    *ret_count = clients->acknowledged_count;
    return clients->acknowledged;
}

void clients_counts(struct clients *clients, long *ret_answered, long *ret_failed)
{
    *ret_answered = atomic_load(&clients->answered);
    *ret_failed = atomic_load(&clients->failed);
}

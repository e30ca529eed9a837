/* Measures the HTTP side by side, in one run: a reply that is a constant, an item, a list of 5,000
 * items, and writes, each asked for by 64 connections that have one request in flight; and how many
 * writes share an fsync. Ratios are medians of rounds, in which all of them take turns.
 *
 * The server is in this process, so that its calls of fdatasync and fsync can be counted; the
 * clients are one thread of it, which does no more than it must. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/clock.h"
#include "tests/support/whole_server.h"

enum {
    CONNECTIONS = 64,
    ITEMS = 64 * 79,
    LIST = 5000,
    ROUNDS = 7,
    ROUND_MS = 1000,
    MOST_HEAD = 8192
};

static atomic_long syncs;

/* In place of the C library's, for SQLite, too. */
int fdatasync(int fildes)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, fildes);
}

int fsync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fsync, fd);
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench http: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

/* --- clients --- */

struct connection {
    int fd;
    unsigned number; /* of its next request */
    char head[MOST_HEAD];
    size_t head_size; /* bytes of it so far; the body is thrown away */
    int64_t left;     /* bytes of the body, and ... */
    bool in_body;
    bool chunked; /* ... it ends with an empty chunk: the last five bytes tell */
    char tail[5];
};

typedef int make_request(struct connection *connection, int index, char *out, size_t size);

static int get_constant(struct connection *connection, int index, char *out, size_t size)
{
    (void)connection, (void)index;
    return snprintf(out, size, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static int get_item(struct connection *connection, int index, char *out, size_t size)
{
    unsigned item = (unsigned)index * 7919u + connection->number * 104729u;
    return snprintf(out, size, "GET /v1/items/item-%05u HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    item % ITEMS);
}

static int get_list(struct connection *connection, int index, char *out, size_t size)
{
    (void)connection, (void)index;
    return snprintf(out, size, "GET /v1/items?limit=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

/* Each connection changes items of its own, and each time to something else. */
static int put_item(struct connection *connection, int index, char *out, size_t size)
{
    char body[64];
    unsigned per_connection = ITEMS / CONNECTIONS;
    unsigned item = (unsigned)index * per_connection + connection->number % per_connection;
    int length = snprintf(body, sizeof body, "{\"replication\":%u}",
                          1 + connection->number / per_connection % 3);
    return snprintf(out, size,
                    "PUT /v1/items/item-%05u HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                    item, length, body);
}

static void send_request(struct connection *connection, int index, make_request *make)
{
    char text[512];
    int size = make(connection, index, text, sizeof text);
    connection->number++;
    connection->head_size = 0;
    connection->in_body = false;
    memset(connection->tail, 0, sizeof connection->tail);
    require(send(connection->fd, text, (size_t)size, MSG_NOSIGNAL) == size, "send");
}

/* Finds the end of the head; what follows it is body. */
static void end_head(struct connection *connection)
{
    connection->head[connection->head_size] = '\0';
    char *end = strstr(connection->head, "\r\n\r\n");
    if (!end) {
        require(connection->head_size < MOST_HEAD - 1, "the head is too long");
        return;
    }
    char *length = strstr(connection->head, "Content-Length: ");
    require(strncmp(connection->head, "HTTP/1.1 20", 11) == 0, connection->head);
    connection->in_body = true;
    connection->chunked = !length || length > end;
    size_t after = connection->head_size - (size_t)(end + 4 - connection->head);
    connection->left = connection->chunked ? INT64_MAX : strtoll(length + 16, NULL, 10);
    connection->left -= connection->chunked ? 0 : (int64_t)after;
    if (connection->chunked && after >= 5)
        memcpy(connection->tail, connection->head + connection->head_size - 5, 5);
}

static void take(struct connection *connection, const char *data, size_t size)
{
    if (!connection->in_body) {
        size_t room = MOST_HEAD - 1 - connection->head_size;
        size_t taken = size < room ? size : room;
        memcpy(connection->head + connection->head_size, data, taken);
        connection->head_size += taken;
        end_head(connection);
        data += taken;
        size -= taken;
        if (!connection->in_body || size == 0)
            return;
    }
    if (!connection->chunked) {
        connection->left -= (int64_t)size;
        return;
    }
    char both[10];
    size_t last = size < 5 ? size : 5;
    memcpy(both, connection->tail, 5);
    memcpy(both + 5, data + size - last, last);
    memcpy(connection->tail, both + last, 5);
}

static bool is_complete(const struct connection *connection)
{
    if (!connection->in_body)
        return false;
    return connection->chunked ? memcmp(connection->tail, "0\r\n\r\n", 5) == 0
                               : connection->left == 0;
}

static bool receive(struct connection *connection)
{
    static char buffer[256 * 1024];
    ssize_t size = recv(connection->fd, buffer, sizeof buffer, 0);
    require(size > 0, "recv");
    take(connection, buffer, (size_t)size);
    return is_complete(connection);
}

static struct connection connections[CONNECTIONS];
static int poller;

static void connect_all(const struct sockaddr_storage *address)
{
    poller = epoll_create1(0);
    require(poller >= 0, "epoll_create1");
    for (int i = 0; i < CONNECTIONS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        connections[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        require(connect(connections[i].fd, (const struct sockaddr *)address,
                        sizeof(struct sockaddr_in)) == 0,
                "connect");
        require(epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].fd, &event) == 0, "epoll_ctl");
    }
}

/* Requests a second. All are answered at the end. @count 0: for as long as a round lasts. */
static double run(make_request *make, long count)
{
    long done = 0;
    int open = CONNECTIONS;
    int64_t begin_ms = clock_monotonic_ms();
    for (int i = 0; i < CONNECTIONS; i++)
        send_request(&connections[i], i, make);
    while (open > 0) {
        struct epoll_event events[CONNECTIONS];
        int ready = epoll_wait(poller, events, CONNECTIONS, 30000);
        require(ready > 0, "nothing is answered");
        bool over = count ? done + open >= count : clock_monotonic_ms() - begin_ms >= ROUND_MS;
        for (int i = 0; i < ready; i++) {
            struct connection *connection = &connections[events[i].data.u32];
            if (!receive(connection))
                continue;
            done++;
            if (over)
                open--;
            else
                send_request(connection, (int)events[i].data.u32, make);
        }
    }
    int64_t took_ms = clock_monotonic_ms() - begin_ms;
    return (double)done * 1000 / (double)(took_ms > 0 ? took_ms : 1);
}

/* --- figures --- */

static int compare_doubles(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof values[0], compare_doubles);
    return values[ROUNDS / 2];
}

int main(void)
{
    char directory[WHOLE_SERVER_PATH_SIZE];
    static struct whole_server server;
    double constant[ROUNDS], item[ROUNDS], list[ROUNDS], put[ROUNDS];
    double item_ratio[ROUNDS], put_ratio[ROUNDS], shared[ROUNDS];
    whole_server_make_directory(directory);
    whole_server_start(&server, directory);
    connect_all(&server.address);
    (void)run(put_item, 4L * ITEMS); /* every item, whoever is slower */
    for (int i = 0; i < ROUNDS; i++) {
        constant[i] = run(get_constant, 0);
        item[i] = run(get_item, 0);
        list[i] = run(get_list, 0);
        long before = atomic_load(&syncs);
        int64_t begin_ms = clock_monotonic_ms();
        put[i] = run(put_item, 0);
        double writes = put[i] * (double)(clock_monotonic_ms() - begin_ms) / 1000;
        shared[i] = writes / (double)(atomic_load(&syncs) - before);
        item_ratio[i] = item[i] / constant[i];
        put_ratio[i] = put[i] / item[i];
    }
    printf("%d connections, medians of %d rounds:\n", CONNECTIONS, ROUNDS);
    printf("  a constant   %8.0f/s\n", median(constant));
    printf("  GET item     %8.0f/s, %.2f of the constant\n", median(item), median(item_ratio));
    printf("  GET list     %8.0f/s of %d items\n", median(list), LIST);
    printf("  PUT item     %8.0f/s, %.2f of GET, %.1f writes an fsync\n", median(put),
           median(put_ratio), median(shared));
    for (int i = 0; i < CONNECTIONS; i++)
        close(connections[i].fd);
    whole_server_stop(&server);
    whole_server_remove_directory(directory);
    return 0;
}

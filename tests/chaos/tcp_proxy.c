#include "tests/chaos/tcp_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_TARGETS = 16, MAX_PAIRS = 512, LOOK_MS = 20, BUFFER = 65536 };

/* One connection: what comes in on one side goes out on the other. */
struct pair {
    int sides[2];
};

struct tcp_proxy {
    int listeners[MAX_TARGETS];
    int targets[MAX_TARGETS];
    int count;
    struct pair pairs[MAX_PAIRS];
    int pair_count;
    atomic_bool cut;
    atomic_bool stopping;
    pthread_t thread;
};

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

static struct sockaddr_in address_of(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int listen_on_free_port(int *ret_port)
{
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 128) == 0 &&
             getsockname(fd, (struct sockaddr *)&address, &size) == 0,
         "tcp_proxy: listen");
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void drop(struct tcp_proxy *proxy, int place)
{
    for (int side = 0; side < 2; side++) {
        const struct linger reset = {.l_onoff = 1};
        (void)setsockopt(proxy->pairs[place].sides[side], SOL_SOCKET, SO_LINGER, &reset,
                         sizeof reset);
        (void)close(proxy->pairs[place].sides[side]);
    }
    proxy->pairs[place] = proxy->pairs[--proxy->pair_count];
}

static void accept_one(struct tcp_proxy *proxy, int listener)
{
    struct sockaddr_in target = address_of(proxy->targets[listener]);
    int client = accept4(proxy->listeners[listener], NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server >= 0, "tcp_proxy: socket");
    if (proxy->pair_count == MAX_PAIRS ||
        connect(server, (struct sockaddr *)&target, sizeof target) != 0) {
        (void)close(client);
        (void)close(server);
        return;
    }
    proxy->pairs[proxy->pair_count++] = (struct pair){{client, server}};
}

static bool write_all(int fd, const char *bytes, ssize_t size)
{
    while (size > 0) {
        ssize_t written = send(fd, bytes, (size_t)size, MSG_NOSIGNAL);
        if (written <= 0)
            return false;
        bytes += written;
        size -= written;
    }
    return true;
}

/* Passes on what one side has. False: the connection is at its end. */
static bool pass_on(const struct pair *pair, int side)
{
    char buffer[BUFFER];
    ssize_t size = recv(pair->sides[side], buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    return size > 0 && write_all(pair->sides[1 - side], buffer, size);
}

static void *proxy_thread(void *argument)
{
    struct tcp_proxy *proxy = argument;
    struct pollfd polled[MAX_TARGETS + 2 * MAX_PAIRS];
    while (!atomic_load(&proxy->stopping)) {
        int count = 0;
        for (int i = 0; i < proxy->count; i++)
            polled[count++] = (struct pollfd){.fd = proxy->listeners[i], .events = POLLIN};
        for (int i = 0; i < 2 * proxy->pair_count; i++)
            polled[count++] =
                (struct pollfd){.fd = proxy->pairs[i / 2].sides[i % 2], .events = POLLIN};
        (void)poll(polled, (nfds_t)count, LOOK_MS);
        bool cut = atomic_exchange(&proxy->cut, false);
        for (int i = proxy->pair_count - 1; i >= 0; i--) {
            const struct pollfd *sides = &polled[proxy->count + 2 * i];
            if (cut || (sides[0].revents && !pass_on(&proxy->pairs[i], 0)) ||
                (sides[1].revents && !pass_on(&proxy->pairs[i], 1)))
                drop(proxy, i);
        }
        for (int i = 0; i < proxy->count; i++)
            if (polled[i].revents & POLLIN)
                accept_one(proxy, i);
    }
    while (proxy->pair_count)
        drop(proxy, 0);
    return NULL;
}

struct tcp_proxy *tcp_proxy_start(const int *targets, int count, int *ret_ports)
{
    struct tcp_proxy *proxy = calloc(1, sizeof *proxy);
    must(proxy && count <= MAX_TARGETS, "tcp_proxy: start");
    proxy->count = count;
    for (int i = 0; i < count; i++) {
        proxy->targets[i] = targets[i];
        proxy->listeners[i] = listen_on_free_port(&ret_ports[i]);
    }
    must(pthread_create(&proxy->thread, NULL, proxy_thread, proxy) == 0, "tcp_proxy: thread");
    return proxy;
}

void tcp_proxy_cut(struct tcp_proxy *proxy)
{
    atomic_store(&proxy->cut, true);
}

void tcp_proxy_stop(struct tcp_proxy *proxy)
{
    atomic_store(&proxy->stopping, true);
    pthread_join(proxy->thread, NULL);
    for (int i = 0; i < proxy->count; i++)
        (void)close(proxy->listeners[i]);
    free(proxy);
}

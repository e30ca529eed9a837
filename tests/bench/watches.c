/* 5,000 watches and 1,000 long polls at a real allotd: what one costs while nothing happens, and
 * how long it takes for one event to reach all of them. Sockets of this process, one thread. */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/clock.h"
#include "tests/support/allotd.h"
#include "tests/support/http_client.h"
#include "tests/support/temporary.h"

enum { WATCHES = 5000, POLLS = 1000, ALL = WATCHES + POLLS, EVENTS = 5, WAIT_MS = 30000 };

static struct allotd allotd;
static struct http_client client;
static struct http_reply reply;
static int sockets[ALL];
static bool told[ALL];
static int poller;

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench watches: %s: %s\n", what, strerror(errno));
        allotd_kill(&allotd);
        exit(1);
    }
}

/* KiB that the server holds in memory. */
static long resident(void)
{
    char path[64], line[256];
    long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)allotd.pid);
    FILE *file = fopen(path, "r");
    require(file != NULL, path);
    while (fgets(line, sizeof line, file))
        (void)sscanf(line, "VmRSS: %ld", &kilobytes);
    (void)fclose(file);
    return kilobytes;
}

static void put(const char *target, const char *body)
{
    int status = http_client_request(&client, "PUT", target, "", body, &reply);
    require(status == 200 || status == 201, target);
}

static long long revision_of_reply(void)
{
    char text[32] = "";
    require(http_reply_header(&reply, "Allot-Revision", text, sizeof text), "Allot-Revision");
    return atoll(text);
}

/* --- those who wait --- */

static void ask(int number, long long revision)
{
    char text[256];
    int size =
        number < WATCHES
            ? snprintf(text, sizeof text,
                       "GET /v1/watch?from=%lld HTTP/1.1\r\nHost: localhost\r\n\r\n", revision)
            : snprintf(text, sizeof text,
                       "GET /v1/members/a/1/assignments?after=%lld&wait=300s HTTP/1.1\r\n"
                       "Host: localhost\r\n\r\n",
                       revision);
    require(send(sockets[number], text, (size_t)size, MSG_NOSIGNAL) == size, "send");
}

static void open_socket(int number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)number};
    sockets[number] = socket(AF_INET, SOCK_STREAM, 0);
    require(sockets[number] >= 0, "socket");
    require(connect(sockets[number], (const struct sockaddr *)&allotd.address,
                    sizeof(struct sockaddr_in)) == 0,
            "connect");
    require(epoll_ctl(poller, EPOLL_CTL_ADD, sockets[number], &event) == 0, "epoll_ctl");
}

/* Whether it has been told of an assignment of the item: bookmarks don't say so. */
static bool is_told(int number, const char *item)
{
    static char text[65536];
    ssize_t size = recv(sockets[number], text, sizeof text - 1, MSG_DONTWAIT);
    require(size > 0, "recv");
    text[size] = '\0';
    return strstr(text, item) != NULL;
}

/* Milliseconds until all are told of @item; or those of what comes without it. */
static int64_t wait_for(const char *item, int64_t begin_ms, int64_t until_ms)
{
    static struct epoll_event events[ALL];
    int left = 0;
    for (int i = 0; i < ALL; i++)
        left += !told[i];
    while (left > 0 && clock_monotonic_ms() < until_ms) {
        int ready = epoll_wait(poller, events, ALL, 100);
        require(ready >= 0, "epoll_wait");
        for (int i = 0; i < ready; i++) {
            int number = (int)events[i].data.u32;
            if (!is_told(number, item) || told[number])
                continue;
            told[number] = true;
            left--;
        }
    }
    return left == 0 ? clock_monotonic_ms() - begin_ms : -1;
}

/* --- the measurement --- */

static int64_t measure_event(int number)
{
    char target[64];
    char item[32];
    snprintf(item, sizeof item, "item-%d", number);
    snprintf(target, sizeof target, "/v1/items/%s", item);
    memset(told, 0, sizeof told);
    int64_t begin_ms = clock_monotonic_ms();
    put(target, "{\"replication\": 1}");
    int64_t took_ms = wait_for(item, begin_ms, begin_ms + WAIT_MS);
    for (int i = WATCHES; i < ALL; i++) { /* who polls asks again, once it has been told */
        static char rest[65536];
        while (recv(sockets[i], rest, sizeof rest, MSG_DONTWAIT) > 0) {
        }
    }
    return took_ms;
}

int main(void)
{
    static const char *const arguments[] = {"--max-connections",
                                            "8000",
                                            "--max-watches",
                                            "6000",
                                            "--max-connections-per-address",
                                            "8000",
                                            NULL};
    char directory[TEMPORARY_SIZE];
    struct rlimit files = {0};
    temporary_directory(directory);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    require(setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit");
    require(allotd_start(&allotd, directory, arguments), "allotd");
    require(http_client_connect(&client, &allotd.address), "connect");
    poller = epoll_create1(0);
    require(poller >= 0, "epoll_create1");
    put("/v1/members/a/1", "{\"item_limit\": 100}");
    long long revision = revision_of_reply();
    long before = resident();
    for (int i = 0; i < ALL; i++) {
        open_socket(i);
        ask(i, revision);
    }
    (void)wait_for("nothing", 0, clock_monotonic_ms() + 12000); /* two bookmarks, or so */
    long after = resident();
    printf("%d watches and %d long polls: %.1f KiB each while nothing happens\n", WATCHES, POLLS,
           (double)(after - before) / ALL);
    for (int event = 0; event < EVENTS; event++) {
        int64_t took_ms = measure_event(event);
        printf("  event %d: %lld ms to all\n", event, (long long)took_ms);
        require(http_client_request(&client, "GET", "/v1/items", "", NULL, &reply) == 200, "GET");
        for (int i = WATCHES; i < ALL; i++)
            ask(i, revision_of_reply());
    }
    printf("  %.1f KiB each afterwards\n", (double)(resident() - before) / ALL);
    for (int i = 0; i < ALL; i++)
        close(sockets[i]);
    http_client_close(&client);
    int status = allotd_stop(&allotd);
    temporary_remove(directory);
    return status != 0;
}

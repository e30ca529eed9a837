#include "tests/support/allotd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/http_client.h"

extern char **environ;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The path of allotd beside this program. */
static bool find_binary(struct allotd *allotd)
{
    ssize_t size = readlink("/proc/self/exe", allotd->binary, sizeof allotd->binary - 16);
    if (size <= 0)
        return false;
    allotd->binary[size] = 0;
    char *slash = strrchr(allotd->binary, '/');
    strcpy(slash + 1, "allotd");
    return access(allotd->binary, X_OK) == 0;
}

static void run(const struct allotd *allotd, const char *data_dir, const char *const *arguments,
                int log)
{
    const char *argv[32] = {"allotd", "serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir};
    int count = 6;
    for (; arguments && *arguments && count < 31; arguments++)
        argv[count++] = *arguments;
    dup2(log, STDERR_FILENO);
    execve(allotd->binary, (char *const *)(uintptr_t)argv, environ);
    _exit(127);
}

/* Keeps the log flowing, so that allotd never waits for us. */
static void *drain(void *argument)
{
    int log = (int)(intptr_t)argument;
    bool print = getenv("ALLOT_TEST_LOG") != NULL;
    char buffer[4096];
    ssize_t size;
    while ((size = read(log, buffer, sizeof buffer)) > 0)
        if (print)
            fwrite(buffer, 1, (size_t)size, stderr);
    close(log);
    return NULL;
}

/* Reads the log up to the line that says where it listens. */
static int read_port(int log)
{
    char text[65536];
    size_t size = 0;
    double deadline = seconds() + ALLOTD_TIMEOUT_S;
    while (size < sizeof text - 1 && seconds() < deadline) {
        struct pollfd wait = {.fd = log, .events = POLLIN};
        if (poll(&wait, 1, 1000) <= 0)
            continue;
        ssize_t got = read(log, text + size, sizeof text - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
        text[size] = 0;
        char *line = strstr(text, "msg=listening");
        char *address = line ? strstr(line, " address=127.0.0.1:") : NULL;
        if (address && strchr(address, '\n'))
            return atoi(strchr(address, ':') + 1);
    }
    text[size] = 0;
    fprintf(stderr, "allotd does not listen: %s\n", text);
    return 0;
}

/* Asks until the mirror is loaded. */
static bool await_ready(const struct allotd *allotd)
{
    static const struct timespec pause = {.tv_nsec = 5000000};
    struct http_client client;
    struct http_reply *reply = malloc(sizeof *reply);
    double deadline = seconds() + ALLOTD_TIMEOUT_S;
    int status = 0;
    if (reply && http_client_connect(&client, &allotd->address)) {
        while (status != 200 && seconds() < deadline) {
            status = http_client_request(&client, "GET", "/readyz", "", NULL, reply);
            if (status != 200)
                nanosleep(&pause, NULL);
        }
        http_client_close(&client);
    }
    free(reply);
    return status == 200;
}

bool allotd_start(struct allotd *allotd, const char *data_dir, const char *const *arguments)
{
    int log[2];
    *allotd = (struct allotd){0};
    if (!find_binary(allotd) || pipe2(log, O_CLOEXEC) != 0)
        return false;
    allotd->pid = fork();
    if (allotd->pid == 0)
        run(allotd, data_dir, arguments, log[1]);
    close(log[1]);
    allotd->log = log[0];
    int port = allotd->pid > 0 ? read_port(log[0]) : 0;
    pthread_t thread;
    if (port == 0 || pthread_create(&thread, NULL, drain, (void *)(intptr_t)log[0]) != 0) {
        close(log[0]);
        allotd_kill(allotd);
        return false;
    }
    pthread_detach(thread);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    memcpy(&allotd->address, &address, sizeof address);
    if (await_ready(allotd))
        return true;
    allotd_kill(allotd);
    return false;
}

static int end(struct allotd *allotd, int signal)
{
    int status = 0;
    double deadline = seconds() + ALLOTD_TIMEOUT_S;
    if (allotd->pid <= 0)
        return -1;
    kill(allotd->pid, signal);
    while (waitpid(allotd->pid, &status, WNOHANG) == 0) {
        if (seconds() > deadline) {
            fprintf(stderr, "allotd did not end in time\n");
            kill(allotd->pid, SIGKILL);
            deadline += ALLOTD_TIMEOUT_S;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    allotd->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int allotd_stop(struct allotd *allotd)
{
    return end(allotd, SIGTERM);
}

int allotd_kill(struct allotd *allotd)
{
    return end(allotd, SIGKILL);
}

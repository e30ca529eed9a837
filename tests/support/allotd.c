#include "tests/support/allotd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/http_client.h"

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
    char *name = strrchr(allotd->binary, '/') + 1;
    (void)snprintf(name, sizeof allotd->binary - (size_t)(name - allotd->binary), "allotd");
    return access(allotd->binary, X_OK) == 0;
}

/* In the child: becomes allotd. The arguments are not changed by it, whatever their type says. */
static void run(struct allotd *allotd, const char *data_dir, const char *const *arguments, int log)
{
    union {
        const char *constant[32];
        char *const variable[32];
    } argv = {{"allotd", "serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir}};
    int count = 6;
    for (; arguments && *arguments && count < 31; arguments++)
        argv.constant[count++] = *arguments;
    if (dup2(log, STDERR_FILENO) >= 0)
        (void)execv(allotd->binary, argv.variable);
    _exit(127);
}

/* Keeps the log flowing, so that allotd never waits for us. */
static void *drain(void *argument)
{
    int log = *(int *)argument;
    free(argument);
    bool print = getenv("ALLOT_TEST_LOG") != NULL;
    char buffer[4096];
    ssize_t size;
    while ((size = read(log, buffer, sizeof buffer)) > 0)
        if (print)
            fwrite(buffer, 1, (size_t)size, stderr);
    close(log);
    return NULL;
}

static bool drain_in_background(int log)
{
    pthread_t thread;
    int *argument = malloc(sizeof *argument);
    if (!argument)
        return false;
    *argument = log;
    if (pthread_create(&thread, NULL, drain, argument) != 0) {
        free(argument);
        return false;
    }
    return pthread_detach(thread) == 0;
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
    if (port == 0 || !drain_in_background(log[0])) {
        close(log[0]);
        allotd_kill(allotd);
        return false;
    }
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

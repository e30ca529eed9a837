#include "server/run_command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "server/clock.h"

static size_t count(const char *const *texts)
{
    size_t number = 0;
    while (texts[number])
        number++;
    return number;
}

/* What a shell expects: no signal blocked or ignored, and a group to be killed with its children.
 */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (error == 0)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return error;
}

static int start(const char *command, char *const *environment, pid_t *ret)
{
    const char *arguments[] = {"sh", "-c", command, NULL};
    posix_spawnattr_t attributes;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0)
        return ALLOT_ENOMEM;
    error = set_attributes(&attributes);
    if (error == 0)
        error =
            posix_spawn(ret, "/bin/sh", NULL, &attributes, (char *const *)arguments, environment);
    (void)posix_spawnattr_destroy(&attributes);
    return error == 0 ? 0 : error == ENOMEM ? ALLOT_ENOMEM : ALLOT_EIO;
}

/* Waits until the process ends, or the time is up: then kills its group. */
static void wait_for_end(pid_t pid, int64_t timeout_ms)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    int descriptor = pidfd_open(pid, 0);
    struct pollfd poll_descriptor = {.fd = descriptor, .events = POLLIN};
    int ready = 0;
    while (descriptor >= 0 && ready == 0) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            break;
        ready = poll(&poll_descriptor, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (ready < 0 && errno == EINTR)
            ready = 0;
    }
    if (ready <= 0)
        (void)kill(-pid, SIGKILL);
    if (descriptor >= 0)
        (void)close(descriptor);
}

int run_command(const char *command, const char *const *variables, int64_t timeout_ms)
{
    size_t ours = count((const char *const *)environ);
    size_t theirs = count(variables);
    const char **environment = malloc((ours + theirs + 1) * sizeof *environment);
    if (!environment)
        return ALLOT_ENOMEM;
    memcpy(environment, variables, theirs * sizeof *environment);
    memcpy(environment + theirs, environ, (ours + 1) * sizeof *environment);
    pid_t pid = 0;
    int error = start(command, (char *const *)environment, &pid);
    free(environment);
    if (error)
        return error;
    wait_for_end(pid, timeout_ms);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

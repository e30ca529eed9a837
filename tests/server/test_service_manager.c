/* What a service manager is told, at a socket of our own, and when. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/service_manager.h"
#include "tests/support/temporary.h"

static char directory[TEMPORARY_SIZE];
static int heard_at = -1;
static const char *notify_socket;
static const char *watchdog_usec;
static const char *watchdog_pid;
static char address_text[TEMPORARY_SIZE + 16];
static struct service_manager manager;

static const char *environment(const char *name)
{
    return strcmp(name, "NOTIFY_SOCKET") == 0   ? notify_socket
           : strcmp(name, "WATCHDOG_USEC") == 0 ? watchdog_usec
           : strcmp(name, "WATCHDOG_PID") == 0  ? watchdog_pid
                                                : NULL;
}

static void listen_at(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(text);
    memcpy(address.sun_path, text, size);
    if (text[0] == '@')
        address.sun_path[0] = '\0';
    heard_at = socket(AF_UNIX, SOCK_DGRAM, 0);
    cr_assert_eq(bind(heard_at, (const struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
                 0, "%s", strerror(errno));
    notify_socket = text;
}

static void setup(void)
{
    temporary_directory(directory);
    snprintf(address_text, sizeof address_text, "%s/socket", directory);
    listen_at(address_text);
}

static void teardown(void)
{
    service_manager_release(&manager);
    close(heard_at);
    temporary_remove(directory);
}

TestSuite(service_manager, .init = setup, .fini = teardown, .timeout = 60);

/* The message that has come; "" if none has: what is sent to this socket is there at once. */
static const char *heard(void)
{
    static char message[256];
    ssize_t size = recv(heard_at, message, sizeof message - 1, MSG_DONTWAIT);
    message[size > 0 ? size : 0] = '\0';
    return message;
}

Test(service_manager, is_told_of_the_process)
{
    service_manager_init(&manager, environment);
    cr_assert(service_manager_is_there(&manager));
    service_manager_ready(&manager);
    cr_assert_str_eq(heard(), "READY=1");
    service_manager_reloading(&manager);
    int64_t at_us = 0;
    cr_assert_eq(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%ld", &at_us), 1);
    cr_assert_gt(at_us, 0);
    service_manager_stopping(&manager);
    cr_assert_str_eq(heard(), "STOPPING=1\nSTATUS=Stopping");
    cr_assert_str_eq(heard(), "");
}

Test(service_manager, may_listen_in_the_abstract_namespace)
{
    close(heard_at);
    snprintf(address_text, sizeof address_text, "@allot-test-%d", (int)getpid());
    listen_at(address_text);
    service_manager_init(&manager, environment);
    service_manager_ready(&manager);
    cr_assert_str_eq(heard(), "READY=1");
}

Test(service_manager, is_fed_until_the_loop_is_stuck)
{
    watchdog_usec = "2000000";
    service_manager_init(&manager, environment);
    cr_assert_eq(service_manager_period_ms(&manager), 500);
    service_manager_feed(&manager, 0, "");
    cr_assert_str_eq(heard(), "WATCHDOG=1");
    service_manager_feed(&manager, 1000, "mirror"); /* half of the time */
    cr_assert_str_eq(heard(), "WATCHDOG=1");
    service_manager_feed(&manager, 1001, "mirror");
    service_manager_feed(&manager, 1002, "mirror");
    cr_assert_str_eq(heard(), "");
    service_manager_feed(&manager, 0, "");
    cr_assert_str_eq(heard(), "WATCHDOG=1");
}

Test(service_manager, looks_often_enough_and_not_more_often)
{
    const struct {
        const char *microseconds;
        int64_t period_ms;
    } cases[] = {{NULL, 1000},
                 {"", 1000},
                 {"600000000", 1000},
                 {"4000000", 1000},
                 {"400000", 100},
                 {"1", 1},
                 {"0", 1000},
                 {"-5", 1000},
                 {"5 apples", 1000},
                 {"1e6", 1000},
                 {"99999999999999999999", 1000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        watchdog_usec = cases[i].microseconds;
        service_manager_init(&manager, environment);
        cr_expect_eq(service_manager_period_ms(&manager), cases[i].period_ms, "case %zu", i);
        service_manager_release(&manager);
    }
}

/* The variables are inherited from a parent that they were meant for. */
Test(service_manager, wants_nothing_of_another_process)
{
    char own[16];
    watchdog_usec = "2000000";
    watchdog_pid = "1";
    service_manager_init(&manager, environment);
    service_manager_feed(&manager, 0, "");
    cr_assert_str_eq(heard(), "");
    service_manager_release(&manager);
    snprintf(own, sizeof own, "%d", (int)getpid());
    watchdog_pid = own;
    service_manager_init(&manager, environment);
    service_manager_feed(&manager, 0, "");
    cr_assert_str_eq(heard(), "WATCHDOG=1");
}

Test(service_manager, need_not_be_there)
{
    char too_long[200];
    memset(too_long, 'x', sizeof too_long);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    const char *const names[] = {NULL, "", "relative/path", "vsock:2:1234", too_long};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        notify_socket = names[i];
        service_manager_init(&manager, environment);
        cr_expect_not(service_manager_is_there(&manager), "case %zu", i);
        cr_expect_eq(service_manager_period_ms(&manager), INT64_MAX, "case %zu", i);
        service_manager_ready(&manager);
        service_manager_feed(&manager, 0, "");
        service_manager_look(&manager, NULL);
        service_manager_release(&manager);
    }
}

/* It has gone: that is logged, and the process goes on. */
Test(service_manager, may_go_away)
{
    service_manager_init(&manager, environment);
    unlink(address_text);
    service_manager_ready(&manager);
    cr_assert_str_eq(heard(), "");
}

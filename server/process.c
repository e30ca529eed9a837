#include "server/process.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/embedded_store.h"
#include "server/etcd_store.h"

const char *process_environment(const char *name)
{
    return getenv(name);
}

/* --- signals --- */

/* Blocked in every thread from before the first one begins, and waited for by one. */
static sigset_t stop_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    return signals;
}

/* These and those for the log. */
static sigset_t all_signals(void)
{
    sigset_t signals = stop_signals();
    (void)sigaddset(&signals, SIGUSR1);
    (void)sigaddset(&signals, SIGUSR2);
    return signals;
}

/* A misspelt variable sets nothing. Its value may be a secret. */
static void warn_of_variables(void)
{
    for (char **pair = environ; *pair; pair++) {
        size_t size = strcspn(*pair, "=");
        if (strncmp(*pair, "ALLOT_", sizeof "ALLOT_" - 1) == 0 && !config_has_variable(*pair, size))
            log_write(LOG_WARNING, "unknown variable; see --help",
                      LOG_FIELDS(log_span("name", (struct span){*pair, size})));
    }
}

void process_begin_log(const struct config *config)
{
    log_configure((enum log_level)config->log_level, (enum log_format)config->log_format,
                  STDERR_FILENO);
    warn_of_variables();
}

void process_begin(const struct config *config)
{
    sigset_t signals = all_signals();
    process_begin_log(config);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that leaves is an error of write() */
}

/* Either says so while that is written in any case. */
static void set_debug(bool on)
{
    log_set_debug(true);
    log_write(LOG_INFO, on ? "debug log on" : "debug log off", NULL);
    log_set_debug(on);
}

int process_wait_for_signal(int64_t timeout_ms)
{
    enum { LONGEST_MS = 10000 }; /* for what was suppressed to be told in time */
    sigset_t signals = all_signals();
    int64_t wait_ms = timeout_ms < LONGEST_MS ? timeout_ms : LONGEST_MS;
    const struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    log_tell_suppressed(clock_monotonic_ms());
    int number = sigtimedwait(&signals, NULL, &wait);
    if (number == SIGUSR1 || number == SIGUSR2) {
        set_debug(number == SIGUSR1);
        return 0;
    }
    return number < 0 ? 0 : number;
}

static void leave_at_once(int number)
{
    _exit(PROCESS_CUT + number);
}

void process_let_signals_cut(void)
{
    const struct sigaction action = {.sa_handler = leave_at_once};
    sigset_t signals = stop_signals();
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/* --- starting and ending --- */

int process_end(int error)
{
    log_tell_suppressed(INT64_MAX);
    if (error == 0)
        log_write(LOG_INFO, "stopped", NULL);
    return error < 0 ? PROCESS_FAILED : PROCESS_DONE;
}

int process_end_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return PROCESS_DONE;
    (void)fprintf(stderr, "allotd: the output could not be written\n");
    return PROCESS_FAILED;
}

int process_fail(const char *what, int error, const struct error_message *why)
{
    log_write(LOG_ERROR, what,
              LOG_FIELDS(log_text("error", why->text[0] ? why->text : allot_error_text(error))));
    return error;
}

static void on_store_failed(void *context, int error, const char *why)
{
    (void)context;
    if (error)
        log_write(LOG_ERROR, "store",
                  LOG_FIELDS(log_text("error", allot_error_text(error)), log_text("why", why)));
    else
        log_write(LOG_INFO, "store", LOG_FIELDS(log_text("why", why)));
}

static int open_embedded(const struct config *config, struct process_store *ret,
                         struct error_message *why)
{
    const struct embedded_store_config embedded = {
        .data_dir = config->data_dir,
        .retention = EMBEDDED_STORE_RETENTION,
        .failed = on_store_failed,
    };
    int error = embedded_store_open(&embedded, &ret->store, why);
    if (error == 0) {
        ret->name = "embedded";
        ret->instance = embedded_store_instance(ret->store);
    }
    return error;
}

static int open_etcd(const struct config *config, struct process_store *ret,
                     struct error_message *why)
{
    const struct etcd_store_config etcd = {
        .endpoints = config->etcd.endpoints,
        .protocol = (enum etcd_protocol)config->etcd.protocol,
        .ca_file = config->etcd.ca_file,
        .cert_file = config->etcd.cert_file,
        .key_file = config->etcd.key_file,
        .user = config->etcd.user,
        .password_file = config->etcd.password_file,
        .failed = on_store_failed,
    };
    int error = etcd_store_open(&etcd, &ret->store, why);
    if (error == 0) {
        ret->name = "etcd";
        ret->instance = etcd_store_instance(ret->store);
    }
    return error;
}

int process_open_store(const struct config *config, struct process_store *ret)
{
    struct error_message why = {""};
    int error = ALLOT_EINVAL;
    switch ((enum config_store)config->store) {
    case CONFIG_STORE_EMBEDDED:
        error = open_embedded(config, ret, &why);
        break;
    case CONFIG_STORE_ETCD:
        error = open_etcd(config, ret, &why);
        break;
    }
    return error < 0 ? process_fail("cannot open the store", error, &why) : 0;
}

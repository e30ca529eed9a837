/* What the commands that run until they are told to stop have in common: how they end, and the
 * store that they open. */
#ifndef ALLOT_SERVER_PROCESS_H
#define ALLOT_SERVER_PROCESS_H

#include "core/store.h"
#include "server/config.h"

/* Exit statuses. */
enum {
    PROCESS_DONE = 0,
    PROCESS_FAILED = 1,    /* it could not start, or it did not end as it should */
    PROCESS_BAD_INPUT = 2, /* bad flags or variables */
    PROCESS_CUT = 128,     /* and N: cut short by a second signal N */
};

/* What the environment says of the process's configuration. */
const char *process_environment(const char *name);

/* Sets the log up, and warns there of variables that look like ours and are none. */
void process_begin_log(const struct config *config);
/* The same, and blocks SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 in every thread: before
 * the first one begins. */
void process_begin(const struct config *config);
/* Waits for one of them, and returns which; 0: none so far, but it was worth to look up, at the
 * latest after @timeout_ms (INT64_MAX: for ever). SIGUSR1 has everything logged meanwhile, SIGUSR2
 * what was configured. */
int process_wait_for_signal(int64_t timeout_ms);
/* From now on a signal ends the process at once; but SIGUSR1 and SIGUSR2 do nothing more. */
void process_let_signals_cut(void);

/* Logs what is left to be said of a process that has ended with @error, and returns its status. */
int process_end(int error);

/* Ends what was printed: PROCESS_DONE, or PROCESS_FAILED, told, if not all of it could be written.
 */
int process_end_output(void);

/* Logs why something could not be done, and returns @error. */
int process_fail(const char *what, int error, const struct error_message *why);

struct process_store {
    struct store *store;
    const char *name;     /* "embedded", say */
    const char *instance; /* this process's name among the schedulers; the store's */
};

/* Opens the configured store, which the caller destroys. Errors are logged. */
int process_open_store(const struct config *config, struct process_store *ret);

#endif

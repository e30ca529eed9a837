/* A real allotd for tests: started on loopback on a free port, ended by its pid. Nothing here ends
 * the test: what fails is told by the results, and on standard error. */
#ifndef ALLOT_TESTS_SUPPORT_ALLOTD_H
#define ALLOT_TESTS_SUPPORT_ALLOTD_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { ALLOTD_TIMEOUT_S = 60 }; /* to start, and to end */

struct allotd {
    pid_t pid; /* 0: not running */
    int log;   /* its standard error */
    struct sockaddr_storage address;
    char binary[4096];
};

/* Starts the allotd that lies beside the running program, with `serve --listen 127.0.0.1:0
 * --data-dir
 * @data_dir` and @arguments (a NULL-terminated list, or NULL), and waits until it is ready. What it
 * logs is passed on to standard error if ALLOT_TEST_LOG is set. */
bool allotd_start(struct allotd *allotd, const char *data_dir, const char *const *arguments);

/* SIGTERM, or SIGKILL; waits for the end. Returns the exit status, or minus the number of the
 * signal. */
int allotd_stop(struct allotd *allotd);
int allotd_kill(struct allotd *allotd);

#endif

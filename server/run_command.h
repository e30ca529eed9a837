/* Runs a command by the shell, and waits for its end. */
#ifndef ALLOT_SERVER_RUN_COMMAND_H
#define ALLOT_SERVER_RUN_COMMAND_H

#include <stdint.h>

/* Runs @command as `sh -c` does, with our environment and the @variables ("NAME=value", ended by
 * NULL), in a process group of its own, which is killed after @timeout_ms. Returns its exit status,
 * 128 + N if signal N ended it; or ALLOT_ENOMEM, ALLOT_EIO (it could not be started). */
int run_command(const char *command, const char *const *variables, int64_t timeout_ms);

#endif

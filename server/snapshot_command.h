/* `allotd snapshot`: saves all that a store has under a root to a file, verifies such a file, and
 * restores it. */
#ifndef ALLOT_SERVER_SNAPSHOT_COMMAND_H
#define ALLOT_SERVER_SNAPSHOT_COMMAND_H

/* Runs with the arguments behind its name; returns the exit status (process.h). */
int snapshot_command(int argc, char **argv);

#endif

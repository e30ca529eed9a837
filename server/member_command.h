/* `allotd member`: a member that runs the allocation loop itself, from its configuration to its
 * end. Members of one root are led by the oldest of them; no server may be announced there. */
#ifndef ALLOT_SERVER_MEMBER_COMMAND_H
#define ALLOT_SERVER_MEMBER_COMMAND_H

/* Runs with the arguments behind its name; returns the exit status (process.h). On SIGTERM or
 * SIGINT: becomes exiting, and ends once its items are others'. */
int member_command(int argc, char **argv);

#endif

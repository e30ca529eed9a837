/* `allotd health`: asks a server how it is, for health checks where there is no curl. */
#ifndef ALLOT_SERVER_HEALTH_COMMAND_H
#define ALLOT_SERVER_HEALTH_COMMAND_H

/* Runs with the arguments behind the name; returns the exit status (server/tool.h). */
int health_command(int argc, char **argv);

#endif

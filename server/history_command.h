/* `allotd history`: what can be done with a history's file. */
#ifndef ALLOT_SERVER_HISTORY_COMMAND_H
#define ALLOT_SERVER_HISTORY_COMMAND_H

/* Runs with the arguments behind the name; returns the exit status (server/tool.h). */
int history_command(int argc, char **argv);

#endif

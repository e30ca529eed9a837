/* `allotd serve`: the server, from its configuration to its end. */
#ifndef ALLOT_SERVER_SERVE_H
#define ALLOT_SERVER_SERVE_H

/* Runs with the arguments behind its name; returns the exit status (process.h). Once all is up, one
 * line `listening` with the address is logged. On SIGTERM or SIGINT: stops accepting, finishes what
 * is in flight, withdraws from leadership, closes the store. */
int serve_command(int argc, char **argv);

#endif

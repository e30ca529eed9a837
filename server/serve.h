/* `allotd serve`: the server, from its configuration to its end. */
#ifndef ALLOT_SERVER_SERVE_H
#define ALLOT_SERVER_SERVE_H

enum serve_status {
    SERVE_DONE = 0,      /* stopped by SIGTERM or SIGINT, and all in order */
    SERVE_FAILED = 1,    /* could not start */
    SERVE_BAD_INPUT = 2, /* bad arguments or environment */
    SERVE_CUT = 128,     /* and the number of the signal: a second one, nothing was waited for */
};

/* Runs with the arguments behind its name; returns the exit status. Once all is up, one line
 * `listening` with the address is logged. On SIGTERM or SIGINT: stops accepting, finishes what is
 * in flight, withdraws from leadership, closes the store. */
int serve_command(int argc, char **argv);

#endif

/* What history needs to know of the values of ROOT/actor and of the records of rounds. */
#ifndef ALLOT_SERVER_HISTORY_ACTOR_H
#define ALLOT_SERVER_HISTORY_ACTOR_H

#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

enum { HISTORY_MAX_PRINCIPAL = 256 /* bytes; longer ones are cut */ };

struct history_actor {
    char principal[HISTORY_MAX_PRINCIPAL + 1]; /* "": it doesn't say */
    int64_t time_ms;                           /* by the writer's clock; -1: it doesn't say */
};

/* Anything may be there: what isn't as expected says nothing. ALLOT_ENOMEM. */
int history_actor_read(struct span value, struct history_actor *ret);

/* Of a round's record: the revision that the pass before it had looked at, and its own; -1 where it
 * doesn't say. */
struct history_round_facts {
    int64_t after_revision;
    int64_t decided_on;
};
int history_round_read(struct span value, struct history_round_facts *ret);

#endif

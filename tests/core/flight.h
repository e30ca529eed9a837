/* A transaction on its way to the store: a copy, which outlives the allocator's own. */
#ifndef ALLOT_TESTS_CORE_FLIGHT_H
#define ALLOT_TESTS_CORE_FLIGHT_H

#include "core/state.h"

struct flight {
    struct store_txn txn;
    struct state *decided_on; /* a reference */
    int author;               /* number of the scheduler */
    bool awaited;             /* its allocator wants the answer; otherwise it was told EUNKNOWN */
    char *bytes;              /* of keys and values */
};

/* Running out of memory ends the process. */
void flight_init(struct flight *flight, const struct store_txn *txn, struct state *decided_on,
                 int author);
void flight_release(struct flight *flight);

#endif

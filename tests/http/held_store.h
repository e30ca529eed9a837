/* A store that does nothing by itself: it keeps each request until the test answers it. */
#ifndef ALLOT_TESTS_HTTP_HELD_STORE_H
#define ALLOT_TESTS_HTTP_HELD_STORE_H

#include "core/store.h"

enum held_kind {
    HELD_RANGE,
    HELD_TXN,
    HELD_GRANT,
    HELD_KEEP_ALIVE,
    HELD_REVOKE,
    HELD_TIME_TO_LIVE
};

struct held_store;

/* Ends the test if it can't. */
struct held_store *held_store_create(void);
/* Answers what is still held with ALLOT_ECANCELED. */
void held_store_destroy(struct held_store *held);
struct store *held_store_port(struct held_store *held);

/* From now on every request is refused with @error instead; 0: held again. */
void held_store_refuse(struct held_store *held, int error);
/* From now on every request is answered at once, on the caller's thread, with @revision; 0: held
 * again. */
void held_store_answer_at_once(struct held_store *held, int64_t revision);

int held_store_count(struct held_store *held);
/* Waits until @count requests are held. */
void held_store_wait(struct held_store *held, int count);

/* Waits for a request, and tells what the oldest is, and the lease that it names. */
enum held_kind held_store_look(struct held_store *held, int64_t *ret_lease);

/* What the oldest request is answered with. It is gone when `done` returns. */
struct held_answer {
    int error;
    bool succeeded;
    int64_t revision;
};
/* Waits for a request, takes the oldest, answers it, and tells what it was. */
enum held_kind held_store_answer(struct held_store *held, struct held_answer answer);

#endif

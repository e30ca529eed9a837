/* A made-up story: random changes of a model store, with all that a history meets. */
#ifndef ALLOT_TESTS_SERVER_HISTORY_STORY_H
#define ALLOT_TESTS_SERVER_HISTORY_STORY_H

#include "tests/support/model_store.h"
#include "tests/support/random.h"

#define STORY_ROOT "/allot"
enum { STORY_ITEMS = 12, STORY_ZONES = 3, STORY_SUFFIXES = 3 };

struct story {
    struct model_store *store;
    struct random random;
    int64_t lease[STORY_ZONES][STORY_SUFFIXES]; /* of each member; 0: none */
    int64_t ended[64];                          /* leases whose member was deleted */
    int ended_count;
    int64_t clock_ms; /* of the writers; it is sometimes wrong */
    int64_t told;     /* revision up to which story_responses has told */
    /* What it has told last. */
    struct store_watch_response *responses;
    size_t response_count;
};

void story_begin(struct story *story, uint64_t seed);
void story_end(struct story *story);

/* One more change, or a few in a transaction. */
void story_step(struct story *story);

/* What a watch would tell of all that has happened since the last call, in messages of one or more
 * revisions; among them some of progress only. Valid until the next call. */
void story_tell(struct story *story);

#endif

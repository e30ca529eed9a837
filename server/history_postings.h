/* Postings: for each name and kind of the events of a block, which of them have it. They stand for
 * an index of events: a search reads the rows that it looks for, and of a block that has none of
 * them just this. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_POSTINGS_H
#define ALLOT_SERVER_HISTORY_POSTINGS_H

#include "api/buffer.h"
#include "server/history_row.h"

enum {
    HISTORY_MAX_BLOCK_EVENTS = 1 << 14,
    HISTORY_MAX_POSTINGS = 16 << 20, /* bytes of a block's: more than they come to */
};

/* Those of a block's events, while they come. */
struct history_postings {
    int64_t *positions;
    size_t event_count;
    size_t event_capacity;
    uint64_t *pairs; /* a term, and the number of an event that has it */
    size_t pair_count;
    size_t pair_capacity;
};

void history_postings_release(struct history_postings *postings); /* also of a zeroed one */
/* Without events again; what was allocated stays. */
void history_postings_clear(struct history_postings *postings);

/* Adds an event, whose position is after those of all before. ALLOT_ENOMEM; ALLOT_ELIMIT (more
 * events than a block can have, or a name of too high a number). */
int history_postings_add(struct history_postings *postings, const struct history_row *row);

/* Replaces what is in @out by the postings, as they are stored: the same for the same events.
 * ALLOT_ENOMEM. Cost: linear. */
int history_postings_store(struct history_postings *postings, struct buffer *out);

/* Positions of events, in order. */
struct history_positions {
    size_t count;
    int64_t positions[HISTORY_MAX_BLOCK_EVENTS];
};

/* Finds in @stored the events that have all names of @wanted but those that are 0, and one of
 * @kinds, which are bits 1 << enum history_kind. ALLOT_EVALUE: it is damaged, @ret undefined.
 * Cost: the distinct terms of the block; if something is found, its events. */
int history_postings_find(struct span stored, const struct history_row *wanted, unsigned kinds,
                          struct history_positions *ret);

#endif

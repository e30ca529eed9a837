/* What became of writes whose answer was lost. Every write puts a value of its own at one key
 * (ROOT/actor), so whoever hears all that is put there knows of each write that has happened. */
#ifndef ALLOT_SERVER_OUTCOMES_H
#define ALLOT_SERVER_OUTCOMES_H

#include "core/store.h"

enum { OUTCOMES_REMEMBERED = 8192 }; /* the last so many writes */

struct outcomes;

/* @key is copied. ALLOT_ENOMEM, ALLOT_EIO (no thread). */
int outcomes_create(struct span key, struct outcomes **ret);
/* Ends every wait. NULL is fine. */
void outcomes_destroy(struct outcomes *outcomes);

/* Takes note of a message of a watch of the key. Any thread. */
void outcomes_hear(struct outcomes *outcomes, const struct store_watch_response *response);

/* Called once, with the revision of the write that put the value; 0: it hasn't been heard of. */
typedef void outcomes_done(void *context, int64_t revision);

/* By what a value is known: a checksum, since a part of each is random, which nobody could choose.
 */
uint64_t outcomes_mark(struct span value);

/* Looks for the write that put the value of that @mark, and waits for up to @timeout_ms if it
 * hasn't been heard of: at once on this thread, or later on another. ALLOT_ENOMEM: @done isn't
 * called. */
int outcomes_find(struct outcomes *outcomes, uint64_t mark, int64_t timeout_ms, outcomes_done *done,
                  void *context);

#endif

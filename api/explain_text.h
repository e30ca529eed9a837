/* Explanations in words. */
#ifndef ALLOT_API_EXPLAIN_TEXT_H
#define ALLOT_API_EXPLAIN_TEXT_H

#include "core/explain.h"

enum { EXPLAIN_TEXT_SIZE = 600 };

/* Why what @cut is about can't have the replicas that it lacks. */
void explain_text_of_cut(const struct explain_cut *cut, char text[EXPLAIN_TEXT_SIZE]);

/* Why the item, which lacks replicas, does: for those that have no place, else for the others. */
void explain_text_of_missing(const struct explanation *explanation, char text[EXPLAIN_TEXT_SIZE]);

/* What explain_replica_wait and explain_arrival_wait say, as a thing to wait for; empty: nothing.
 */
void explain_text_of_replica_wait(const struct explanation *explanation, int32_t assignment,
                                  char text[EXPLAIN_TEXT_SIZE]);
void explain_text_of_arrival_wait(const struct explanation *explanation, int32_t member,
                                  char text[EXPLAIN_TEXT_SIZE]);

#endif

/* Explanations in words. */
#ifndef ALLOT_API_EXPLAIN_TEXT_H
#define ALLOT_API_EXPLAIN_TEXT_H

#include "core/explain.h"

/* Why what @cut is about can't have the replicas that it lacks. */
enum { EXPLAIN_TEXT_SIZE = 400 };
void explain_text_of_cut(const struct explain_cut *cut, char text[EXPLAIN_TEXT_SIZE]);

#endif

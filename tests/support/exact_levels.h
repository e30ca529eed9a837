/* The best levels that any solution of a small state reaches, found by trying all of them. */
#ifndef ALLOT_TESTS_SUPPORT_EXACT_LEVELS_H
#define ALLOT_TESTS_SUPPORT_EXACT_LEVELS_H

#include "core/levels.h"

/* False if @state is too large to try: many members, or many slots. */
bool exact_levels(const struct state *state, struct levels *ret);

#endif

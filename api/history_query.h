/* What is asked of history: query parameters, and what goes wrong with them or while it is read. */
#ifndef ALLOT_API_HISTORY_QUERY_H
#define ALLOT_API_HISTORY_QUERY_H

#include "api/handler.h"

/* The history that is asked; NULL: none is kept here, and the reply says so. */
const struct api_history *history_query_port(struct api_call *call);

/* Reads the parameter @name: a revision, with time 0, or a time, with revision 0; {0, -1} if it is
 * absent. False: the reply says what is wrong. */
bool history_query_moment(struct api_call *call, const char *name, struct history_moment *ret);

/* Reads what all pages of history take: from, to, order, limit, continue, min_revision. The rest of
 * @ret lets everything through. False: the reply says what is wrong. */
bool history_query_page(struct api_call *call, struct history_query *ret);

/* Reads what is left of a filter of events: kind and actor, and item, zone and suffix where the
 * route has them. False: the reply says what is wrong. */
bool history_query_filter(struct api_call *call, struct history_filter *ret);

/* Makes the reply the problem of an error of the port; see api/history.h. */
enum api_step history_query_problem(struct api_call *call, int error);

#endif

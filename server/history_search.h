/* Events and rounds found in a history. Private to the history. */
#ifndef ALLOT_SERVER_HISTORY_SEARCH_H
#define ALLOT_SERVER_HISTORY_SEARCH_H

#include "server/history_replay.h"

/* Rows that a page looks at, at most, whether or not they fit its filter: so no page takes long. */
enum { HISTORY_PAGE_ROWS = 10000 };

/* As api_history's events and rounds, but that min_revision is not looked at. What is read is of
 * one moment if the caller has begun a transaction. ALLOT_EVALUE (the file is damaged); as
 * history_db_fail. Cost: by item, zone, member, principal or kind, some for each block, all of a
 * block without postings, and what is found; else what is looked at. */
int history_search_events(struct history_rows *rows, const struct history_query *query,
                          history_visit_event *visit, void *visitor, struct history_page *ret);
int history_search_rounds(struct history_rows *rows, const struct history_round_query *query,
                          history_visit_round *visit, void *visitor, struct history_page *ret);

/* For the test that all of them use an index: the texts of all statements, ending with NULL. */
const char *const *history_search_texts(void);

#endif

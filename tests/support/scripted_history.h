/* A history for tests of the API: it tells what a test has written down, and keeps in mind what it
 * was asked. */
#ifndef ALLOT_TESTS_SUPPORT_SCRIPTED_HISTORY_H
#define ALLOT_TESTS_SUPPORT_SCRIPTED_HISTORY_H

#include "api/history.h"

enum { SCRIPTED_NAME = 64 };

struct scripted_history {
    struct api_history port;
    const struct history_event *events; /* borrowed, oldest first; of filters only kinds count */
    size_t event_count;
    const struct history_round *rounds; /* the same */
    size_t round_count;
    int looks_at; /* at so many events or rounds for a page; 0: at all */
    int64_t reached;
    int error;                   /* 0: none; of all but status */
    struct history_moment found; /* by `state`, or told along with its error */
    struct snapshot *snapshot;   /* borrowed */
    struct history_status status;

    /* The last question: its filter's texts as copies, "-" for those that it has not. */
    struct history_query asked;
    struct history_round_query asked_rounds;
    struct history_moment asked_at;
    int64_t asked_min_revision; /* along with it */
    int questions;              /* so far */
    char item[SCRIPTED_NAME];
    char zone[SCRIPTED_NAME];
    char suffix[SCRIPTED_NAME];
    char principal[SCRIPTED_NAME];
};

/* Works, has reached revision 40, and knows nothing. @history must stay where it is. */
void scripted_history_init(struct scripted_history *history);

#endif

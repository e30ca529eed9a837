/* A page of history on its way into the reply: asked for by a request, read and written by a
 * worker.
 *
 *     {"events": [ … ], "revision": 17, "continue": "…"}
 *
 * or a line of NDJSON for each, or CSV where that is taken. Allot-Revision is what the history has
 * reached; Allot-Continue the token, if there is more. */
#ifndef ALLOT_API_HISTORY_READING_H
#define ALLOT_API_HISTORY_READING_H

#include "api/history_query.h"

struct history_reading {
    struct api_call *call;
    const struct api_history *history;
    struct history_query query;
    enum call_format format;
    struct json_writer writer; /* into the body of the reply */
};

/* Makes the call's reading, and reads the parameters that all pages have. NULL: the reply says what
 * is wrong. */
struct history_reading *history_reading_open(struct api_call *call);

/* The reply from its beginning; @list is the name of what is listed. */
void history_reading_begin(struct history_reading *reading, const char *list);

/* Whether there is room for one more: a page is limited in bytes, too. The first always has it. */
bool history_reading_has_room(const struct history_reading *reading);
/* What was written since the last call was one. False: it could not be. */
bool history_reading_wrote(struct history_reading *reading);

/* The end of the reply; or the problem of @error, or of what could not be written. */
void history_reading_end(struct history_reading *reading, int error,
                         const struct history_page *page);

#endif

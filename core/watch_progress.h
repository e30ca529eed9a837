/* How far the responses of a watch have come, and whether each follows those before it. */
#ifndef ALLOT_CORE_WATCH_PROGRESS_H
#define ALLOT_CORE_WATCH_PROGRESS_H

#include "core/store.h"

struct watch_progress {
    uint64_t cluster_id; /* 0: that of the next response, whichever it is */
    int64_t revision;    /* greatest mod revision */
    int64_t seen;        /* that, or further progress */
    int64_t responses;   /* revision of the last response */
};

/* Goes on with @response. Errors, @progress undefined: that of the response; ALLOT_ECLUSTER (it is
 * of another cluster); ALLOT_EORDER (its first mod revision is not greater than the revision
 * reached before it, or revisions decrease). */
int watch_progress_take(struct watch_progress *progress,
                        const struct store_watch_response *response);

#endif

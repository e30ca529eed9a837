#include "core/watch_progress.h"

#include "core/error.h"

/* What a response with events has shown is what its events say: its own revision is the store's,
 * which may be ahead of what this watch has sent. */
static int check_events(struct watch_progress *progress,
                        const struct store_watch_response *response)
{
    int64_t last = response->events[0].kv.mod_revision;
    if (last <= progress->revision)
        return ALLOT_EORDER;
    for (size_t i = 1; i < response->event_count; i++) {
        if (response->events[i].kv.mod_revision < last)
            return ALLOT_EORDER;
        last = response->events[i].kv.mod_revision;
    }
    if (last > response->revision)
        return ALLOT_EORDER;
    progress->revision = last;
    if (progress->seen < last)
        progress->seen = last;
    return 0;
}

int watch_progress_take(struct watch_progress *progress,
                        const struct store_watch_response *response)
{
    if (response->error)
        return response->error;
    if (progress->cluster_id != 0 && progress->cluster_id != response->cluster_id)
        return ALLOT_ECLUSTER;
    if (response->revision < progress->responses)
        return ALLOT_EORDER;
    progress->cluster_id = response->cluster_id;
    progress->responses = response->revision;
    if (response->event_count > 0)
        return check_events(progress, response);
    progress->seen = response->revision;
    return 0;
}

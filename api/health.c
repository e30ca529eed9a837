#include <inttypes.h>

#include "api/reply.h"
#include "api/resources.h"

/* /livez: the process answers. /readyz: it can serve: the store is there, the snapshot fresh, and
 * the root one that servers lead. */

enum { MAX_SNAPSHOT_AGE_MS = 15000 };

enum api_step health_live(struct api_call *call)
{
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_text_field(&writer, "status", "live");
    json_end(&writer, '}');
    return reply_finish(call);
}

enum api_step health_ready(struct api_call *call)
{
    struct api_health health = {0};
    call->runtime->health(call->runtime->context, &health);
    if (health.snapshot_age_ms < 0)
        return problem(call, PROBLEM_NOT_READY, "the store has not been read yet");
    if (!health.store_reachable)
        return problem(call, PROBLEM_NOT_READY, "the store can't be reached");
    if (health.snapshot_age_ms > MAX_SNAPSHOT_AGE_MS)
        return problem(call, PROBLEM_NOT_READY, "the snapshot is %" PRId64 " ms old",
                       health.snapshot_age_ms);
    if (health.refused)
        return problem(call, PROBLEM_NOT_READY, "%s", health.refused);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_text_field(&writer, "status", "ready");
    json_integer_field(&writer, "snapshot_age_ms", health.snapshot_age_ms);
    json_end(&writer, '}');
    return reply_finish(call);
}

#include "api/health.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/reply.h"
#include "api/resources.h"

/* /livez: the process answers. /readyz: it can serve. */

enum { MAX_SNAPSHOT_AGE_MS = 15000 };

enum api_step health_live(struct api_call *call)
{
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_text_field(&writer, "status", "live");
    json_end(&writer, '}');
    return reply_finish(call);
}

bool health_is_ready(const struct api_health *health, struct error_message *why)
{
    int size = 0;
    if (health->snapshot_age_ms < 0)
        size = snprintf(why->text, sizeof why->text, "the store has not been read yet");
    else if (!health->store_reachable)
        size = snprintf(why->text, sizeof why->text, "the store can't be reached");
    else if (health->snapshot_age_ms > MAX_SNAPSHOT_AGE_MS)
        size = snprintf(why->text, sizeof why->text, "the snapshot is %" PRId64 " ms old",
                        health->snapshot_age_ms);
    else if (health->refused)
        size = snprintf(why->text, sizeof why->text, "%s", health->refused);
    return size == 0;
}

enum api_step health_ready(struct api_call *call)
{
    struct api_health health = {0};
    struct error_message why;
    call->runtime->health(call->runtime->context, &health);
    if (!health_is_ready(&health, &why))
        return problem(call, PROBLEM_NOT_READY, "%s", why.text);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_text_field(&writer, "status", "ready");
    json_integer_field(&writer, "snapshot_age_ms", health.snapshot_age_ms);
    json_end(&writer, '}');
    return reply_finish(call);
}

#include "api/reply.h"
#include "api/resources.h"

/* GET /v1/whoami: as whom the server knows who asks, and what that one may. */

static void write_part(struct json_writer *writer, const char *name, const char *part)
{
    if (part[0])
        json_text_field(writer, name, part);
    else {
        json_name(writer, name);
        json_null(writer);
    }
}

enum api_step whoami_get(struct api_call *call)
{
    const struct principal *principal = &call->principal;
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_text_field(&writer, "name", principal->name);
    json_text_field(&writer, "role", principal_role_names[principal->role]);
    write_part(&writer, "zone", principal->zone);
    write_part(&writer, "suffix", principal->suffix);
    json_boolean_field(&writer, "tokens", call->runtime->authenticate != NULL);
    json_end(&writer, '}');
    return reply_finish(call);
}

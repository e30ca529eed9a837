#include "api/members.h"
#include "api/reply.h"
#include "api/resources.h"

/* /v1/members/{zone}/{suffix}/drain: emptying a member, as far as the others have room. This is the
 * operator's to decide, so it needs no session. */

static enum api_step reply_progress(struct api_call *call, const struct member_view *view)
{
    const struct state *state = call->snapshot->state;
    int32_t member = state_find_member(state, view->zone, view->suffix);
    int32_t shed = member == STATE_NONE ? 0 : state->shed_capacity[member];
    struct member_holdings holdings = member_holdings(state, view);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_boolean_field(&writer, "exiting", view->spec.exiting);
    json_boolean_field(&writer, "drained", view->spec.exiting && holdings.count == 0);
    json_integer_field(&writer, "remaining", holdings.count);
    json_integer_field(&writer, "item_limit", view->spec.item_limit);
    json_integer_field(&writer, "shed_capacity", shed);
    json_end(&writer, '}');
    return reply_finish(call);
}

enum api_step drain_get(struct api_call *call)
{
    struct member_view view;
    if (!member_view_require(call, &view))
        return API_REPLY;
    enum api_step step = reply_progress(call, &view);
    member_view_release(&view);
    return step;
}

static enum api_step reply_set(struct api_call *call)
{
    struct member_view view;
    int error = member_view_open_written(call, &view);
    enum api_step step =
        error ? problem_of_error(call, error, "to show the drain") : reply_progress(call, &view);
    member_view_release(&view);
    return step;
}

static enum api_step set_exiting(struct api_call *call, bool exiting)
{
    struct member_view view;
    if (!member_view_require(call, &view))
        return API_REPLY;
    struct member_spec spec = view.spec;
    spec.exiting = exiting;
    enum api_step step = API_REPLY;
    if (!call_check_preconditions(call, view.entry->mod_revision))
        step = API_REPLY;
    else if (view.spec.exiting == exiting)
        step = reply_progress(call, &view);
    else
        step = member_rewrite(call, &view, &spec, reply_set);
    member_view_release(&view);
    return step;
}

enum api_step drain_post(struct api_call *call)
{
    return set_exiting(call, true);
}

enum api_step drain_delete(struct api_call *call)
{
    return set_exiting(call, false);
}

#include "api/change.h"
#include "api/members.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/secret.h"

/* PUT of a member: registers it, or changes or adopts a registration.
 *
 *             absent, with a TTL
 *     PUT ───────────────────────► lease granted ─► txn ─► 201
 *      ▲ │ absent, without, or with a lease ─► txn ─► 201
 *      │ └ present ─► (session) ─► lease kept alive ─► txn or nothing ─► 200
 *      └──────────────────────────────────────────┘ checks fail: somebody was faster
 *
 * A lease that is not used in the end is revoked by the adapter: see API_LEASE_GRANT. */

enum { MIN_TTL = 5, MAX_TTL = 3600, MADE_SESSION_BYTES = 16 };

struct put_body {
    int64_t item_limit;
    int64_t ttl_seconds;
    struct json_object *labels;
    struct span session;
};

static const struct json_field put_fields[] = {
    {"item_limit", JSON_INTEGER, true, 0, MEMBER_MAX_ITEM_LIMIT, NULL,
     offsetof(struct put_body, item_limit)},
    {"ttl_seconds", JSON_INTEGER, false, MIN_TTL, MAX_TTL, NULL,
     offsetof(struct put_body, ttl_seconds)},
    {"labels", JSON_LABELS, false, 0, 0, NULL, offsetof(struct put_body, labels)},
    {"session", JSON_TOKEN, false, SECRET_MIN_SIZE, SECRET_MAX_SIZE, NULL,
     offsetof(struct put_body, session)},
};
const struct json_spec members_put_json = {put_fields, sizeof put_fields / sizeof put_fields[0],
                                           false};

static enum api_step reply_created(struct api_call *call)
{
    return member_reply(call, 201);
}

static enum api_step reply_updated(struct api_call *call)
{
    return member_reply(call, 200);
}

/* --- a new registration --- */

static enum api_step register_member(struct api_call *call, const struct member_view *view,
                                     const struct put_body *body)
{
    char hash[SECRET_HASH_SIZE + 1] = "";
    struct span value;
    int error = body->session.data ? secret_hash(body->session, hash) : 0;
    struct member_spec spec = {
        .item_limit = body->item_limit,
        .ttl_seconds = body->ttl_seconds,
        .labels = body->labels,
        .session_hash = span_of(hash),
    };
    if (!error)
        error = values_write_member(&call->arena, (struct span){NULL, 0}, &spec, &value);
    if (error)
        return problem_of_error(call, error, "to register the member");
    if (!change_begin(call))
        return API_REPLY;
    change_check(call, view->key, NULL);
    change_put(call, view->key, NULL, value, call->lease);
    return change_submit(call, reply_created);
}

static enum api_step on_lease_granted(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error)
        return problem_of_lease_error(call, outcome->error, "to grant a lease");
    call->lease = outcome->lease->id;
    return members_put(call);
}

/* Makes a session for who brought none. */
static int make_session(struct api_call *call)
{
    unsigned char bytes[MADE_SESSION_BYTES];
    int error = call->runtime->random(call->runtime->context, bytes, sizeof bytes);
    if (!error)
        secret_write_hex(bytes, sizeof bytes, call->made_session);
    return error;
}

static enum api_step put_absent(struct api_call *call, const struct member_view *view,
                                struct put_body *body)
{
    if (body->ttl_seconds > 0 && !body->session.data) {
        int error = call->made_session[0] ? 0 : make_session(call);
        if (error)
            return problem_of_error(call, error, "to make a session");
        body->session = span_of(call->made_session);
    }
    if (body->ttl_seconds > 0 && call->lease == 0 && !call_is_dry_run(call)) {
        if (!change_begin(call)) /* nothing is granted for a change that can't be made */
            return API_REPLY;
        call->action.lease.id = 0;
        call->action.lease.ttl = body->ttl_seconds;
        call->resume = on_lease_granted;
        return API_LEASE_GRANT;
    }
    return register_member(call, view, body);
}

/* --- a registration that stands --- */

static enum api_step on_lease_renewed(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error == ALLOT_ELEASE)
        return problem(call, PROBLEM_NOT_REGISTERED,
                       "the member's lease has just expired: register again");
    if (outcome->error)
        return problem_of_lease_error(call, outcome->error, "to keep the lease alive");
    call->lease_renewed = true;
    return call_refresh(call) ? members_put(call) : API_REPLY;
}

/* Who registers is alive: as by a heartbeat, the lease begins anew. Not in a batch or a dry run. */
static bool must_renew(const struct api_call *call, const struct member_view *view)
{
    return view->entry->lease != 0 && !call->lease_renewed && !call->parent &&
           !call_is_dry_run(call);
}

static enum api_step put_present(struct api_call *call, const struct member_view *view,
                                 const struct put_body *body)
{
    char hash[SECRET_HASH_SIZE + 1];
    call->made_session[0] = '\0'; /* made for a registration that somebody else was faster with */
    if (!member_authorize(call, view, body->session))
        return API_REPLY;
    if (body->ttl_seconds != view->spec.ttl_seconds)
        return problem(call, PROBLEM_TTL_FIXED,
                       view->spec.ttl_seconds ? "the member is registered with another ttl_seconds"
                                              : "the member is registered without ttl_seconds");
    /* It can't be made somebody's own by a later PUT. */
    if (body->session.data && view->valid && view->spec.session_hash.size == 0)
        return problem(call, PROBLEM_SESSION, "the member is registered without a session");
    if (must_renew(call, view)) {
        call->action.lease.id = view->entry->lease;
        call->action.lease.ttl = 0;
        call->resume = on_lease_renewed;
        return API_LEASE_KEEP_ALIVE;
    }
    struct member_spec spec = view->spec;
    spec.item_limit = body->item_limit;
    spec.labels = body->labels;
    if (body->session.data && !view->valid) {
        int error = secret_hash(body->session, hash);
        if (error)
            return problem_of_error(call, error, "to write the member");
        spec.session_hash = span_of(hash);
    }
    if (view->valid && values_equal_members(&spec, &view->spec))
        return member_reply(call, 200);
    return member_rewrite(call, view, &spec, reply_updated);
}

/* --- the request --- */

/* The session comes in the body or in the header; if in both, it must be the same. */
static bool read_session(struct api_call *call, struct put_body *body)
{
    struct span header = call_header(call, "Allot-Session");
    bool good = true;
    if (!body->session.data && header.data) {
        good = json_is_token(header, SECRET_MIN_SIZE, SECRET_MAX_SIZE);
        body->session = header;
    } else if (header.data) {
        good = span_equal(header, body->session);
    }
    if (!good)
        (void)problem(
            call, PROBLEM_MALFORMED,
            "Allot-Session must have %d to %d printable ASCII characters, without spaces, "
            "and be the session of the body if that has one",
            SECRET_MIN_SIZE, SECRET_MAX_SIZE);
    return good;
}

enum api_step members_put(struct api_call *call)
{
    struct put_body body = {0};
    struct member_view view;
    uint32_t given;
    if (!call_decode_body(call, &members_put_json, &body, &given) || !read_session(call, &body))
        return API_REPLY;
    int error = member_view_open(call, call->parameters[0], call->parameters[1], &view);
    enum api_step step = API_REPLY;
    if (error)
        step = problem_of_error(call, error, "to write the member");
    else if (!call_check_preconditions(call, view.entry ? view.entry->mod_revision : 0))
        step = API_REPLY;
    else if (view.entry)
        step = put_present(call, &view, &body);
    else
        step = put_absent(call, &view, &body);
    member_view_release(&view);
    return step;
}

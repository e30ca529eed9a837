#include <inttypes.h>
#include <stdlib.h>

#include "api/change.h"
#include "api/change_list.h"
#include "api/examine.h"
#include "api/headers.h"
#include "api/json_reader.h"
#include "api/merge_patch.h"
#include "api/plans.h"
#include "api/reply.h"

/* What problem.c's reply for want of memory fits in. */
enum { RESERVED_BODY = 512 };

int api_call_create(const struct api_request *request, const struct api_runtime *runtime,
                    struct api_call **ret)
{
    struct api_call *call = calloc(1, sizeof *call);
    if (!call)
        return ALLOT_ENOMEM;
    call->request = request;
    call->runtime = runtime;
    transaction_init(&call->transaction);
    buffer_init(&call->reply.body, API_MAX_REPLY);
    buffer_reserve(&call->reply.body, RESERVED_BODY);
    if (call->reply.body.error) {
        api_call_destroy(call);
        return ALLOT_ENOMEM;
    }
    *ret = call;
    return 0;
}

void api_call_destroy(struct api_call *call)
{
    if (!call)
        return;
    change_list_release(call);
    json_object_put(call->body);
    snapshot_unref(call->snapshot);
    transaction_release(&call->transaction);
    arena_release(&call->arena);
    buffer_release(&call->reply.body);
    free(call);
}

const union api_action *api_call_action(const struct api_call *call)
{
    return &call->action;
}

const struct api_reply *api_call_reply(const struct api_call *call)
{
    return &call->reply;
}

const struct api_route *api_call_route(const struct api_call *call)
{
    return call->route;
}

/* --- steps --- */

bool api_refuse_early(struct api_call *call, int64_t content_length, size_t *ret_body_limit)
{
    *ret_body_limit = 0;
    if (!examine_head(call, content_length))
        return true;
    *ret_body_limit = call->route->body_limit;
    return false;
}

static enum api_step on_revision(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error == ALLOT_EUNAVAILABLE)
        return problem(call, PROBLEM_NOT_READY,
                       "revision %" PRId64 " has not been seen here so far", call->action.revision);
    if (outcome->error)
        return problem_of_error(call, outcome->error, "to wait for the revision");
    return call_refresh(call) ? call->route->handler(call) : API_REPLY;
}

/* Of the call's snapshot; of a call that needs none, of the newest. */
static bool is_reached(const struct api_call *call, int64_t revision)
{
    const struct api_runtime *runtime = call->runtime;
    struct snapshot *snapshot =
        call->snapshot ? snapshot_ref(call->snapshot) : runtime->snapshot(runtime->context);
    bool reached = !snapshot || revision <= snapshot->state->revision;
    snapshot_unref(snapshot);
    return reached;
}

/* Runs the handler. A dry run of what would write nothing is answered like any other: by a plan. */
static enum api_step run_handler(struct api_call *call)
{
    enum api_step step = call->route->handler(call);
    bool writes_nothing =
        step == API_REPLY && call->reply.status < 300 && !call->parent && call_is_dry_run(call);
    if (!writes_nothing)
        return step;
    return change_begin(call) ? plans_reply(call, &call->transaction, 0) : API_REPLY;
}

/* Runs the handler, for a read as of the least revision that it asks for. */
static enum api_step handle(struct api_call *call)
{
    int64_t revision = 0;
    bool dry_run;
    if (!call_query_integer(call, "min_revision", 0, INT64_MAX, &revision) ||
        !call_query_boolean(call, "dry_run", &dry_run))
        return API_REPLY;
    if (revision == 0 || is_reached(call, revision))
        return run_handler(call);
    call->action.revision = revision;
    call->resume = on_revision;
    return API_WAIT_REVISION;
}

enum api_step api_begin(struct api_call *call)
{
    int64_t size = (int64_t)call->request->body.size;
    if (!call->examined && !examine_head(call, size))
        return API_REPLY;
    if (!examine_body(call) || (call->route->needs_snapshot && !call_refresh(call)))
        return API_REPLY;
    return handle(call);
}

enum api_step api_resume(struct api_call *call, const struct api_outcome *outcome)
{
    enum api_step step = call->resume(call, outcome);
    if (step == API_REPLY && call->committed && call->reply.status >= 400)
        reply_start(call, 204); /* done, and no memory to tell more */
    return step;
}

/* --- what handlers share --- */

enum call_format call_format(const struct api_call *call)
{
    const struct span types[] = {
        [CALL_JSON] = SPAN("application/json"),
        [CALL_LINES] = SPAN("application/x-ndjson"),
        [CALL_CSV] = SPAN("text/csv"), /* where there are lines, too */
    };
    const struct api_route *route = call->route;
    return (enum call_format)headers_choose(call_header(call, "Accept"), types,
                                            1 + route->has_lines + route->has_csv);
}

bool call_refresh(struct api_call *call)
{
    struct snapshot *newest = call->parent ? snapshot_ref(call->parent->snapshot)
                                           : call->runtime->snapshot(call->runtime->context);
    if (!newest) {
        (void)problem(call, PROBLEM_NOT_READY, "the store has not been read yet");
        return false;
    }
    snapshot_unref(call->snapshot);
    call->snapshot = newest;
    return true;
}

struct span call_header(const struct api_call *call, const char *name)
{
    return call->request->header(call->request->header_context, name);
}

/* @patch: what has made @object, if a merge patch has; else NULL. */
static bool decode(struct api_call *call, struct json_object *patch, struct json_object *object,
                   const struct json_spec *spec, void *target, uint32_t *ret_given)
{
    struct problem_faults faults;
    problem_faults_init(&faults);
    bool known = json_spec_check_removed(spec, patch, problem_add_fault, &faults);
    bool good = json_spec_decode(spec, object, target, ret_given, problem_add_fault, &faults);
    if (!known || !good)
        (void)problem_invalid(call, &faults);
    problem_faults_release(&faults);
    return known && good;
}

bool call_decode_body(struct api_call *call, const struct json_spec *spec, void *target,
                      uint32_t *ret_given)
{
    return decode(call, NULL, call->body, spec, target, ret_given);
}

bool call_patch(struct api_call *call, const struct entry *entry, api_describe *describe,
                const struct json_spec *spec, void *target, struct json_object **ret_patched)
{
    uint32_t given;
    if (!json_object_is_type(call->body, json_type_object))
        return call_decode_body(call, spec, target, &given);
    *ret_patched = json_object_new_object();
    int error = *ret_patched ? describe(entry, *ret_patched) : ALLOT_ENOMEM;
    if (!error)
        error = merge_patch(*ret_patched, call->body);
    if (error)
        (void)problem_of_error(call, error, "to patch the resource");
    return !error && decode(call, call->body, *ret_patched, spec, target, &given);
}

bool call_query_integer(struct api_call *call, const char *name, int64_t least, int64_t most,
                        int64_t *ret)
{
    struct error_message why = {""};
    if (!query_integer(&call->query, name, least, most, ret, &why))
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "%s", why.text);
    return false;
}

bool call_query_seconds(struct api_call *call, const char *name, int64_t most, int64_t *ret)
{
    struct error_message why = {""};
    if (!query_seconds(&call->query, name, most, ret, &why))
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "%s", why.text);
    return false;
}

bool call_query_boolean(struct api_call *call, const char *name, bool *ret)
{
    struct error_message why = {""};
    if (!query_boolean(&call->query, name, ret, &why))
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "%s", why.text);
    return false;
}

bool call_query_choices(struct api_call *call, const char *name, const char *const *choices,
                        size_t count, unsigned *ret)
{
    struct error_message why = {""};
    if (!query_choices(&call->query, name, choices, count, ret, &why))
        return true;
    (void)problem(call, PROBLEM_MALFORMED, "%s", why.text);
    return false;
}

static enum api_step on_computed(struct api_call *call, const struct api_outcome *outcome)
{
    if (outcome->error == ALLOT_ELIMIT)
        return problem(call, PROBLEM_BUSY, "failed %s: too much is being computed already",
                       call->computing);
    if (outcome->error)
        return problem_of_error(call, outcome->error, call->computing);
    return API_REPLY;
}

enum api_step call_compute(struct api_call *call,
                           void (*run)(void *context, const atomic_bool *cancelled),
                           const char *what)
{
    call->computing = what;
    call->action.compute.run = run;
    call->action.compute.context = call;
    call->resume = on_computed;
    return API_COMPUTE;
}

bool call_is_dry_run(const struct api_call *call)
{
    struct error_message why = {""};
    bool dry_run = false;
    (void)query_boolean(&call->query, "dry_run", &dry_run, &why); /* examined before */
    return dry_run;
}

bool call_check_preconditions(struct api_call *call, int64_t mod_revision)
{
    struct span match = call_header(call, "If-Match");
    struct span none_match = call_header(call, "If-None-Match");
    if (match.data && !headers_etag_revision_listed(match, mod_revision)) {
        (void)problem(call, PROBLEM_PRECONDITION,
                      mod_revision ? "If-Match names another revision than the present one"
                                   : "If-Match is given, but the resource does not exist");
        return false;
    }
    if (none_match.data && headers_etag_revision_listed(none_match, mod_revision)) {
        (void)problem(call, PROBLEM_PRECONDITION, "If-None-Match rules the present resource out");
        return false;
    }
    return true;
}

struct span call_item_key(struct api_call *call, struct span item)
{
    struct span none = {NULL, 0};
    size_t size = keys_max_size(call->runtime->root, item, none, none);
    char *buffer = arena_allocate(&call->arena, size);
    return buffer ? keys_item(call->runtime->root, item, buffer, size) : none;
}

struct span call_member_key(struct api_call *call, struct span zone, struct span suffix)
{
    struct span none = {NULL, 0};
    size_t size = keys_max_size(call->runtime->root, none, zone, suffix);
    char *buffer = arena_allocate(&call->arena, size);
    return buffer ? keys_member(call->runtime->root, zone, suffix, buffer, size) : none;
}

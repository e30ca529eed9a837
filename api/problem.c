#include "api/problem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/reply.h"

/* --- faults --- */

enum { MAX_FAULTS_SIZE = 64 * 1024 };

void problem_faults_init(struct problem_faults *faults)
{
    buffer_init(&faults->json, MAX_FAULTS_SIZE);
    faults->count = 0;
}

void problem_faults_release(struct problem_faults *faults)
{
    buffer_release(&faults->json);
}

static void add_fault(struct problem_faults *faults, const char *name, struct span place,
                      const char *detail)
{
    if (faults->count++ >= PROBLEM_MAX_FAULTS)
        return;
    size_t former_size = faults->json.size;
    struct json_writer writer = {&faults->json, former_size > 0};
    json_begin(&writer, '{');
    json_string_field(&writer, name, place);
    json_text_field(&writer, "detail", detail);
    json_end(&writer, '}');
    if (faults->json.error == ALLOT_ELIMIT) {
        /* Only counted, like those that are too many. */
        faults->json.size = former_size;
        faults->json.error = 0;
    }
}

void problem_add_fault(void *context, const char *pointer, const char *detail)
{
    add_fault(context, "pointer", span_of(pointer), detail);
}

void problem_add_parameter_fault(struct problem_faults *faults, struct span parameter,
                                 const char *detail)
{
    add_fault(faults, "parameter", parameter, detail);
}

/* --- the reply --- */

/* What every problem has. The object is left open. */
static struct json_writer begin(struct api_call *call, enum problem_kind kind, const char *detail)
{
    int status = problem_status(kind);
    (void)reply_json(call, status);
    call->reply.content_type = "application/problem+json";
    if (status == 503 || status == 429)
        reply_header(call, "Retry-After", "1");
    return problem_begin(&call->reply.body, kind, detail, reply_path(call));
}

/* Written within the bytes that api_call_create reserves: this can't fail. */
static enum api_step out_of_memory(struct api_call *call)
{
    reply_start(call, 503);
    call->reply.content_type = "application/problem+json";
    reply_header(call, "Retry-After", "1");
    buffer_append_text(&call->reply.body, problem_out_of_memory);
    return API_REPLY;
}

static enum api_step finish(struct api_call *call, struct json_writer *writer)
{
    json_end(writer, '}');
    buffer_append(&call->reply.body, SPAN("\n"));
    return call->reply.body.error ? out_of_memory(call) : API_REPLY;
}

enum api_step problem(struct api_call *call, enum problem_kind kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char detail[1024];
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    if (kind == PROBLEM_MEMORY)
        return out_of_memory(call);
    struct json_writer writer = begin(call, kind, detail);
    return finish(call, &writer);
}

enum api_step problem_invalid(struct api_call *call, const struct problem_faults *faults)
{
    char detail[64];
    (void)snprintf(detail, sizeof detail, "the request has %zu fault%s", faults->count,
                   faults->count == 1 ? "" : "s");
    if (faults->json.error == ALLOT_ENOMEM)
        return out_of_memory(call);
    struct json_writer writer = begin(call, PROBLEM_INVALID, detail);
    json_name(&writer, "errors");
    json_begin(&writer, '[');
    json_raw(&writer, buffer_span(&faults->json));
    json_end(&writer, ']');
    return finish(call, &writer);
}

enum api_step problem_invalid_at(struct api_call *call, const char *pointer, const char *detail)
{
    struct problem_faults faults;
    problem_faults_init(&faults);
    problem_add_fault(&faults, pointer, detail);
    enum api_step step = problem_invalid(call, &faults);
    problem_faults_release(&faults);
    return step;
}

/* --- error codes --- */

struct error_problem {
    int error;
    enum problem_kind kind;
    const char *story;
};

static const struct error_problem error_problems[] = {
    {ALLOT_ENOMEM, PROBLEM_MEMORY, ""},
    {ALLOT_EUNAVAILABLE, PROBLEM_UNAVAILABLE, "the store takes no writes now; nothing was changed"},
    {ALLOT_ELIMIT, PROBLEM_UNAVAILABLE, "the store has no room for more now; nothing was changed"},
    {ALLOT_ECANCELED, PROBLEM_UNAVAILABLE, "the server is stopping; nothing was changed"},
    {ALLOT_ELEASE, PROBLEM_UNAVAILABLE, "the lease has just expired; nothing was changed"},
    {ALLOT_EUNKNOWN, PROBLEM_UNKNOWN, "whether the store has made the change is not known"},
    {ALLOT_ECOMPACTED, PROBLEM_GONE, "the revision is compacted away"},
};

static bool store_is_reachable(const struct api_call *call)
{
    struct api_health health = {0};
    call->runtime->health(call->runtime->context, &health);
    return health.store_reachable;
}

enum api_step problem_of_error(struct api_call *call, int error, const char *what)
{
    if (error == ALLOT_EUNAVAILABLE && !store_is_reachable(call))
        return problem(call, PROBLEM_UNAVAILABLE,
                       "failed %s: the store can't be reached; nothing was changed", what);
    for (size_t i = 0; i < sizeof error_problems / sizeof error_problems[0]; i++) {
        const struct error_problem *found = &error_problems[i];
        if (found->error == error)
            return problem(call, found->kind, "failed %s: %s", what, found->story);
    }
    return problem(call, PROBLEM_INTERNAL, "failed %s: %s", what, allot_error_text(error));
}

enum api_step problem_of_lease_error(struct api_call *call, int error, const char *what)
{
    return problem_of_error(call, error == ALLOT_EUNKNOWN ? ALLOT_EUNAVAILABLE : error, what);
}

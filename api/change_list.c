#include "api/change_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "api/change.h"
#include "api/json_reader.h"
#include "api/reply.h"
#include "api/resources.h"
#include "api/secret.h"

enum { POINTER_SIZE = 512 };

static const char *const method_names[] = {"PUT", "PATCH", "DELETE", "POST", NULL};

struct listed_change {
    struct api_call *parent;
    struct api_request request;
    struct api_call *call; /* owned */
    int method;
    struct span path;
    struct json_object *body;
    struct span if_match;
    struct span if_none_match;
    struct span session;
};

struct change_list {
    size_t count;
    struct listed_change changes[];
};

static const struct json_field fields[] = {
    {"method", JSON_CHOICE, true, 0, 0, method_names, offsetof(struct listed_change, method)},
    {"path", JSON_TOKEN, true, 1, API_MAX_TARGET, NULL, offsetof(struct listed_change, path)},
    {"body", JSON_OBJECT, false, 0, 0, NULL, offsetof(struct listed_change, body)},
    {"if_match", JSON_TOKEN, false, 1, 256, NULL, offsetof(struct listed_change, if_match)},
    {"if_none_match", JSON_TOKEN, false, 1, 256, NULL,
     offsetof(struct listed_change, if_none_match)},
    {"session", JSON_TOKEN, false, SECRET_MIN_SIZE, SECRET_MAX_SIZE, NULL,
     offsetof(struct listed_change, session)},
};
const struct json_spec change_list_json = {fields, sizeof fields / sizeof fields[0], false};

/* --- faults, which say in which change they are --- */

struct located_faults {
    struct problem_faults *faults;
    char place[POINTER_SIZE / 2]; /* pointer to the change, or to its body */
};

static void add_fault(void *context, const char *pointer, const char *detail)
{
    const struct located_faults *located = context;
    char whole[POINTER_SIZE];
    (void)snprintf(whole, sizeof whole, "%s%s", located->place, pointer);
    problem_add_fault(located->faults, whole, detail);
}

static const char *text_at(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    (void)json_object_object_get_ex(object, name, &value);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* Adds what @reply, a problem, says: fault by fault, or as a whole. */
static int add_problem(struct located_faults *located, const struct api_reply *reply)
{
    struct json_object *tree = NULL;
    struct json_object *errors = NULL;
    struct error_message why = {""};
    int error = json_read(buffer_span(&reply->body), &tree, &why);
    if (error)
        return error;
    size_t count = json_object_object_get_ex(tree, "errors", &errors) &&
                           json_object_is_type(errors, json_type_array)
                       ? json_object_array_length(errors)
                       : 0;
    size_t size = strlen(located->place);
    for (size_t i = 0; i < count; i++) {
        struct json_object *fault = json_object_array_get_idx(errors, i);
        const char *pointer = text_at(fault, "pointer");
        bool of_path = *text_at(fault, "parameter") != '\0';
        (void)snprintf(located->place + size, sizeof located->place - size, "%s",
                       of_path ? "/path" : "/body");
        add_fault(located, of_path ? "" : pointer, text_at(fault, "detail"));
        located->place[size] = '\0';
    }
    if (count == 0) {
        char detail[1200];
        (void)snprintf(detail, sizeof detail, "%d, %s: %s", reply->status, text_at(tree, "code"),
                       text_at(tree, "detail"));
        add_fault(located, "", detail);
    }
    json_object_put(tree);
    return 0;
}

/* --- one change --- */

static struct span look_up(void *context, const char *name)
{
    static const char *const inherited[] = {"Host", "Origin", "Authorization", "X-Allot-Reason"};
    const struct listed_change *change = context;
    if (strcasecmp(name, "Content-Type") == 0)
        return SPAN("application/json");
    if (strcasecmp(name, "If-Match") == 0)
        return change->if_match;
    if (strcasecmp(name, "If-None-Match") == 0)
        return change->if_none_match;
    if (strcasecmp(name, "Allot-Session") == 0)
        return change->session;
    for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++) {
        if (strcasecmp(name, inherited[i]) == 0)
            return call_header(change->parent, name);
    }
    return (struct span){NULL, 0};
}

/* A lease of no store, for a registration that is only supposed. */
static enum api_step suppose_lease(struct api_call *call)
{
    const struct store_lease_result lease = {.id = 1};
    const struct api_outcome outcome = {.lease = &lease};
    return api_resume(call, &outcome);
}

static int handle(struct listed_change *change, enum change_list_kind kind)
{
    struct api_call *parent = change->parent;
    change->request = (struct api_request){
        .method = span_of(method_names[change->method]),
        .target = change->path,
        .body = change->body ? json_text(change->body) : (struct span){"", 0},
        .header = look_up,
        .header_context = change,
        .request_id = parent->request->request_id,
    };
    if (!change->request.body.data)
        return ALLOT_ENOMEM;
    int error = api_call_create(&change->request, parent->runtime, &change->call);
    if (error)
        return error;
    change->call->parent = parent;
    change->call->supposed = kind == CHANGE_LIST_SUPPOSED;
    enum api_step step = api_begin(change->call);
    if (change->call->gathered && call_is_dry_run(change->call)) {
        change->call->gathered = false;
        (void)problem(change->call, PROBLEM_MALFORMED,
                      "one of several changes can't be a dry run: dry_run is for all of them");
    }
    if (step == API_LEASE_GRANT && kind == CHANGE_LIST_SUPPOSED)
        step = suppose_lease(change->call);
    if (step == API_LEASE_GRANT)
        (void)problem(change->call, PROBLEM_INVALID,
                      "a member can't be registered with ttl_seconds in a batch: the lease is "
                      "granted to a request of its own");
    return 0;
}

/* What a change is of, by its path; what is not in that is empty. */
static struct key_parts resource_of(const struct api_call *change)
{
    const struct span *parameters = change->parameters;
    size_t count = 0;
    while (count < ROUTE_MAX_PARAMETERS && parameters[count].data)
        count++;
    struct key_parts resource = {.item = {NULL, 0}};
    if (count == 1 || count == 3)
        resource.item = parameters[0];
    if (count >= 2) {
        resource.zone = parameters[count - 2];
        resource.suffix = parameters[count - 1];
    }
    return resource;
}

typedef bool relation(const struct key_parts *written, const struct key_parts *resource);

static bool is_same(const struct key_parts *written, const struct key_parts *resource)
{
    return span_equal(written->item, resource->item) && span_equal(written->zone, resource->zone) &&
           span_equal(written->suffix, resource->suffix);
}

/* Or an assignment of the item or the member that is written. */
static bool bears_on(const struct key_parts *written, const struct key_parts *resource)
{
    return (written->item.size == 0 || span_equal(written->item, resource->item)) &&
           (written->zone.size == 0 || (span_equal(written->zone, resource->zone) &&
                                        span_equal(written->suffix, resource->suffix)));
}

/* Whether what any change before number @index writes relates to what that is of, which was judged
 * by what stood there before: even if it writes nothing itself. */
static bool is_after_write(const struct change_list *list, size_t index, relation *relates)
{
    const struct api_call *change = list->changes[index].call;
    struct key_parts resource = resource_of(change);
    struct key_parts written;
    for (size_t i = 0; i < index; i++) {
        const struct api_call *other = list->changes[i].call;
        if (!other || !other->gathered)
            continue;
        struct span root = keyspace_root(other->snapshot->state->keyspace);
        for (size_t a = 1; a < other->transaction.operation_count; a++)
            if (keys_parse(root, other->transaction.operations[a].keys.key, &written) == 0 &&
                written.kind != KEY_OTHER && relates(&written, &resource))
                return true;
    }
    return false;
}

static int read_and_handle(struct listed_change *change, struct json_object *value,
                           enum change_list_kind kind, json_fault *fault, void *context)
{
    uint32_t given;
    if (!json_spec_decode(&change_list_json, value, change, &given, fault, context))
        return ALLOT_EVALUE;
    return handle(change, kind);
}

static int open_change(struct change_list *list, size_t index, struct json_object *value,
                       enum change_list_kind kind, struct located_faults *located)
{
    struct listed_change *change = &list->changes[index];
    int error = read_and_handle(change, value, kind, add_fault, located);
    if (error)
        return error == ALLOT_EVALUE ? 0 : error;
    if (change->call->reply.status >= 500)
        return ALLOT_ENOMEM;
    if (is_after_write(list, index, is_same)) {
        add_fault(located, "", "is of what another change before it writes");
        return 0;
    }
    return change->call->reply.status >= 400 ? add_problem(located, &change->call->reply) : 0;
}

/* --- all of them --- */

static bool open_changes(struct api_call *call, struct json_object *changes, const char *place,
                         enum change_list_kind kind)
{
    struct problem_faults faults;
    int error = 0;
    problem_faults_init(&faults);
    for (size_t i = 0; !error && i < call->changes->count; i++) {
        struct located_faults located = {.faults = &faults};
        (void)snprintf(located.place, sizeof located.place, "%.100s/%zu", place, i);
        error =
            open_change(call->changes, i, json_object_array_get_idx(changes, i), kind, &located);
    }
    bool good = !error && faults.count == 0;
    if (error)
        (void)problem_of_error(call, error, "to handle the changes");
    else if (!good)
        (void)problem_invalid(call, &faults);
    problem_faults_release(&faults);
    return good;
}

static bool refuse_count(struct api_call *call, const char *place)
{
    char detail[80];
    (void)snprintf(detail, sizeof detail, "must be an array of at most %d changes",
                   CHANGE_LIST_MAX);
    (void)problem_invalid_at(call, place, detail);
    return false;
}

bool change_list_open(struct api_call *call, struct json_object *changes, const char *place,
                      enum change_list_kind kind)
{
    if (!json_object_is_type(changes, json_type_array) ||
        json_object_array_length(changes) > CHANGE_LIST_MAX)
        return refuse_count(call, place);
    if (!change_is_allowed(call))
        return false;
    return change_list_begin(call, json_object_array_length(changes)) &&
           open_changes(call, changes, place, kind);
}

bool change_list_begin(struct api_call *call, size_t count)
{
    change_list_release(call);
    call->changes = calloc(1, sizeof *call->changes + count * sizeof call->changes->changes[0]);
    if (!call->changes) {
        (void)problem_of_error(call, ALLOT_ENOMEM, "to handle the changes");
        return false;
    }
    call->changes->count = count;
    for (size_t i = 0; i < count; i++)
        call->changes->changes[i].parent = call;
    return true;
}

int change_list_handle(struct api_call *call, size_t index, struct json_object *value,
                       json_fault *fault, void *context)
{
    return read_and_handle(&call->changes->changes[index], value, CHANGE_LIST_REAL, fault, context);
}

bool change_list_clashes(const struct api_call *call, size_t index)
{
    return is_after_write(call->changes, index, bears_on);
}

void change_list_release(struct api_call *call)
{
    for (size_t i = 0; call->changes && i < call->changes->count; i++)
        api_call_destroy(call->changes->changes[i].call);
    free(call->changes);
    call->changes = NULL;
}

size_t change_list_count(const struct api_call *call)
{
    return call->changes->count;
}

struct api_call *change_list_call(const struct api_call *call, size_t index)
{
    return call->changes->changes[index].call;
}

void change_list_gather(struct api_call *call)
{
    for (size_t i = 0; i < call->changes->count; i++) {
        const struct api_call *change = call->changes->changes[i].call;
        if (change->gathered) /* the first operation is its actor: one is enough */
            transaction_append(&call->transaction, &change->transaction, 1);
    }
}

static void write_result(struct api_call *call, struct api_call *change, struct json_writer *writer)
{
    if (change->gathered)
        change_conclude_gathered(change, call->committed);
    const struct api_reply *reply = &change->reply;
    json_begin(writer, '{');
    json_integer_field(writer, "status", reply->status);
    if (reply->content_type && reply->body.size > 0) /* without its line end */
        json_raw_field(writer, "body", (struct span){reply->body.data, reply->body.size - 1});
    json_end(writer, '}');
}

static enum api_step reply_in_lines(struct api_call *call)
{
    struct buffer *out = reply_json(call, 200).out;
    call->reply.content_type = "application/x-ndjson";
    for (size_t i = 0; i < call->changes->count; i++) {
        struct json_writer writer = json_writer_of(out);
        if (i > 0)
            buffer_append(out, SPAN("\n"));
        write_result(call, call->changes->changes[i].call, &writer);
    }
    return reply_finish(call);
}

enum api_step change_list_reply(struct api_call *call)
{
    if (call_format(call) == CALL_LINES)
        return reply_in_lines(call);
    struct json_writer writer = reply_json(call, 200);
    json_begin(&writer, '{');
    json_integer_field(&writer, "revision",
                       call->committed ? call->committed : call->snapshot->state->revision);
    json_name(&writer, "results");
    json_begin(&writer, '[');
    for (size_t i = 0; i < call->changes->count; i++)
        write_result(call, call->changes->changes[i].call, &writer);
    json_end(&writer, ']');
    json_end(&writer, '}');
    return reply_finish(call);
}
